/* SPDX-License-Identifier: MIT */
#include "state/target.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/arena.h"
#include "base/log.h"
#include "state/call.h"
#include "state/vcpu.h"

#define EXTENT 512u             /* pages of 2 MiB */
#define EXTENT_SHIFT 9

uint64_t vl_target_mfn(void *target, uint64_t pfn)
{
    struct vl_target *t = target;

    return pfn <= t->last && t->mfn_plus_1[pfn] ? t->mfn_plus_1[pfn] - 1 : VL_NO_FRAME;
}

/* --- memory --------------------------------------------------------------------------------------- */

static int too_much(const struct vl_target *t)
{
    return vl_fail(-EINVAL, "the saved guest has more memory than its configuration allows (%llu MiB)",
                   (unsigned long long)t->most >> 8);
}

static bool try_extent(struct vl_target *t, uint64_t pfn)
{
    xen_pfn_t frame = pfn;

    if (xc_domain_populate_physmap(t->vl->xc, t->domid, 1, EXTENT_SHIFT, 0, &frame) != 1)
        return false;
    for (unsigned i = 0; i < EXTENT; i++)
        t->mfn_plus_1[pfn + i] = frame + i + 1;
    return true;
}

static int single_pages(struct vl_target *t, const uint64_t *pfn, unsigned n)
{
    xen_pfn_t frame[VL_BATCH];

    for (unsigned i = 0; i < n; i++)
        frame[i] = pfn[i];
    if (n && xc_domain_populate_physmap_exact(t->vl->xc, t->domid, n, 0, 0, frame))
        return vl_fail_errno("the host has not enough memory for the guest (%llu MiB so far)",
                             (unsigned long long)t->populated >> 8);
    for (unsigned i = 0; i < n; i++)
        t->mfn_plus_1[pfn[i]] = frame[i] + 1;
    return 0;
}

/* Are these the frames of a whole 2 MiB, in order? */
static bool is_extent(const uint64_t *pfn, unsigned n)
{
    if (n < EXTENT || pfn[0] % EXTENT || pfn[EXTENT - 1] != pfn[0] + EXTENT - 1)
        return false;
    for (unsigned i = 1; i < EXTENT; i++)
        if (pfn[i] != pfn[0] + i)
            return false;
    return true;
}

/* Give the guest these frames, none of which it has, none twice. */
static int populate(struct vl_target *t, const uint64_t *pfn, unsigned n)
{
    uint64_t single[VL_BATCH];
    unsigned n_single = 0;

    if (t->populated + n > t->most)
        return too_much(t);
    for (unsigned i = 0; i < n;) {
        if (is_extent(pfn + i, n - i) && try_extent(t, pfn[i]))
            i += EXTENT;
        else
            single[n_single++] = pfn[i++];
    }
    t->populated += n;
    return single_pages(t, single, n_single);
}

/* A page of the guest's is none any more: it gave it back while it was being copied. */
static int give_back(struct vl_target *t, uint64_t pfn)
{
    xen_pfn_t mfn = t->mfn_plus_1[pfn] - 1;

    if (xc_domain_decrease_reservation_exact(t->vl->xc, t->domid, 1, 0, &mfn))
        return vl_fail_errno("cannot take a page back from the guest");
    t->mfn_plus_1[pfn] = 0;
    t->populated--;
    return 0;
}

static int give_memory(struct vl_target *t, struct vl_batch *b)
{
    uint64_t want[VL_BATCH];
    unsigned n = 0;
    int rc = 0;

    for (unsigned i = 0; i < b->n && !rc; i++) {
        uint64_t pfn = b->pfn[i];
        bool wanted = b->type[i] != VL_PAGE_INVALID && b->type[i] != VL_PAGE_BROKEN;

        t->type[pfn] = b->type[i];
        if (wanted && !t->mfn_plus_1[pfn]) {
            t->mfn_plus_1[pfn] = VL_NO_FRAME;   /* so that it is wanted once only */
            want[n++] = pfn;
        } else if (!wanted && t->mfn_plus_1[pfn]) {
            if (t->mfn_plus_1[pfn] == VL_NO_FRAME)
                return vl_fail(-EINVAL, "page %#llx is there and not there", (unsigned long long)pfn);
            rc = give_back(t, pfn);
        }
    }
    return rc ? rc : populate(t, want, n);
}

/* --- batches --------------------------------------------------------------------------------------- */

static void unmap(struct vl_target *t)
{
    if (t->mapped)
        xenforeignmemory_unmap(vl_fmem(t->vl), t->mapped, t->n_mapped);
    t->mapped = NULL;
}

static int map(struct vl_target *t, struct vl_batch *b)
{
    xen_pfn_t mfn[VL_BATCH];
    int err[VL_BATCH];
    unsigned n = 0;

    for (unsigned i = 0; i < b->n; i++)
        if (vl_page_has_data(b->type[i]))
            mfn[n++] = t->mfn_plus_1[b->pfn[i]] - 1;
    t->n_mapped = n;
    t->mapped = n ? xenforeignmemory_map(vl_fmem(t->vl), t->domid, PROT_READ | PROT_WRITE, n, mfn, err) : NULL;
    if (n && !t->mapped)
        return vl_fail_errno("cannot map %u of the guest's pages", n);
    for (unsigned i = 0; i < n; i++)
        if (err[i]) {
            errno = -err[i];
            unmap(t);
            return vl_fail_errno("cannot map the guest's machine frame %#llx", (unsigned long long)mfn[i]);
        }
    return 0;
}

static int pages(void *ctx, struct vl_batch *b)
{
    struct vl_target *t = ctx;
    unsigned tables = 0, n = 0, at = 0;
    int rc = give_memory(t, b);

    if (!rc)
        rc = map(t, b);
    if (rc)
        return rc;
    for (unsigned i = 0; i < b->n; i++)
        tables += vl_page_level(b->type[i]) != 0;
    if (tables > t->tables.room) {
        free(t->tables.pages);
        t->tables.pages = vl_xmalloc((size_t)tables * VL_PAGE_SIZE);
        t->tables.room = tables;
    }
    for (unsigned i = 0; i < b->n; i++) {
        if (!vl_page_has_data(b->type[i]))
            continue;
        b->page[i] = vl_page_level(b->type[i]) ? t->tables.pages + (size_t)at++ * VL_PAGE_SIZE
            : (uint8_t *)t->mapped + (size_t)n * VL_PAGE_SIZE;
        n++;
    }
    return 0;
}

/* A table may map pages that come later: they get their frames now. */
static int populate_mapped(struct vl_target *t, unsigned level, const uint64_t *table)
{
    uint64_t want[EXTENT];
    unsigned n = 0;

    for (unsigned i = 0; i < EXTENT; i++) {
        uint64_t pfn = table[i] >> 12 & ((1ull << 40) - 1);

        if (!(table[i] & 1) || (level == 4 && i >= 256 && i < 272) || pfn > t->last || t->mfn_plus_1[pfn])
            continue;
        t->mfn_plus_1[pfn] = VL_NO_FRAME;
        want[n++] = pfn;
    }
    return populate(t, want, n);
}

static int put_table(struct vl_target *t, uint64_t pfn, unsigned level, const uint64_t *from, uint64_t *to)
{
    int rc = populate_mapped(t, level, from);
    unsigned bad;

    if (rc)
        return rc;
    bad = vl_table_translate(level, from, to, vl_target_mfn, t);
    if (bad < 512)
        return vl_fail(-EINVAL, "the guest's page table %#llx (level %u) maps what is not the guest's: entry %u is "
                       "%#llx", (unsigned long long)pfn, level, bad, (unsigned long long)from[bad]);
    return 0;
}

static int pages_done(void *ctx, struct vl_batch *b)
{
    struct vl_target *t = ctx;
    unsigned n = 0;
    int rc = 0;

    for (unsigned i = 0; b && i < b->n && !rc; i++) {
        if (!vl_page_has_data(b->type[i]))
            continue;
        if (vl_page_level(b->type[i]))
            rc = put_table(t, b->pfn[i], vl_page_level(b->type[i]), b->page[i],
                           (uint64_t *)((uint8_t *)t->mapped + (size_t)n * VL_PAGE_SIZE));
        n++;
    }
    unmap(t);
    return rc;
}

/* --- the rest -------------------------------------------------------------------------------------- */

static int policy(void *ctx, const struct vl_policy *p)
{
    struct vl_target *t = ctx;

    return vl_policy_set(t->vl, t->domid, p);
}

static int p2m_frames(void *ctx, uint64_t first, uint64_t last, const uint64_t *frames, size_t n)
{
    struct vl_target *t = ctx;

    if (first || last >= vl_p2m_most(t->most))
        return vl_fail(-EINVAL, "a P2M from %#llx to %#llx cannot be", (unsigned long long)first,
                       (unsigned long long)last);
    for (size_t i = 0; i < n; i++)
        if (frames[i] > last)
            return vl_fail(-EINVAL, "the guest's P2M lies outside the guest, in page %#llx",
                           (unsigned long long)frames[i]);
    t->last = last;
    t->mfn_plus_1 = vl_sparse((last + 1) * sizeof(*t->mfn_plus_1));
    t->type = vl_sparse(last + 1);
    if (!t->mfn_plus_1 || !t->type)
        return vl_fail(-ENOMEM, "no memory for a P2M of %llu entries", (unsigned long long)last + 1);
    t->p2m_frames = vl_xmalloc(n * sizeof(*t->p2m_frames));
    memcpy(t->p2m_frames, frames, n * sizeof(*t->p2m_frames));
    t->n_p2m_frames = n;
    return 0;
}

static int tsc(void *ctx, const struct vl_tsc_info *info)
{
    struct vl_target *t = ctx;

    t->tsc = *info;
    t->has_tsc = true;
    return 0;
}

static int shared_info(void *ctx, const void *page)
{
    struct vl_target *t = ctx;

    t->shared_info = vl_xmalloc(VL_PAGE_SIZE);
    memcpy(t->shared_info, page, VL_PAGE_SIZE);
    return 0;
}

static int vcpu(void *ctx, uint32_t record, uint32_t id, const void *blob, size_t len)
{
    struct vl_target *t = ctx;
    struct vl_vcpu_blob *b;

    if (id >= t->max_vcpus)
        return vl_fail(-EINVAL, "the saved guest has a vCPU %u; its configuration gives it %u", id, t->max_vcpus);
    for (b = t->blobs; b; b = b->next)
        if (b->vcpu == id && b->record == record)
            return vl_fail(-EINVAL, "vCPU %u has the record %#x twice", id, record);
    b = vl_xmalloc(sizeof(*b) + len);
    *b = (struct vl_vcpu_blob){ .record = record, .vcpu = id, .len = len };
    memcpy(b->bytes, blob, len);
    *t->blobs_end = b;
    t->blobs_end = &b->next;
    return 0;
}

void vl_target_open(struct vl_target *t, struct vl *vl, uint32_t domid, const struct vl_build_params *params,
                    struct vl_build_result *built, uint64_t most, uint32_t vcpus)
{
    *t = (struct vl_target){ .vl = vl, .domid = domid, .params = params, .built = built, .most = most,
                             .max_vcpus = vcpus };
    t->blobs_end = &t->blobs;
}

struct vl_stream_sink vl_target_sink(struct vl_target *t)
{
    return (struct vl_stream_sink){ .ctx = t, .policy = policy, .p2m_frames = p2m_frames, .pages = pages,
                             .pages_done = pages_done, .tsc = tsc, .shared_info = shared_info, .vcpu = vcpu,
                             .end = vl_target_finish };
}

void vl_target_close(struct vl_target *t)
{
    unmap(t);
    vl_scratch_free(&t->tables);
    vl_sparse_free(t->mfn_plus_1, (t->last + 1) * sizeof(*t->mfn_plus_1));
    vl_sparse_free(t->type, t->last + 1);
    free(t->p2m_frames);
    free(t->shared_info);
    while (t->blobs) {
        struct vl_vcpu_blob *next = t->blobs->next;

        free(t->blobs);
        t->blobs = next;
    }
}
