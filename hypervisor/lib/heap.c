/* SPDX-License-Identifier: MIT */
/*
 * A binary min-heap of pointers. Owner: whoever declares the struct heap; the owner locks and grows it.
 *
 * Always true: slot[1..count] hold the nodes, each node's index is its slot, and no key is less than its parent's.
 * `size` is the length of slot[], so size - 1 nodes fit (slot[0] is not used).
 */
#include <hv/lib.h>

static void place(struct heap *h, unsigned int i, struct heap_node *n)
{
    h->slot[i] = n;
    n->index = i;
}

static void sift_up(struct heap *h, unsigned int i, struct heap_node *n)
{
    for (; i > 1 && h->slot[i / 2]->key > n->key; i /= 2)
        place(h, i, h->slot[i / 2]);
    place(h, i, n);
}

static void sift_down(struct heap *h, unsigned int i, struct heap_node *n)
{
    for (unsigned int child; (child = 2 * i) <= h->count; i = child) {
        if (child < h->count && h->slot[child + 1]->key < h->slot[child]->key)
            child++;
        if (h->slot[child]->key >= n->key)
            break;
        place(h, i, h->slot[child]);
    }
    place(h, i, n);
}

int heap_insert(struct heap *h, struct heap_node *n)
{
    if (h->count + 1 >= h->size)
        return -XEN_ENOSPC;
    sift_up(h, ++h->count, n);
    return 0;
}

void heap_remove(struct heap *h, struct heap_node *n)
{
    unsigned int i = n->index;
    struct heap_node *last;

    if (i == 0)
        return;
    last = h->slot[h->count--];
    n->index = 0;
    if (last == n)
        return;
    /* The last node fills the hole; it may belong above or below it. */
    if (i > 1 && h->slot[i / 2]->key > last->key)
        sift_up(h, i, last);
    else
        sift_down(h, i, last);
}
