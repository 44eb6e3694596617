/* SPDX-License-Identifier: MIT */
/*
 * grant/maptrack: the records of what a domain has mapped. A handle is a record's index. Pages of records are added
 * on demand and stay until the domain goes; free records are a stack whose head carries a counter, so that a pop
 * that was overtaken by pops and pushes of the same record fails its compare-and-swap.
 */
#include "private.h"

_Static_assert(sizeof(struct maptrack) * MT_PER_PAGE == PAGE_SIZE, "records fill their pages");

static struct maptrack *record(const struct grant_table *gt, uint32_t handle)
{
    uint32_t page = handle / MT_PER_PAGE;

    return &gt->mt_dir[page / MT_DIR_PAGES][page % MT_DIR_PAGES][handle % MT_PER_PAGE];
}

struct maptrack *maptrack_find(const struct grant_table *gt, uint32_t handle)
{
    uint32_t n = __atomic_load_n(&gt->mt_pages, __ATOMIC_ACQUIRE) * MT_PER_PAGE;    /* pairs with the release in grow */

    return handle < n ? record(gt, (uint32_t)index_clamp(handle, n)) : NULL;
}

/* Puts the chain first..last (linked by ref) on the stack. */
static void push(struct grant_table *gt, uint32_t first, struct maptrack *last)
{
    uint64_t head = __atomic_load_n(&gt->mt_free, __ATOMIC_RELAXED), new;

    do {
        WRITE_ONCE(last->ref, (uint32_t)head);
        new = ((head >> 32) + 1) << 32 | first;
    } while (!__atomic_compare_exchange_n(&gt->mt_free, &head, new, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
}

static bool pop(struct grant_table *gt, uint32_t *handle)
{
    uint64_t head = __atomic_load_n(&gt->mt_free, __ATOMIC_ACQUIRE), new;

    do {
        if ((uint32_t)head == MT_NIL)
            return false;
        /* May be a record in use by now: then the counter has moved and this value is thrown away. */
        new = ((head >> 32) + 1) << 32 | READ_ONCE(record(gt, (uint32_t)head)->ref);
    } while (!__atomic_compare_exchange_n(&gt->mt_free, &head, new, true, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE));
    *handle = (uint32_t)head;
    return true;
}

static int grow(struct grant_table *gt)
{
    uint32_t page, first;
    struct maptrack **dir, *r;

    if (gt->mt_pages == gt->mt_max_pages)
        return -XEN_ENOMEM;
    page = gt->mt_pages;
    first = page * MT_PER_PAGE;
    dir = gt->mt_dir[page / MT_DIR_PAGES];
    if (!dir && !(gt->mt_dir[page / MT_DIR_PAGES] = dir = hv_pages_alloc(0)))
        return -XEN_ENOMEM;
    if (!(r = hv_pages_alloc(0)))
        return -XEN_ENOMEM;
    for (uint32_t i = 0; i < MT_PER_PAGE - 1; i++)
        r[i].ref = first + i + 1;
    dir[page % MT_DIR_PAGES] = r;
    __atomic_store_n(&gt->mt_pages, page + 1, __ATOMIC_RELEASE);
    push(gt, first, &r[MT_PER_PAGE - 1]);
    return 0;
}

int maptrack_alloc(struct grant_table *gt, struct maptrack **e, uint32_t *handle)
{
    int rc = 0;

    while (!pop(gt, handle)) {
        spin_lock(&gt->maptrack_lock);
        if ((uint32_t)READ_ONCE(gt->mt_free) == MT_NIL)
            rc = grow(gt);
        spin_unlock(&gt->maptrack_lock);
        if (rc)
            return rc;
    }
    *e = record(gt, *handle);
    return 0;
}

/* The record is not in use and nobody else works on it. */
void maptrack_free(struct grant_table *gt, struct maptrack *e, uint32_t handle)
{
    e->granter = NULL;
    __atomic_store_n(&e->flags, 0, __ATOMIC_RELEASE);
    push(gt, handle, e);
}

/* Takes a mapping for an unmap, so that two vCPUs cannot unmap it at once. False: not in use, or being unmapped. */
bool maptrack_claim(struct maptrack *e, uint32_t *flags)
{
    uint32_t old = __atomic_load_n(&e->flags, __ATOMIC_ACQUIRE);

    if ((old & (MT_USED | MT_BUSY)) != MT_USED)
        return false;
    *flags = old;
    return __atomic_compare_exchange_n(&e->flags, &old, old | MT_BUSY, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

void maptrack_destroy(struct grant_table *gt)
{
    for (uint32_t p = 0; p < gt->mt_pages; p++)
        hv_pages_free(gt->mt_dir[p / MT_DIR_PAGES][p % MT_DIR_PAGES], 0);
    for (uint32_t i = 0; i < MT_DIRS; i++)
        if (gt->mt_dir[i])
            hv_pages_free(gt->mt_dir[i], 0);
}
