/* SPDX-License-Identifier: MIT */
/*
 * The guest as a worker sees it: grants and event channels, and nothing else. peer-xen.c is the real one; tests and
 * fuzzers put a hostile guest of their own behind the same interface.
 *
 * All memory that map() gives is shared with the guest, which may write it at any time: copy once, then check.
 */
#ifndef BACK_PEER_H
#define BACK_PEER_H

#include <stdbool.h>
#include <stdint.h>

#include <xengnttab.h>

typedef xengnttab_grant_copy_segment_t peer_copy_t;

struct peer;

struct peer_ops {
    /* Map n granted pages side by side. NULL when the guest has not granted one of them. */
    void *(*map)(struct peer *peer, const uint32_t *refs, unsigned n, bool write);
    void (*unmap)(struct peer *peer, void *at, unsigned n);
    /* Pages of ours, granted to this very domain; their references. NULL when there are none to be had. May be NULL itself. */
    void *(*share)(struct peer *peer, unsigned n, uint32_t *refs);
    /* Copy n segments, each within one granted page; each one's status says how it went. -errno when none was tried. */
    int (*copy)(struct peer *peer, peer_copy_t *segments, unsigned n);
    /* Bind to a port of the guest's: our port, or -errno. */
    int (*bind)(struct peer *peer, uint32_t remote);
    void (*unbind)(struct peer *peer, uint32_t port);
    void (*notify)(struct peer *peer, uint32_t port);
    /* Ports that have an event, which stay masked until unmask: how many, none or n at the most. */
    unsigned (*pending)(struct peer *peer, uint32_t *ports, unsigned n);
    void (*unmask)(struct peer *peer, const uint32_t *ports, unsigned n);
};

struct peer {
    const struct peer_ops *ops;
    uint16_t domid;
    int event_fd;               /* readable when pending() has some; -1 in tests */
};

/* The hypervisor's: opens gntdev and evtchn, the latter for this guest alone; `self` is the domain that we run in. NULL when a device is missing (told). */
struct peer *peer_xen_open(uint16_t domid, uint16_t self);

/* A segment of a copy between `local` and the guest's page `ref`. */
static inline peer_copy_t peer_copy_in(const struct peer *peer, void *local, uint32_t ref, uint16_t offset, uint16_t len)
{
    peer_copy_t c = { .len = len, .flags = GNTCOPY_source_gref };

    c.source.foreign.ref = ref;
    c.source.foreign.offset = offset;
    c.source.foreign.domid = peer->domid;
    c.dest.virt = local;
    return c;
}

static inline peer_copy_t peer_copy_out(const struct peer *peer, void *local, uint32_t ref, uint16_t offset, uint16_t len)
{
    peer_copy_t c = { .len = len, .flags = GNTCOPY_dest_gref };

    c.dest.foreign.ref = ref;
    c.dest.foreign.offset = offset;
    c.dest.foreign.domid = peer->domid;
    c.source.virt = local;
    return c;
}

#endif
