/* SPDX-License-Identifier: MIT */
/* Bit maps, heaps and range sets. The owner of each locks it. */
#include <hv/lib.h>
#include <hv/mm.h>

#define BITS_PER_WORD 64

/* Searches words of map XOR flip: flip 0 finds set bits, ~0 clear ones. Bits beyond `size` are never reported. */
static unsigned long find_next(const unsigned long *map, unsigned long size, unsigned long from, unsigned long flip)
{
    while (from < size) {
        unsigned long w = (READ_ONCE(map[from / BITS_PER_WORD]) ^ flip) >> (from % BITS_PER_WORD);
        if (w)
            return min(from + (unsigned long)__builtin_ctzl(w), size);
        from = ROUND_DOWN(from, BITS_PER_WORD) + BITS_PER_WORD;
    }
    return size;
}

unsigned long find_next_bit(const unsigned long *m, unsigned long n, unsigned long i) { return find_next(m, n, i, 0); }
unsigned long find_next_zero_bit(const unsigned long *m, unsigned long n, unsigned long i)
{
    return find_next(m, n, i, ~0UL);
}

/* Pairing heaps: none of a node's children is less than it; `prev` is the left sibling, of the first the parent. */
static struct heap_node *meld(struct heap_node *a, struct heap_node *b)
{
    if (!a || !b)
        return a ? a : b;
    if (b->key < a->key) {
        struct heap_node *t = a;
        a = b;
        b = t;
    }
    b->prev = a;
    b->next = a->child;
    if (a->child)
        a->child->prev = b;
    a->child = b;
    return a;
}

/* One heap of a list of siblings: in pairs, then the pairs from the last to the first. */
static struct heap_node *meld_list(struct heap_node *n)
{
    struct heap_node *pairs = NULL, *all = NULL;
    while (n) {
        struct heap_node *a = n, *b = n->next;
        n = b ? b->next : NULL;
        a = meld(a, b);
        a->next = pairs;
        pairs = a;
    }
    while (pairs) {
        struct heap_node *pair = pairs;
        pairs = pair->next;
        all = meld(all, pair);
    }
    return all;
}

static void set_root(struct heap *h, struct heap_node *root)
{
    h->root = root;
    if (root)
        root->prev = root->next = NULL;
}

void heap_insert(struct heap *h, struct heap_node *n)
{
    n->child = n->next = n->prev = NULL;
    set_root(h, meld(h->root, n));
}

void heap_remove(struct heap *h, struct heap_node *n)
{
    struct heap_node *rest = meld_list(n->child);
    if (n != h->root) {
        if (n->prev->child == n)
            n->prev->child = n->next;
        else
            n->prev->next = n->next;
        if (n->next)
            n->next->prev = n->prev;
        rest = meld(h->root, rest);
    }
    set_root(h, rest);
}

/* Range sets: a small sorted array of inclusive ranges that neither overlap nor touch. A change first makes room for
 * the one more range it may need, so that it cannot fail half way. */
struct range { unsigned long s, e; };
struct rangeset { struct range *r; unsigned int count, size; };

struct rangeset *rangeset_new(void) { return hv_alloc(sizeof(struct rangeset)); }

void rangeset_free(struct rangeset *r)
{
    if (r)
        hv_free(r->r);
    hv_free(r);
}

/* Index of the first range that ends at or after x; count: none. */
static unsigned int find_from(const struct rangeset *r, unsigned long x)
{
    unsigned int lo = 0, hi = r->count;
    while (lo < hi) {
        unsigned int mid = lo + (hi - lo) / 2;
        if (r->r[mid].e < x)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static int reserve_one(struct rangeset *r)
{
    if (r->count < r->size)
        return 0;
    unsigned int size = r->size ? r->size * 2 : 8;
    struct range *bigger = hv_alloc(size * sizeof(*bigger));
    if (!bigger)
        return -XEN_ENOMEM;
    if (r->count)
        memcpy(bigger, r->r, r->count * sizeof(*bigger));
    hv_free(r->r);
    r->r = bigger;
    r->size = size;
    return 0;
}

/* Replaces ranges [i, j) by the n ranges at `by`; there is room. */
static void replace(struct rangeset *r, unsigned int i, unsigned int j, const struct range *by, unsigned int n)
{
    memmove(&r->r[i + n], &r->r[j], (r->count - j) * sizeof(*by));
    if (n)
        memcpy(&r->r[i], by, n * sizeof(*by));
    r->count = r->count - (j - i) + n;
}

int rangeset_add(struct rangeset *r, unsigned long s, unsigned long e)
{
    struct range add = { s, e };
    int rc = s > e ? -XEN_EINVAL : reserve_one(r);
    if (rc)
        return rc;
    unsigned int i = find_from(r, s ? s - 1 : 0), j;    /* s - 1: a range that ends just before s is merged too */
    for (j = i; j < r->count && (e == ~0UL || r->r[j].s <= e + 1); j++) {
        add.s = min(add.s, r->r[j].s);
        add.e = max(add.e, r->r[j].e);
    }
    replace(r, i, j, &add, 1);
    return 0;
}

int rangeset_remove(struct rangeset *r, unsigned long s, unsigned long e)
{
    int rc = s > e ? -XEN_EINVAL : reserve_one(r);
    if (rc)
        return rc;
    unsigned int i = find_from(r, s), j = i, n = 0;
    struct range rest[2];
    while (j < r->count && r->r[j].s <= e)
        j++;
    if (i == j)
        return 0;
    if (r->r[i].s < s)
        rest[n++] = (struct range){ r->r[i].s, s - 1 };
    if (r->r[j - 1].e > e)
        rest[n++] = (struct range){ e + 1, r->r[j - 1].e };
    replace(r, i, j, rest, n);
    return 0;
}

bool rangeset_contains(const struct rangeset *r, unsigned long s, unsigned long e)
{
    unsigned int i = find_from(r, s);
    return s <= e && i < r->count && r->r[i].s <= s && r->r[i].e >= e;
}

bool rangeset_overlaps(const struct rangeset *r, unsigned long s, unsigned long e)
{
    unsigned int i = find_from(r, s);
    return s <= e && i < r->count && r->r[i].s <= e;
}
