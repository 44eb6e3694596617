/* SPDX-License-Identifier: MIT */
/*
 * Memory for data on its way to and from a guest. Where it can be had, it is granted to this very domain, and named by
 * those grants in copies: the kernel then does not look up and pin the pages of ours that a copy touches, which costs more
 * than all else of it. Without /dev/xen/gntalloc, or when that gives no more, plain memory.
 */
#ifndef BACK_ARENA_H
#define BACK_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "peer.h"

#define ARENA_PAGE 4096u

struct arena {
    uint8_t *at;                /* page-aligned */
    unsigned pages;
    uint32_t *refs;             /* of each page; NULL: plain memory */
};

/* 0, or -ENOMEM. Lives as long as the process. */
int arena_open(struct arena *a, struct peer *peer, unsigned pages);
void arena_close(struct arena *a);      /* for tests: what is granted stays */

/*
 * A place for `len` bytes that begins `offset` behind a page's beginning, with `head` bytes before it, all behind the first
 * `*used` bytes; `*used` grows over it. NULL: no room.
 */
uint8_t *arena_place(const struct arena *a, size_t *used, size_t head, size_t offset, size_t len);

/* A copy within the one page of ours that has the byte `at`, by the page's own grant. */
static inline void arena_copy_page(const struct arena *a, const struct peer *peer, peer_copy_t *c, size_t at, uint32_t ref,
                                   uint16_t offset, uint16_t len, bool to_guest)
{
    union xengnttab_copy_ptr *ours = to_guest ? &c->source : &c->dest, *theirs = to_guest ? &c->dest : &c->source;

    ours->foreign.ref = a->refs[at / ARENA_PAGE];
    ours->foreign.offset = (uint16_t)(at % ARENA_PAGE);
    ours->foreign.domid = DOMID_SELF;
    theirs->foreign.ref = ref;
    theirs->foreign.offset = offset;
    theirs->foreign.domid = peer->domid;
    c->len = len;
    c->flags = GNTCOPY_source_gref | GNTCOPY_dest_gref;
    c->status = 0;
}

/* arena_copy() of what lies on two pages, or in plain memory. */
unsigned arena_copy_parts(const struct arena *a, const struct peer *peer, peer_copy_t *c, uint8_t *ours, uint32_t ref,
                          uint16_t offset, uint16_t len, bool to_guest);

/* The copies, at c[0] and perhaps c[1], between bytes in the arena and the guest's page `ref`: how many. */
static inline unsigned arena_copy(const struct arena *a, const struct peer *peer, peer_copy_t *c, uint8_t *ours, uint32_t ref,
                                  uint16_t offset, uint16_t len, bool to_guest)
{
    size_t at = (size_t)(ours - a->at);

    if (!a->refs || at % ARENA_PAGE + len > ARENA_PAGE)
        return arena_copy_parts(a, peer, c, ours, ref, offset, len, to_guest);
    arena_copy_page(a, peer, c, at, ref, offset, len, to_guest);
    return 1;
}

#endif
