/* SPDX-License-Identifier: MIT */
/* The worker's main loop: the keeper's messages, the guest's events, and the taps. */
#include "worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xen/xen.h>
#include <xen/sys/evtchn.h>
#include <xen/sys/gntdev.h>

#include <seccomp.h>

#include "common/confine.h"
#include "common/log.h"
#include "vif.h"

#define EVENTS_MAX 64           /* taken by one call; what is left comes by the next */

static struct peer *peer;
static int watched;             /* by epoll: the keeper, the guest's events, and the taps of queues that have room */
static char keeper_tag, guest_tag;
static struct vif *vifs;
static struct arena arena;

static const unsigned long ioctls[] = {
    IOCTL_GNTDEV_MAP_GRANT_REF, IOCTL_GNTDEV_UNMAP_GRANT_REF, IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR, IOCTL_GNTDEV_GRANT_COPY,
    IOCTL_GNTDEV_SET_UNMAP_NOTIFY, IOCTL_EVTCHN_BIND_INTERDOMAIN, IOCTL_EVTCHN_UNBIND, IOCTL_EVTCHN_NOTIFY,
};

static const int calls[] = { SCMP_SYS(epoll_pwait2), SCMP_SYS(epoll_ctl) };

static int watch(int fd, void *tag)
{
    struct epoll_event e = { .events = EPOLLIN, .data.ptr = tag };

    return epoll_ctl(watched, EPOLL_CTL_ADD, fd, &e) ? -errno : 0;
}

/* A tap is watched while the guest has room for what comes; a queue that is gone leaves nothing behind. */
static void watch_tap(struct vif_queue *q, bool on)
{
    if (on == q->watched)
        return;
    if (on ? watch(q->tap, q) : epoll_ctl(watched, EPOLL_CTL_DEL, q->tap, NULL))
        log_error("vif %u: its tap cannot be watched: %s", q->vif->id, strerror(errno));
    else
        q->watched = on;
}

static void disconnect(struct vif *v)
{
    for (unsigned i = 0; i < v->n_queues; i++)
        watch_tap(v->queue[i], false);
    vif_disconnect(v);
}

static struct vif *find(unsigned id)
{
    struct vif *v = vifs;

    while (v && v->id != id)
        v = v->next;
    return v;
}

static void reply(unsigned device, int rc)
{
    struct reply r = { .m = { MESSAGE_REPLY, device }, .rc = rc };

    if (channel_send(WORKER_SOCKET, &r, sizeof(r), NULL, 0))
        exit(0);                /* no keeper, no reason to be */
}

static int attach(unsigned id, int fd)
{
    struct vif *v = calloc(1, sizeof(*v));
    struct stat st;

    if (!v || find(id) || fstat(fd, &st) || st.st_size != sizeof(*v->state)) {
        free(v);
        return -EINVAL;
    }
    v->state = mmap(NULL, sizeof(*v->state), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (v->state == MAP_FAILED) {
        free(v);
        return -ENOMEM;
    }
    v->id = id;
    v->peer = peer;
    v->arena = &arena;
    v->next = vifs;
    vifs = v;
    return 0;
}

static void detach(struct vif *v)
{
    struct vif **at = &vifs;

    while (*at != v)
        at = &(*at)->next;
    *at = v->next;
    disconnect(v);
    munmap(v->state, sizeof(*v->state));
    free(v);
}

static int obey(const struct message *m, size_t size, int *fds, unsigned n_fds)
{
    struct vif *v = find(m->device);
    const struct net_connect *c = (const struct net_connect *)m;
    int rc;

    if (m->type == NET_ATTACH)
        return n_fds == 1 ? attach(m->device, fds[0]) : -EINVAL;
    if (!v)
        return m->type == NET_DETACH || m->type == NET_DISCONNECT ? 0 : -ENODEV;
    switch (m->type) {
    case NET_CONNECT:
        if (size != sizeof(*c) || c->queues != n_fds)
            return -EINVAL;
        rc = vif_connect(v, c, fds);
        for (unsigned i = 0; i < n_fds; i++)
            fds[i] = -1;
        return rc;
    case NET_DISCONNECT: disconnect(v); return 0;
    case NET_DETACH: detach(v); return 0;
    case NET_RULES:
        if (size != sizeof(v->rules))
            return -EINVAL;
        memcpy(&v->rules, m, sizeof(v->rules));
        v->limit = (struct limit){ .rate = v->rules.rate, .burst = v->rules.burst };
        return 0;
    default: return -ENOSYS;
    }
}

static void keeper_readable(void)
{
    union { struct message m; char room[MESSAGE_MAX]; } u;
    int fds[CHANNEL_FDS];
    unsigned n_fds;
    ssize_t n = channel_receive(WORKER_SOCKET, &u, sizeof(u), fds, &n_fds, MSG_DONTWAIT);

    if (n == 0 || (n < 0 && n != -EAGAIN))
        exit(0);
    if (n >= (ssize_t)sizeof(u.m))
        reply(u.m.device, obey(&u.m, (size_t)n, fds, n_fds));
    for (unsigned i = 0; i < n_fds; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

/* Pages for packets matter only to a queue that ran out of them: else the tap tells when there is something to do. */
static void mark_dirty(uint32_t port)
{
    for (struct vif *v = vifs; v; v = v->next) {
        v->ctrl_dirty |= v->ctrl_page && v->ctrl_port == port;
        for (unsigned i = 0; i < v->n_queues; i++) {
            struct vif_queue *q = v->queue[i];

            if (q->tx_port != port && q->rx_port != port)
                continue;
            v->state->stats.events++;
            q->tx_dirty |= q->tx_port == port;
            q->rx_dirty |= q->rx_port == port && q->rx_full;
        }
    }
}

static void guest_event(void)
{
    uint32_t ports[16];
    unsigned n = peer->ops->pending(peer, ports, 16);

    for (unsigned i = 0; i < n; i++)
        mark_dirty(ports[i]);
    if (n)
        peer->ops->unmask(peer, ports, n);
}

/* Run what has something to do; the time until the next thing has, in ns (UINT64_MAX: never). */
static uint64_t run_queues(void)
{
    uint64_t next = UINT64_MAX;

    for (struct vif *v = vifs; v; v = v->next) {
        if (v->ctrl_dirty)
            ctrl_run(v);
        for (unsigned i = 0; i < v->n_queues; i++) {
            struct vif_queue *q = v->queue[i];

            if (q->tx_dirty || q->tx_waits) {
                uint64_t wait = tx_run(q);

                q->tx_dirty = wait != 0;
                if (wait && wait < next)
                    next = wait;
            }
            if (q->rx_dirty) {
                q->rx_dirty = rx_run(q);
                if (q->rx_dirty)
                    next = 0;
            }
            watch_tap(q, !q->rx_full && !q->rx_broken);
        }
    }
    return next;
}

/* What has come: taps are marked at once; messages of the keeper's, which may take queues away, come last. */
static void take(const struct epoll_event *event, int n)
{
    bool keeper = false;

    for (int i = 0; i < n; i++)
        if (event[i].data.ptr == &keeper_tag)
            keeper = true;
        else if (event[i].data.ptr == &guest_tag)
            guest_event();
        else
            ((struct vif_queue *)event[i].data.ptr)->rx_dirty = true;
    if (keeper)
        keeper_readable();
}

int worker_main(const struct worker_setup *setup)
{
    static struct epoll_event event[EVENTS_MAX];

    peer = peer_xen_open(setup->domid, setup->self);
    if (!peer || arena_open(&arena, peer, NET_ARENA_PAGES))
        return 1;
    watched = epoll_create1(EPOLL_CLOEXEC);
    if (watched < 0 || watch(WORKER_SOCKET, &keeper_tag) || watch(peer->event_fd, &guest_tag)) {
        log_error("no epoll: %s", strerror(errno));
        return 1;
    }
    if (confine(ioctls, sizeof(ioctls) / sizeof(ioctls[0]), calls, sizeof(calls) / sizeof(calls[0])))
        return 1;
    reply(0, 0);
    for (;;) {
        uint64_t wait = run_queues();
        struct timespec t = { (time_t)(wait / 1000000000u), (long)(wait % 1000000000u) };
        int n = epoll_pwait2(watched, event, EVENTS_MAX, wait == UINT64_MAX ? NULL : &t, NULL);

        if (n < 0 && errno != EINTR)
            return 1;
        take(event, n);
    }
}
