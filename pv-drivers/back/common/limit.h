/* SPDX-License-Identifier: MIT */
/* A token bucket: so many units a second, with a burst of a tenth of a second's worth (at least one request). */
#ifndef BACK_LIMIT_H
#define BACK_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

struct limit {
    uint64_t rate;              /* units a second; 0: no limit */
    uint64_t burst;             /* most that can be saved up; 0: a tenth of a second's */
    int64_t tokens;             /* may be in debt after one large request */
    uint64_t last_ns;
};

/* May something be done now? Takes nothing. `now_ns` never runs backwards. */
static inline bool limit_open(struct limit *l, uint64_t now_ns)
{
    uint64_t cap = l->burst ? l->burst : l->rate / 10 + 1, gone = now_ns - l->last_ns, gained;

    if (!l->rate)
        return true;
    if (gone > 1000000000u)
        gone = 1000000000u;
    gained = (uint64_t)((unsigned __int128)gone * l->rate / 1000000000u);
    if (gained || !l->last_ns) {
        l->tokens += (int64_t)gained;
        l->last_ns = now_ns;
    }
    if (l->tokens > (int64_t)cap)
        l->tokens = (int64_t)cap;
    return l->tokens > 0;
}

static inline void limit_take(struct limit *l, uint64_t units)
{
    if (l->rate)
        l->tokens -= (int64_t)units;
}

/* How long until limit_open() says yes, in ns. */
static inline uint64_t limit_wait(const struct limit *l)
{
    return l->tokens > 0 || !l->rate ? 0 : (uint64_t)((unsigned __int128)(1 - l->tokens) * 1000000000u / l->rate + 1);
}

#endif
