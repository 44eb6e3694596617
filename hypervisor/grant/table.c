/* SPDX-License-Identifier: MIT */
/* grant/table: making, growing and describing the shared tables (xen/grant_table.h), all under gt->lock. The first
 * page comes when it is asked for (setup_table, acquire_resource); pages are hypervisor memory shared with the
 * guest, and stay until the domain goes. Only the domain itself switches versions. */
#include "private.h"

#define FRAMES_PER_STATUS (STATUS_PER_PAGE / V2_PER_PAGE)

int grant_domain_init(struct domain *d, unsigned int max_frames, unsigned int max_maptrack, unsigned int max_version)
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
    gt->mt_max_pages = min(max_maptrack, MT_MAX_PAGES);
    gt->mt_free = MT_NIL;
    d->grant = gt;
    return 0;
}

/* A page of ours that others may still have mapped: then the last of them frees it. */
static void shared_page_free(void *page)
{
    if (frame_unshare(page))
        hv_pages_free(page, 0);
}

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

static void *shared_page_new(struct domain *d)
{
    void *page = hv_pages_alloc(0);
    if (page)
        frame_share_with(page, d);
    return page;
}

/* Status pages for that many frames of version 2. */
static uint32_t status_pages(uint32_t frames) { return ROUND_UP(frames, FRAMES_PER_STATUS) / FRAMES_PER_STATUS; }

static int status_grow(struct domain *d, uint32_t frames)
{
    struct grant_table *gt = d->grant;
    if (!gt->status && !(gt->status = hv_alloc(status_pages(gt->max_frames) * sizeof(gt->status[0]))))
        return -XEN_ENOMEM;
    for (; gt->nr_status < status_pages(frames); gt->nr_status++)
        if (!(gt->status[gt->nr_status] = shared_page_new(d)))
            return -XEN_ENOMEM;
    return 0;
}

/* At least nr_frames. What could be added before an error stays: a larger table harms nobody. Lock held. -XEN_ENOMEM,
 * -XEN_EINVAL: above the limit. */
static int table_grow(struct domain *d, uint32_t nr_frames)
{
    struct grant_table *gt = d->grant;
    if (nr_frames > gt->max_frames || (d->dying && nr_frames > gt->nr_frames))
        return -XEN_EINVAL;
    if (!gt->frames && !(gt->frames = hv_alloc(gt->max_frames * sizeof(gt->frames[0]))))
        return -XEN_ENOMEM;
    if (gt->version == 2 && status_grow(d, nr_frames))
        return -XEN_ENOMEM;
    for (; gt->nr_frames < nr_frames; gt->nr_frames++)
        if (!(gt->frames[gt->nr_frames].page = shared_page_new(d)))
            return -XEN_ENOMEM;
    return 0;
}

/* What the guest asks: GNTST_okay, or why there is no such table. */
static int16_t target(domid_t id, struct domain **d)
{
    int rc = domain_target(id, d);
    return rc == -XEN_EPERM ? GNTST_permission_denied : rc || !(*d)->grant ? GNTST_bad_domain : GNTST_okay;
}

static mfn_t page_mfn(const struct grant_table *gt, bool status, uint32_t i)
{
    return virt_to_mfn(status ? (void *)gt->status[i] : gt->frames[i].page);
}

/* The numbers of the first n frames, which are there then and stay. */
static int16_t put_list(domid_t dom, bool status, uint32_t n, unsigned long list)
{
    struct domain *d;
    int16_t rc = target(dom, &d);
    bool ok;
    if (rc != GNTST_okay)
        return rc;
    spin_lock(&d->grant->lock);
    ok = status ? d->grant->version == 2 && n <= d->grant->nr_status : table_grow(d, n) == 0;
    spin_unlock(&d->grant->lock);
    for (uint32_t i = 0; ok && i < n; i++) {
        uint64_t mfn = page_mfn(d->grant, status, i);
        if (copy_to_guest((void *)(list + i * sizeof(mfn)), &mfn, sizeof(mfn)))
            return GNTST_bad_virt_addr;
    }
    return ok ? GNTST_okay : GNTST_general_error;
}

GRANT_OP(setup_table)
{
    const struct gnttab_setup_table *op = element;
    return put_list(op->dom, false, op->nr_frames, (unsigned long)op->frame_list.p);
}

GRANT_OP(get_status_frames)
{
    const struct gnttab_get_status_frames *op = element;
    return put_list(op->dom, true, op->nr_frames, (unsigned long)op->frame_list.p);
}

GRANT_OP(query_size)
{
    struct gnttab_query_size *op = element;
    struct domain *d;
    int16_t rc = target(op->dom, &d);
    if (rc != GNTST_okay)
        return rc;
    op->nr_frames = max(READ_ONCE(d->grant->nr_frames), 1u);    /* the first one comes when it is asked for */
    op->max_nr_frames = d->grant->max_frames;
    return GNTST_okay;
}

GRANT_OP(get_version)
{
    struct gnttab_get_version *op = element;
    struct domain *d;
    int rc = domain_target(op->dom, &d);
    if (rc || !d->grant)
        return rc ? rc : -XEN_ESRCH;
    op->version = READ_ONCE(d->grant->version);
    return 0;
}

unsigned int grant_resource_frames(struct domain *d, uint32_t id)
{
    uint32_t frames = d->grant ? d->grant->max_frames : 0;
    return id == XENMEM_resource_grant_table_id_shared ? frames
         : id == XENMEM_resource_grant_table_id_status ? status_pages(frames) : 0;
}

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
    else if (!status || end > gt->nr_status)
        rc = table_grow(d, status ? min(end * FRAMES_PER_STATUS, gt->max_frames) : end);
    for (unsigned int i = 0; rc == 0 && i < n; i++)
        mfns[i] = page_mfn(gt, status, first + i);
    spin_unlock(&gt->lock);
    return rc;
}

/* The reserved entries (console, xenstore) survive, even in use: active records do not depend on the version, and
 * GTF_reading and GTF_writing are made anew from them, as the guest may have scribbled on its copy. Of the rest, only
 * plain access has the same meaning in both versions. -XEN_ERANGE: a reserved entry that version 1 cannot express. */
static int switch_version(struct grant_table *gt, uint32_t version)
{
    struct { uint64_t frame; grant_entry_header_t hdr; } keep[GNTTAB_NR_RESERVED_ENTRIES];
    for (uint32_t r = 0; r < GNTTAB_NR_RESERVED_ENTRIES; r++) {
        uint16_t *flags = &keep[r].hdr.flags, type;
        memcpy(&keep[r].hdr, entry_at(gt, r), sizeof(keep[r].hdr));
        keep[r].frame = gt->version == 1 ? ((grant_entry_v1_t *)entry_at(gt, r))->frame
                                         : ((grant_entry_v2_t *)entry_at(gt, r))->full_page.frame;
        type = *flags & GTF_type_mask;
        if (version == 1 && (type == GTF_transitive || (type == GTF_permit_access && (*flags & GTF_sub_page)) ||
                             (type != GTF_invalid && keep[r].frame >> 32)))
            return -XEN_ERANGE;
        *flags = type == GTF_permit_access ? *flags & (GTF_type_mask | GTF_readonly) : 0;
    }
    for (uint32_t i = 0; i < gt->nr_frames; i++)
        memset(gt->frames[i].page, 0, PAGE_SIZE);
    for (uint32_t i = 0; i < gt->nr_status; i++)
        memset(gt->status[i], 0, PAGE_SIZE);
    gt->version = version;
    for (uint32_t r = 0; r < GNTTAB_NR_RESERVED_ENTRIES; r++) {
        grant_entry_v1_t *e1 = entry_at(gt, r);
        grant_entry_v2_t *e2 = entry_at(gt, r);
        e1->domid = keep[r].hdr.domid;          /* at the same place in both */
        if (version == 1) {
            e1->frame = (uint32_t)keep[r].frame;
            keep[r].hdr.flags |= entry_pins(gt, r);
        } else {
            e2->full_page.frame = keep[r].frame;
            *entry_status(gt, r) = entry_pins(gt, r);
        }
        __atomic_store_n(&e1->flags, keep[r].hdr.flags, __ATOMIC_RELEASE);
    }
    return 0;
}

/* op->version becomes what is in effect. -XEN_EINVAL: no such version; -XEN_ENOSYS: not for this domain; -XEN_EBUSY:
 * grants in use. */
GRANT_OP(set_version)
{
    struct gnttab_set_version *op = element;
    struct domain *d = current->domain;
    struct grant_table *gt = d->grant;
    int rc = 0;
    if (op->version != 1 && op->version != 2)
        return -XEN_EINVAL;
    if (op->version > gt->max_version)
        return -XEN_ENOSYS;
    spin_lock(&gt->lock);
    if (op->version != gt->version) {
        for (uint32_t r = GNTTAB_NR_RESERVED_ENTRIES; r < table_refs(gt) && !rc; r++)
            rc = entry_pins(gt, r) ? -XEN_EBUSY : 0;
        if (!rc && gt->nr_frames == 0)
            gt->version = op->version;
        else if (!rc && (op->version == 1 || !(rc = status_grow(d, gt->nr_frames))))
            rc = switch_version(gt, op->version);
    }
    op->version = gt->version;
    spin_unlock(&gt->lock);
    return rc;
}

#define MAX_SHOWN 64u       /* entries of a table: the serial line is slow, and the table is locked meanwhile */

void grant_debug_dump(struct domain *d)
{
    struct grant_table *gt = d->grant;
    uint32_t used = 0, shown = 0;
    if (!gt)
        return;
    if (!spin_trylock(&gt->lock)) {
        console_printf("d%u: grant table is locked\n", d->id);
        return;
    }
    for (uint32_t h = 0; h < gt->mt_pages * MT_PER_PAGE; h++)
        used += !!(READ_ONCE(maptrack_find(gt, h)->flags) & MT_USED);
    console_printf("d%u: grant table version %u, %u of %u frames, %u mapped by others; "
                   "maps %u (%u of %u record pages)\n", d->id, gt->version, gt->nr_frames, gt->max_frames,
                   gt->nr_mapped, used, gt->mt_pages, gt->mt_max_pages);
    for (uint32_t r = 0; r < table_refs(gt); r++) {
        const struct active *act = entry_active(gt, r);
        if (entry_pins(gt, r) && shown++ < MAX_SHOWN)
            console_printf("  %5u: to d%u, %s %lx [%u, +%u], %u readers, %u writers\n", r, act->domid,
                           act->transitive ? "transitive" : "mfn", act->mfn, act->start, act->length, act->readers,
                           act->writers);
    }
    spin_unlock(&gt->lock);
    if (shown > MAX_SHOWN)
        console_printf("  and %u more\n", shown - MAX_SHOWN);
}

static void dump_all(char key __unused)
{
    struct domain *d;
    for_each_domain(d)
        grant_debug_dump(d);
}

void grant_init(void) { debugkey_register('g', "grant tables of all domains", dump_all); }
