/* SPDX-License-Identifier: MIT */
/*
 * The front end's half of a shared ring as laid out by <xen/io/ring.h>: requests out, responses in, each side's index
 * held off notification by the other's event index. Everything that the peer can write is read once; what we rely on
 * (our indices, the size) is kept in private memory.
 *
 * Order, checked by tests/model/ring.pml: entries before the index that shows them; our index before we read the peer's
 * event index; our event index before the last look for responses.
 *
 *   fill ring_request(r) and r->req_prod++ while ring_room(r); ring_push(r) tells whether to notify;
 *   do { while ((n = ring_waiting(r)) > 0) ring_take(r, ...); } while (n == 0 && ring_more(r));
 */
#ifndef FRONT_RING_H
#define FRONT_RING_H

#include "os.h"

struct ring_shared { /* the head of every sring; entries follow */
    uint32_t req_prod, req_event, rsp_prod, rsp_event;
    uint8_t pad[48];
};
_Static_assert(sizeof(struct ring_shared) == 64, "as in xen/io/ring.h");

struct ring {
    struct ring_shared *shared;
    uint32_t size, entry;        /* entries (a power of two), bytes of one */
    uint32_t req_prod, rsp_cons; /* ours: filled requests, taken responses */
    uint32_t pushed;             /* req_prod as last shown to the peer */
};

/* A ring of as many entries of ENTRY bytes as BYTES hold; the memory is ours alone until it is granted. */
static inline void ring_init(struct ring *r, void *shared, size_t bytes, size_t entry)
{
    *r = (struct ring){.shared = shared, .entry = (uint32_t)entry, .size = 1};
    while (r->size * 2 * entry <= bytes - sizeof(struct ring_shared))
        r->size *= 2;
    memset(shared, 0, bytes);
    r->shared->req_event = r->shared->rsp_event = 1;
}

static inline uint32_t ring_in_flight(const struct ring *r) { return r->req_prod - r->rsp_cons; }

static inline uint32_t ring_room(const struct ring *r) { return r->size - ring_in_flight(r); }

static inline void *ring_entry(const struct ring *r, uint32_t index)
{
    return (uint8_t *)(r->shared + 1) + (size_t)(index & (r->size - 1)) * r->entry;
}

/* The next request's place; the caller counts r->req_prod up when it is filled. */
static inline void *ring_request(const struct ring *r) { return ring_entry(r, r->req_prod); }

/* Shows the peer the requests filled: true when it wants to be notified. */
static inline bool ring_push(struct ring *r)
{
    uint32_t old = r->pushed, event;

    r->pushed = r->req_prod;
    __atomic_store_n(&r->shared->req_prod, r->req_prod, __ATOMIC_RELEASE);
    /* Pairs with the peer's fence between setting req_event and its last look at req_prod. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    event = __atomic_load_n(&r->shared->req_event, __ATOMIC_RELAXED);
    return r->req_prod - event < r->req_prod - old;
}

/* Responses to take, or -XEN_EIO when the peer claims more than were asked for. */
static inline int ring_waiting(const struct ring *r)
{
    uint32_t n = __atomic_load_n(&r->shared->rsp_prod, __ATOMIC_ACQUIRE) - r->rsp_cons;

    return n > r->pushed - r->rsp_cons ? -XEN_EIO : (int)n;
}

/* Copies the next response out, once, and counts it as taken. */
static inline void ring_take(struct ring *r, void *response, size_t size)
{
    memcpy(response, ring_entry(r, r->rsp_cons), size);
    __atomic_signal_fence(__ATOMIC_SEQ_CST); /* the compiler reads no second time */
    r->rsp_cons++;
}

/* The same for the response N after the next, which is left there. */
static inline void ring_peek(const struct ring *r, uint32_t n, void *response, size_t size)
{
    memcpy(response, ring_entry(r, r->rsp_cons + n), size);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/* Before going idle: asks for a notification at the response AHEAD from here (1: the next); true when one has come
 * meanwhile. */
static inline bool ring_more_at(struct ring *r, uint32_t ahead)
{
    __atomic_store_n(&r->shared->rsp_event, r->rsp_cons + ahead, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* pairs with the peer's between rsp_prod and its look at rsp_event */
    return ring_waiting(r) != 0;
}

static inline bool ring_more(struct ring *r) { return ring_more_at(r, 1); }

#endif
