/* SPDX-License-Identifier: MIT */
/* What the files of the store's client share. Private to them. */
#ifndef VL_BASE_STORE_OWN_H
#define VL_BASE_STORE_OWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <xen/io/xs_wire.h>

#include "base/store.h"

struct event {
    struct event *next;
    const char *token;          /* behind the path */
    char path[];
};

struct vl_store {
    int fd;
    bool is_device;             /* takes one request at a time: vl_store_send_from */
    _Alignas(struct xsd_sockmsg) uint8_t in[sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX + 1];
    size_t in_len;
    uint8_t ahead[4 * XENSTORE_PAYLOAD_MAX];    /* what has been read beyond the message in `in`: ahead_at to ahead_end */
    size_t ahead_at, ahead_end;
    uint8_t *queue;             /* encoded requests of the change that is being put together */
    size_t queue_len, queue_room;
    unsigned queued;
    int queue_error;            /* a request that could not be encoded */
    struct event *events, **events_end;
};

/* Room in the queue for a request of `len` bytes of payload; returns where that goes, or NULL: too long. */
char *vl_store_enqueue(struct vl_store *store, uint32_t type, uint32_t tx, size_t len);
void vl_store_reset_queue(struct vl_store *store);

/*
 * Before the reply to the queued request at `at` is taken: send what may go by then. A socket is given the whole queue with
 * the first; the device each by itself, for Linux's driver keeps pointing to a request's bytes in a buffer that the next
 * one overwrites, until it has the reply (drivers/xen/xenbus/xenbus_dev_frontend.c). 0 or -errno.
 */
int vl_store_send_from(struct vl_store *store, size_t at);
/* The head of the queued request at `at`, which any byte may be. */
static inline struct xsd_sockmsg vl_store_queued(const struct vl_store *store, size_t at)
{
    struct xsd_sockmsg head;

    memcpy(&head, store->queue + at, sizeof(head));
    return head;
}

/* Where the queued request behind the one at `at` is. */
static inline size_t vl_store_after(const struct vl_store *store, size_t at)
{
    return at + sizeof(struct xsd_sockmsg) + vl_store_queued(store, at).len;
}
/* The next reply; events on the way are kept. >= 0: the payload's length, or -errno, the daemon's too. */
int vl_store_take_reply(struct vl_store *store);
/* One request with one payload; the reply's length or -errno. */
int vl_store_call(struct vl_store *store, uint32_t type, uint32_t tx, const void *payload, size_t len);
/* The last reply's payload, NUL-terminated. */
const char *vl_store_reply(struct vl_store *store);

#endif
