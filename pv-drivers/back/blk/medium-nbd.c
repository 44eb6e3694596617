/* SPDX-License-Identifier: MIT */
/*
 * Everything that is not raw: a server that speaks NBD (qemu-nbd, nbdkit, or one elsewhere), through libnbd. libnbd
 * parses what the server says, inside the confined worker.
 *
 * A lost connection is no error yet: requests under way and new ones wait in a list until the keeper brings another
 * socket, and are sent again there; or fail when it says that there will be none.
 */
#include "medium.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/log.h"
#include "libnbd-late.h"

#define CONNECT_SECONDS 15      /* less than the keeper waits for an answer */

enum state { UP, CONNECTING, LOST, FAILED };

struct nbd {
    struct medium medium;
    struct loop *loop;
    struct nbd_handle *handle;
    struct completion poll;
    unsigned armed;             /* events that the outstanding poll waits for; 0: none is */
    bool cancelled, closing;
    enum state state;
    struct request *waiting;    /* not with any server now */
    char export[256];
    void (*lost)(void *arg);
    void *arg;
};

static void pump(struct nbd *n);

static void wait_for_server(struct nbd *n, struct request *r)
{
    r->next = n->waiting;
    n->waiting = r;
}

static void fail_waiting(struct nbd *n)
{
    while (n->waiting) {
        struct request *r = n->waiting;

        n->waiting = r->next;
        request_done(r, -EIO);
    }
}

/* Errors that are the connection's, not the disk's. While libnbd aborts commands it does not call itself dead yet. */
static bool is_loss(const struct nbd *n, int error)
{
    return n->closing || error == ENOTCONN || error == ESHUTDOWN || error == EPIPE || error == ECONNRESET ||
           libnbd.nbd_aio_is_dead(n->handle) || libnbd.nbd_aio_is_closed(n->handle);
}

/* libnbd has ended a command; on a dead connection it ends all, with errors. 1: forget the command. */
static int command_done(void *arg, int *error)
{
    struct request *r = arg;
    struct nbd *n = (struct nbd *)r->queue->disk->medium;

    if (*error && is_loss(n, *error))
        wait_for_server(n, r);
    else
        request_done(r, -*error);
    return 1;
}

static int64_t send_command(struct nbd *n, struct request *r)
{
    nbd_completion_callback done = { .callback = command_done, .user_data = r };

    switch (r->op) {
    case DO_READ: return libnbd.nbd_aio_pread(n->handle, r->buffer, r->bytes, r->offset, done, 0);
    case DO_WRITE: return libnbd.nbd_aio_pwrite(n->handle, r->buffer, r->bytes, r->offset, done, 0);
    case DO_FLUSH: return libnbd.nbd_aio_flush(n->handle, done, 0);
    case DO_DISCARD: return libnbd.nbd_aio_trim(n->handle, r->bytes, r->offset, done, 0);
    }
    return -1;
}

static void lose(struct nbd *n)
{
    struct nbd_handle *h = n->handle;

    if (h) {
        log_error("disk %u: the connection to its server is lost", n->waiting ? n->waiting->queue->disk->id : 0);
        libnbd.nbd_close(h);           /* ends what is left of the commands */
        n->handle = NULL;
    }
    n->state = LOST;
    n->lost(n->arg);
}

static void submit(struct nbd *n, struct request *r)
{
    if (send_command(n, r) >= 0)
        return;
    if (libnbd.nbd_aio_is_ready(n->handle) || libnbd.nbd_aio_is_processing(n->handle))
        request_done(r, -(libnbd.nbd_get_errno() ? libnbd.nbd_get_errno() : EIO));
    else
        wait_for_server(n, r);
}

static void start(struct medium *m, struct request *r)
{
    struct nbd *n = (struct nbd *)m;

    if (r->op == DO_DISCARD && !r->bytes) {
        request_done(r, 0);
        return;
    }
    if (n->state != UP) {
        wait_for_server(n, r);
        if (n->state == FAILED)
            lose(n);
        return;
    }
    submit(n, r);
    pump(n);
}

static void server_up(struct nbd *n)
{
    struct request *r = n->waiting;

    if ((uint64_t)libnbd.nbd_get_size(n->handle) < n->medium.bytes) {
        log_error("the server's disk has become smaller than it was: not used");
        libnbd.nbd_close(n->handle);
        n->handle = NULL;
        n->state = FAILED;
        fail_waiting(n);
        return;
    }
    n->state = UP;
    n->waiting = NULL;
    while (r) {
        struct request *next = r->next;

        submit(n, r);
        r = next;
    }
}

static void on_poll(struct completion *c, int result)
{
    struct nbd *n = (struct nbd *)((char *)c - offsetof(struct nbd, poll));

    n->armed = 0;
    n->cancelled = false;
    if (n->closing) {
        free(n);
        return;
    }
    if (n->handle && result > 0) {
        unsigned direction = libnbd.nbd_aio_get_direction(n->handle);

        if ((result & (POLLIN | POLLHUP | POLLERR)) && (direction & LIBNBD_AIO_DIRECTION_READ))
            libnbd.nbd_aio_notify_read(n->handle);
        else if ((result & POLLOUT) && (direction & LIBNBD_AIO_DIRECTION_WRITE))
            libnbd.nbd_aio_notify_write(n->handle);
        else if (result & (POLLHUP | POLLERR))
            libnbd.nbd_aio_notify_read(n->handle);
    }
    pump(n);
}

/* Follow libnbd's state, and wait for what it wants next. */
static void pump(struct nbd *n)
{
    unsigned direction, want;

    if (!n->handle)
        return;
    if (libnbd.nbd_aio_is_dead(n->handle) || libnbd.nbd_aio_is_closed(n->handle)) {
        lose(n);
        return;
    }
    if (n->state == CONNECTING && libnbd.nbd_aio_is_ready(n->handle))
        server_up(n);
    if (!n->handle)
        return;
    direction = libnbd.nbd_aio_get_direction(n->handle);
    want = (direction & LIBNBD_AIO_DIRECTION_READ ? POLLIN : 0) | (direction & LIBNBD_AIO_DIRECTION_WRITE ? POLLOUT : 0);
    if (n->armed == want)
        return;
    if (n->armed) {
        if (!n->cancelled)
            loop_poll_cancel(n->loop, &n->poll);
        n->cancelled = true;
        return;
    }
    n->armed = want;
    loop_poll(n->loop, libnbd.nbd_aio_get_fd(n->handle), want, &n->poll);
}

static struct nbd_handle *begin(const char *export, int fd)
{
    struct nbd_handle *h = libnbd.nbd_create();

    if (!h || libnbd.nbd_set_export_name(h, export) || libnbd.nbd_aio_connect_socket(h, fd)) {
        if (h)
            libnbd.nbd_close(h);
        return NULL;
    }
    return h;
}

/* Wait for the end of the handshake; the only place that waits for a server, before the disk's first use. */
static int handshake(struct nbd_handle *h)
{
    struct timespec begin, now;

    clock_gettime(CLOCK_MONOTONIC, &begin);
    while (libnbd.nbd_aio_is_connecting(h)) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (now.tv_sec - begin.tv_sec >= CONNECT_SECONDS || libnbd.nbd_poll(h, 1000) < 0)
            return -1;
    }
    return libnbd.nbd_aio_is_ready(h) ? 0 : -1;
}

void medium_nbd_server(struct medium *m, int fd)
{
    struct nbd *n = (struct nbd *)m;

    if (n->state == UP || n->state == CONNECTING) {
        if (fd >= 0)
            close(fd);
        return;
    }
    n->handle = fd >= 0 ? begin(n->export, fd) : NULL;
    if (!n->handle) {
        n->state = FAILED;
        fail_waiting(n);
        return;
    }
    n->state = CONNECTING;
    pump(n);
}

static void nbd_medium_close(struct medium *m)
{
    struct nbd *n = (struct nbd *)m;

    n->closing = true;
    if (n->handle) {
        libnbd.nbd_aio_disconnect(n->handle, 0);
        libnbd.nbd_close(n->handle);
        n->handle = NULL;
    }
    if (n->armed)
        loop_poll_cancel(n->loop, &n->poll);    /* its completion frees us */
    else
        free(n);
}

static const struct medium_ops ops = { start, nbd_medium_close };

bool medium_is_nbd(const struct medium *m)
{
    return m->ops == &ops;
}

struct medium *medium_nbd_open(struct loop *loop, int fd, const struct blk_attach *a, void (*lost)(void *arg), void *arg,
                               char why[256])
{
    struct nbd *n = calloc(1, sizeof(*n));
    int64_t size;

    if (!n) {
        close(fd);
        return NULL;
    }
    n->loop = loop;
    n->lost = lost;
    n->arg = arg;
    n->poll.done = on_poll;
    snprintf(n->export, sizeof(n->export), "%.255s", a->export);
    n->handle = begin(n->export, fd);
    if (!n->handle || handshake(n->handle) || (size = libnbd.nbd_get_size(n->handle)) < 0) {
        snprintf(why, 256, "its server: %s", libnbd.nbd_get_error() ? libnbd.nbd_get_error() : "no answer");
        if (n->handle)
            libnbd.nbd_close(n->handle);
        free(n);
        return NULL;
    }
    n->medium = (struct medium){ .ops = &ops, .bytes = (uint64_t)size & ~(uint64_t)(SECTOR - 1), .one_buffer = true };
    n->medium.readonly = a->readonly || libnbd.nbd_is_read_only(n->handle) > 0;
    n->medium.can_flush = libnbd.nbd_can_flush(n->handle) > 0;
    n->medium.can_discard = a->discard && !n->medium.readonly && libnbd.nbd_can_trim(n->handle) > 0;
    n->state = UP;
    pump(n);
    return &n->medium;
}
