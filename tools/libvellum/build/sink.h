/* SPDX-License-Identifier: MIT */
/*
 * Where an expanded kernel goes: a window on the output, which becomes writable piece by piece, may move up as the
 * output reaches its end, and in which a run of zeros may be left out.
 *
 * Invariants: bytes from `from` up to `ready` may be written; output goes strictly upwards, and all below `ready` is
 * there when `extend` is called; pages that were left out read as zeros and are marked in `skipped`, they are never
 * below `ready` at the time. `extend` keeps at least VL_SINK_BACK bytes of the output readable.
 */
#ifndef VL_BUILD_SINK_H
#define VL_BUILD_SINK_H

#include <stddef.h>
#include <stdint.h>

#define VL_SINK_PAGE 4096ul
#define VL_SINK_BACK 65536ul    /* what lz4 refers back to */

struct vl_sink {
    uint8_t *base;              /* the output's byte at `from` */
    size_t from;
    size_t size;                /* room in all */
    size_t ready;
    size_t ahead;               /* bytes from there on that are known to come in one run; 0: unknown */
    uint8_t *skipped;           /* one bit a page, or NULL: nothing may be left out */
    int (*extend)(struct vl_sink *sink);        /* raise `ready`, and `from` where it likes; -errno, told */
};

/* Where the output's byte `at` is, between `from` and `ready`. */
static inline uint8_t *vl_sink_at(const struct vl_sink *sink, size_t at)
{
    return sink->base + (at - sink->from);
}

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
