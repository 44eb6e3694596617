/* SPDX-License-Identifier: MIT */
/* The allocators. Frames: a binary buddy over all RAM, in two zones (below and above 4 GiB) so that DMA memory is
 * not used up. Lock: heap_lock (RANK_HEAP), also for claims. A free block's head frame has FRAME_FREE, its order,
 * and in `extra` the TLB clock of its freeing: who allocates it flushes the CPUs that have not flushed since. Small
 * objects: pages cut into equal slots, a list of pages with free slots a size class. Lock: xheap_lock (RANK_XHEAP;
 * pages are taken from the heap before). A slab page's frame has flags FF_SLAB | class, order: slots in use, extra:
 * offset of the first free slot + 1 (0: none). Free slots are chained by such offsets in their first two bytes. */
#include "private.h"

#define MAX_ORDER 20
#define ZONES     2             /* 0: below 4 GiB */
#define SCRUB_LEAST 1024        /* frames that are worth a sweep */
#define SCRUB_STEP  256         /* how much of it under one hold of the lock: 8 frames cleared, 256 looked at */

static spinlock_t heap_lock = SPINLOCK_INIT(RANK_HEAP);
static uint32_t free_head[ZONES][MAX_ORDER + 1] = { [0 ... ZONES - 1] = { [0 ... MAX_ORDER] = NIL_LINK } };
static unsigned long free_count[ZONES];
static struct { mfn_t low, high; unsigned long frames; } freed = { .low = ~0UL };   /* since the last sweep; heap_lock */
static struct { mfn_t at, end; } sweep;
unsigned long mm_outstanding_claims;
mfn_t max_mfn;

static unsigned int zone_of(mfn_t m) { return m >> (32 - PAGE_SHIFT) ? 1 : 0; }

static void block_push(mfn_t m, unsigned int order, uint32_t stamp)
{
    struct frame *f = mfn_to_frame(m);
    f->count = FRAME_FREE;
    f->type = 0;
    f->order = (uint8_t)order;
    f->extra = stamp;
    frames_push(&free_head[zone_of(m)][order], f);
}

static void block_unlink(mfn_t m)
{
    struct frame *f = mfn_to_frame(m);
    frames_remove(&free_head[zone_of(m)][f->order], f);
    f->count = 0;
}

static void note_freed(mfn_t m, unsigned long n)
{
    freed.low = min(freed.low, m);
    freed.high = max(freed.high, m + n);
    freed.frames += n;
}

static void block_free(mfn_t m, unsigned int order, uint32_t stamp)
{
    unsigned int zone = zone_of(m);
    spin_lock(&heap_lock);
    free_count[zone] += 1UL << order;
    note_freed(m, 1UL << order);
    for (; order < MAX_ORDER; order++) {
        mfn_t buddy = m ^ (1UL << order);
        const struct frame *f = mfn_to_frame(buddy);
        if (zone_of(buddy) != zone || !mfn_valid(buddy) || f->count != FRAME_FREE || f->order != order)
            break;              /* only a free block's head has FRAME_FREE */
        if ((int32_t)(f->extra - stamp) > 0)    /* not earlier than any part's */
            stamp = f->extra;
        block_unlink(buddy);
        m &= ~(1UL << order);
    }
    block_push(m, order, stamp);
    spin_unlock(&heap_lock);
}

/* In aligned blocks, as large as they come. */
static void range_free(mfn_t start, mfn_t end, uint32_t stamp)
{
    while (start < end) {
        unsigned int order = 0;
        while (order < MAX_ORDER && !(start & (1UL << order)) && start + (2UL << order) <= end)
            order++;
        block_free(start, order, stamp);
        start += 1UL << order;
    }
}

void heap_add(mfn_t start, mfn_t end) { range_free(start, end, tlb_now() - 1); }
void heap_free(mfn_t start, mfn_t end) { range_free(start, end, tlb_now()); }

/* Blocks above limit are passed over, but not for long: all other allocations wait meanwhile. */
static mfn_t zone_alloc(unsigned int zone, unsigned int order, mfn_t limit, uint32_t *stamp)
{
    uint32_t m = NIL_LINK;
    unsigned int o, tries = 4096;
    for (o = order; o <= MAX_ORDER && m == NIL_LINK; o++)   /* the first free block below limit of the least order */
        for (m = free_head[zone][o]; m != NIL_LINK && m + (1UL << o) > limit; )
            m = tries && tries-- ? mfn_to_frame(m)->next : NIL_LINK;
    if (m == NIL_LINK)
        return INVALID_MFN;
    *stamp = mfn_to_frame(m)->extra;
    block_unlink(m);
    while (--o > order) {                       /* take the upper half: low frames stay together */
        block_push(m, o - 1, *stamp);
        m += 1u << (o - 1);
    }
    free_count[zone] -= 1UL << order;
    return m;
}

mfn_t heap_alloc(unsigned int order, unsigned int bits, const struct domain *d)
{
    mfn_t m = INVALID_MFN, limit = bits && bits < 52 ? 1UL << (max(bits, (unsigned)PAGE_SHIFT) - PAGE_SHIFT) : ~0UL;
    unsigned long others = 0;                   /* what other domains have claimed */
    uint32_t stamp = 0;
    cpumask_t stale;
    if (order > MAX_ORDER)
        return INVALID_MFN;
    spin_lock(&heap_lock);
    if (d)
        others = mm_outstanding_claims - min(mm_outstanding_claims, READ_ONCE(d->outstanding_claim));
    if (mm_free_frames() >= (1UL << order) + others) {
        if (bits == 0 || bits > 32)
            m = zone_alloc(1, order, limit, &stamp);
        if (m == INVALID_MFN)
            m = zone_alloc(0, order, limit, &stamp);
    }
    spin_unlock(&heap_lock);
    stale = m == INVALID_MFN ? 0 : tlb_stale(cpu_online_map, stamp);
    if (stale)
        tlb_flush_mask(stale);
    return m;
}

int mm_claim(struct domain *d, unsigned long pages)
{
    unsigned long want;
    int rc = 0;
    spin_lock(&d->page_lock);
    spin_lock(&heap_lock);
    want = pages - d->tot_pages;
    if (!pages) {
        mm_outstanding_claims -= d->outstanding_claim;
        d->outstanding_claim = 0;
    } else if (d->dying || d->outstanding_claim || pages < d->tot_pages || pages > d->max_pages) {
        rc = -XEN_EINVAL;
    } else if (mm_free_frames() < mm_outstanding_claims || want > mm_free_frames() - mm_outstanding_claims) {
        rc = -XEN_ENOMEM;
    } else {
        d->outstanding_claim = want;
        mm_outstanding_claims += want;
    }
    spin_unlock(&heap_lock);
    spin_unlock(&d->page_lock);
    return rc;
}

void mm_claim_used(struct domain *d, unsigned long n)
{
    if (likely(!d->outstanding_claim))
        return;
    spin_lock(&heap_lock);
    n = min(d->outstanding_claim, n);
    d->outstanding_claim -= n;
    mm_outstanding_claims -= n;
    spin_unlock(&heap_lock);
}

#ifdef HV_FAKE_CPU
void heap_forget(void)
{
    memset(free_head, 0xff, sizeof(free_head));         /* NIL_LINK each */
    memset(free_count, 0, sizeof(free_count));
    mm_outstanding_claims = 0;
    sweep.end = freed.frames = 0;
}
#endif

unsigned long mm_free_frames(void) { return free_count[0] + free_count[1]; }

void *hv_pages_alloc(unsigned int order)
{
    mfn_t m = heap_alloc(order, 0, NULL);
    if (m == INVALID_MFN)
        return NULL;
    heap_zero(m, order);
    for (unsigned long i = 0; i < 1UL << order; i++)    /* nobody may map it */
        *mfn_to_frame(m + i) = (struct frame){ .count = FRAME_XEN | 1, .owner = DOMID_INVALID };
    return mfn_to_virt(m);
}

void hv_pages_free(void *v, unsigned int order)
{
    mfn_t m = virt_to_mfn(v);
    if (!v)
        return;
    for (unsigned long i = 0; i < 1UL << order; i++)
        mfn_to_frame(m + i)->count = mfn_to_frame(m + i)->flags = 0;
    heap_free(m, m + (1UL << order));
}

/* Frames that were just allocated are all zeros from now on. */
void heap_zero(mfn_t m, unsigned int order)
{
    for (mfn_t end = m + (1UL << order); m < end; m++) {
        if (!(mfn_to_frame(m)->flags & FF_ZERO))
            memset(mfn_to_virt(m), 0, PAGE_SIZE);
    }
}

/* Only read when it is zero already: memory that nobody backs yet below us stays so. */
static void scrub_frame(mfn_t m)
{
    const uint64_t *p = mfn_to_virt(m);
    unsigned int i = 0;
    while (i < PAGE_SIZE / 8 && !(p[i] | p[i + 1] | p[i + 2] | p[i + 3]))
        i += 4;
    if (i < PAGE_SIZE / 8)
        memset(mfn_to_virt(m), 0, PAGE_SIZE);
    mfn_to_frame(m)->flags |= FF_ZERO;
}

/* The head of the free block that frame m is in; NULL: it is not free. */
static const struct frame *block_of(mfn_t m)
{
    for (unsigned int order = 0; order <= MAX_ORDER; order++) {
        mfn_t head = m & ~((1UL << order) - 1);
        if (!mfn_valid(head))           /* no block reaches into a hole */
            break;
        if ((mfn_to_frame(head)->count & FRAME_FREE) && mfn_to_frame(head)->order >= order)
            return mfn_to_frame(head);
    }
    return NULL;
}

/* Frame m, if it is free, holds zeros from now on; says what that cost, of SCRUB_STEP. A frame that a CPU may have in
 * its TLB is left for the next sweep: who had it before could yet write to it. */
static unsigned int scrub_at(mfn_t m)
{
    const struct frame *head;
    if (!mfn_valid(m) || (mfn_to_frame(m)->flags & FF_ZERO) || (mfn_to_frame(m)->count & FRAME_ALLOCATED) ||
        !(head = block_of(m)))
        return 1;
    if (tlb_stale(cpu_online_map, head->extra)) {
        note_freed(m, 1);
        return 1;
    }
    scrub_frame(m);
    return 32;
}

/* One sweep at a time goes over what was freed since the last one. */
bool mm_scrub(void)
{
    static bool busy;
    if ((READ_ONCE(sweep.at) >= READ_ONCE(sweep.end) && READ_ONCE(freed.frames) < SCRUB_LEAST) ||
        __atomic_exchange_n(&busy, true, __ATOMIC_ACQUIRE))
        return false;
    if (sweep.at >= sweep.end) {
        spin_lock(&heap_lock);
        sweep.at = freed.low;
        sweep.end = freed.high;
        freed.low = ~0UL;
        freed.high = freed.frames = 0;
        spin_unlock(&heap_lock);
        tlb_flush_mask(tlb_stale(cpu_online_map, tlb_now()));
    }
    spin_lock(&heap_lock);
    for (unsigned int cost = 0; sweep.at < sweep.end && cost < SCRUB_STEP; sweep.at++)
        cost += scrub_at(sweep.at);
    spin_unlock(&heap_lock);
    __atomic_store_n(&busy, false, __ATOMIC_RELEASE);
    return true;
}

static const uint16_t sizes[] = { 32, 64, 128, 192, 256, 384, 512, 768, 1024, 1344, 2048 };
static spinlock_t xheap_lock = SPINLOCK_INIT(RANK_XHEAP);
static uint32_t partial[] = { [0 ... ARRAY_SIZE(sizes) - 1] = NIL_LINK };   /* pages with free slots */

static void page_to_slab(char *page, unsigned int c)
{
    struct frame *f = mfn_to_frame(virt_to_mfn(page));
    f->flags = (uint8_t)(FF_SLAB | c);
    f->order = 0;
    f->extra = 1;
    for (unsigned int next = sizes[c]; next + sizes[c] <= PAGE_SIZE; next += sizes[c])
        *(uint16_t *)(page + next - sizes[c]) = (uint16_t)(next + 1);       /* the last one has 0: the page is zeroed */
}

void *hv_alloc(size_t size)
{
    unsigned int c = 0, order = 0;
    struct frame *f;
    char *p;
    while (c < ARRAY_SIZE(sizes) && sizes[c] < size)
        c++;
    if (c == ARRAY_SIZE(sizes)) {
        while ((PAGE_SIZE << order) < size)
            order++;
        if ((p = hv_pages_alloc(order)))
            mfn_to_frame(virt_to_mfn(p))->flags = (uint8_t)(FF_PAGES | order);
        return p;
    }
    spin_lock(&xheap_lock);
    if (partial[c] == NIL_LINK) {
        spin_unlock(&xheap_lock);
        if (!(p = hv_pages_alloc(0)))
            return NULL;
        page_to_slab(p, c);
        spin_lock(&xheap_lock);
        frames_push(&partial[c], mfn_to_frame(virt_to_mfn(p)));
    }
    f = mfn_to_frame(partial[c]);
    p = (char *)mfn_to_virt(partial[c]) + f->extra - 1;
    f->extra = *(uint16_t *)p;
    f->order++;
    if (!f->extra)
        frames_remove(&partial[c], f);
    spin_unlock(&xheap_lock);
    return memset(p, 0, sizes[c]);
}

void hv_free(void *p)
{
    struct frame *f;
    unsigned int c;
    bool empty;
    if (!p)
        return;
    f = mfn_to_frame(virt_to_mfn(p));
    c = f->flags & 0x1f;
    if (f->flags & FF_PAGES) {
        hv_pages_free(p, c);
        return;
    }
    HV_BUG_ON(!(f->flags & FF_SLAB));
    spin_lock(&xheap_lock);
    if (!f->extra)
        frames_push(&partial[c], f);
    *(uint16_t *)p = (uint16_t)f->extra;
    f->extra = (uint32_t)((unsigned long)p & ~PAGE_MASK) + 1;
    empty = --f->order == 0;
    if (empty)
        frames_remove(&partial[c], f);
    spin_unlock(&xheap_lock);
    if (empty)
        hv_pages_free((void *)((unsigned long)p & PAGE_MASK), 0);
}
