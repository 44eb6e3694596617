/* SPDX-License-Identifier: MIT */
/*
 * Where everything of a new PV guest goes: pure arithmetic on the start-of-day layout that xen/xen.h documents
 * ("Start-of-day memory layout"), with the two ways of Linux around it: a ramdisk that is not mapped
 * (XEN_ELFNOTE_MOD_START_PFN) and a P2M table with an address of its own (XEN_ELFNOTE_INIT_P2M).
 *
 * The boot region is one run of pseudo-physical frames, pfn 0 to boot_end, mapped at virt_base; things that are not
 * mapped follow it. Page tables are of two ranges: the boot region, and the P2M when it has its own address.
 */
#ifndef VL_BUILD_LAYOUT_H
#define VL_BUILD_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "build/elf.h"

#define VL_PAGE UINT64_C(4096)
#define VL_PAGES(bytes) (((bytes) + VL_PAGE - 1) / VL_PAGE)

/* A run of frames. */
struct vl_run {
    uint64_t pfn, count;
};

/* The page tables of one range of virtual addresses: at each level (0: L1 … 2: L3) the tables numbered lo to hi. */
struct vl_table_range {
    uint64_t va, end;
    uint64_t lo[3], hi[3];      /* number of a table: address >> (21, 30, 39) */
    uint64_t pfn[3];            /* frame of the first table at that level */
    uint64_t frames;            /* all tables of this range */
};

struct vl_layout {
    uint64_t virt_base;         /* virtual address of pfn 0 */
    uint64_t nr_pages;          /* of the guest */
    struct vl_run kernel, ramdisk, p2m, start_info, store, console, tables, stack;
    bool ramdisk_mapped, p2m_mapped;    /* in the boot region */
    uint64_t p2m_va;
    uint64_t boot_end;          /* first pfn behind the boot region */
    uint64_t end;               /* first pfn that nothing of ours uses */
    uint64_t l4_pfn;
    struct vl_table_range boot, outer;  /* outer: the P2M's own; va == end when there is none */
    struct vl_run p2m_tables;
};

/*
 * Lay a guest out: its kernel's segments and notes, `ramdisk_bytes` (0: none), `nr_pages` of memory. `name` is the
 * kernel's, for messages. 0, or a told error: -ENOMEM when the guest's memory is too small, -EINVAL when the
 * kernel's addresses cannot be.
 */
int vl_layout_make(struct vl_layout *lay, const char *name, const struct vl_elf *elf, const struct vl_notes *notes,
                   uint64_t ramdisk_bytes, uint64_t nr_pages);

/* The frame of the table that covers `va` at level 0 to 2 (L1 to L3). `va` must be in one of the two ranges. */
uint64_t vl_table_pfn(const struct vl_layout *lay, int level, uint64_t va);

static inline uint64_t vl_va_of(const struct vl_layout *lay, uint64_t pfn)
{
    return lay->virt_base + pfn * VL_PAGE;
}

/* The pfn where a segment starts. Valid after vl_layout_make has checked it. */
static inline uint64_t vl_segment_address(const struct vl_segment *s, const struct vl_notes *notes)
{
    return s->paddr - (notes->has_paddr_offset ? notes->paddr_offset : 0);
}

#endif
