/* SPDX-License-Identifier: MIT */
/* The guest through /dev/xen/gntdev and /dev/xen/evtchn. */
#include "peer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xenevtchn.h>
#include <xentoollog.h>

#include "log.h"

struct xen_peer {
    struct peer peer;
    xengnttab_handle *grants;
    xengntshr_handle *shares;   /* NULL: no such device */
    uint16_t self;
    xenevtchn_handle *events;
};

static void *map(struct peer *peer, const uint32_t *refs, unsigned n, bool write)
{
    struct xen_peer *x = (struct xen_peer *)peer;

    /* The library wants the list writable, and does not write it. */
    return xengnttab_map_domain_grant_refs(x->grants, n, peer->domid, (uint32_t *)refs,
                                           write ? PROT_READ | PROT_WRITE : PROT_READ);
}

static void unmap(struct peer *peer, void *at, unsigned n)
{
    struct xen_peer *x = (struct xen_peer *)peer;

    if (xengnttab_unmap(x->grants, at, n))
        log_error("cannot unmap %u pages: %s", n, strerror(errno));
}

static void *share(struct peer *peer, unsigned n, uint32_t *refs)
{
    struct xen_peer *x = (struct xen_peer *)peer;

    return x->shares ? xengntshr_share_pages(x->shares, x->self, (int)n, refs, 1) : NULL;
}

static int copy(struct peer *peer, peer_copy_t *segments, unsigned n)
{
    struct xen_peer *x = (struct xen_peer *)peer;

    return xengnttab_grant_copy(x->grants, n, segments) ? -errno : 0;
}

static int bind_port(struct peer *peer, uint32_t remote)
{
    struct xen_peer *x = (struct xen_peer *)peer;
    int port = xenevtchn_bind_interdomain(x->events, peer->domid, remote);

    return port < 0 ? -errno : port;
}

static void unbind(struct peer *peer, uint32_t port)
{
    xenevtchn_unbind(((struct xen_peer *)peer)->events, port);
}

static void notify(struct peer *peer, uint32_t port)
{
    xenevtchn_notify(((struct xen_peer *)peer)->events, port);
}

/* The library reads and writes one port a call; the device takes as many as there are. */
static unsigned pending(struct peer *peer, uint32_t *ports, unsigned n)
{
    ssize_t got = read(peer->event_fd, ports, n * sizeof(*ports));

    return got > 0 ? (unsigned)((size_t)got / sizeof(*ports)) : 0;
}

static void unmask(struct peer *peer, const uint32_t *ports, unsigned n)
{
    ssize_t size = (ssize_t)(n * sizeof(*ports));

    if (write(peer->event_fd, ports, (size_t)size) != size)
        log_error("event channels stay masked: %s", strerror(errno));
}

static const struct peer_ops ops = { map, unmap, share, copy, bind_port, unbind, notify, pending, unmask };

/* The library has a word for every grant that cannot be mapped; a guest must not fill our log with them. */
static void no_message(struct xentoollog_logger *l, xentoollog_level level, int error, const char *context, const char *format,
                       va_list ap)
{
    (void)l;
    (void)level;
    (void)error;
    (void)context;
    (void)format;
    (void)ap;
}

static void no_progress(struct xentoollog_logger *l, const char *context, const char *what, int percent, unsigned long done,
                        unsigned long total)
{
    (void)l;
    (void)context;
    (void)what;
    (void)percent;
    (void)done;
    (void)total;
}

static void no_destroy(struct xentoollog_logger *l)
{
    (void)l;
}

static struct xentoollog_logger silent = { no_message, no_progress, no_destroy };

struct peer *peer_xen_open(uint16_t domid, uint16_t self)
{
    struct xen_peer *x = calloc(1, sizeof(*x));
    int fd;

    if (!x)
        return NULL;
    x->grants = xengnttab_open(&silent, 0);
    x->events = xenevtchn_open(&silent, 0);
    if (!x->grants || !x->events) {
        log_error("cannot open %s: is its module loaded?", x->grants ? "/dev/xen/evtchn" : "/dev/xen/gntdev");
        free(x);
        return NULL;
    }
    x->shares = xengntshr_open(&silent, 0);
    x->self = self;
    fd = xenevtchn_fd(x->events);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    /* An old kernel without this call leaves the handle as it is; the filter of system calls still holds. */
    if (xenevtchn_restrict(x->events, domid))
        log_info("event channels are not restricted to domain %u: %s", domid, strerror(errno));
    x->peer = (struct peer){ &ops, domid, fd };
    return &x->peer;
}
