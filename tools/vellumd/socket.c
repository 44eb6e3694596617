/* SPDX-License-Identifier: MIT */
#include "vellumd/socket.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "vellumd/domain.h"
#include "vellumd/events.h"
#include "vellumd/proto.h"
#include "vellumd/shells.h"
#include "vellumd/status.h"

#define BACKLOG_MAX (256u << 10)        /* what a client may leave unread */
#define CLIENTS_MAX 256

struct client {
    TAILQ_ENTRY(client) link;
    struct vellumd *d;
    struct bufferevent *bev;
    bool subscribed;
    uint32_t shell;             /* the shell it answers for, or VL_NOBODY */
    bool asked;                 /* for a shell, in vain: its guest shows what `shape` looks like */
    uint64_t shape;
};

static void drop(struct client *c)
{
    struct vellumd *d = c->d;
    uint32_t shell = c->shell;

    TAILQ_REMOVE(&d->clients, c, link);
    d->subscribers -= c->subscribed;
    bufferevent_free(c->bev);
    free(c);
    if (shell != VL_NOBODY)
        shells_abandoned(d, shell);
}

/* False when the client has left too much unread, and is to be dropped. */
static bool say(struct client *c, const char *line)
{
    struct evbuffer *out = bufferevent_get_output(c->bev);

    if (evbuffer_get_length(out) + strlen(line) > BACKLOG_MAX)
        return false;
    evbuffer_add(out, line, strlen(line));
    evbuffer_add(out, "\n", 1);
    return true;
}

static bool subscribe(struct client *c)
{
    char line[2048];
    struct dom *dom;
    bool fits = true;

    if (!c->subscribed)
        c->d->subscribers++;
    c->subscribed = true;
    TAILQ_FOREACH(dom, &c->d->doms, link)
        if (dom->announced && fits) {
            event_line(dom, "present", NULL, NULL, line, sizeof(line));
            fits = say(c, line);
        }
    return fits;
}

static bool adopt(struct client *c, uint32_t domid)
{
    char line[64];
    int rc;

    if (c->shell == domid) {
        shells_taken(c->d, domid);
        c->shell = VL_NOBODY;
    }
    rc = domain_adopt(c->d, domid);
    if (!rc && c->asked)
        shells_learn(c->d, c->shape, domid);
    c->asked = false;
    if (rc)
        snprintf(line, sizeof(line), "error %s", strerror(-rc));
    return say(c, rc ? line : "ok");
}

static bool give_shell(struct client *c, uint64_t shape)
{
    char line[64] = "none";

    if (c->shell == VL_NOBODY) {
        c->shell = shells_give(c->d, shape);
        c->asked = c->shell == VL_NOBODY;
        c->shape = shape;
        if (!c->asked)
            snprintf(line, sizeof(line), "shell %u", c->shell);
    }
    return say(c, line);
}

static bool handle(struct client *c, const char *line, size_t len)
{
    struct request r;
    const char *why;
    char text[128];

    if (proto_parse(line, len, &r, &why)) {
        snprintf(text, sizeof(text), "error %s", why);
        return say(c, text);
    }
    switch (r.kind) {
    case REQUEST_ADOPT:
        return adopt(c, r.domid);
    case REQUEST_EVENTS:
        return subscribe(c);
    case REQUEST_STATUS:
        status_line(c->d, text, sizeof(text));
        return say(c, text);
    case REQUEST_SHELL:
        return give_shell(c, r.shape);
    case REQUEST_KEPT:
        if (c->shell == r.domid) {
            shells_taken(c->d, r.domid);
            c->shell = VL_NOBODY;
        }
        if (c->asked)
            shells_learn(c->d, c->shape, r.domid);
        c->asked = false;
        domains_soon(c->d);
        return say(c, "ok");
    }
    return false;
}

static void on_read(struct bufferevent *bev, void *arg)
{
    struct evbuffer *in = bufferevent_get_input(bev);
    struct client *c = arg;
    bool fine = true;
    size_t len;
    char *line;

    while (fine && (line = evbuffer_readln(in, &len, EVBUFFER_EOL_LF))) {
        fine = len <= PROTO_LINE_MAX && handle(c, line, len);
        free(line);
    }
    if (!fine || evbuffer_get_length(in) > PROTO_LINE_MAX)
        drop(c);
}

static void on_end(struct bufferevent *bev, short what, void *arg)
{
    (void)bev;
    (void)what;
    drop(arg);
}

static void on_connection(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *addr, int len, void *arg)
{
    struct vellumd *d = arg;
    struct client *c;
    unsigned n = 0;

    (void)listener;
    (void)addr;
    (void)len;
    TAILQ_FOREACH(c, &d->clients, link)
        n++;
    if (n >= CLIENTS_MAX) {
        close(fd);
        return;
    }
    c = vl_xmalloc(sizeof(*c));
    *c = (struct client){ .d = d, .shell = VL_NOBODY };
    c->bev = bufferevent_socket_new(d->base, fd, BEV_OPT_CLOSE_ON_FREE);
    if (!c->bev) {
        close(fd);
        free(c);
        return;
    }
    TAILQ_INSERT_TAIL(&d->clients, c, link);
    bufferevent_setcb(c->bev, on_read, NULL, on_end, c);
    bufferevent_setwatermark(c->bev, EV_READ, 0, 4 * PROTO_LINE_MAX);
    bufferevent_enable(c->bev, EV_READ | EV_WRITE);
}

void socket_broadcast(struct vellumd *d, const char *line)
{
    struct client *c, *next;

    for (c = TAILQ_FIRST(&d->clients); c; c = next) {
        next = TAILQ_NEXT(c, link);
        if (c->subscribed && !say(c, line))
            bufferevent_trigger_event(c->bev, BEV_EVENT_ERROR, BEV_OPT_DEFER_CALLBACKS);
    }
}

/* Is a daemon answering there already? */
static bool taken(const struct sockaddr_un *addr)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool yes = fd >= 0 && !connect(fd, (const struct sockaddr *)addr, sizeof(*addr));

    if (fd >= 0)
        close(fd);
    return yes;
}

int socket_listen(const char *path)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    struct stat st;
    int fd;

    if (strlen(path) >= sizeof(addr.sun_path))
        return vl_fail(-ENAMETOOLONG, "the socket's path %s is too long", path);
    strcpy(addr.sun_path, path);
    if (taken(&addr))
        return vl_fail(-EADDRINUSE, "somebody answers on %s already", path);
    if (!lstat(path, &st) && S_ISSOCK(st.st_mode))
        unlink(path);           /* of a daemon that was killed */
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || chmod(addr.sun_path, 0600)) {
        int rc = vl_fail_errno("%s", path);

        if (fd >= 0)
            close(fd);
        return rc;
    }
    return fd;
}

int socket_start(struct vellumd *d)
{
    int fd;

    TAILQ_INIT(&d->clients);
    fd = socket_listen(d->options.socket);
    if (fd < 0)
        return fd == -EADDRINUSE ? vl_fail(fd, "a vellumd is running already") : fd;
    d->listener = evconnlistener_new(d->base, on_connection, d, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 64, fd);
    return d->listener ? 0 : vl_fail_errno("%s", d->options.socket);
}

void socket_stop(struct vellumd *d)
{
    struct client *c;

    while ((c = TAILQ_FIRST(&d->clients))) {
        c->shell = VL_NOBODY;   /* the next daemon finds what is unfinished */
        drop(c);
    }
    if (d->listener)
        evconnlistener_free(d->listener);
    unlink(d->options.socket);
}
