/* SPDX-License-Identifier: MIT */
/*
 * A guest in the same process: its memory is an array of pages, a grant's reference is a page's number, and tests may do to
 * it whatever a hostile guest could, at the moments that the hooks give.
 */
#ifndef TEST_BACK_PEER_H
#define TEST_BACK_PEER_H

#include "common/peer.h"

#define FAKE_PAGES 256
#define FAKE_NO_GRANT 0xffffu
#define FAKE_SHARED 0x20000u

struct fake_peer {
    struct peer peer;
    uint8_t (*pages)[4096];
    bool revoked[FAKE_PAGES];   /* neither mapped nor copied any more */
    bool readonly[FAKE_PAGES];  /* not mapped for writing, not copied to */
    unsigned mapped, notified, bound;
    unsigned operations;        /* of grant copies, as a kernel makes them: one for each page of ours that is touched */
    bool shares;                /* gives shared pages; their references begin at FAKE_SHARED */
    uint8_t *shared;
    void (*before_copy)(struct fake_peer *f);
    void *arg;
};

void fake_peer_init(struct fake_peer *f);
void fake_peer_free(struct fake_peer *f);

#endif
