/* SPDX-License-Identifier: MIT */
/* The forms of those journal entries that only snapshots have; private to snapshot.c and recover.c. */
#ifndef XENSTORE_SNAPSHOT_H
#define XENSTORE_SNAPSHOT_H

#include "store.h"

/* entry.flag */
#define SNAP_RING      0x01u /* ENTRY_INTRODUCE: of a snapshot, it makes no event */
#define SNAP_SOCKET    0x80u /* the entry is of the socket named last, not of a domain */
#define SNAP_SOCKET_IN 0x02u /* ENTRY_SOCKET: received bytes of it */
#define SNAP_LISTENER  0x04u /* ENTRY_SOCKET: a listening one */
#define SNAP_LINK      0x01u /* ENTRY_NODE: node `num` again, below another parent */
#define SNAP_TXN_START 0x01u
#define SNAP_TXN_OPS   0x02u
#define SNAP_TXN_TOUCH 0x03u
#define SNAP_TXN_NEXT  0x04u
#define SNAP_TXN_KIND  0x07u

#define SNAP_NO_PARENT UINT32_MAX

struct snap_counters {
    uint32_t epoch, soft_memory;
    uint32_t quota[QUOTA_COUNT];
};

struct snap_domain {
    uint32_t died;
    uint16_t target, shutdown;
    uint32_t quota[QUOTA_COUNT];
};

struct snap_txn {
    uint32_t root; /* its base's number among the roots; its own is the next */
    uint32_t created, removes;
    uint32_t rebased; /* from here on not in every older daemon's */
    int64_t held;
    uint32_t lost, grants;
};
#define SNAP_TXN_LEAST offsetof(struct snap_txn, rebased)

struct snap_node { /* before the value */
    uint64_t dir_gen;
    uint32_t parent, perms, seq, next_seq, has_dir, pad;
};

#endif
