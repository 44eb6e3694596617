/* SPDX-License-Identifier: MIT */
/*
 * The pages that a front-end with persistent grants uses again and again: mapped at the first use, found by their
 * reference after it. A table of a queue's own, with a bound: what does not fit is copied instead.
 */
#ifndef BLK_GRANTS_H
#define BLK_GRANTS_H

#include <stdint.h>

#include "common/peer.h"

#define GRANTS_MAX 4096         /* mapped pages a queue */

struct grants {
    struct peer *peer;
    struct { uint32_t ref; void *page; } slot[2 * GRANTS_MAX];
    unsigned used;
};

/* The page, or NULL when it cannot be mapped (no such grant, a read-only one, or the table is full). */
void *grants_page(struct grants *g, uint32_t ref);
void grants_free(struct grants *g);

#endif
