/* SPDX-License-Identifier: MIT */
/*
 * grant/map: GNTTABOP_map_grant_ref, unmap_grant_ref, unmap_and_replace, and giving all mappings back when a domain
 * dies.
 *
 * A mapping is: a pin of the granter's entry with its frame references (entry.c), a page-table entry (mm/grantmap.c),
 * and a maptrack record that knows both. The record becomes findable last and is claimed first, so each mapping ends
 * once. An unmap changes page tables first, flushes TLBs once for the batch, and only then gives the frames back.
 */
#include <hv/console.h>
#include <hv/hypercall.h>
#include "private.h"

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

void grant_map_batch(struct gnttab_map_grant_ref *op, unsigned int n)
{
    for (unsigned int i = 0; i < n; i++)
        op[i].status = map_one(current->domain, &op[i]);
}

/* --- unmap ---------------------------------------- */
struct unmap {
    uint64_t host_addr, dev_bus_addr, new_addr;
    uint32_t handle;
    bool replace;
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

static void unmap_finish(struct domain *ld, const struct unmap *u, unsigned int n)
{
    bool flush = false;

    for (unsigned int i = 0; i < n; i++)
        flush |= u[i].touched_pte;
    if (flush)
        tlb_flush_mask(READ_ONCE(ld->dirty_cpus));
    for (unsigned int i = 0; i < n; i++)
        if (u[i].entry)
            unmap_end(ld, &u[i]);
}

void grant_unmap_batch(struct gnttab_unmap_grant_ref *op, unsigned int n)
{
    struct domain *ld = current->domain;
    struct unmap u[GRANT_BATCH];

    for (unsigned int i = 0; i < n; i++) {
        u[i] = (struct unmap){ .host_addr = op[i].host_addr, .dev_bus_addr = op[i].dev_bus_addr,
                               .handle = op[i].handle };
        op[i].status = unmap_begin(ld, &u[i]);
    }
    unmap_finish(ld, u, n);
}

void grant_unmap_replace_batch(struct gnttab_unmap_and_replace *op, unsigned int n)
{
    struct domain *ld = current->domain;
    struct unmap u[GRANT_BATCH];

    for (unsigned int i = 0; i < n; i++) {
        u[i] = (struct unmap){ .host_addr = op[i].host_addr, .new_addr = op[i].new_addr, .handle = op[i].handle };
        op[i].status = unmap_begin(ld, &u[i]);
    }
    unmap_finish(ld, u, n);
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
