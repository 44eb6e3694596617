/* SPDX-License-Identifier: MIT */
/*
 * grant/table: making, growing and describing the shared tables. ABI: xen/grant_table.h.
 *
 * A table starts without pages: the first comes when the guest or the toolstack asks for it (setup_table,
 * acquire_resource). Pages are hypervisor memory shared with the guest; they stay until the domain goes. Lock:
 * gt->lock guards everything here.
 */
#include <hv/console.h>
#include "private.h"

int grant_domain_init(struct domain *d, unsigned int max_frames, unsigned int max_maptrack_frames,
                      unsigned int max_version)
{
    struct grant_table *gt;

    if (max_frames == 0 || max_version < 1 || max_version > 2)
        return -XEN_EINVAL;
    if (!(gt = hv_alloc(sizeof(*gt))))
        return -XEN_ENOMEM;
    spin_lock_init(&gt->lock, RANK_GRANT);
    spin_lock_init(&gt->maptrack_lock, RANK_MAPTRACK);
    gt->version = 1;
    gt->max_version = max_version;
    gt->max_frames = max_frames;
    gt->mt_max_pages = min_t(uint32_t, max_maptrack_frames, MT_MAX_FRAMES);
    gt->mt_free = MT_NIL;
    d->grant = gt;
    return 0;
}

/* A page of ours that others may still have mapped: then the last of them frees it. */
static void shared_page_free(void *page)
{
    if (page && frame_unshare(page))
        hv_pages_free(page, 0);
}

/* No reference to d is left: nobody maps what it granted, and its own mappings were released. */
void grant_domain_destroy(struct domain *d)
{
    struct grant_table *gt = d->grant;

    if (!gt)
        return;
    for (uint32_t i = 0; i < gt->nr_frames; i++) {
        shared_page_free(gt->frames[i].page);
        for (uint32_t c = 0; gt->frames[i].chunk && c < CHUNKS_PER_PAGE; c++)
            hv_free(gt->frames[i].chunk[c]);
        hv_free(gt->frames[i].chunk);
    }
    for (uint32_t i = 0; i < gt->nr_status; i++)
        shared_page_free(gt->status[i]);
    hv_free(gt->frames);
    hv_free(gt->status);
    maptrack_destroy(gt);
    hv_free(gt);
    d->grant = NULL;
}

/* --- growing ---------------------------------------- */
/* Room for one more element in *array of *size elements. */
static int array_room(void **array, uint32_t *size, uint32_t used, size_t element)
{
    uint32_t new = *size ? *size * 2 : 4;
    void *a;

    if (used < *size)
        return 0;
    if (!(a = hv_alloc(new * element)))
        return -XEN_ENOMEM;
    if (used)
        memcpy(a, *array, used * element);
    hv_free(*array);
    *array = a;
    *size = new;
    return 0;
}

static void *shared_page_new(struct domain *d)
{
    void *page = hv_pages_alloc(0);

    if (page)
        frame_share_with(page, d, true);
    return page;
}

static int status_grow(struct domain *d, uint32_t refs)
{
    struct grant_table *gt = d->grant;

    while (gt->nr_status * STATUS_PER_PAGE < refs) {
        void *page;

        if (array_room((void **)&gt->status, &gt->status_size, gt->nr_status, sizeof(gt->status[0])))
            return -XEN_ENOMEM;
        if (!(page = shared_page_new(d)))
            return -XEN_ENOMEM;
        gt->status[gt->nr_status++] = page;
    }
    return 0;
}

/* At least nr_frames. What could be added before an error stays: a larger table harms nobody. */
int table_grow(struct domain *d, uint32_t nr_frames)
{
    struct grant_table *gt = d->grant;

    if (nr_frames > gt->max_frames)
        return -XEN_EINVAL;
    if (d->dying && nr_frames > gt->nr_frames)
        return -XEN_EINVAL;
    while (gt->nr_frames < nr_frames) {
        void *page;

        if (gt->version == 2 && status_grow(d, (gt->nr_frames + 1) * V2_PER_PAGE))
            return -XEN_ENOMEM;
        if (array_room((void **)&gt->frames, &gt->frames_size, gt->nr_frames, sizeof(gt->frames[0])))
            return -XEN_ENOMEM;
        if (!(page = shared_page_new(d)))
            return -XEN_ENOMEM;
        gt->frames[gt->nr_frames++] = (struct grant_frame){ .page = page };
    }
    return 0;
}

/* Version 2's status array for what the table has now. Lock held. */
int table_status_make(struct domain *d) { return status_grow(d, d->grant->nr_frames * V2_PER_PAGE); }

/* --- what callers ask ---------------------------------------- */
static int16_t target(domid_t id, struct domain **d)
{
    int rc = domain_target(id, d);

    if (rc)
        return rc == -XEN_EPERM ? GNTST_permission_denied : GNTST_bad_domain;
    return (*d)->grant ? GNTST_okay : GNTST_bad_domain;
}

int16_t table_setup(struct gnttab_setup_table *op)
{
    struct domain *d;
    struct grant_table *gt;
    int16_t rc = target(op->dom, &d);
    xen_pfn_t mfn;

    if (rc != GNTST_okay)
        return rc;
    gt = d->grant;
    spin_lock(&gt->lock);
    if (table_grow(d, op->nr_frames))
        rc = GNTST_general_error;
    spin_unlock(&gt->lock);
    for (uint32_t i = 0; rc == GNTST_okay && i < op->nr_frames; i++) {
        spin_lock(&gt->lock);
        mfn = virt_to_mfn(gt->frames[i].page);
        spin_unlock(&gt->lock);
        if (put_handle_offset(op->frame_list, i, &mfn, 1))
            rc = GNTST_bad_virt_addr;
    }
    return rc;
}

int16_t table_status_frames(struct gnttab_get_status_frames *op)
{
    struct domain *d;
    struct grant_table *gt;
    int16_t rc = target(op->dom, &d);
    uint64_t mfn;

    if (rc != GNTST_okay)
        return rc;
    gt = d->grant;
    spin_lock(&gt->lock);
    if (gt->version != 2 || op->nr_frames > gt->nr_status)
        rc = GNTST_general_error;
    spin_unlock(&gt->lock);
    for (uint32_t i = 0; rc == GNTST_okay && i < op->nr_frames; i++) {
        spin_lock(&gt->lock);
        mfn = virt_to_mfn(gt->status[i]);   /* there are never fewer */
        spin_unlock(&gt->lock);
        if (put_handle_offset(op->frame_list, i, &mfn, 1))
            rc = GNTST_bad_virt_addr;
    }
    return rc;
}

int16_t table_query_size(struct gnttab_query_size *op)
{
    struct domain *d;
    int16_t rc = target(op->dom, &d);

    if (rc != GNTST_okay)
        return rc;
    spin_lock(&d->grant->lock);
    op->nr_frames = max(d->grant->nr_frames, 1u);   /* the first one comes when it is asked for */
    op->max_nr_frames = d->grant->max_frames;
    spin_unlock(&d->grant->lock);
    return GNTST_okay;
}

/* -XEN_ESRCH, -XEN_EPERM. */
int table_get_version(struct gnttab_get_version *op)
{
    struct domain *d;
    int rc = domain_target(op->dom, &d);

    if (rc == 0 && !d->grant)
        rc = -XEN_ESRCH;
    if (rc == 0)
        op->version = READ_ONCE(d->grant->version);
    return rc;
}

static uint32_t status_frames_for(uint32_t frames)
{
    return (frames * V2_PER_PAGE + STATUS_PER_PAGE - 1) / STATUS_PER_PAGE;
}

unsigned int grant_resource_frames(struct domain *d, uint32_t id)
{
    if (!d->grant)
        return 0;
    return id == XENMEM_resource_grant_table_id_shared ? d->grant->max_frames
         : id == XENMEM_resource_grant_table_id_status ? status_frames_for(d->grant->max_frames) : 0;
}

/* -XEN_EINVAL: no such resource or frame, or status frames of a version 1 table; -XEN_ENOMEM. */
int grant_acquire(struct domain *d, uint32_t id, unsigned int first, unsigned int n, mfn_t *mfns)
{
    struct grant_table *gt = d->grant;
    bool status = id == XENMEM_resource_grant_table_id_status;
    unsigned int end = first + n;
    int rc = 0;

    if (!gt || end < first || end > grant_resource_frames(d, id))
        return -XEN_EINVAL;
    spin_lock(&gt->lock);
    if (status && gt->version != 2)
        rc = -XEN_EINVAL;
    else if (status && end > gt->nr_status)
        rc = table_grow(d, min(end * (STATUS_PER_PAGE / V2_PER_PAGE), gt->max_frames));
    else if (!status)
        rc = table_grow(d, end);
    for (unsigned int i = 0; rc == 0 && i < n; i++)
        mfns[i] = virt_to_mfn(status ? (void *)gt->status[first + i] : gt->frames[first + i].page);
    spin_unlock(&gt->lock);
    return rc;
}
