/* SPDX-License-Identifier: MIT */
/*
 * grant/version: switching a table between version 1 and 2, and swapping two entries. Only the domain itself does
 * either, on its own table, under the table's lock. The reserved entries (console, xenstore) survive a switch, even
 * in use: their active records do not depend on the version, and their GTF_reading/GTF_writing bits move with them.
 */
#include "private.h"

#define IN_USE_BITS (GTF_reading | GTF_writing)

static bool any_pinned(const struct grant_table *gt, uint32_t from)
{
    for (uint32_t r = from; r < table_refs(gt); r++)
        if (entry_pinned(gt, r))
            return true;
    return false;
}

static void clear_pages(struct grant_table *gt)
{
    for (uint32_t i = 0; i < gt->nr_frames; i++)
        memset(gt->frames[i].page, 0, PAGE_SIZE);
    for (uint32_t i = 0; i < gt->nr_status; i++)
        memset(gt->status[i], 0, PAGE_SIZE);
}

/* Our bits come from the active record: the guest may have scribbled on its copy. */
static uint16_t in_use(const struct grant_table *gt, uint32_t ref)
{
    const struct active *act = entry_active(gt, ref);

    return !act ? 0 : act->writers ? IN_USE_BITS : act->readers ? GTF_reading : 0;
}

static void switch_to_2(struct grant_table *gt)
{
    grant_entry_v1_t keep[GNTTAB_NR_RESERVED_ENTRIES];

    memcpy(keep, entry_v1(gt, 0), sizeof(keep));
    clear_pages(gt);
    for (uint32_t r = 0; r < GNTTAB_NR_RESERVED_ENTRIES; r++) {
        grant_entry_v2_t *e = entry_v2(gt, r);

        e->full_page.frame = keep[r].frame;
        e->hdr.domid = keep[r].domid;
        *entry_status(gt, r) = in_use(gt, r);
        /* Only plain access has the same meaning in both. */
        if ((keep[r].flags & GTF_type_mask) == GTF_permit_access)
            __atomic_store_n(&e->hdr.flags, keep[r].flags & (GTF_type_mask | GTF_readonly), __ATOMIC_RELEASE);
    }
    gt->version = 2;
}

/* -XEN_ERANGE: a reserved entry that version 1 cannot express. */
static int switch_to_1(struct grant_table *gt)
{
    grant_entry_v2_t keep[GNTTAB_NR_RESERVED_ENTRIES];

    memcpy(keep, entry_v2(gt, 0), sizeof(keep));
    for (uint32_t r = 0; r < GNTTAB_NR_RESERVED_ENTRIES; r++) {
        uint16_t type = keep[r].hdr.flags & GTF_type_mask;

        if (type == GTF_transitive || (type == GTF_permit_access && (keep[r].hdr.flags & GTF_sub_page)) ||
            (type != GTF_invalid && keep[r].full_page.frame >> 32))
            return -XEN_ERANGE;
    }
    clear_pages(gt);
    for (uint32_t r = 0; r < GNTTAB_NR_RESERVED_ENTRIES; r++) {
        grant_entry_v1_t *e = entry_v1(gt, r);
        uint16_t flags = 0;

        e->frame = (uint32_t)keep[r].full_page.frame;
        e->domid = keep[r].hdr.domid;
        if ((keep[r].hdr.flags & GTF_type_mask) == GTF_permit_access)
            flags = keep[r].hdr.flags & (GTF_type_mask | GTF_readonly);
        __atomic_store_n(&e->flags, flags | in_use(gt, r), __ATOMIC_RELEASE);
    }
    gt->version = 1;
    return 0;
}

/* op->version becomes what is in effect. -XEN_EINVAL: no such version; -XEN_ENOSYS: not for this domain; -XEN_EBUSY:
 * grants in use. */
int table_set_version(struct gnttab_set_version *op)
{
    struct domain *d = current->domain;
    struct grant_table *gt = d->grant;
    int rc = 0;

    if (!gt)
        return -XEN_ENOSYS;
    if (op->version != 1 && op->version != 2)
        return -XEN_EINVAL;
    if (op->version > gt->max_version)
        return -XEN_ENOSYS;
    spin_lock(&gt->lock);
    if (op->version != gt->version) {
        if (any_pinned(gt, GNTTAB_NR_RESERVED_ENTRIES))
            rc = -XEN_EBUSY;
        else if (gt->nr_frames == 0)
            gt->version = op->version;
        else if (op->version == 1)
            rc = switch_to_1(gt);
        else if ((rc = table_status_make(d)) == 0)
            switch_to_2(gt);
    }
    op->version = gt->version;
    spin_unlock(&gt->lock);
    return rc;
}

int16_t table_swap(struct gnttab_swap_grant_ref *op)
{
    struct grant_table *gt = current->domain->grant;
    uint32_t a = op->ref_a, b = op->ref_b;
    int16_t rc = GNTST_okay;

    if (!gt)
        return GNTST_general_error;
    spin_lock(&gt->lock);
    if (a >= table_refs(gt) || b >= table_refs(gt)) {
        rc = GNTST_bad_gntref;
    } else if (entry_pinned(gt, a) || entry_pinned(gt, b)) {
        rc = GNTST_eagain;
    } else if (gt->version == 1) {
        grant_entry_v1_t t = *entry_v1(gt, a);

        *entry_v1(gt, a) = *entry_v1(gt, b);
        *entry_v1(gt, b) = t;
    } else {
        grant_entry_v2_t t = *entry_v2(gt, a);

        *entry_v2(gt, a) = *entry_v2(gt, b);
        *entry_v2(gt, b) = t;
    }
    spin_unlock(&gt->lock);
    return rc;
}
