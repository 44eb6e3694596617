/* SPDX-License-Identifier: MIT */
#include "vellumd/ring.h"

#define OUT_SIZE ((XENCONS_RING_IDX)sizeof(((struct xencons_interface *)0)->out))
#define IN_SIZE ((XENCONS_RING_IDX)sizeof(((struct xencons_interface *)0)->in))

void ring_attach(struct ring *ring, void *page)
{
    struct xencons_interface *p = page;

    ring->page = p;
    ring->lied = false;
    ring->out_cons = __atomic_load_n(&p->out_cons, __ATOMIC_RELAXED);
    ring->in_prod = __atomic_load_n(&p->in_prod, __ATOMIC_RELAXED);
}

size_t ring_take(struct ring *ring, char *to, size_t room)
{
    /* Pairs with the guest's release of out_prod after it has written the bytes. */
    XENCONS_RING_IDX prod = __atomic_load_n(&ring->page->out_prod, __ATOMIC_ACQUIRE);
    XENCONS_RING_IDX avail = prod - ring->out_cons;
    size_t n = 0;

    if (avail > OUT_SIZE) {
        ring->lied = true;
        ring->out_cons = prod;
    } else {
        for (; n < avail && n < room; n++)
            to[n] = ring->page->out[MASK_XENCONS_IDX(ring->out_cons + n, ring->page->out)];
        ring->out_cons += (XENCONS_RING_IDX)n;
    }
    /* Pairs with the guest's read of out_cons before it overwrites the bytes. */
    __atomic_store_n(&ring->page->out_cons, ring->out_cons, __ATOMIC_RELEASE);
    return n;
}

size_t ring_room(const struct ring *ring)
{
    XENCONS_RING_IDX used = ring->in_prod - __atomic_load_n(&ring->page->in_cons, __ATOMIC_ACQUIRE);

    return used > IN_SIZE ? 0 : IN_SIZE - used;
}

size_t ring_give(struct ring *ring, const char *from, size_t len)
{
    size_t room = ring_room(ring), n;

    for (n = 0; n < len && n < room; n++)
        ring->page->in[MASK_XENCONS_IDX(ring->in_prod + n, ring->page->in)] = from[n];
    ring->in_prod += (XENCONS_RING_IDX)n;
    /* Pairs with the guest's acquire of in_prod before it reads the bytes. */
    __atomic_store_n(&ring->page->in_prod, ring->in_prod, __ATOMIC_RELEASE);
    return n;
}
