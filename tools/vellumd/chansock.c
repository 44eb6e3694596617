/* SPDX-License-Identifier: MIT */
#include "vellumd/chansock.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "vellumd/socket.h"

#define UNREAD_MAX (64u << 10)  /* what one side may leave unread before the other side is no longer read */

struct chansock {
    struct event_base *base;
    struct evconnlistener *listener;
    struct bufferevent *client, *tty;   /* both or neither */
    char path[SOCKET_PATH_MAX], tty_path[64];
};

static void hang_up(struct chansock *s)
{
    if (s->client)
        bufferevent_free(s->client);
    if (s->tty)
        bufferevent_free(s->tty);
    s->client = s->tty = NULL;
}

static void next_client(struct chansock *s)
{
    hang_up(s);
    evconnlistener_enable(s->listener);
}

static struct bufferevent *other(struct chansock *s, struct bufferevent *bev)
{
    return bev == s->client ? s->tty : s->client;
}

static void on_data(struct bufferevent *bev, void *arg)
{
    struct bufferevent *to = other(arg, bev);

    bufferevent_write_buffer(to, bufferevent_get_input(bev));
    if (evbuffer_get_length(bufferevent_get_output(to)) >= UNREAD_MAX)
        bufferevent_disable(bev, EV_READ);
}

/* All has been taken: the side it came from is read again. */
static void on_drained(struct bufferevent *bev, void *arg)
{
    bufferevent_enable(other(arg, bev), EV_READ);
}

static void on_end(struct bufferevent *bev, short what, void *arg)
{
    (void)bev;
    (void)what;
    next_client(arg);
}

static struct bufferevent *side(struct chansock *s, int fd)
{
    struct bufferevent *bev = bufferevent_socket_new(s->base, fd, BEV_OPT_CLOSE_ON_FREE);

    if (!bev) {
        close(fd);
        return NULL;
    }
    bufferevent_setcb(bev, on_data, on_drained, on_end, s);
    bufferevent_setwatermark(bev, EV_READ, 0, UNREAD_MAX);
    return bev;
}

static void on_connection(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *from, int len, void *arg)
{
    struct chansock *s = arg;
    int tty = open(s->tty_path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

    (void)from;
    (void)len;
    evconnlistener_disable(l);
    s->client = side(s, fd);
    s->tty = tty >= 0 ? side(s, tty) : NULL;
    if (!s->client || !s->tty) {
        vl_fail_errno("cannot join %s with %s", s->path, s->tty_path);
        next_client(s);
        return;
    }
    bufferevent_enable(s->client, EV_READ | EV_WRITE);
    bufferevent_enable(s->tty, EV_READ | EV_WRITE);
}

struct chansock *chansock_new(struct vellumd *d, const char *path, const char *tty)
{
    struct chansock *s = vl_xmalloc(sizeof(*s));
    int fd = socket_listen(path);

    *s = (struct chansock){ .base = d->base };
    snprintf(s->path, sizeof(s->path), "%s", path);
    snprintf(s->tty_path, sizeof(s->tty_path), "%s", tty);
    if (fd >= 0)
        s->listener = evconnlistener_new(d->base, on_connection, s, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 4, fd);
    if (s->listener)
        return s;
    if (fd >= 0) {
        vl_fail_errno("%s", path);
        close(fd);
        unlink(path);
    }
    free(s);
    return NULL;
}

void chansock_free(struct chansock *s)
{
    if (!s)
        return;
    hang_up(s);
    evconnlistener_free(s->listener);
    unlink(s->path);
    free(s);
}
