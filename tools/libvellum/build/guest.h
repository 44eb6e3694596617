/* SPDX-License-Identifier: MIT */
/*
 * A guest while it is being built: the state the builder's steps share. Private to build/.
 *
 * Memory is populated in extents of 2 MiB (1 GiB first, where the host has such), so the map from guest frames to
 * machine frames is one word per 2 MiB; only chunks whose 2 MiB could not be had in one piece keep a table.
 */
#ifndef VL_BUILD_GUEST_H
#define VL_BUILD_GUEST_H

#include <stddef.h>
#include <stdint.h>

#include "base/vl.h"
#include "build/build.h"
#include "build/elf.h"
#include "build/layout.h"

#define VL_CHUNK_SHIFT 9
#define VL_CHUNK (1ul << VL_CHUNK_SHIFT)

struct vl_guest {
    struct vl *vl;
    uint32_t domid;
    const struct vl_build_params *params;
    struct vl_build_result *result;
    uint64_t nr_pages;
    xen_pfn_t *chunk;           /* the first machine frame of each 2 MiB, or … */
    xen_pfn_t **pieces;         /* … for those in pieces, a table of 512 */
    size_t n_chunks;
    struct vl_image *image;
    struct vl_elf elf;
    struct vl_notes notes;
    struct vl_layout lay;
    unsigned long shared_info_mfn;
    uint8_t *boot;              /* from start_info to the stack, tables included: until these are pinned */
    bool zeroed;                /* what has not been written yet is zero */
    bool ends_soon;             /* this process ends before the guest starts, and its mappings with it (child.c) */
    int ramdisk_fd;
    uint64_t ramdisk_size;
};

static inline xen_pfn_t vl_guest_mfn(const struct vl_guest *g, uint64_t pfn)
{
    const xen_pfn_t *pieces = g->pieces[pfn >> VL_CHUNK_SHIFT];

    return pieces ? pieces[pfn & (VL_CHUNK - 1)] : g->chunk[pfn >> VL_CHUNK_SHIFT] + (pfn & (VL_CHUNK - 1));
}

/* memory.c: give the guest its nr_pages. */
int vl_guest_populate(struct vl_guest *g);
void vl_guest_forget(struct vl_guest *g);

/* Map the guest's frames pfn … pfn + count - 1 writable; at `at` (whose pages it replaces) when that is not NULL. */
void *vl_guest_map(struct vl_guest *g, void *at, uint64_t pfn, uint64_t count);
/* Take these pages' mappings away, of frames or of plain memory; their addresses stay (base/late.h). */
void vl_guest_unmap(struct vl_guest *g, void *p, uint64_t count);
/* Zero whole frames, which nothing has been written to if g->zeroed, without mapping them. */
int vl_guest_clear(struct vl_guest *g, uint64_t pfn, uint64_t count);

/* child.c: the kernel, the ramdisk and the P2M, by a process whose end takes its mappings of them away. */
int vl_guest_load(struct vl_guest *g);

/* load.c: the kernel, expanded straight into the guest's frames, and its notes; then the layout is known. */
int vl_guest_load_kernel(struct vl_guest *g);
int vl_guest_open_ramdisk(struct vl_guest *g);
int vl_guest_load_ramdisk(struct vl_guest *g);

/* tables.c: P2M and page tables, then the pin that makes them tables. */
int vl_guest_write_p2m(struct vl_guest *g);
int vl_guest_write_tables(struct vl_guest *g);

/* start.c: start_info, shared info, rings, grants, the first vCPU. */
int vl_guest_start_pages(struct vl_guest *g);
uint64_t vl_guest_boot_pages(const struct vl_guest *g);     /* how many frames g->boot maps */
int vl_guest_first_vcpu(struct vl_guest *g);

#endif
