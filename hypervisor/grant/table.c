/* SPDX-License-Identifier: MIT */
/*
 * grant/table: making, growing and describing the shared tables (xen/grant_table.h), all under gt->lock. The first
 * page comes when it is asked for (setup_table, acquire_resource); pages are hypervisor memory shared with the
 * guest, and stay until the domain goes. Only the domain itself switches versions. The reserved entries (console,
 * xenstore) survive a switch, even in use: active records do not depend on the version, and their
 * GTF_reading/GTF_writing bits move with them.
 */
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
        frame_share_with(page, d);
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

/* --- what callers ask ---------------------------------------- */
static int16_t target(domid_t id, struct domain **d)
{
    int rc = domain_target(id, d);

    if (rc)
        return rc == -XEN_EPERM ? GNTST_permission_denied : GNTST_bad_domain;
    return (*d)->grant ? GNTST_okay : GNTST_bad_domain;
}

static void *page_at(const struct grant_table *gt, bool status, uint32_t i)
{
    return status ? (void *)gt->status[i] : gt->frames[i].page;
}

/* The numbers of the first n frames, of which there are never fewer. */
static int16_t put_list(struct grant_table *gt, bool status, uint32_t n, unsigned long list)
{
    for (uint32_t i = 0; i < n; i++) {
        uint64_t mfn;
        spin_lock(&gt->lock);
        mfn = virt_to_mfn(page_at(gt, status, i));
        spin_unlock(&gt->lock);
        if (copy_to_guest((void *)(list + i * sizeof(mfn)), &mfn, sizeof(mfn)))
            return GNTST_bad_virt_addr;
    }
    return GNTST_okay;
}

int16_t table_setup(struct gnttab_setup_table *op)
{
    struct domain *d;
    int16_t rc = target(op->dom, &d);
    bool ok;

    if (rc != GNTST_okay)
        return rc;
    spin_lock(&d->grant->lock);
    ok = table_grow(d, op->nr_frames) == 0;
    spin_unlock(&d->grant->lock);
    return ok ? put_list(d->grant, false, op->nr_frames, (unsigned long)op->frame_list.p) : GNTST_general_error;
}

int16_t table_status_frames(struct gnttab_get_status_frames *op)
{
    struct domain *d;
    int16_t rc = target(op->dom, &d);
    bool ok;

    if (rc != GNTST_okay)
        return rc;
    spin_lock(&d->grant->lock);
    ok = d->grant->version == 2 && op->nr_frames <= d->grant->nr_status;
    spin_unlock(&d->grant->lock);
    return ok ? put_list(d->grant, true, op->nr_frames, (unsigned long)op->frame_list.p) : GNTST_general_error;
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
        mfns[i] = virt_to_mfn(page_at(gt, status, first + i));
    spin_unlock(&gt->lock);
    return rc;
}

/* --- versions --------------------------------------------------------------------------------------------------- */
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
        else if ((rc = status_grow(d, gt->nr_frames * V2_PER_PAGE)) == 0)
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

/* --- debug key 'g': every domain's grants in use, and how many mappings it has ---------------------------------- */
#define MAX_SHOWN 64u       /* entries of a table: the serial line is slow, and the table is locked meanwhile */

static void dump_entry(const struct grant_table *gt, uint32_t ref)
{
    const struct active *act = entry_active(gt, ref);

    if (act && act->transitive)
        console_printf("  %5u: to d%u, transitive, %u copies\n", ref, act->domid, act->readers + act->writers);
    else if (act)
        console_printf("  %5u: to d%u, mfn %lx [%u, +%u], %u readers, %u writers\n", ref, act->domid, act->mfn,
                       act->start, act->length, act->readers, act->writers);
}

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
        if (!entry_pinned(gt, r))
            continue;
        if (shown++ < MAX_SHOWN)
            dump_entry(gt, r);
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
