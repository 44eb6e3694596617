/* SPDX-License-Identifier: MIT */
/*
 * A disk as the worker has it: its rings, and the requests under way. queue.c takes requests off rings, checks and
 * starts them, and answers them; what they are carried out on is a struct medium.
 *
 * The guest can write every ring at every moment. A request is copied once, into the journal, and never looked at on the
 * ring again; so are an indirect request's segments. A front-end that breaks the ring's own rules (indices that cannot
 * be) loses that queue until it connects again.
 */
#ifndef BLK_QUEUE_H
#define BLK_QUEUE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "common/limit.h"
#include "common/peer.h"
#include "grants.h"
#include "journal.h"
#include "loop.h"

#define SECTOR 512
#define PAGE 4096

struct disk;
struct queue;

enum blk_op { DO_READ, DO_WRITE, DO_FLUSH, DO_DISCARD };

struct request {
    struct completion io;       /* the medium's */
    struct queue *queue;
    struct request *next;       /* in the free list, or the medium's */
    struct journal_entry *entry;
    uint64_t id;
    uint8_t wire_op;            /* as the response has it: an indirect request's is that within */
    enum blk_op op;
    uint64_t offset, bytes;     /* on the disk */
    unsigned segments;
    bool mapped;                /* all segments are mapped pages */
    struct { uint32_t ref; uint8_t first, last; void *page; } seg[BLK_SEGMENTS_MAX];
    struct iovec iov[BLK_SEGMENTS_MAX];
    unsigned n_iov;
    size_t done;                /* bytes that the medium has moved so far */
    uint8_t *buffer;            /* of buffer_size bytes; kept for the next use */
    size_t buffer_size;
};

/* Something that sectors are on. start() ends in request_done(), at once or later. */
struct medium {
    const struct medium_ops *ops;
    uint64_t bytes;
    bool readonly, can_flush, can_discard;
    bool one_buffer;            /* moves data from and to request->buffer; else request->iov */
};

struct medium_ops {
    void (*start)(struct medium *m, struct request *r);
    void (*close)(struct medium *m);
};

struct queue {
    struct disk *disk;
    blkif_back_ring_t ring;
    void *pages;
    unsigned n_pages;
    uint32_t port;
    bool connected, broken, dirty;
    bool more;                  /* requests were left for the next turn: others wait too */
    struct journal_queue *journal;
    struct request *requests, *free;
    struct request *answered;   /* their responses are on the ring, not yet published */
    unsigned running;
    struct grants grants;
};

struct disk {
    struct disk *next;
    struct peer *peer;
    struct loop *loop;
    unsigned id;
    struct medium *medium;      /* NULL: an empty drive */
    struct journal *journal;
    bool persistent;
    bool paused;                /* its medium is being changed: nothing is started */
    unsigned n_queues;
    struct queue *queue[BLK_QUEUES_MAX];
    struct limit requests, bytes;
    struct completion timer;    /* wakes a throttled disk */
    struct __kernel_timespec timer_after;
    bool timer_armed;
};

/* Connect all queues. 0, or -errno and nothing is connected. */
int disk_connect(struct disk *d, const struct blk_connect *c);

/* Stop taking requests; true once none is running, and then everything of the guest's is unmapped. */
bool disk_disconnect(struct disk *d);

/* Requests that the medium has. */
unsigned disk_running(const struct disk *d);

/* Take what is on the ring, until there is no more or a limit is met. */
void queue_run(struct queue *q);

/* Publish answers and tell the guest, if it wants to be told. */
void queue_push(struct queue *q);

/* The medium has ended a request: 0 or -errno. */
void request_done(struct request *r, int rc);

/* Make room for request->bytes at request->buffer. False: no memory. */
bool request_buffer(struct request *r);

#endif
