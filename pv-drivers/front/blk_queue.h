/* SPDX-License-Identifier: MIT */
/*
 * Private to the block front end: a queue, and what blk.c (negotiation) and blk_queue.c (data) ask of each other.
 */
#ifndef FRONT_BLK_QUEUE_H
#define FRONT_BLK_QUEUE_H

#include "blk.h"

#include <xen/io/blkif.h>

/* A page that stays granted. */
struct blk_page {
    void *va;
    uint32_t ref;
    struct blk_page *next;
};

/* A segment in flight: its grant, or the page that stays granted and the caller's memory it stands for. */
struct blk_segment {
    uint32_t ref;
    struct blk_page *page;
};

/* A request on the ring. Its id is its index, with a generation above so that an answer given twice is seen. */
struct blk_slot {
    struct blk_io *io;
    struct blk_segment *segment;
    struct blk_page *indirect;
    unsigned int segments, vec_at;
    uint32_t vec_off, generation, bytes;
    uint8_t op;
    bool busy;
    uint16_t next_free;
};

struct blk_queue {
    uint32_t lock; /* guards all of the queue */
    struct blk_device *dev;
    unsigned int index;
    bool live, broken; /* data may move; the peer broke the protocol */
    struct ring ring;
    void *ring_pages;
    uint32_t ring_count, ring_refs[1U << BLK_MAX_RING_ORDER], port;
    struct blk_slot *slot;
    unsigned int slots, free_slot, memory_pages;
    void *memory; /* slots, segments and page records */
    struct blk_page *persistent, *indirect, *pages; /* free ones; all */
    unsigned int nr_pages;
    void *page_memory;
    struct blk_io *first, *last;    /* waiting for the ring */
    struct blk_io *ended, **ended_at; /* to be told */
};

#define BLK_NO_SLOT 0xffffU

/* Both take the ring to what its requests are: all in flight go back to waiting. With the lock held. */
void blk_queue_rewind(struct blk_queue *q);
/* Ends all that waits with this error. With the lock held. */
void blk_queue_fail(struct blk_queue *q, int error);
/* Issues what waits, as far as there is room. With the lock held. */
void blk_queue_issue(struct blk_queue *q);
/* Tells the callers of what ended; how many. Without the lock. */
unsigned int blk_queue_tell(struct blk_queue *q);

#endif
