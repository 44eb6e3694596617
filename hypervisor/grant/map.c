/* SPDX-License-Identifier: MIT */
/* grant/map: mappings. Each is a pin of the granter's entry with its frame references (entry.c), a page-table entry
 * (mm/grantmap.c), and a record that knows both, found by handle. The record becomes findable last and is claimed
 * first, so each mapping ends once. An unmap changes page tables first, flushes TLBs once for the batch, and only then
 * gives the frames back. Pages of records are added on demand and stay until the domain goes; free records are a stack
 * whose head carries a counter, so that a pop overtaken by others of the same record fails its compare-and-swap. */
#include "private.h"

_Static_assert(sizeof(struct maptrack) * MT_PER_PAGE == PAGE_SIZE, "records fill their pages");

static struct maptrack *record(const struct grant_table *gt, uint32_t handle)
{
    return &gt->mt_page[handle / MT_PER_PAGE][handle % MT_PER_PAGE];
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

/* Lock held. */
static int grow(struct grant_table *gt)
{
    uint32_t page = gt->mt_pages, first = page * MT_PER_PAGE;
    struct maptrack *r;
    if (!gt->mt_page && !(gt->mt_page = hv_alloc(gt->mt_max_pages * sizeof(r))))
        return -XEN_ENOMEM;
    if (page == gt->mt_max_pages || !(r = hv_pages_alloc(0)))
        return -XEN_ENOMEM;
    for (uint32_t i = 0; i < MT_PER_PAGE - 1; i++)
        r[i].ref = first + i + 1;
    gt->mt_page[page] = r;
    __atomic_store_n(&gt->mt_pages, page + 1, __ATOMIC_RELEASE);
    push(gt, first, &r[MT_PER_PAGE - 1]);
    return 0;
}

static struct maptrack *maptrack_alloc(struct grant_table *gt, uint32_t *handle)
{
    int rc = 0;
    while (!pop(gt, handle)) {
        spin_lock(&gt->maptrack_lock);
        if ((uint32_t)READ_ONCE(gt->mt_free) == MT_NIL)
            rc = grow(gt);
        spin_unlock(&gt->maptrack_lock);
        if (rc)
            return NULL;
    }
    return record(gt, *handle);
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
        hv_pages_free(gt->mt_page[p], 0);
    hv_free(gt->mt_page);
}

static bool flags_write(uint32_t flags) { return !(flags & GNTMAP_readonly); }

GRANT_OP(map_grant_ref)
{
    struct gnttab_map_grant_ref *op = element;
    struct domain *ld = current->domain;
    struct grant_use use = { .granter = domain_find(op->dom), .ref = op->ref, .grantee = ld->id,
                             .write = flags_write(op->flags), .map = true };
    struct maptrack *e;
    uint32_t handle;
    int16_t rc;
    if (!(op->flags & (GNTMAP_host_map | GNTMAP_device_map)))
        return GNTST_bad_gntref;
    if (!use.granter || !use.granter->grant)
        return GNTST_bad_domain;
    if (!(e = maptrack_alloc(ld->grant, &handle)))
        return GNTST_no_space;
    rc = use_map(&use);
    if (rc == GNTST_okay && (op->flags & GNTMAP_host_map)) {
        rc = grant_pte_map(op->host_addr, use.mfn, op->flags);
        if (rc != GNTST_okay)
            use_map_end(use.granter, use.ref, use.write);
    }
    if (rc != GNTST_okay) {
        maptrack_free(ld->grant, e, handle);
        return rc;
    }
    e->granter = use.granter;
    e->ref = op->ref;
    __atomic_store_n(&e->flags, (op->flags & MT_GNTMAP_MASK) | MT_USED, __ATOMIC_RELEASE);
    op->handle = handle;
    op->dev_bus_addr = MFN_TO_PADDR(use.mfn);   /* no I/O MMU: devices use machine addresses */
    return GNTST_okay;
}

/* Pinned by this mapping: the active record exists, and does not change. */
static mfn_t mapped_frame(const struct maptrack *e) { return entry_active(e->granter->grant, e->ref)->mfn; }

/* The page-table part. An address of zero leaves that kind of mapping as it is. */
static int16_t unmap(struct grant_batch *b, uint32_t handle, uint64_t host_addr, uint64_t dev_bus_addr,
                     uint64_t new_addr)
{
    struct maptrack *e = maptrack_find(current->domain->grant, handle);
    uint32_t old, flags;
    int16_t rc = GNTST_okay;
    mfn_t mfn;
    if (!e || !maptrack_claim(e, &old))
        return GNTST_bad_handle;
    flags = old;
    mfn = mapped_frame(e);
    if (dev_bus_addr && (flags & GNTMAP_device_map)) {
        flags &= ~(uint32_t)GNTMAP_device_map;
        if (dev_bus_addr != MFN_TO_PADDR(mfn))
            rc = GNTST_bad_dev_addr;
    }
    if (rc == GNTST_okay && host_addr && (flags & GNTMAP_host_map)) {
        flags &= ~(uint32_t)GNTMAP_host_map;
        rc = grant_pte_unmap(host_addr, mfn, old & MT_GNTMAP_MASK, new_addr);
        b->flush |= rc == GNTST_okay;
    }
    if (rc == GNTST_okay)
        b->unmapped[b->nr_unmapped++] = (struct unmapped){ e, handle, flags };
    else
        __atomic_store_n(&e->flags, old, __ATOMIC_RELEASE);     /* as it was */
    return rc;
}

/* The frames go back, where neither kind of mapping is left. */
void unmap_finish(struct grant_batch *b)
{
    struct domain *ld = current->domain;
    if (b->flush)
        tlb_flush_mask(READ_ONCE(ld->dirty_cpus));
    for (unsigned int i = 0; i < b->nr_unmapped; i++) {
        const struct unmapped *u = &b->unmapped[i];
        if (u->flags & (GNTMAP_host_map | GNTMAP_device_map)) {
            __atomic_store_n(&u->entry->flags, u->flags, __ATOMIC_RELEASE);
        } else {
            use_map_end(u->entry->granter, u->entry->ref, flags_write(u->flags));
            maptrack_free(ld->grant, u->entry, u->handle);
        }
    }
}

GRANT_OP(unmap_grant_ref)
{
    const struct gnttab_unmap_grant_ref *op = element;
    return unmap(b, op->handle, op->host_addr, op->dev_bus_addr, 0);
}

GRANT_OP(unmap_and_replace)
{
    const struct gnttab_unmap_and_replace *op = element;
    return unmap(b, op->handle, op->host_addr, 0, op->new_addr);
}

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
            use_map_end(e->granter, e->ref, flags_write(flags));
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
