/* SPDX-License-Identifier: MIT */
/* The pools' free lists and the slabs that fill them. */
#include "pool.h"

#define SLAB (64u << 10)

struct pool_free *pool_lists[POOL_MAX / 8 + 1];

void *pool_refill(size_t rounded)
{
    static char *slab;
    static size_t left;
    void *p;

    if (rounded == 0)
        rounded = 8;
    if (left < rounded) {
        while (left >= 8) { /* the rest of the old slab serves smaller ones */
            size_t piece = left & ~(size_t)7;

            pool_free(slab, piece);
            slab += piece;
            left -= piece;
        }
        slab = xmalloc(SLAB);
        left = SLAB;
    }
    p = slab;
    slab += rounded;
    left -= rounded;
    return p;
}
