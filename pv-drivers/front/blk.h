/* SPDX-License-Identifier: MIT */
/*
 * The block front end: <xen/io/blkif.h>. All sector numbers and counts are in units of 512 bytes, whatever sector size
 * the device has.
 *
 *   blk_open(&dev, id, &config); blk_wait(&dev, deadline);
 *   io = (struct blk_io){.op = BLK_READ, .sector = …, .vec = …, .done = …}; blk_submit(&dev, queue, &io);
 *   on `ready`, or before sleeping: blk_poll(&dev, queue), which calls `done` of what finished, without a lock held.
 *
 * Any thread may use any queue. Requests wait in the driver while the ring is full, and over a restart of the back-end
 * or a suspend; those it had then not answered are sent again.
 */
#ifndef FRONT_BLK_H
#define FRONT_BLK_H

#include "ring.h"
#include "xenbus.h"

#define BLK_SECTOR         512U
#define BLK_MAX_QUEUES     8U
#define BLK_MAX_RING_ORDER 4U
#define BLK_MAX_SEGMENTS   256U

enum blk_op { BLK_READ, BLK_WRITE, BLK_FLUSH, BLK_DISCARD };

/* Memory of a transfer: a multiple of the device's sector size, at an address that is one. */
struct blk_vec {
    void *va;
    uint32_t len;
};

struct blk_io {
    enum blk_op op;
    bool fua;                   /* a write that is on stable storage when it is done */
    bool secure;                /* a discard after which the data cannot be had back */
    uint64_t sector, sectors;   /* `sectors` only for a discard */
    const struct blk_vec *vec;  /* ours until `done`, as is the memory it names */
    unsigned int vecs;
    void (*done)(struct blk_io *io);
    void *arg;                  /* the caller's */
    int error;                  /* 0, -XEN_EIO, -XEN_EOPNOTSUPP, -XEN_ENODEV (the device is gone),
                                 * -XEN_ENOSPC (no grants left) */
    bool held;                  /* with an error: the back-end still has the memory mapped, it is not to be reused */
    /* the driver's */
    struct blk_io *next;
    unsigned int vec_at, slots; /* the vector that is next; slots in flight */
    uint32_t vec_off;           /* bytes of it that are issued */
    uint64_t done_sectors;      /* issued so far */
    bool waiting, flushing;
};

/* What may be used, each with its largest value; zero switches a feature off. */
struct blk_config {
    unsigned int queues;           /* 1 … BLK_MAX_QUEUES */
    unsigned int ring_order;       /* 2^n pages a ring, up to BLK_MAX_RING_ORDER; 0: one page */
    unsigned int indirect;         /* segments of an indirect request, up to BLK_MAX_SEGMENTS */
    unsigned int persistent_pages; /* pages a queue that stay granted: data is copied through them */
    bool flush, barrier, discard;
    void (*ready)(void *arg, unsigned int queue); /* from event context: blk_poll has something to do */
    void (*resized)(void *arg);                   /* the device's size or sector size is another */
    void *arg;
};
#define BLK_CONFIG_ALL {.queues = BLK_MAX_QUEUES, .ring_order = 2, .indirect = 32, .persistent_pages = 256, .flush = true, \
                        .barrier = true, .discard = true}

/* What the device turned out to be: valid when it is up. */
struct blk_info {
    uint64_t sectors;
    uint32_t sector_size, physical_sector_size;
    bool read_only, cdrom, removable;
    bool flush, barrier; /* how data gets to stable storage; neither: there is no cache to flush */
    bool discard, secure_discard, persistent;
    uint32_t discard_granularity, discard_alignment; /* bytes */
    unsigned int queues, ring_pages, max_segments;
};

struct blk_queue;

struct blk_device {
    struct xenbus_device bus;
    struct blk_config config;
    struct blk_info info;
    struct blk_queue *queue[BLK_MAX_QUEUES];
    unsigned int queues; /* in use; those above may exist, idle */
    bool gone;
};

/* Takes up our disk of this id (device/vbd/ID). It connects while the store is polled. */
int blk_open(struct blk_device *b, unsigned int id, const struct blk_config *config);
int blk_wait(struct blk_device *b, uint64_t deadline);
/* Leaves the disk; what is in flight ends with -XEN_ENODEV. */
void blk_close(struct blk_device *b);

/* Takes a request; queue is taken modulo the number there are. Refused at once, with nothing begun and `done` not called:
 * -XEN_EINVAL (range or alignment), -XEN_EROFS, -XEN_EOPNOTSUPP (discard), -XEN_ENODEV, -XEN_EIO (the queue stopped). */
int blk_submit(struct blk_device *b, unsigned int queue, struct blk_io *io);
/* Finishes what the back-end answered; how many requests ended. */
unsigned int blk_poll(struct blk_device *b, unsigned int queue);
/* Would blk_poll find anything? For the condition of os_wait. */
bool blk_pending(struct blk_device *b, unsigned int queue);
/* Did a queue stop because the back-end broke the protocol? */
bool blk_broken(const struct blk_device *b);

#endif
