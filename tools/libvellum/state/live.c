/* SPDX-License-Identifier: MIT */
#include "state/live.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

struct run {
    const struct vl_live_ops *ops;
    struct vl_live_result *result;
    uint64_t words;
    uint64_t *now, *next;       /* pages to send; pages known to need sending after that */
    uint64_t rate_pages, rate_us;       /* what the last round showed */
};

static uint64_t count_of(const uint64_t *pages, uint64_t words)
{
    uint64_t n = 0;

    for (uint64_t i = 0; i < words; i++)
        n += (uint64_t)__builtin_popcountll(pages[i]);
    return n;
}

static int send_round(struct run *r, uint64_t pages)
{
    uint64_t begin = r->ops->now_us(r->ops->ctx);
    int rc;

    if (r->ops->progress)
        r->ops->progress(r->ops->ctx, r->result->rounds, pages);
    memset(r->next, 0, r->words * sizeof(*r->next));
    rc = r->ops->send(r->ops->ctx, r->now, r->next);
    r->result->rounds++;
    r->result->sent += pages;
    r->rate_pages = pages;
    r->rate_us = r->ops->now_us(r->ops->ctx) - begin;
    return rc;
}

/* Add what was written to what has to come again, and make that what is to be sent. */
static int gather(struct run *r)
{
    uint64_t *swap = r->now;
    int rc = r->ops->written(r->ops->ctx, r->now);

    for (uint64_t i = 0; i < r->words && !rc; i++)
        r->next[i] |= r->now[i];
    r->now = r->next;
    r->next = swap;
    return rc;
}

/* Is it time to stop the guest, with `left` pages to send after `before` in the last round? */
static int enough(const struct run *r, const struct vl_live_params *params, uint64_t left, uint64_t before)
{
    if (r->result->rounds >= params->rounds || !left)
        return 1;
    if (r->rate_pages && left * r->rate_us / r->rate_pages <= params->downtime_us)
        return 1;
    return r->result->rounds > 1 && left >= before - before / 8;        /* no progress worth a round */
}

static int run_rounds(struct run *r, const struct vl_live_params *params)
{
    uint64_t left = r->ops->count, before;
    int rc;

    memset(r->now, 0xff, r->words * sizeof(*r->now));
    if (left % 64)
        r->now[r->words - 1] = (1ull << left % 64) - 1;
    do {
        rc = send_round(r, left);
        if (!rc)
            rc = gather(r);
        if (rc)
            return rc;
        before = left;
        left = count_of(r->now, r->words);
    } while (!enough(r, params, left, before));
    return 0;
}

static int last_round(struct run *r)
{
    uint64_t begin = r->ops->now_us(r->ops->ctx);
    int rc = r->ops->stop(r->ops->ctx);

    memcpy(r->next, r->now, r->words * sizeof(*r->next));
    if (!rc)
        rc = gather(r);
    if (!rc) {
        r->result->last = count_of(r->now, r->words);
        rc = send_round(r, r->result->last);
    }
    r->result->downtime_us = r->ops->now_us(r->ops->ctx) - begin;
    return rc;
}

int vl_live_run(const struct vl_live_ops *ops, const struct vl_live_params *params, struct vl_live_result *result)
{
    struct run r = { .ops = ops, .result = result, .words = vl_bitmap_words(ops->count) };
    int rc;

    *result = (struct vl_live_result){ 0 };
    r.now = vl_xmalloc(r.words * sizeof(*r.now));
    r.next = vl_xmalloc(r.words * sizeof(*r.next));
    rc = run_rounds(&r, params);
    if (!rc)
        rc = last_round(&r);
    free(r.now);
    free(r.next);
    return rc;
}
