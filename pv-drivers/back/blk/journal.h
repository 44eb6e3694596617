/* SPDX-License-Identifier: MIT */
/*
 * What must outlive a worker: for every queue which requests it has taken off the ring and not answered, and the disk's
 * counters. A file in /run that the keeper makes and the worker maps; the only writer is the worker.
 *
 * A ring does not keep them: responses overwrite requests, in whatever order these end. So a request is copied here
 * before it is taken, and crossed out after its response was published. A successor runs again what is not crossed out;
 * reading, writing, flushing and discarding twice is the same as once while the front-end still waits for the answer.
 */
#ifndef BLK_JOURNAL_H
#define BLK_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xen/grant_table.h>
#include <xen/event_channel.h>
#include <xen/io/blkif.h>

#include "wire.h"

#define JOURNAL_MAGIC 0x31646b62
#define JOURNAL_ENTRIES 512     /* requests in the largest ring */

enum { ENTRY_FREE, ENTRY_TAKEN, ENTRY_ANSWERED };

union blk_request {
    blkif_request_t rw;
    blkif_request_discard_t discard;
    blkif_request_indirect_t indirect;
};

struct journal_entry {
    union blk_request request;
    uint32_t state;
    uint32_t index;             /* where in the ring it was */
    uint32_t response;          /* ANSWERED: the index of its response */
};

struct journal_queue {
    uint32_t req_cons;          /* taken up to here */
    uint32_t rsp_prod;          /* answered up to here */
    uint32_t rsp_pushed;        /* published up to here, at least */
    struct journal_entry entry[JOURNAL_ENTRIES];
};

struct blk_stats {
    uint64_t reads, writes, flushes, discards, errors, refused;
    uint64_t read_bytes, written_bytes, discarded_bytes;
    uint64_t mapped_segments, copied_segments;
    uint64_t events, notifications, throttled, replayed, connects, server_reconnects;
};

struct journal {
    uint32_t magic, size;
    uint32_t queues, order;     /* as connected; 0: not */
    struct blk_stats stats;
    struct journal_queue queue[BLK_QUEUES_MAX];
};

/* Map a journal file of the right size for writing; NULL when it is not one. */
struct journal *journal_map(int fd);

#endif
