/* SPDX-License-Identifier: MIT */
/*
 * Where an expanded kernel goes: a window of addresses that becomes writable piece by piece, as the output reaches it,
 * and in which a run of zeros may be left out.
 *
 * Invariants: bytes below `ready` may be written; output goes strictly upwards; pages that were left out read as
 * zeros and are marked in `skipped`, they are never below `ready` at the time.
 */
#ifndef VL_BUILD_SINK_H
#define VL_BUILD_SINK_H

#include <stddef.h>
#include <stdint.h>

#define VL_SINK_PAGE 4096ul

struct vl_sink {
    uint8_t *base;
    size_t size;                /* room in all */
    size_t ready;
    size_t ahead;               /* bytes from there on that are known to come in one run; 0: unknown */
    uint8_t *skipped;           /* one bit a page, or NULL: nothing may be left out */
    int (*extend)(struct vl_sink *sink);        /* raise `ready`; -errno, told */
};

/* Raise `ready` above `at`, which is less than `size`. */
static inline int vl_sink_reach(struct vl_sink *sink, size_t at)
{
    while (sink->ready <= at) {
        int rc = sink->extend(sink);

        if (rc)
            return rc;
    }
    return 0;
}

#endif
