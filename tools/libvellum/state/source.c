/* SPDX-License-Identifier: MIT */
#include "state/source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/arena.h"
#include "base/log.h"

#define PER_FRAME (VL_PAGE_SIZE / 8)
#define MAP_AT_ONCE 512u
#define PTE_PRESENT 1ull
#define PTE_FRAME 0x000ffffffffff000ull

/* Copy one frame of the guest's. */
static int copy_frame(struct vl_guest_source *s, uint64_t mfn, void *to)
{
    xen_pfn_t frame = mfn;
    int err = 0;
    void *p = xenforeignmemory_map(vl_fmem(s->vl), s->domid, PROT_READ, 1, &frame, &err);

    if (!p)
        return vl_fail_errno("cannot map the guest's machine frame %#llx", (unsigned long long)mfn);
    memcpy(to, p, VL_PAGE_SIZE);
    xenforeignmemory_unmap(vl_fmem(s->vl), p, 1);
    return 0;
}

/* --- where the P2M lies ------------------------------------------------------------------------- */

/* Walk the guest's page tables for its linear P2M: each level's last table is kept. */
static int frames_linear(struct vl_guest_source *s, uint64_t cr3, uint64_t va)
{
    uint64_t (*table)[PER_FRAME] = vl_xmalloc(4 * sizeof(*table)), at[4], last[4] = { 0 };
    int rc = 0;

    at[3] = cr3 >> 12;
    for (size_t i = 0; i < s->n_frames && !rc; i++, va += VL_PAGE_SIZE) {
        for (int level = 3; level >= 0 && !rc; level--) {
            uint64_t pte;

            if (last[level] != at[level] + 1) {
                rc = copy_frame(s, at[level], table[level]);
                last[level] = at[level] + 1;
            }
            pte = table[level][va >> (12 + 9 * level) & 511];
            if (!rc && !(pte & PTE_PRESENT))
                rc = vl_fail(-EFAULT, "the guest's P2M has no page at %#llx", (unsigned long long)va);
            if (level)
                at[level - 1] = (pte & PTE_FRAME) >> 12;
            else
                s->frames[i] = (pte & PTE_FRAME) >> 12;
        }
    }
    free(table);
    return rc;
}

/* The older way: a frame with a list of frames with the list of the P2M's frames. */
static int frames_list(struct vl_guest_source *s, uint64_t root)
{
    uint64_t (*table)[PER_FRAME] = vl_xmalloc(2 * sizeof(*table));
    int rc = copy_frame(s, root, table[0]);

    if (!rc && s->n_frames > PER_FRAME * PER_FRAME)
        rc = vl_fail(-E2BIG, "the guest's P2M is too long for its list of frames");
    for (size_t i = 0; i < s->n_frames && !rc; i++) {
        if (i % PER_FRAME == 0)
            rc = copy_frame(s, table[0][i / PER_FRAME], table[1]);
        s->frames[i] = table[1][i % PER_FRAME];
    }
    free(table);
    return rc;
}

static int find_frames(struct vl_guest_source *s)
{
    const struct arch_shared_info *arch = &((const shared_info_t *)s->shared_info)->arch;

    if (arch->p2m_cr3)
        return frames_linear(s, arch->p2m_cr3, arch->p2m_vaddr);
    if (arch->pfn_to_mfn_frame_list_list && arch->pfn_to_mfn_frame_list_list != ~0ul)
        return frames_list(s, arch->pfn_to_mfn_frame_list_list);
    return vl_fail(-EINVAL, "the guest has not told where its P2M lies (it is still starting, or has no save support)");
}

/* --- the P2M ------------------------------------------------------------------------------------- */

static int copy_p2m(struct vl_guest_source *s)
{
    xen_pfn_t mfn[MAP_AT_ONCE];
    int err[MAP_AT_ONCE];

    for (size_t at = 0; at < s->n_frames; at += MAP_AT_ONCE) {
        size_t n = s->n_frames - at < MAP_AT_ONCE ? s->n_frames - at : MAP_AT_ONCE;
        void *p;

        memcpy(mfn, s->frames + at, n * sizeof(*mfn));
        p = xenforeignmemory_map(vl_fmem(s->vl), s->domid, PROT_READ, n, mfn, err);
        for (size_t i = 0; p && i < n; i++)
            if (err[i]) {
                errno = -err[i];
                xenforeignmemory_unmap(vl_fmem(s->vl), p, n);
                p = NULL;
            }
        if (!p)
            return vl_fail_errno("cannot map the guest's P2M");
        memcpy(s->p2m + at * PER_FRAME, p, n * VL_PAGE_SIZE);
        xenforeignmemory_unmap(vl_fmem(s->vl), p, n);
    }
    return 0;
}

static void index_p2m(struct vl_guest_source *s)
{
    for (uint64_t pfn = 0; pfn < s->count; pfn++) {
        uint64_t mfn = s->p2m[pfn];

        if (mfn < s->machine_frames && !s->pfn_plus_1[mfn])
            s->pfn_plus_1[mfn] = (uint32_t)pfn + 1;
    }
}

static int read_shared_info(struct vl_guest_source *s)
{
    if (xc_domain_getinfolist(s->vl->xc, s->domid, 1, &s->info) != 1 || s->info.domain != s->domid)
        return vl_fail(-ESRCH, "domain %u has gone", s->domid);
    return copy_frame(s, s->info.shared_info_frame, s->shared_info);
}

static int load(struct vl_guest_source *s, uint64_t most)
{
    unsigned long top;
    int rc = read_shared_info(s);

    if (rc)
        return rc;
    s->count = ((const shared_info_t *)s->shared_info)->arch.max_pfn;
    if (!s->count || s->count > most || s->count >= UINT32_MAX)
        return vl_fail(-EINVAL, "the guest's P2M has %llu entries, which cannot be", (unsigned long long)s->count);
    if (xc_maximum_ram_page(s->vl->xc, &top) < 0)
        return vl_fail_errno("cannot learn how much memory the host has");
    s->machine_frames = top + 1;
    s->n_frames = (s->count + PER_FRAME - 1) / PER_FRAME;
    s->frames = vl_xmalloc(s->n_frames * sizeof(*s->frames));
    s->p2m = vl_sparse(s->n_frames * VL_PAGE_SIZE);
    s->pfn_plus_1 = vl_sparse(s->machine_frames * sizeof(*s->pfn_plus_1));
    if (!s->p2m || !s->pfn_plus_1)
        return vl_fail(-ENOMEM, "no memory for the guest's P2M");
    rc = find_frames(s);
    if (!rc)
        rc = copy_p2m(s);
    if (!rc)
        index_p2m(s);
    return rc;
}

static void unload(struct vl_guest_source *s)
{
    free(s->frames);
    vl_sparse_free(s->p2m, s->n_frames * VL_PAGE_SIZE);
    vl_sparse_free(s->pfn_plus_1, s->machine_frames * sizeof(*s->pfn_plus_1));
    s->frames = NULL;
    s->p2m = NULL;
    s->pfn_plus_1 = NULL;
}

int vl_source_open(struct vl_guest_source *s, struct vl *vl, uint32_t domid, uint64_t most)
{
    int rc;

    *s = (struct vl_guest_source){ .vl = vl, .domid = domid };
    if (!vl_buffer(vl, &s->types, VL_BATCH * sizeof(xen_pfn_t)))
        return -ENOMEM;
    rc = load(s, most);
    if (rc)
        vl_source_close(s);
    return rc;
}

int vl_source_refresh(struct vl_guest_source *s, uint64_t *changed)
{
    struct vl_guest_source old = *s;
    int rc;

    s->frames = NULL;
    s->p2m = NULL;
    s->pfn_plus_1 = NULL;
    rc = load(s, UINT32_MAX);
    if (!rc && (s->count != old.count || memcmp(s->frames, old.frames, s->n_frames * sizeof(*s->frames))))
        rc = vl_fail(-EAGAIN, "the guest moved its P2M while it was being copied");
    for (uint64_t pfn = 0; !rc && pfn < s->count; pfn++)
        if (s->p2m[pfn] != old.p2m[pfn])
            changed[pfn / 64] |= 1ull << pfn % 64;
    unload(&old);
    return rc;
}

void vl_source_close(struct vl_guest_source *s)
{
    unload(s);
    vl_buffer_free(&s->types);
}

uint64_t vl_source_pfn(void *source, uint64_t mfn)
{
    const struct vl_guest_source *s = source;

    return mfn < s->machine_frames && s->pfn_plus_1[mfn] ? s->pfn_plus_1[mfn] - 1 : VL_NO_FRAME;
}

uint64_t vl_source_mfn(const struct vl_guest_source *s, uint64_t pfn)
{
    return pfn < s->count && s->p2m[pfn] < s->machine_frames ? s->p2m[pfn] : VL_NO_FRAME;
}

/* --- batches -------------------------------------------------------------------------------------- */

static int page_types(struct vl_guest_source *s, struct vl_batch *b)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_getpageframeinfo3, .domain = (domid_t)s->domid };
    xen_pfn_t *types = s->types.p;
    unsigned n = 0;

    for (unsigned i = 0; i < b->n; i++) {
        uint64_t mfn = vl_source_mfn(s, b->pfn[i]);

        b->type[i] = VL_PAGE_INVALID;
        b->page[i] = NULL;
        if (mfn != VL_NO_FRAME)
            types[n++] = mfn;
    }
    if (!n)
        return 0;
    op.u.getpageframeinfo3.num = n;
    VL_HANDLE(op.u.getpageframeinfo3.array, types);
    if (xc_domctl(s->vl->xc, &op))
        return vl_fail_errno("cannot learn the types of the guest's pages");
    n = 0;
    for (unsigned i = 0; i < b->n; i++)
        if (vl_source_mfn(s, b->pfn[i]) != VL_NO_FRAME)
            b->type[i] = (uint8_t)((uint32_t)types[n++] >> XEN_DOMCTL_PFINFO_LTAB_SHIFT);
    return 0;
}

static int map_batch(void *ctx, struct vl_batch *b)
{
    struct vl_guest_source *s = ctx;
    xen_pfn_t mfn[VL_BATCH];
    int err[VL_BATCH], rc = page_types(s, b);
    unsigned n = 0;

    if (rc)
        return rc;
    for (unsigned i = 0; i < b->n; i++)
        if (vl_page_has_data(b->type[i]))
            mfn[n++] = vl_source_mfn(s, b->pfn[i]);
    s->n_mapped = n;
    s->mapped = n ? xenforeignmemory_map(vl_fmem(s->vl), s->domid, PROT_READ, n, mfn, err) : NULL;
    if (n && !s->mapped)
        return vl_fail_errno("cannot map %u of the guest's pages", n);
    n = 0;
    for (unsigned i = 0; i < b->n; i++) {
        if (!vl_page_has_data(b->type[i]))
            continue;
        if (err[n])             /* given back since its type was read */
            b->type[i] = VL_PAGE_INVALID;
        else
            b->page[i] = (uint8_t *)s->mapped + (size_t)n * VL_PAGE_SIZE;
        n++;
    }
    return 0;
}

static void unmap_batch(void *ctx, struct vl_batch *b)
{
    struct vl_guest_source *s = ctx;

    (void)b;
    if (s->may_keep >= s->n_mapped)
        s->may_keep -= s->n_mapped;
    else if (s->mapped)
        xenforeignmemory_unmap(vl_fmem(s->vl), s->mapped, s->n_mapped);
    s->mapped = NULL;
}

struct vl_stream_source vl_source_ops(struct vl_guest_source *s)
{
    return (struct vl_stream_source){ .ctx = s, .map = map_batch, .unmap = unmap_batch, .pfn_of = vl_source_pfn };
}
