/* SPDX-License-Identifier: MIT */
/*
 * grant/map: map_grant_ref, unmap_grant_ref, unmap_and_replace, and giving all mappings back when a domain dies. A
 * mapping is a pin of the granter's entry with its frame references (entry.c), a page-table entry (mm/grantmap.c),
 * and a record that knows both, found by handle. The record becomes findable last and is claimed first, so each
 * mapping ends once. An unmap changes page tables first, flushes TLBs once for the batch, and only then gives the
 * frames back.
 *
 * Pages of records are added on demand and stay until the domain goes; free records are a stack whose head carries a
 * counter, so that a pop that was overtaken by pops and pushes of the same record fails its compare-and-swap.
 */
#include "private.h"

/* --- records ---------------------------------------------------------------------------------------------------- */
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

static int maptrack_alloc(struct grant_table *gt, struct maptrack **e, uint32_t *handle)
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
static void maptrack_free(struct grant_table *gt, struct maptrack *e, uint32_t handle)
{
    e->granter = NULL;
    __atomic_store_n(&e->flags, 0, __ATOMIC_RELEASE);
    push(gt, handle, e);
}

/* Takes a mapping for an unmap, so that two vCPUs cannot unmap it at once. False: not in use, or being unmapped. */
static bool maptrack_claim(struct maptrack *e, uint32_t *flags)
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

/* --- map -------------------------------------------------------------------------------------------------------- */
static bool flags_write(uint32_t flags) { return !(flags & GNTMAP_readonly); }

static int16_t map_one(struct domain *ld, struct gnttab_map_grant_ref *op)
{
    struct domain *rd = domain_find(op->dom);
    bool write = flags_write(op->flags);
    struct grant_use use;
    struct maptrack *e;
    uint32_t handle;
    int16_t rc;

    if (!(op->flags & (GNTMAP_host_map | GNTMAP_device_map)))
        return GNTST_bad_gntref;
    if (!rd || !rd->grant)
        return GNTST_bad_domain;
    if (maptrack_alloc(ld->grant, &e, &handle))
        return GNTST_no_space;
    rc = entry_use_map(rd, op->ref, ld->id, write, &use);
    if (rc == GNTST_okay && (op->flags & GNTMAP_host_map)) {
        rc = grant_pte_map(op->host_addr, use.mfn, op->flags);
        if (rc != GNTST_okay)
            entry_end_map(rd, op->ref, write);
    }
    if (rc != GNTST_okay) {
        maptrack_free(ld->grant, e, handle);
        return rc;
    }
    e->granter = rd;
    e->ref = op->ref;
    __atomic_store_n(&e->flags, (op->flags & MT_GNTMAP_MASK) | MT_USED, __ATOMIC_RELEASE);
    op->handle = handle;
    op->dev_bus_addr = MFN_TO_PADDR(use.mfn);   /* no I/O MMU: devices use machine addresses */
    return GNTST_okay;
}

GRANT_OP(map_grant_ref)
{
    for (unsigned int i = 0; i < n; i++)
        b->map[i].status = map_one(current->domain, &b->map[i]);
    return 0;
}

/* --- unmap ---------------------------------------- */
struct unmap {
    uint64_t host_addr, dev_bus_addr, new_addr;
    uint32_t handle;
    /* set by unmap_begin */
    struct maptrack *entry;     /* NULL: nothing left to do */
    uint32_t flags;             /* the record's, after this */
    bool touched_pte;
};

static mfn_t mapped_frame(const struct maptrack *e)
{
    struct grant_table *gt = e->granter->grant;
    mfn_t mfn;

    spin_lock(&gt->lock);
    mfn = entry_active(gt, e->ref)->mfn;    /* pinned by this mapping: the record exists */
    spin_unlock(&gt->lock);
    return mfn;
}

/* The page-table part. An address of zero leaves that kind of mapping as it is. */
static int16_t unmap_begin(struct domain *ld, struct unmap *u)
{
    struct maptrack *e = maptrack_find(ld->grant, u->handle);
    uint32_t flags;
    mfn_t mfn;
    int16_t rc = GNTST_okay;

    if (!e || !maptrack_claim(e, &flags))
        return GNTST_bad_handle;
    mfn = mapped_frame(e);
    if (u->dev_bus_addr && (flags & GNTMAP_device_map)) {
        if (u->dev_bus_addr == MFN_TO_PADDR(mfn))
            flags &= ~(uint32_t)GNTMAP_device_map;
        else
            rc = GNTST_bad_dev_addr;
    }
    if (rc == GNTST_okay && u->host_addr && (flags & GNTMAP_host_map)) {
        rc = grant_pte_unmap(u->host_addr, mfn, flags & MT_GNTMAP_MASK, u->new_addr);
        if (rc == GNTST_okay) {
            flags &= ~(uint32_t)GNTMAP_host_map;
            u->touched_pte = true;
        }
    }
    if (rc != GNTST_okay) {
        flags = READ_ONCE(e->flags) & ~MT_BUSY;     /* as it was */
        __atomic_store_n(&e->flags, flags, __ATOMIC_RELEASE);
        return rc;
    }
    u->entry = e;
    u->flags = flags;
    return GNTST_okay;
}

/* After the TLB flush: the frame goes back when neither kind of mapping is left. */
static void unmap_end(struct domain *ld, const struct unmap *u)
{
    struct maptrack *e = u->entry;

    if (u->flags & (GNTMAP_host_map | GNTMAP_device_map)) {
        __atomic_store_n(&e->flags, u->flags, __ATOMIC_RELEASE);
        return;
    }
    entry_end_map(e->granter, e->ref, flags_write(u->flags));
    maptrack_free(ld->grant, e, u->handle);
}

static long unmap_finish(struct domain *ld, const struct unmap *u, unsigned int n)
{
    bool flush = false;

    for (unsigned int i = 0; i < n; i++)
        flush |= u[i].touched_pte;
    if (flush)
        tlb_flush_mask(READ_ONCE(ld->dirty_cpus));
    for (unsigned int i = 0; i < n; i++)
        if (u[i].entry)
            unmap_end(ld, &u[i]);
    return 0;
}

GRANT_OP(unmap_grant_ref)
{
    struct unmap u[GRANT_BATCH];

    for (unsigned int i = 0; i < n; i++) {
        struct gnttab_unmap_grant_ref *op = &b->unmap[i];
        u[i] = (struct unmap){ .host_addr = op->host_addr, .dev_bus_addr = op->dev_bus_addr, .handle = op->handle };
        op->status = unmap_begin(current->domain, &u[i]);
    }
    return unmap_finish(current->domain, u, n);
}

GRANT_OP(unmap_and_replace)
{
    struct unmap u[GRANT_BATCH];

    for (unsigned int i = 0; i < n; i++) {
        struct gnttab_unmap_and_replace *op = &b->replace[i];
        u[i] = (struct unmap){ .host_addr = op->host_addr, .new_addr = op->new_addr, .handle = op->handle };
        op->status = unmap_begin(current->domain, &u[i]);
    }
    return unmap_finish(current->domain, u, n);
}

/* --- death ---------------------------------------- */
/* d's vCPUs do not run any more and its page tables will not be loaded again. */
int grant_release_mappings(struct domain *d)
{
    struct grant_table *gt = d->grant;
    uint32_t flags, n;

    if (!gt)
        return 0;
    n = gt->mt_pages * MT_PER_PAGE;
    if (gt->mt_release == 0)
        tlb_flush_mask(READ_ONCE(d->dirty_cpus));
    for (uint32_t h = gt->mt_release; h < n; h++) {
        struct maptrack *e = maptrack_find(gt, h);
        if (maptrack_claim(e, &flags)) {
            entry_end_map(e->granter, e->ref, flags_write(flags));
            maptrack_free(gt, e, h);
        }
        if (h % 64 == 63 && hypercall_preempt_check()) {
            gt->mt_release = h + 1;
            return -XEN_ERESTART;
        }
    }
    gt->mt_release = n;
    return 0;
}

/* A debug aid: nothing maps or unmaps meanwhile. */
void grant_walk_refs(void (*f)(mfn_t m, bool writable, void *arg), void *arg)
{
    struct domain *d;

    for_each_domain(d) {
        uint32_t n = d->grant ? d->grant->mt_pages * MT_PER_PAGE : 0;
        for (uint32_t h = 0; h < n; h++) {
            struct maptrack *e = maptrack_find(d->grant, h);
            if (READ_ONCE(e->flags) & MT_USED)
                f(mapped_frame(e), flags_write(e->flags), arg);
        }
    }
}
