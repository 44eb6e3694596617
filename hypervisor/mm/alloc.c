/* SPDX-License-Identifier: MIT */
/*
 * The frame allocator: a binary buddy over all RAM, in two zones (below and above 4 GiB) so that DMA memory is not used up.
 * Owns: the free lists and the count of free frames. Lock: heap_lock (RANK_HEAP). A free block's head frame has FRAME_FREE, its
 * order, and in `extra` the TLB clock of its freeing: who allocates it flushes the CPUs that have not flushed since.
 */
#include "private.h"

#define MAX_ORDER 20
#define ZONES     2             /* 0: below 4 GiB */

static spinlock_t heap_lock = SPINLOCK_INIT(RANK_HEAP);
static uint32_t free_head[ZONES][MAX_ORDER + 1];
static unsigned long free_count[ZONES];
unsigned long mm_outstanding_claims;
mfn_t max_mfn;
static bool heap_ready;

static unsigned int zone_of(mfn_t m) { return m >> (32 - PAGE_SHIFT) ? 1 : 0; }

static void heap_init(void)
{
    for (unsigned int z = 0; z < ZONES; z++) {
        for (unsigned int o = 0; o <= MAX_ORDER; o++)
            free_head[z][o] = NIL_LINK;
    }
    heap_ready = true;
}

static void block_push(mfn_t m, unsigned int order)
{
    struct frame *f = mfn_to_frame(m);
    uint32_t *head = &free_head[zone_of(m)][order];

    f->count = FRAME_FREE;
    f->type = 0;
    f->order = (uint8_t)order;
    f->flags = 0;
    f->prev = NIL_LINK;
    f->next = *head;
    if (*head != NIL_LINK)
        mfn_to_frame(*head)->prev = (uint32_t)m;
    *head = (uint32_t)m;
}

static void block_unlink(mfn_t m)
{
    struct frame *f = mfn_to_frame(m);

    if (f->prev != NIL_LINK)
        mfn_to_frame(f->prev)->next = f->next;
    else
        free_head[zone_of(m)][f->order] = f->next;
    if (f->next != NIL_LINK)
        mfn_to_frame(f->next)->prev = f->prev;
    f->count = 0;
}

/* Is m the head of a free block of this order? A frame's own words say so; the block's other frames have FRAME_FREE clear. */
static bool is_free_block(mfn_t m, unsigned int order)
{
    return m < max_mfn && mfn_valid(m) && mfn_to_frame(m)->count == FRAME_FREE && mfn_to_frame(m)->order == order;
}

void heap_free(mfn_t m, unsigned int order)
{
    unsigned int zone = zone_of(m);
    uint32_t stamp = tlb_now();

    spin_lock(&heap_lock);
    free_count[zone] += 1UL << order;
    while (order < MAX_ORDER) {
        mfn_t buddy = m ^ (1UL << order);
        if (zone_of(buddy) != zone || !is_free_block(buddy, order))
            break;
        block_unlink(buddy);
        m &= ~(1UL << order);
        order++;
    }
    block_push(m, order);
    mfn_to_frame(m)->extra = stamp;             /* not earlier than any part's */
    spin_unlock(&heap_lock);
}

static mfn_t zone_alloc(unsigned int zone, unsigned int order, uint32_t *stamp)
{
    unsigned int o = order;
    mfn_t m;

    while (o <= MAX_ORDER && free_head[zone][o] == NIL_LINK)
        o++;
    if (o > MAX_ORDER)
        return INVALID_MFN;
    m = free_head[zone][o];
    *stamp = mfn_to_frame(m)->extra;
    block_unlink(m);
    while (o > order) {                         /* keep the upper half: low frames stay together */
        o--;
        block_push(m, o);
        mfn_to_frame(m)->extra = *stamp;
        m += 1UL << o;
    }
    free_count[zone] -= 1UL << order;
    return m;
}

/* bits: machine addresses below 2^bits (0: any). Zone 0 is whole below 2^32; less is searched by order of blocks only for bits >= 32. */
mfn_t heap_alloc(unsigned int order, unsigned int bits)
{
    mfn_t m = INVALID_MFN;
    uint32_t stamp = 0;
    cpumask_t stale;

    if (order > MAX_ORDER)
        return INVALID_MFN;
    spin_lock(&heap_lock);
    if (bits == 0 || bits > 32)
        m = zone_alloc(1, order, &stamp);
    if (m == INVALID_MFN)
        m = zone_alloc(0, order, &stamp);
    spin_unlock(&heap_lock);
    if (m == INVALID_MFN)
        return m;
    if (bits && bits < 52 && (m + (1UL << order) - 1) >> (bits - min(bits, (unsigned)PAGE_SHIFT))) {
        heap_free(m, order);
        return INVALID_MFN;
    }
    stale = tlb_stale(cpu_online_map, stamp);
    if (stale)
        tlb_flush_mask(stale);
    return m;
}

#ifdef HV_FAKE_CPU
/* Unit tests start over. */
void heap_forget(void)
{
    heap_ready = false;
    memset(free_count, 0, sizeof(free_count));
    mm_outstanding_claims = 0;
}
#endif

/* Boot: RAM frames [start, end), whose struct frames exist, are free from now on. */
void heap_add(mfn_t start, mfn_t end)
{
    if (!heap_ready)
        heap_init();
    while (start < end) {
        unsigned int order = 0;
        while (order < MAX_ORDER && !(start & (1UL << order)) && start + (2UL << order) <= end)
            order++;
        heap_free(start, order);
        mfn_to_frame(start)->extra = tlb_now() - 1;
        start += 1UL << order;
    }
}

unsigned long mm_free_frames(void) { return free_count[0] + free_count[1]; }

void *hv_pages_alloc_raw(unsigned int order)
{
    mfn_t m = heap_alloc(order, 0);

    if (m == INVALID_MFN)
        return NULL;
    for (unsigned long i = 0; i < 1UL << order; i++) {
        struct frame *f = mfn_to_frame(m + i);
        f->count = FRAME_XEN | 1;
        f->type = 0;
        f->owner = DOMID_INVALID;      /* nobody may map it */
        f->flags = 0;
        f->next = f->prev = NIL_LINK;
    }
    return mfn_to_virt(m);
}

void *hv_pages_alloc(unsigned int order)
{
    void *p = hv_pages_alloc_raw(order);

    return p ? memset(p, 0, PAGE_SIZE << order) : NULL;
}

void hv_pages_free(void *v, unsigned int order)
{
    mfn_t m;

    if (!v)
        return;
    m = virt_to_mfn(v);
    for (unsigned long i = 0; i < 1UL << order; i++)
        mfn_to_frame(m + i)->count = 0;
    heap_free(m, order);
}
