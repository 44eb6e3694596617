/* SPDX-License-Identifier: MIT */
/* The worker's main loop: the keeper's messages, the guest's events, and the media's completions. */
#include "worker.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <xen/xen.h>
#include <xen/sys/evtchn.h>
#include <xen/sys/gntdev.h>

#include "common/confine.h"
#include "common/log.h"
#include "libnbd-late.h"
#include "mapping.h"
#include "medium.h"

struct worker {
    struct loop loop;
    struct peer *peer;
    struct disk *disks;
    struct completion on_keeper, on_event;
    bool nbd;                   /* libnbd is loaded */
    struct disk *closing;       /* a BLK_DISCONNECT that waits for its requests; answered when they have ended */
};

static struct worker worker;

static const unsigned long ioctls[] = {
    IOCTL_GNTDEV_MAP_GRANT_REF, IOCTL_GNTDEV_UNMAP_GRANT_REF, IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR, IOCTL_GNTDEV_GRANT_COPY,
    IOCTL_GNTDEV_SET_UNMAP_NOTIFY, IOCTL_EVTCHN_BIND_INTERDOMAIN, IOCTL_EVTCHN_UNBIND, IOCTL_EVTCHN_NOTIFY,
};
static struct disk *find(unsigned id)
{
    struct disk *d = worker.disks;

    while (d && d->id != id)
        d = d->next;
    return d;
}

static void reply(unsigned device, int rc, const uint64_t value[4])
{
    struct reply r = { .m = { MESSAGE_REPLY, device }, .rc = rc };

    if (value)
        memcpy(r.value, value, sizeof(r.value));
    if (channel_send(WORKER_SOCKET, &r, sizeof(r), NULL, 0))
        exit(0);                /* no keeper, no reason to be */
}

static void server_lost(void *arg)
{
    struct disk *d = arg;
    struct message m = { BLK_RECONNECT, d->id };

    d->journal->stats.server_reconnects++;
    if (channel_send(WORKER_SOCKET, &m, sizeof(m), NULL, 0))
        exit(0);
}

static void free_disk(struct disk *d)
{
    struct disk **at = &worker.disks;

    while (*at != d)
        at = &(*at)->next;
    *at = d->next;
    if (d->medium)
        d->medium->ops->close(d->medium);
    free(d);
}

/* Requests under way end on the old medium; those that come meanwhile wait for the new one. */
static void change_medium(struct disk *d, struct medium *m)
{
    d->paused = true;
    while (d->medium && disk_running(d) && !loop_step(&worker.loop))
        ;
    d->paused = false;
    if (d->medium)
        d->medium->ops->close(d->medium);
    d->medium = m;
    for (unsigned i = 0; i < d->n_queues; i++)
        queue_run(d->queue[i]);
}

/* A new disk, or another medium in the drive of one that is there. */
static int attach(const struct blk_attach *a, int *fds, unsigned n_fds, uint64_t value[4])
{
    struct disk *d = find(a->m.device);
    struct medium *m = NULL;
    char why[256] = "";

    if (!n_fds || a->medium > BLK_NBD || (a->medium != BLK_EMPTY && n_fds < 2))
        return -EINVAL;
    if (a->medium == BLK_NBD && !worker.nbd)
        return -ENOPKG;
    if (!d) {
        d = calloc(1, sizeof(*d));
        if (!d)
            return -ENOMEM;
        d->journal = journal_map(fds[0]);
        if (!d->journal) {
            free(d);
            return -EBADF;
        }
        d->id = a->m.device;
        d->peer = worker.peer;
        d->loop = &worker.loop;
        d->next = worker.disks;
        worker.disks = d;
    }
    if (a->medium == BLK_FILE)
        m = medium_file_open(&worker.loop, fds[1], a);
    else if (a->medium == BLK_NBD)
        m = medium_nbd_open(&worker.loop, fds[1], a, server_lost, d, why);
    if (a->medium != BLK_EMPTY)
        fds[1] = -1;
    if (a->medium != BLK_EMPTY && !m) {
        log_error("disk %u: %s", d->id, *why ? why : "out of memory");
        if (!d->n_queues)
            free_disk(d);
        return -EIO;
    }
    change_medium(d, m);
    if (m) {
        value[0] = m->bytes;
        value[1] = (m->can_flush ? BLK_CAN_FLUSH : 0) | (m->can_discard ? BLK_CAN_DISCARD : 0) | (m->readonly ? BLK_IS_READONLY : 0);
    }
    return 0;
}

static void try_closing(void)
{
    struct disk *d = worker.closing;

    if (!d || !disk_disconnect(d))
        return;
    worker.closing = NULL;
    reply(d->id, 0, NULL);
}

static void limits(struct disk *d, const struct blk_limits *l)
{
    d->requests = (struct limit){ .rate = l->requests };
    d->bytes = (struct limit){ .rate = l->bytes };
}

static bool right_size(const struct message *m, size_t size)
{
    switch (m->type) {
    case BLK_ATTACH: return size == sizeof(struct blk_attach);
    case BLK_CONNECT: return size == sizeof(struct blk_connect);
    case BLK_LIMITS: return size == sizeof(struct blk_limits);
    case BLK_SIZE: return size == sizeof(struct blk_size);
    default: return size == sizeof(struct message);
    }
}

static void obey(const struct message *m, int *fds, unsigned n_fds)
{
    struct disk *d = find(m->device);
    uint64_t value[4] = { 0 };
    int rc = 0;

    switch (m->type) {
    case BLK_ATTACH:
        rc = attach((const struct blk_attach *)m, fds, n_fds, value);
        reply(m->device, rc, value);
        return;
    case BLK_SERVER:            /* answers nothing and is not answered */
        if (d && d->medium && medium_is_nbd(d->medium)) {
            medium_nbd_server(d->medium, n_fds ? fds[0] : -1);
            if (n_fds)
                fds[0] = -1;
        }
        return;
    case BLK_CONNECT:
        rc = d ? disk_connect(d, (const struct blk_connect *)m) : -ENODEV;
        break;
    case BLK_DISCONNECT:
        if (d) {
            worker.closing = d;
            try_closing();
            return;
        }
        break;
    case BLK_DETACH:
        if (d)
            free_disk(d);
        break;
    case BLK_LIMITS:
        if (d)
            limits(d, (const struct blk_limits *)m);
        break;
    case BLK_SIZE:
        if (d && d->medium)
            d->medium->bytes = ((const struct blk_size *)m)->bytes;
        break;
    default:
        rc = -ENOSYS;
    }
    reply(m->device, rc, NULL);
}

static void keeper_readable(struct completion *c, int result)
{
    union { struct message m; char room[MESSAGE_MAX]; } u;
    int fds[CHANNEL_FDS];
    unsigned n_fds;
    ssize_t n;

    (void)result;
    n = channel_receive(WORKER_SOCKET, &u, sizeof(u), fds, &n_fds, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && n != -EAGAIN))
        exit(0);
    if (n > 0 && (size_t)n >= sizeof(u.m) && right_size(&u.m, (size_t)n))
        obey(&u.m, fds, n_fds);
    for (unsigned i = 0; i < n_fds; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    loop_poll(&worker.loop, WORKER_SOCKET, POLLIN, c);
}

static void queue_event(uint32_t port)
{
    for (struct disk *d = worker.disks; d; d = d->next)
        for (unsigned i = 0; i < d->n_queues; i++)
            if (d->queue[i]->port == port) {
                d->journal->stats.events++;
                queue_run(d->queue[i]);
                queue_push(d->queue[i]);
            }
}

#define PORTS_MAX 1024u         /* read at once: more than a guest has queues */

/*
 * One look at its rings for each wake-up, whatever floods of events a guest sends: its ports are masked meanwhile, and what
 * comes after they are unmasked is another wake-up. The kernel wakes nobody while it has a port that was not read: so none is left.
 */
static void guest_event(struct completion *c, int result)
{
    static uint32_t ports[PORTS_MAX];
    struct peer *peer = worker.peer;
    unsigned n, got;

    (void)result;
    do {
        n = 0;
        do
            n += got = peer->ops->pending(peer, ports + n, PORTS_MAX - n);
        while (got && n < PORTS_MAX);
        for (unsigned i = 0; i < n; i++)
            queue_event(ports[i]);
        if (n)
            peer->ops->unmask(peer, ports, n);
    } while (n == PORTS_MAX);
    if (!c->more)
        loop_watch(&worker.loop, peer->event_fd, POLLIN, c);
}

int worker_main(const struct worker_setup *setup)
{
    int rc = loop_open(&worker.loop);

    if (rc) {
        log_error("io_uring is not to be had: %s", strerror(-rc));
        return 1;
    }
    worker.nbd = setup->option && libnbd_load();
    worker.peer = peer_xen_open(setup->domid, setup->self);
    if (!worker.peer)
        return 1;
    mapping_init();     /* without it system calls do its work */
    if (confine(ioctls, sizeof(ioctls) / sizeof(ioctls[0]), media_calls, MEDIA_CALLS))
        return 1;
    reply(0, 0, NULL);
    worker.on_keeper.done = keeper_readable;
    worker.on_event.done = guest_event;
    loop_poll(&worker.loop, WORKER_SOCKET, POLLIN, &worker.on_keeper);
    loop_watch(&worker.loop, worker.peer->event_fd, POLLIN, &worker.on_event);
    while (!(rc = loop_step(&worker.loop))) {
        for (struct disk *d = worker.disks; d; d = d->next)
            for (unsigned i = 0; i < d->n_queues; i++) {
                /* An entry that has become free may be what the ring waits for. */
                if (d->queue[i]->dirty || d->queue[i]->more)
                    queue_run(d->queue[i]);
                queue_push(d->queue[i]);
            }
        try_closing();
    }
    log_error("the loop ended: %s", strerror(-rc));
    return 1;
}
