/* SPDX-License-Identifier: MIT */
/*
 * The unix sockets: `socket` and `socket_ro` in the run folder, both root's. A connection is domain 0's.
 *
 * Received bytes are served where they were received (one buffer for all), and only what is left over, part of a
 * message or more than the turn's share, is kept. Output goes out once a turn.
 */
#include "server.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static char received[64 << 10];

#define IMPATIENCE  31u /* pieces of a dawdling sender's messages for whose rest the daemon does not wait */
#define KEEP_BUFFER 512u /* a connection keeps this much for messages that come in pieces */

void socket_queue(struct server *srv, struct sock *s)
{
    if (s->queued)
        return;
    s->queued = true;
    s->ready_next = srv->ready;
    srv->ready = s;
}

static void pause_reading(struct sock *s, bool pause)
{
    if (s->paused == pause)
        return;
    s->paused = pause;
    if (pause)
        event_del(s->rd);
    else
        event_add(s->rd, NULL);
}

/*
 * Serves whole messages from the LEN bytes at DATA within the turn's share; the number of bytes used, or -1 when the
 * connection is over. *MORE: whole messages are left.
 */
static ssize_t serve_bytes(struct server *srv, struct sock *s, const char *data, size_t len, bool *more)
{
    uint32_t until = srv->st.work + TURN_WORK;
    struct xsd_sockmsg hdr;
    size_t at = 0;

    *more = false;
    while (len - at >= sizeof(hdr)) {
        memcpy(&hdr, data + at, sizeof(hdr));
        if (hdr.len > XENSTORE_PAYLOAD_MAX)
            return -1;
        if (len - at < sizeof(hdr) + hdr.len)
            break;
        if ((int32_t)(srv->st.work - until) >= 0 || conn_unsent(&s->c) > UNSENT_PAUSE) {
            *more = true;
            break;
        }
        if (srv->trace != NULL)
            server_trace(srv, &s->c, "IN", &hdr, data + at + sizeof(hdr));
        store_request(&srv->st, &s->c, &hdr, data + at + sizeof(hdr));
        server_commit(srv, NULL);
        at += sizeof(hdr) + hdr.len;
    }
    return (ssize_t)at;
}

/* Serves what was received earlier; false: the connection is over, and S is freed. */
static bool serve_kept(struct server *srv, struct sock *s)
{
    bool more;
    ssize_t used = serve_bytes(srv, s, s->in.data, s->in.len, &more);

    if (used < 0) {
        socket_close(srv, s);
        return false;
    }
    s->in.len -= (size_t)used;
    memmove(s->in.data, s->in.data + used, s->in.len);
    if (more && conn_unsent(&s->c) <= UNSENT_PAUSE)
        socket_queue(srv, s);
    else if (more)
        pause_reading(s, true);
    else if (s->in.len == 0 && s->in.cap > KEEP_BUFFER)
        buf_free(&s->in);
    return true;
}

void socket_serve(struct server *srv, struct sock *s)
{
    srv->turn_sockets++;
    serve_kept(srv, s);
}

/*
 * Takes what one recv() gives and serves it. 1: something came; 0: nothing had; -1: the connection is over, and S is freed.
 */
static int receive(struct server *srv, struct sock *s)
{
    ssize_t n = recv(s->fd, received, sizeof(received), MSG_DONTWAIT), used;
    bool more;

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    used = n;
    if (n > 0 && s->in.len > 0) {
        buf_add(&s->in, received, (size_t)n);
        return serve_kept(srv, s) ? 1 : -1;
    }
    if (n > 0)
        used = serve_bytes(srv, s, received, (size_t)n, &more);
    if (n <= 0 || used < 0) {
        socket_close(srv, s);
        return -1;
    }
    if (used < n) {
        buf_add(&s->in, received + used, (size_t)(n - used));
        if (more)
            socket_queue(srv, s);
    }
    return 1;
}

/*
 * libxenstore writes a message in up to four pieces. Who is woken by the first lets the sender run before looking for
 * the others: that costs a third of going to sleep between them. A sender that does not go on then is not waited for
 * in its next messages.
 */
int socket_receive(struct server *srv, struct sock *s)
{
    int rc = receive(srv, s);

    for (unsigned i = 0; rc > 0 && i < 3 && s->in.len > 0 && !s->queued && !s->paused; i++) {
        if (s->impatience > 0) {
            s->impatience--;
            return 1;
        }
        if (!server_yield(srv))
            return 1;
        rc = receive(srv, s);
        if (rc == 0) {
            s->impatience = IMPATIENCE;
            return 1;
        }
    }
    return rc;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct sock *s = arg;
    struct server *srv = s->srv;

    (void)fd;
    (void)what;
    if (s->c.dead) {
        socket_close(srv, s);
        return;
    }
    if (s->queued)
        return; /* it has requests left to serve first */
    srv->turn_sockets++;
    if (socket_receive(srv, s) > 0)
        srv->turn_socket = s;
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct sock *s = arg;

    (void)fd;
    (void)what;
    s->writing = false;
    socket_flush(s->srv, s);
}

void socket_flush(struct server *srv, struct sock *s)
{
    struct conn *c = &s->c;
    ssize_t n;

    if (s->writing || conn_unsent(c) == 0)
        return;
    n = send(s->fd, c->out.data + c->out_head, conn_unsent(c), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        c->dead = true;
        event_active(s->rd, EV_READ,
                     0); /* closed from the loop, not from here: lists of connections are being walked */
        return;
    }
    if (n > 0)
        conn_sent(c, (size_t)n);
    if (conn_unsent(c) > 0) {
        s->writing = true;
        event_add(s->wr, NULL);
    }
    if (s->paused && conn_unsent(c) <= UNSENT_PAUSE / 2) {
        pause_reading(s, false);
        if (s->in.len > 0)
            socket_queue(srv, s);
    }
}

struct sock *socket_adopt(struct server *srv, int fd, bool readonly)
{
    struct sock *s = xzalloc(sizeof(*s));

    conn_init(&srv->st, &s->c, CONN_SOCKET, 0);
    s->c.readonly = readonly;
    s->srv = srv;
    s->fd = fd;
    s->rd = event_new(srv->base, fd, EV_READ | EV_PERSIST, on_readable, s);
    s->wr = event_new(srv->base, fd, EV_WRITE, on_writable, s);
    event_add(s->rd, NULL);
    return s;
}

void socket_close(struct server *srv, struct sock *s)
{
    struct sock **at = &srv->ready;

    while (s->queued && *at != s)
        at = &(*at)->ready_next;
    if (s->queued)
        *at = s->ready_next;
    if (srv->live.requester == s)
        srv->live.requester = NULL;
    if (srv->turn_socket == s)
        srv->turn_socket = NULL;
    event_free(s->rd);
    event_free(s->wr);
    close(s->fd);
    conn_fini(&srv->st, &s->c);
    buf_free(&s->in);
    free(s);
}

/* ---- listening ---- */

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
    struct server *srv = arg;
    bool readonly = fd == srv->listen_fd[1];

    (void)what;
    for (unsigned i = 0; i < 16; i++) {
        int client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (client >= 0) {
            socket_adopt(srv, client, readonly);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM) {
            log_line(LOG_WARN, "cannot accept a client: %s", strerror(errno));
            event_del(srv->listen_event[readonly]); /* for a second */
            event_add(srv->listen_again, &(struct timeval){ .tv_sec = 1 });
        }
        return;
    }
}

static void on_listen_again(evutil_socket_t fd, short what, void *arg)
{
    struct server *srv = arg;

    (void)fd;
    (void)what;
    for (unsigned i = 0; i < 2; i++)
        event_add(srv->listen_event[i], NULL);
}

static int listen_at(struct server *srv, const char *name, mode_t mode)
{
    struct sockaddr_un sun = { .sun_family = AF_UNIX };
    int fd, len = snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/%s", srv->config.run_dir, name);
    mode_t old;

    if (len < 0 || (size_t)len >= sizeof(sun.sun_path))
        return -ENAMETOOLONG;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    unlink(sun.sun_path);
    old = umask(0177);
    if (bind(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0 || chmod(sun.sun_path, mode) < 0 ||
        listen(fd, SOMAXCONN) < 0) {
        int rc = -errno;

        umask(old);
        close(fd);
        return rc;
    }
    umask(old);
    return fd;
}

int socket_listen(struct server *srv)
{
    srv->listen_again = event_new(srv->base, -1, 0, on_listen_again, srv);
    for (unsigned i = 0; i < 2; i++) {
        if (srv->listen_fd[i] < 0) /* else handed over by a live update */
            srv->listen_fd[i] = listen_at(srv, i == 0 ? "socket" : "socket_ro", i == 0 ? 0600 : 0660);
        if (srv->listen_fd[i] < 0)
            return srv->listen_fd[i];
        srv->listen_event[i] = event_new(srv->base, srv->listen_fd[i], EV_READ | EV_PERSIST, on_accept, srv);
        event_add(srv->listen_event[i], NULL);
    }
    return 0;
}

void socket_close_listeners(struct server *srv)
{
    if (srv->listen_again != NULL)
        event_free(srv->listen_again);
    srv->listen_again = NULL;
    for (unsigned i = 0; i < 2; i++) {
        if (srv->listen_event[i] != NULL)
            event_free(srv->listen_event[i]);
        if (srv->listen_fd[i] >= 0)
            close(srv->listen_fd[i]);
        srv->listen_event[i] = NULL;
        srv->listen_fd[i] = -1;
    }
}
