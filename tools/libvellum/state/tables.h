/* SPDX-License-Identifier: MIT */
/*
 * Frame numbers in what belongs to the machine and what belongs to the guest: page tables and registers hold machine
 * frames (MFNs) while a guest runs and the guest's own (PFNs) in a stream. Pure functions on copies.
 */
#ifndef VL_STATE_TABLES_H
#define VL_STATE_TABLES_H

#include <stdint.h>

#define VL_NO_FRAME (~0ull)

/* From one kind of frame number to the other; VL_NO_FRAME when there is none. */
typedef uint64_t vl_frame_map(void *ctx, uint64_t frame);

/*
 * Translate the entries of a page table of `level` (1 to 4) from `from` to `to`. Entries that are not present stay as
 * they are; the hypervisor's own slots of a level 4 table become empty. Returns 512, or the first entry that has no
 * translation or maps a large page.
 */
unsigned vl_table_translate(unsigned level, const uint64_t from[512], uint64_t to[512], vl_frame_map *map, void *ctx);

#endif
