/* SPDX-License-Identifier: MIT */
/*
 * Small objects of the hypervisor: pages cut into equal slots, one list of pages with free slots a size class. A page without used
 * slots goes back to the frame allocator, so memory is given back to the byte. Lock: xheap_lock (RANK_XHEAP; above RANK_HEAP, so the
 * page comes from the heap before the lock is taken).
 *
 * A slab page's struct frame: flags = FF_SLAB | class, next/prev = the class's list, extra = offset of the first free slot + 1 (0:
 * none), order = slots in use. Free slots are chained by 16-bit offsets in their first bytes.
 */
#include "private.h"

static const uint16_t sizes[] = { 32, 64, 128, 192, 256, 384, 512, 768, 1024, 1344, 2048 };
static spinlock_t xheap_lock = SPINLOCK_INIT(RANK_XHEAP);
static uint32_t partial[ARRAY_SIZE(sizes)];     /* mfn + 1: 0 ends */

static unsigned int class_of(size_t size)
{
    unsigned int c = 0;

    while (c < ARRAY_SIZE(sizes) && sizes[c] < size)
        c++;
    return c;
}

static void list_push(struct frame *f, unsigned int c)
{
    uint32_t me = (uint32_t)frame_to_mfn(f) + 1;

    f->next = partial[c];
    f->prev = 0;
    if (partial[c])
        mfn_to_frame(partial[c] - 1)->prev = me;
    partial[c] = me;
}

static void list_remove(struct frame *f, unsigned int c)
{
    if (f->prev)
        mfn_to_frame(f->prev - 1)->next = f->next;
    else
        partial[c] = f->next;
    if (f->next)
        mfn_to_frame(f->next - 1)->prev = f->prev;
}

static void page_to_slab(void *page, unsigned int c)
{
    struct frame *f = mfn_to_frame(virt_to_mfn(page));
    unsigned int n = PAGE_SIZE / sizes[c];

    f->flags = (uint8_t)(FF_SLAB | c);
    f->order = 0;
    f->extra = 1;
    for (unsigned int i = 0; i < n; i++)
        *(uint16_t *)((char *)page + i * sizes[c]) = i + 1 < n ? (uint16_t)((i + 1) * sizes[c] + 1) : 0;
}

static void *slab_take(struct frame *f, unsigned int c)
{
    char *slot = (char *)mfn_to_virt(frame_to_mfn(f)) + f->extra - 1;

    f->extra = *(uint16_t *)slot;
    f->order++;
    if (!f->extra)
        list_remove(f, c);
    return slot;
}

void *hv_alloc(size_t size)
{
    unsigned int c = class_of(size), order = 0;
    void *p, *page = NULL;

    if (c == ARRAY_SIZE(sizes)) {
        while ((PAGE_SIZE << order) < size)
            order++;
        p = hv_pages_alloc(order);
        if (p)
            mfn_to_frame(virt_to_mfn(p))->flags = (uint8_t)(FF_PAGES | order);
        return p;
    }
    spin_lock(&xheap_lock);
    if (!partial[c]) {
        spin_unlock(&xheap_lock);
        page = hv_pages_alloc(0);
        if (!page)
            return NULL;
        page_to_slab(page, c);
        spin_lock(&xheap_lock);
        list_push(mfn_to_frame(virt_to_mfn(page)), c);
    }
    p = slab_take(mfn_to_frame(partial[c] - 1), c);
    spin_unlock(&xheap_lock);
    memset(p, 0, sizes[c]);
    return p;
}

void hv_free(void *p)
{
    struct frame *f;
    unsigned int c;
    bool empty;

    if (!p)
        return;
    f = mfn_to_frame(virt_to_mfn(p));
    if (f->flags & FF_PAGES) {
        hv_pages_free(p, f->flags & 0x1f);
        return;
    }
    HV_BUG_ON(!(f->flags & FF_SLAB));
    c = f->flags & 0x1f;
    spin_lock(&xheap_lock);
    if (!f->extra)
        list_push(f, c);
    *(uint16_t *)p = (uint16_t)f->extra;
    f->extra = (uint32_t)((unsigned long)p & ~PAGE_MASK) + 1;
    empty = --f->order == 0;
    if (empty)
        list_remove(f, c);
    spin_unlock(&xheap_lock);
    if (empty)
        hv_pages_free((void *)((unsigned long)p & PAGE_MASK), 0);
}
