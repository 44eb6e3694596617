/* SPDX-License-Identifier: MIT */
#include "vellumd/console.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <termios.h>
#include <unistd.h>

#include <xen/grant_table.h>
#include <xen/io/xenbus.h>

#include "base/clock.h"
#include "base/log.h"
#include "vellumd/chansock.h"
#include "vellumd/conlog.h"
#include "vellumd/hvlog.h"
#include "vellumd/replay.h"
#include "vellumd/ring.h"

#define PAGE 4096
#define WINDOW_MS 100           /* in each of these a guest may print BUDGET bytes; then it waits for the next */
#define BUDGET (64u << 10)
#define REFUSED_MAX 16          /* rings of further consoles that a guest may get wrong: each costs a line in our log */

struct console {
    TAILQ_ENTRY(console) link;
    struct vellumd *d;
    uint32_t domid;
    unsigned number;
    struct ring ring;
    bool by_grant;              /* how the page is mapped */
    evtchn_port_t port;         /* ours */
    int master, watch;          /* the terminal, and inotify's watch of its slave side */
    bool attached;              /* somebody has the terminal open */
    bool typed;                 /* it may hold input for the guest, which outlives the reader that typed it */
    uint64_t sent;              /* of the replay's positions: what the terminal has been given */
    struct event *readable, *writable, *later;
    struct replay replay;
    struct conlog log;
    struct chansock *socket;    /* of a channel that has one instead of readers of the terminal */
    long window;                /* when the present one started */
    size_t used;                /* bytes printed in it */
    bool told;                  /* that the guest's indices are impossible */
};

static struct console *find(struct vellumd *d, uint32_t domid, unsigned number)
{
    struct console *c;

    TAILQ_FOREACH(c, &d->consoles, link)
        if (c->domid == domid && c->number == number)
            return c;
    return NULL;
}

/* Has nobody but us the terminal open? */
static bool hung_up(const struct console *c)
{
    struct pollfd p = { .fd = c->master };

    return poll(&p, 1, 0) == 1 && (p.revents & POLLHUP);
}

/* Give the terminal what it has not had yet. Without a reader its event would come at once, and again and again. */
static void flush_terminal(struct console *c)
{
    const char *piece;
    size_t len;

    while (c->attached && (piece = replay_piece(&c->replay, &c->sent, &len))) {
        ssize_t n = write(c->master, piece, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            if (!hung_up(c))
                event_add(c->writable, NULL);
            return;
        }
        c->sent += (uint64_t)n;
    }
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    flush_terminal(arg);
}

/* Forget what a reader that has gone left unread: only the slave side can do that. What it typed stays. */
static void discard_unread(struct console *c)
{
    int slave = open(ptsname(c->master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    struct termios t;

    if (slave < 0)
        return;
    tcflush(slave, TCIFLUSH);
    if (!tcgetattr(slave, &t)) {
        cfmakeraw(&t);
        tcsetattr(slave, TCSANOW, &t);
    }
    close(slave);
}

/* No output any more; what is left of the input still goes to the guest, as it has room. */
static void detached(struct console *c)
{
    event_del(c->writable);
    if (!c->attached)
        return;
    c->attached = false;
    discard_unread(c);
}

/* What is typed goes to the guest as far as its ring has room; the rest waits in the terminal. */
static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct console *c = arg;
    size_t room = ring_room(&c->ring);
    char buf[sizeof(c->ring.page->in)];
    ssize_t n;

    (void)what;
    if (!room) {
        event_del(c->readable); /* until the guest's next event */
        return;
    }
    n = read(fd, buf, room < sizeof(buf) ? room : sizeof(buf));
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (n <= 0) {               /* nobody there, and nothing left */
        event_del(c->readable);
        c->typed = false;
        detached(c);
        return;
    }
    ring_give(&c->ring, buf, (size_t)n);
    xenevtchn_notify(c->d->evtchn, c->port);
}

/* Take what the guest has printed. False when it has used up its share of this window. */
static bool take_output(struct console *c)
{
    char buf[sizeof(c->ring.page->out)];
    long now = vl_now_ms();
    size_t n, all = 0;

    if (now - c->window >= WINDOW_MS) {
        c->window = now;
        c->used = 0;
    }
    while (c->used < BUDGET && (n = ring_take(&c->ring, buf, sizeof(buf)))) {
        replay_add(&c->replay, buf, n);
        conlog_write(&c->log, buf, n);
        c->used += n;
        all += n;
    }
    if (c->ring.lied && !c->told) {
        c->told = true;
        vl_warn("domain %u: its console's ring has impossible indices", c->domid);
    }
    if (all || c->ring.lied)
        xenevtchn_notify(c->d->evtchn, c->port);
    /* An impossible index costs as much as a full ring, so that a guest which keeps lying is held back too. */
    c->used += c->ring.lied ? sizeof(buf) : 0;
    c->ring.lied = false;
    flush_terminal(c);
    return c->used < BUDGET;
}

static void serve(struct console *c)
{
    if (take_output(c)) {
        xenevtchn_unmask(c->d->evtchn, c->port);
    } else {
        struct timeval wait = { 0, WINDOW_MS * 1000 };

        event_add(c->later, &wait);
    }
    if (c->typed && ring_room(&c->ring))
        event_add(c->readable, NULL);
}

static void on_later(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    serve(arg);
}

static void on_evtchn(evutil_socket_t fd, short what, void *arg)
{
    struct vellumd *d = arg;
    xenevtchn_port_or_error_t port = xenevtchn_pending(d->evtchn);
    struct console *c;

    (void)fd;
    (void)what;
    if (port >= 0 && hvlog_event(d, (evtchn_port_t)port))
        return;
    TAILQ_FOREACH(c, &d->consoles, link)
        if (port >= 0 && c->port == (evtchn_port_t)port) {
            serve(c);
            return;
        }
}

/*
 * Somebody, perhaps ourselves, has opened or closed the terminal. inotify makes one event of equal neighbours, so it is
 * the terminal that is asked whether anybody has it open now.
 */
static void terminal_event(struct console *c)
{
    if (hung_up(c)) {
        detached(c);
    } else if (!c->attached) {
        c->attached = c->typed = true;
        /* What a program reads at the other end of a socket starts when it has come. */
        c->sent = c->socket ? c->replay.end : replay_start(&c->replay);
        event_add(c->readable, NULL);
        flush_terminal(c);
    }
}

static void on_inotify(evutil_socket_t fd, short what, void *arg)
{
    char buf[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    struct vellumd *d = arg;
    struct console *c;
    ssize_t n = read(fd, buf, sizeof(buf));

    (void)what;
    for (ssize_t at = 0; at < n;) {
        const struct inotify_event *e = (const struct inotify_event *)(buf + at);

        TAILQ_FOREACH(c, &d->consoles, link)
            if (c->watch == e->wd) {
                terminal_event(c);
                break;
            }
        at += (ssize_t)(sizeof(*e) + e->len);
    }
}

static int make_terminal(struct console *c)
{
    struct vellumd *d = c->d;

    c->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (c->master < 0 || grantpt(c->master) || unlockpt(c->master))
        return vl_fail_errno("cannot make a terminal for domain %u", c->domid);
    discard_unread(c);          /* raw, and opened and closed once: from then on it reads as closed while it is */
    c->watch = inotify_add_watch(d->inotify, ptsname(c->master), IN_OPEN | IN_CLOSE);
    if (c->watch < 0)
        return vl_fail_errno("cannot watch %s", ptsname(c->master));
    c->readable = event_new(d->base, c->master, EV_READ | EV_PERSIST, on_readable, c);
    c->writable = event_new(d->base, c->master, EV_WRITE, on_writable, c);
    c->later = evtimer_new(d->base, on_later, c);
    return c->readable && c->writable && c->later ? 0 : vl_fail(-ENOMEM, "out of memory");
}

/* The first console's page comes by its reserved grant, or, where the builder made none, by its frame's number. */
static int map_page(struct console *c, uint32_t ref, unsigned long mfn)
{
    struct vellumd *d = c->d;
    xen_pfn_t frame = mfn;
    int err = 0;
    void *page = xengnttab_map_grant_ref(d->gnttab, c->domid, ref, PROT_READ | PROT_WRITE);

    c->by_grant = page != NULL;
    if (!page && !c->number)
        page = xenforeignmemory_map(vl_fmem(&d->vl), c->domid, PROT_READ | PROT_WRITE, 1, &frame, &err);
    if (!page)
        return vl_fail(-EINVAL, "domain %u: cannot map the ring of console %u", c->domid, c->number);
    ring_attach(&c->ring, page);
    return 0;
}

static void free_console(struct console *c)
{
    struct vellumd *d = c->d;

    chansock_free(c->socket);
    if (c->port)
        xenevtchn_unbind(d->evtchn, c->port);
    if (c->ring.page && c->by_grant)
        xengnttab_unmap(d->gnttab, c->ring.page, 1);
    else if (c->ring.page)
        xenforeignmemory_unmap(vl_fmem(&d->vl), c->ring.page, 1);
    if (c->watch >= 0)
        inotify_rm_watch(d->inotify, c->watch);
    if (c->readable)
        event_free(c->readable);
    if (c->writable)
        event_free(c->writable);
    if (c->later)
        event_free(c->later);
    if (c->master >= 0)
        close(c->master);
    conlog_close(&c->log);
    replay_free(&c->replay);
    free(c);
}

/* What a console's nodes say. */
struct nodes {
    unsigned long ring_ref;
    evtchn_port_t port;
};

/* guest-NAME.log, guest-NAME-1.log for the second console. */
static void open_log(struct console *c, const char *domain)
{
    const struct options *o = &c->d->options;
    char name[300];

    if (c->number)
        snprintf(name, sizeof(name), "guest-%.255s-%u", domain, c->number);
    else
        snprintf(name, sizeof(name), "guest-%.255s", domain);
    conlog_open(&c->log, o->log_folder, name, o->log_limit, o->log_keep);
}

/* In the store: where the terminal is. A further console's front end is the guest's to write, its back end is not. */
static void tell_terminal(const struct console *c)
{
    struct vl_store *store = vl_store(&c->d->vl);
    const char *tty = ptsname(c->master);

    /* The domain may just be on its way out. */
    if (c->number)
        vl_store_expect(store, "/libxl/%u/device/console/%u", c->domid, c->number);
    else
        vl_store_expect(store, "/local/domain/%u/console", c->domid);
    if (c->number && c->socket) {
        vl_store_write(store, "4", "/local/domain/0/backend/console/%u/%u/state", c->domid, c->number);
    } else if (c->number) {
        vl_store_write(store, tty, "/libxl/%u/device/console/%u/tty", c->domid, c->number);
        vl_store_write(store, "4", "/local/domain/0/backend/console/%u/%u/state", c->domid, c->number);
    } else {
        vl_store_write(store, tty, "/local/domain/%u/console/tty", c->domid);
    }
    vl_store_apply(store);
}

/* A channel with connection=socket gets its socket instead of a log. 0 or a told -errno. */
static int open_further(struct console *c, const char *domain)
{
    struct vl_arena arena = { 0 };
    char *path = c->number ? vl_store_read(vl_store(&c->d->vl), &arena, "/libxl/%u/device/console/%u/path", c->domid,
                                           c->number) : NULL;

    if (path)
        c->socket = chansock_new(c->d, path, ptsname(c->master));
    else
        open_log(c, domain);
    vl_arena_free(&arena);
    return path && !c->socket ? -EIO : 0;
}

/* 0 or a told -errno. */
static int add_console(struct vellumd *d, struct dom *dom, unsigned number, const struct nodes *nodes)
{
    struct console *c = vl_xmalloc(sizeof(*c));
    xenevtchn_port_or_error_t port;

    *c = (struct console){ .d = d, .domid = dom->domid, .number = number, .master = -1, .watch = -1, .log.fd = -1 };
    if (map_page(c, number ? (uint32_t)nodes->ring_ref : GNTTAB_RESERVED_CONSOLE, nodes->ring_ref) ||
        make_terminal(c)) {
        free_console(c);
        return -EINVAL;
    }
    port = xenevtchn_bind_interdomain(d->evtchn, dom->domid, nodes->port);
    if (port < 0) {
        vl_fail_errno("domain %u: cannot bind the event channel of console %u", dom->domid, number);
        free_console(c);
        return -EINVAL;
    }
    c->port = (evtchn_port_t)port;
    if (open_further(c, dom->name ? dom->name : "(null)")) {
        free_console(c);
        return -EIO;
    }
    TAILQ_INSERT_TAIL(&d->consoles, c, link);
    tell_terminal(c);
    serve(c);                   /* what it printed before we came */
    return 0;
}

/* Ring and port of a console at `path`; false while they are not there. */
static bool read_nodes(struct vellumd *d, struct vl_arena *arena, const char *path, struct nodes *nodes)
{
    static const char *const names[] = { "ring-ref", "port", "type" };
    char *paths[3], *values[3], *end[2];

    for (int i = 0; i < 3; i++)
        paths[i] = vl_printf(arena, "%s/%s", path, names[i]);
    if (vl_store_read_many(vl_store(&d->vl), arena, paths, 3, values) || !values[0] || !values[1] || !*values[0] ||
        !*values[1] || (values[2] && strcmp(values[2], "xenconsoled")))
        return false;
    nodes->ring_ref = strtoul(values[0], &end[0], 10);
    nodes->port = (evtchn_port_t)strtoul(values[1], &end[1], 10);
    return !*end[0] && !*end[1] && nodes->port;
}

/* Further consoles follow xenbus: ours is the back-end of those whose nodes name domain 0 and us. */
static void check_further(struct vellumd *d, struct vl_arena *arena, struct dom *dom)
{
    size_t n;
    char **names = vl_store_list(vl_store(&d->vl), arena, &n, "/local/domain/%u/device/console", dom->domid);

    for (size_t i = 0; i < n && dom->refused < REFUSED_MAX; i++) {
        unsigned number = (unsigned)strtoul(names[i], NULL, 10);
        char *path = vl_printf(arena, "/local/domain/%u/device/console/%u", dom->domid, number);
        long state = vl_store_read_number(vl_store(&d->vl), 6, "%s/state", path);
        struct nodes nodes;

        /* Connected: with a vellumd before us. */
        if (!number || find(d, dom->domid, number) ||
            (state != XenbusStateInitialised && state != XenbusStateConnected) ||
            vl_store_read_number(vl_store(&d->vl), 6, "/local/domain/0/backend/console/%u/%u/state", dom->domid,
                                 number) < 0 ||
            !read_nodes(d, arena, path, &nodes))
            continue;
        if (add_console(d, dom, number, &nodes) && ++dom->refused == REFUSED_MAX)
            vl_warn("domain %u: its further consoles are left alone from now on", dom->domid);
    }
}

void consoles_check(struct vellumd *d, struct dom *dom)
{
    struct vl_arena arena = { 0 };
    struct nodes nodes;

    /* Before it is announced it may have no name yet, by which its log is called, or be a shell: it comes up again then. */
    if (!d->options.consoles || dom->domid == 0 || dom->dying || dom->shell || !dom->announced)
        return;
    if (!find(d, dom->domid, 0) &&
        read_nodes(d, &arena, vl_printf(&arena, "/local/domain/%u/console", dom->domid), &nodes))
        add_console(d, dom, 0, &nodes);
    check_further(d, &arena, dom);
    vl_arena_free(&arena);
}

void consoles_drop(struct vellumd *d, struct dom *dom)
{
    struct console *c, *next;

    for (c = TAILQ_FIRST(&d->consoles); c; c = next) {
        next = TAILQ_NEXT(c, link);
        if (c->domid != dom->domid)
            continue;
        c->used = 0;            /* a last ring's worth, which may tell why it died, is its due whatever it printed before */
        take_output(c);
        TAILQ_REMOVE(&d->consoles, c, link);
        free_console(c);
    }
}

unsigned consoles_count(struct vellumd *d)
{
    struct console *c;
    unsigned n = 0;

    TAILQ_FOREACH(c, &d->consoles, link)
        n++;
    return n;
}

void consoles_reopen_logs(struct vellumd *d)
{
    struct console *c;

    TAILQ_FOREACH(c, &d->consoles, link)
        conlog_reopen(&c->log);
    hvlog_reopen(d);
}

int consoles_start(struct vellumd *d)
{
    TAILQ_INIT(&d->consoles);
    if (!d->options.consoles)
        return 0;
    d->evtchn = xenevtchn_open(NULL, 0);
    d->gnttab = xengnttab_open(NULL, 0);
    if (!d->evtchn || !d->gnttab)
        return vl_fail_errno("cannot reach the hypervisor's event channels and grants");
    d->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (d->inotify < 0)
        return vl_fail_errno("inotify");
    d->evtchn_event = event_new(d->base, xenevtchn_fd(d->evtchn), EV_READ | EV_PERSIST, on_evtchn, d);
    d->inotify_event = event_new(d->base, d->inotify, EV_READ | EV_PERSIST, on_inotify, d);
    if (!d->evtchn_event || !d->inotify_event || event_add(d->evtchn_event, NULL) || event_add(d->inotify_event, NULL))
        return vl_fail(-ENOMEM, "out of memory");
    if (d->options.hypervisor_log)
        hvlog_start(d);
    return 0;
}

void consoles_stop(struct vellumd *d)
{
    struct console *c;

    while ((c = TAILQ_FIRST(&d->consoles))) {
        TAILQ_REMOVE(&d->consoles, c, link);
        free_console(c);
    }
    if (!d->evtchn)
        return;
    hvlog_stop(d);
    event_free(d->evtchn_event);
    event_free(d->inotify_event);
    close(d->inotify);
    xenevtchn_close(d->evtchn);
    xengnttab_close(d->gnttab);
}
