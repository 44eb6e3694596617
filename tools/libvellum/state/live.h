/* SPDX-License-Identifier: MIT */
/*
 * Copying a guest that runs on: all of it, then again and again what it wrote meanwhile, until what is left can be sent
 * within the downtime that is wanted, or it does not get less; then it stops and the rest goes. Works on a table of
 * functions, so the policy can be tried on a model.
 */
#ifndef VL_STATE_LIVE_H
#define VL_STATE_LIVE_H

#include <stdint.h>

struct vl_live_params {
    unsigned rounds;            /* while the guest runs, at most */
    uint64_t downtime_us;       /* wanted, for the last one */
};

struct vl_live_ops {
    void *ctx;
    uint64_t count;             /* pages; bitmaps have (count + 7) / 8 bytes, rounded up to whole 64-bit words */
    /* Send the pages of a bitmap. Pages that must come again are set in `again`. */
    int (*send)(void *ctx, const uint64_t *pages, uint64_t *again);
    /* What was written since it was last asked, and forget it. */
    int (*written)(void *ctx, uint64_t *pages);
    int (*stop)(void *ctx);     /* the guest stands still after it */
    uint64_t (*now_us)(void *ctx);
    void (*progress)(void *ctx, unsigned round, uint64_t pages);        /* before each round; may be NULL */
};

struct vl_live_result {
    unsigned rounds;
    uint64_t sent, last;        /* pages in all, and in the last round, with the guest stopped */
    uint64_t downtime_us;
};

/* 0, or the -errno of a function. Sending ends before `stop` only by an error. */
int vl_live_run(const struct vl_live_ops *ops, const struct vl_live_params *params, struct vl_live_result *result);

static inline uint64_t vl_bitmap_words(uint64_t count)
{
    return (count + 63) / 64;
}

#endif
