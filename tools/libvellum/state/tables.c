/* SPDX-License-Identifier: MIT */
#include "state/tables.h"

#define PTE_PRESENT 0x001ull
#define PTE_LARGE 0x080ull              /* on levels 2 and 3; PAT on level 1 */
#define PTE_FRAME 0x000ffffffffff000ull
#define OWN_FIRST 256u                  /* slots of a level 4 table that the ABI keeps for the hypervisor */
#define OWN_LAST 271u

unsigned vl_table_translate(unsigned level, const uint64_t from[512], uint64_t to[512], vl_frame_map *map, void *ctx)
{
    for (unsigned i = 0; i < 512; i++) {
        uint64_t pte = from[i], frame;

        if (level == 4 && i >= OWN_FIRST && i <= OWN_LAST) {
            to[i] = 0;
            continue;
        }
        if (pte & PTE_PRESENT) {
            frame = level > 1 && level < 4 && pte & PTE_LARGE ? VL_NO_FRAME : map(ctx, (pte & PTE_FRAME) >> 12);
            if (frame > PTE_FRAME >> 12)
                return i;
            pte = (pte & ~PTE_FRAME) | frame << 12;
        }
        to[i] = pte;
    }
    return 512;
}
