/* SPDX-License-Identifier: MIT */
/*
 * The guest's frames: populated in the largest extents the host has, and reached by batched foreign mappings.
 *
 * A mapping of a guest's frame costs dom0 one page-table write, and its removal another one; so nothing is mapped
 * twice, and what is only to be zeroed is not mapped at all. No mapping may be left when the guest starts: a frame that
 * is writable in dom0 cannot become a page table or a descriptor table of the guest's.
 *
 * munmap, in a PV dom0, writes each entry by itself, and each write traps; mprotect hands hundreds of them to the
 * hypervisor at once. So frames are taken away by mprotect, and the empty addresses are left for later (base/late.h).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/arena.h"
#include "base/late.h"
#include "base/log.h"
#include "build/guest.h"

#define GIANT_SHIFT 18          /* 1 GiB extents */
#define CLEAR_BATCH 256

/* Ask for `count` extents of 2^shift frames from `pfn` on; returns how many came, their first frames in mfns. */
static size_t populate(struct vl_guest *g, uint64_t pfn, size_t count, int shift, xen_pfn_t *mfns)
{
    int done;

    for (size_t i = 0; i < count; i++)
        mfns[i] = pfn + ((uint64_t)i << shift);
    done = xc_domain_populate_physmap(g->vl->xc, g->domid, count, (unsigned)shift, 0, mfns);
    return done < 0 ? 0 : (size_t)done;
}

static size_t populate_giants(struct vl_guest *g, uint64_t pfn, uint64_t left)
{
    size_t want = left >> GIANT_SHIFT, got;
    xen_pfn_t *mfns;

    if (!want || pfn & ((1ul << GIANT_SHIFT) - 1))
        return 0;
    mfns = vl_xmalloc(want * sizeof(*mfns));
    got = populate(g, pfn, want, GIANT_SHIFT, mfns);
    for (size_t i = 0; i < got << (GIANT_SHIFT - VL_CHUNK_SHIFT); i++)
        g->chunk[(pfn >> VL_CHUNK_SHIFT) + i] = mfns[i >> (GIANT_SHIFT - VL_CHUNK_SHIFT)] +
            ((i & ((1ul << (GIANT_SHIFT - VL_CHUNK_SHIFT)) - 1)) << VL_CHUNK_SHIFT);
    free(mfns);
    return got << GIANT_SHIFT;
}

/* One chunk in single frames: the last one when it is short, or when the host's memory is in pieces. */
static uint64_t populate_pieces(struct vl_guest *g, uint64_t pfn, uint64_t left)
{
    size_t want = left < VL_CHUNK ? left : VL_CHUNK, got;
    xen_pfn_t *mfns = vl_xmalloc(VL_CHUNK * sizeof(*mfns));

    got = populate(g, pfn, want, 0, mfns);
    g->pieces[pfn >> VL_CHUNK_SHIFT] = mfns;
    return got == want ? want : 0;
}

static int tell_memory(struct vl_guest *g)
{
    xc_physinfo_t info = { 0 };
    uint64_t free_kb = 0;

    if (!xc_physinfo(g->vl->xc, &info))
        free_kb = (info.free_pages - info.outstanding_pages) * 4;
    return vl_fail(-ENOMEM, "not enough memory: the guest wants %" PRIu64 " MiB, the host has %" PRIu64 " MiB free",
                   g->nr_pages >> 8, free_kb >> 10);
}

/*
 * Does this hypervisor give out frames that are zero? Xen's interface does not promise it, nor do all builds of Xen do
 * it; Vellum does (docs/abi.md, populate_physmap).
 */
static bool gives_zeros(struct vl *vl)
{
    xen_extraversion_t extra = "";

    return xc_version(vl->xc, XENVER_extraversion, &extra) >= 0 && !strncmp(extra, "-vellum", 7);
}

/* The memory has been claimed (life/balloon.h), so the tables are of a size that the host can have. */
int vl_guest_populate(struct vl_guest *g)
{
    uint64_t pfn = 0;

    g->zeroed = gives_zeros(g->vl);
    g->n_chunks = (g->nr_pages + VL_CHUNK - 1) >> VL_CHUNK_SHIFT;
    g->chunk = vl_xmalloc(g->n_chunks * sizeof(*g->chunk));
    g->pieces = vl_xmalloc(g->n_chunks * sizeof(*g->pieces));
    memset(g->pieces, 0, g->n_chunks * sizeof(*g->pieces));
    pfn = populate_giants(g, 0, g->nr_pages);
    if (g->nr_pages - pfn >= VL_CHUNK) {
        xen_pfn_t *at = g->chunk + (pfn >> VL_CHUNK_SHIFT);

        pfn += populate(g, pfn, (g->nr_pages - pfn) >> VL_CHUNK_SHIFT, VL_CHUNK_SHIFT, at) << VL_CHUNK_SHIFT;
    }
    while (pfn < g->nr_pages) {
        uint64_t got = populate_pieces(g, pfn, g->nr_pages - pfn);

        if (!got)
            return tell_memory(g);
        pfn += got;
    }
    return 0;
}

void vl_guest_forget(struct vl_guest *g)
{
    for (size_t i = 0; g->pieces && i < g->n_chunks; i++)
        free(g->pieces[i]);
    free(g->pieces);
    free(g->chunk);
    g->pieces = NULL;
    g->chunk = NULL;
}

void *vl_guest_map(struct vl_guest *g, void *at, uint64_t pfn, uint64_t count)
{
    xen_pfn_t *mfns = vl_xmalloc(count * sizeof(*mfns));
    int *err = vl_xmalloc(count * sizeof(*err));
    void *p;

    for (uint64_t i = 0; i < count; i++)
        mfns[i] = vl_guest_mfn(g, pfn + i);
    p = xenforeignmemory_map2(vl_fmem(g->vl), g->domid, at, PROT_READ | PROT_WRITE, at ? MAP_FIXED : 0, count, mfns, err);
    if (!p) {
        vl_fail_errno("cannot map %" PRIu64 " of the guest's frames", count);
    } else {
        for (uint64_t i = 0; i < count && p; i++)
            if (err[i]) {
                errno = -err[i];
                vl_fail_errno("cannot map the guest's frame %" PRIu64, pfn + i);
                vl_guest_unmap(g, p, count);
                p = NULL;
            }
    }
    free(mfns);
    free(err);
    return p;
}

void vl_guest_unmap(struct vl_guest *g, void *p, uint64_t count)
{
    if (g->ends_soon)
        return;
    if (p && mprotect(p, count * VL_PAGE, PROT_NONE))
        munmap(p, count * VL_PAGE);
    else
        vl_late_unmap(p, count * VL_PAGE);
}

int vl_guest_clear(struct vl_guest *g, uint64_t pfn, uint64_t count)
{
    struct mmuext_op op[CLEAR_BATCH];

    if (g->zeroed)
        return 0;
    memset(op, 0, sizeof(op));
    while (count) {
        unsigned n = count < CLEAR_BATCH ? (unsigned)count : CLEAR_BATCH;

        for (unsigned i = 0; i < n; i++) {
            op[i].cmd = MMUEXT_CLEAR_PAGE;
            op[i].arg1.mfn = vl_guest_mfn(g, pfn + i);
        }
        if (xc_mmuext_op(g->vl->xc, op, n, g->domid) < 0)
            return vl_fail_errno("cannot clear the guest's frames");
        pfn += n;
        count -= n;
    }
    return 0;
}
