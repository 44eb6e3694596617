/* SPDX-License-Identifier: MIT */
/*
 * The balloon: follows xenstore's memory/target by giving pages back to the hypervisor and taking them again. Owns the
 * list of pages that we gave back; those have no frame and are mapped to nothing. All of it runs in the thread that polls
 * the store.
 */
#include "hypercall.h"

#include <front/store.h>

#define INVALID_MFN (~0UL)

static unsigned long given[MAX_PAGES / 64]; /* a set bit: this pfn has no frame */
static unsigned long nr_given;

static bool give_page(void)
{
    void *va = page_alloc(0);
    struct xen_memory_reservation r = {.nr_extents = 1, .domid = DOMID_SELF};
    unsigned long pfn, mfn;

    if (!va)
        return false;
    pfn = va_pfn(va);
    mfn = va_mfn(va);
    set_xen_guest_handle(r.extent_start, &mfn);
    remap(va, 0);
    p2m[pfn] = INVALID_MFN;
    if (memory_op(XENMEM_decrease_reservation, &r) != 1) {
        p2m[pfn] = mfn;
        remap(va, mfn << PAGE_SHIFT | PTE_KERNEL);
        page_free(va, 0);
        return false;
    }
    given[pfn / 64] |= 1UL << pfn % 64;
    nr_given++;
    return true;
}

static bool take_page(void)
{
    struct xen_memory_reservation r = {.nr_extents = 1, .domid = DOMID_SELF};
    unsigned long word = 0, pfn, frame;

    while (word < ARRAY_SIZE(given) && !given[word])
        word++;
    if (word == ARRAY_SIZE(given))
        return false;
    pfn = word * 64 + (unsigned long)__builtin_ctzl(given[word]);
    frame = pfn;
    set_xen_guest_handle(r.extent_start, &frame);
    if (memory_op(XENMEM_populate_physmap, &r) != 1)
        return false;
    p2m[pfn] = frame;
    if (remap(pfn_va(pfn), frame << PAGE_SHIFT | PTE_KERNEL))
        panic("balloon: page %lx cannot be mapped", pfn);
    given[word] &= given[word] - 1;
    nr_given--;
    page_free(pfn_va(pfn), 0);
    return true;
}

static void on_target(struct store_watch *w)
{
    uint64_t target = store_number(0, w->path, NULL, nr_pages * 4) / 4;

    while (nr_pages - nr_given > target && give_page())
        ;
    while (nr_pages - nr_given < target && take_page())
        ;
}

void balloon_init(void)
{
    static struct store_watch watch = {.path = "memory/target", .fn = on_target};

    store_watch(&watch);
}
