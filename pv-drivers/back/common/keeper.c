/* SPDX-License-Identifier: MIT */
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>
#include <xen/io/xenbus.h>

#include "log.h"

#define CALL_SECONDS 20
#define RESTARTS_A_MINUTE 10
#define TICK_SECONDS 2

static void scan(struct keeper *k);

static int64_t now_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec;
}

/* ---- the worker ---- */

static void drop_worker(struct keeper *k)
{
    if (k->worker < 0)
        return;
    if (k->worker_event)
        event_free(k->worker_event);
    k->worker_event = NULL;
    close(k->worker);
    k->worker = -1;
    /* Its system calls that still run end before the wait does, so nothing is written behind a successor's back. */
    kill(k->worker_pid, SIGKILL);
    while (waitpid(k->worker_pid, NULL, 0) < 0 && errno == EINTR)
        ;
    for (struct device *d = k->devices; d; d = d->next)
        d->given = d->connected = false;
}

static struct device *find(struct keeper *k, unsigned id)
{
    struct device *d = k->devices;

    while (d && d->id != id)
        d = d->next;
    return d;
}

static void dispatch(struct keeper *k, const struct message *m, size_t size)
{
    struct device *d = size >= sizeof(*m) ? find(k, m->device) : NULL;

    if (d && m->type >= MESSAGE_KIND)
        k->kind->message(d, m, size);
}

static void on_worker(evutil_socket_t fd, short what, void *arg)
{
    struct keeper *k = arg;
    union { struct message m; char room[MESSAGE_MAX]; } u;
    int fds[CHANNEL_FDS];
    unsigned n_fds;
    ssize_t n;

    (void)what;
    n = channel_receive(fd, &u, sizeof(u), fds, &n_fds, MSG_DONTWAIT);
    for (unsigned i = 0; i < n_fds; i++)
        close(fds[i]);
    if (n > 0) {
        dispatch(k, &u.m, (size_t)n);
    } else if (n != -EAGAIN) {
        log_error("the worker has ended; starting another");
        drop_worker(k);
        scan(k);
    }
}

static void on_restart(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    scan(arg);
}

/* What the worker is told on its command line; --worker comes last, since it is acted upon as soon as it is read. */
static void worker_arguments(struct keeper *k, char *argv[10], char *domid)
{
    unsigned n = 0;

    argv[n++] = (char *)k->kind->program;
    if (log_verbose)
        argv[n++] = "--verbose";
    if (k->worker_option) {
        argv[n++] = "--worker-option";
        argv[n++] = (char *)k->worker_option;
    }
    argv[n++] = "--self";
    argv[n++] = k->self;
    argv[n++] = "--worker";
    argv[n++] = domid;
    argv[n] = NULL;
}

static int spawn(struct keeper *k)
{
    char domid[16], *argv[10];
    int pair[2];
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
        return -errno;
    snprintf(domid, sizeof(domid), "%u", k->domid);
    pid = fork();
    if (pid < 0) {
        close(pair[0]);
        close(pair[1]);
        return -errno;
    }
    if (pid == 0) {
        if (pair[1] != WORKER_SOCKET)
            dup2(pair[1], WORKER_SOCKET);
        else
            fcntl(WORKER_SOCKET, F_SETFD, 0);
        close_range(WORKER_SOCKET + 1, ~0u, 0);
        worker_arguments(k, argv, domid);
        execv("/proc/self/exe", argv);
        _exit(127);
    }
    close(pair[1]);
    k->worker = pair[0];
    k->worker_pid = pid;
    return 0;
}

void keeper_restart(struct keeper *k)
{
    struct timeval now = { 0, 0 };

    drop_worker(k);
    k->restarts--;
    event_base_once(k->base, -1, EV_TIMEOUT, on_restart, k, &now);
}

static int start_worker(struct keeper *k)
{
    int64_t now = now_seconds();
    struct reply ready;
    int rc;

    if (k->worker >= 0)
        return 0;
    if (now - k->restart_time >= 60) {
        k->restart_time = now;
        k->restarts = 0;
    }
    if (k->restarts++ >= RESTARTS_A_MINUTE) {
        log_error("the worker has ended %d times within a minute: giving up", RESTARTS_A_MINUTE);
        event_base_loopbreak(k->base);
        k->ending = true;
        return -EPIPE;
    }
    rc = spawn(k);
    if (rc)
        return rc;
    rc = keeper_call(k, NULL, 0, NULL, 0, &ready);
    if (rc) {
        log_error("the worker does not start: %s", strerror(-rc));
        drop_worker(k);
        return rc;
    }
    k->worker_event = event_new(k->base, k->worker, EV_READ | EV_PERSIST, on_worker, k);
    event_add(k->worker_event, NULL);
    return 0;
}

int keeper_call(struct keeper *k, const void *message, size_t size, const int *fds, unsigned n_fds, struct reply *reply)
{
    union { struct message m; struct reply r; char room[MESSAGE_MAX]; } u;
    int got_fds[CHANNEL_FDS], rc;
    unsigned n_got;

    if (k->worker < 0)
        return -EPIPE;
    rc = size ? channel_send(k->worker, message, size, fds, n_fds) : 0;
    while (!rc) {
        struct pollfd p = { k->worker, POLLIN, 0 };
        ssize_t n = poll(&p, 1, CALL_SECONDS * 1000);

        if (n == 0) {
            /* Its answer would be taken for that to the next call. Whoever reads its socket next starts another. */
            log_error("the worker has not answered for %d s: it is ended", CALL_SECONDS);
            kill(k->worker_pid, SIGKILL);
            return -ETIMEDOUT;
        }
        n = channel_receive(k->worker, &u, sizeof(u), got_fds, &n_got, MSG_DONTWAIT);
        if (n == -EAGAIN)
            continue;
        if (n <= 0)
            return n ? (int)n : -EPIPE;
        if (u.m.type != MESSAGE_REPLY) {
            dispatch(k, &u.m, (size_t)n);
            continue;
        }
        if ((size_t)n < sizeof(u.r))
            return -EPROTO;
        *reply = u.r;
        return u.r.rc;
    }
    return rc;
}

/* ---- nodes and states ---- */

struct publishing {
    struct device *d;
    int (*fill)(struct store *, struct device *);
    int state, only_in;         /* the state it is to have; the one it has to have before, 0: any */
};

static int publish(struct store *s, void *arg)
{
    struct publishing *p = arg;
    int rc = 0;

    /* A removed device must not come back half. */
    if (!store_exists(s, p->d->back))
        return -ENOENT;
    /* Nor may one that is just being taken away be called connected again. */
    if (p->only_in && store_number(s, p->d->back, "state", 0, 0, 8) != p->only_in)
        return 0;
    if (p->fill)
        rc = p->fill(s, p->d);
    if (!rc && p->state && !store_write(s, p->d->back, "state", "%d", p->state))
        rc = -errno;
    return rc;
}

static int publish_all(struct publishing p)
{
    int rc = store_transaction(&p.d->keeper->store, publish, &p);

    if (rc && rc != -ENOENT)
        log_error("device %u: cannot write its nodes: %s", p.d->id, strerror(-rc));
    return rc;
}

int keeper_publish(struct device *d, int (*fill)(struct store *s, struct device *d), int state)
{
    return publish_all((struct publishing){ d, fill, state, 0 });
}

void keeper_announce(struct device *d)
{
    if (d->connected)
        publish_all((struct publishing){ d, d->keeper->kind->publish_connected, XenbusStateConnected, XenbusStateConnected });
}

/* Say why a device cannot be had: in the log, and where xl and its users look. */
static void fail(struct device *d, const char *why)
{
    struct store *s = &d->keeper->store;

    log_error("device %u: %s", d->id, why);
    d->failed = true;
    if (!store_exists(s, d->back))
        return;
    store_write(s, d->back, "hotplug-error", "%s", why);
    store_write(s, d->back, "hotplug-status", "error");
    store_write(s, d->back, "state", "%d", XenbusStateClosed);
}

static void disconnect(struct device *d)
{
    if (d->connected)
        d->keeper->kind->disconnect(d);
    d->connected = false;
}

static void close_device(struct device *d)
{
    disconnect(d);
    if (d->opened)
        d->keeper->kind->close(d);
    d->opened = d->given = false;
}

/* The resource, and features where the front-end has not seen them. */
static bool open_device(struct device *d, int back)
{
    char why[256] = "";

    if (!d->opened) {
        int rc = d->keeper->kind->open(d, why);

        if (rc) {
            fail(d, *why ? why : strerror(-rc));
            return false;
        }
        d->opened = true;
    }
    if (start_worker(d->keeper))
        return false;
    if (!d->given) {
        int rc = d->keeper->kind->give(d, why);

        if (rc) {
            if (rc != -EPIPE)
                fail(d, *why ? why : strerror(-rc));
            return false;
        }
        d->given = true;
    }
    return back > XenbusStateInitWait || !keeper_publish(d, d->keeper->kind->publish, XenbusStateInitWait);
}

static void connect_device(struct device *d, int back)
{
    char why[256] = "";
    int rc = d->keeper->kind->connect(d, back == XenbusStateConnected, why);

    if (rc == -EPIPE)           /* the worker died under it; the next look starts another */
        return;
    if (rc) {
        log_guest("device %u: cannot connect: %s", d->id, *why ? why : strerror(-rc));
        keeper_publish(d, NULL, XenbusStateClosing);
        return;
    }
    d->connected = true;
    if (back == XenbusStateConnected)
        keeper_announce(d);     /* it may have changed while nobody looked: a disk may have grown */
    else
        keeper_publish(d, d->keeper->kind->publish_connected, XenbusStateConnected);
    log_info("device %u: connected%s", d->id, back == XenbusStateConnected ? " again" : "");
}

/* Both ends' states → what to do. */
static void step(struct device *d)
{
    struct store *s = &d->keeper->store;
    int back = (int)store_number(s, d->back, "state", 0, 0, 8);
    int front = (int)store_number(s, d->front, "state", 0, 0, 8);
    int online = (int)store_number(s, d->back, "online", 1, 0, 1);
    bool gone = front <= 0 && !store_exists(s, d->front);

    if (d->failed || back < 0)
        return;
    /* Closing waits for a front-end that has, or may have, the device in use. */
    if (back == XenbusStateClosing && (gone || front < XenbusStateInitialised || front == XenbusStateClosed)) {
        disconnect(d);
        if (!online || gone)
            close_device(d);
        keeper_publish(d, NULL, XenbusStateClosed);
        back = XenbusStateClosed;
    }
    if (!online && (back == XenbusStateClosed || back == XenbusStateClosing)) {
        if (back == XenbusStateClosed)
            close_device(d);
        return;
    }
    if (front == XenbusStateClosing && back < XenbusStateClosing && back > XenbusStateInitialising) {
        disconnect(d);
        keeper_publish(d, NULL, XenbusStateClosing);
    } else if (front == XenbusStateClosed || (gone && back > XenbusStateInitWait)) {
        disconnect(d);
        if (back != XenbusStateClosed)
            keeper_publish(d, NULL, XenbusStateClosed);
    } else if (back == XenbusStateClosed && front == XenbusStateInitialising) {
        disconnect(d);
        if (open_device(d, XenbusStateInitialising))
            log_info("device %u: waits for its front-end again", d->id);
    } else if (back && back <= XenbusStateConnected) {
        if (!d->given || (back == XenbusStateInitialising))
            if (!open_device(d, back))
                return;
        if ((front == XenbusStateInitialised || front == XenbusStateConnected) && !d->connected && d->keeper->kind->ready(d))
            connect_device(d, back);
    }
}

/* ---- which devices there are ---- */

static void forget(struct device *d)
{
    struct keeper *k = d->keeper;
    struct device **at = &k->devices;
    char token[24];

    close_device(d);
    snprintf(token, sizeof(token), "f%u", d->id);
    if (d->watched)
        xs_unwatch(k->store.xs, d->front, token);
    while (*at != d)
        at = &(*at)->next;
    *at = d->next;
    free(d->own);
    free(d);
}

static struct device *learn(struct keeper *k, unsigned id)
{
    struct device *d = calloc(1, sizeof(*d));
    char *front, expected[64], token[24];

    if (!d)
        return NULL;
    d->keeper = k;
    d->id = id;
    snprintf(d->back, sizeof(d->back), "%s/%u", k->back_root, id);
    front = store_read(&k->store, d->back, "frontend");
    /* The toolstack writes the node, and it lies in the guest's own part of the store. */
    snprintf(expected, sizeof(expected), "/local/domain/%u/device/", k->domid);
    if (!front || strncmp(front, expected, strlen(expected)) || strlen(front) >= sizeof(d->front)) {
        free(front);
        free(d);
        return NULL;
    }
    strcpy(d->front, front);
    free(front);
    snprintf(token, sizeof(token), "f%u", id);
    d->watched = xs_watch(k->store.xs, d->front, token);
    d->next = k->devices;
    k->devices = d;
    k->had_devices = true;
    return d;
}

static void scan(struct keeper *k)
{
    unsigned n = 0;
    char **names = xs_directory(k->store.xs, XBT_NULL, k->back_root, &n);
    struct device *d, *next;

    for (d = k->devices; d; d = d->next)
        d->seen = false;
    for (unsigned i = 0; i < n; i++) {
        char *end;
        unsigned long id = strtoul(names[i], &end, 10);

        if (*end || end == names[i] || id > UINT32_MAX)
            continue;
        d = find(k, (unsigned)id);
        if (!d)
            d = learn(k, (unsigned)id);
        if (d)
            d->seen = true;
    }
    free(names);
    for (d = k->devices; d; d = next) {
        next = d->next;
        if (!d->seen) {
            forget(d);
            continue;
        }
        step(d);
        if (d->opened && d->given && k->kind->changed)
            k->kind->changed(d);
    }
    if (k->had_devices && !k->devices) {
        log_info("no devices left");
        event_base_loopbreak(k->base);
    }
}

static void on_store(evutil_socket_t fd, short what, void *arg)
{
    struct keeper *k = arg;
    char **event;
    bool any = false;

    (void)fd;
    (void)what;
    while ((event = xs_check_watch(k->store.xs))) {
        free(event);
        any = true;
    }
    if (any)
        scan(k);
    else if (errno != EAGAIN) {
        log_error("lost the connection to xenstored: %s", strerror(errno));
        k->ending = true;
        event_base_loopbreak(k->base);
    }
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct keeper *k = arg;

    (void)fd;
    (void)what;
    for (struct device *d = k->devices; d; d = d->next)
        if (d->opened && d->given && k->kind->changed)
            k->kind->changed(d);
    if (k->worker < 0)
        scan(k);
}

static void on_signal(evutil_socket_t number, short what, void *arg)
{
    struct keeper *k = arg;

    (void)what;
    log_info("ended by signal %d; devices stay as they are for a successor", (int)number);
    k->ending = true;
    event_base_loopbreak(k->base);
}

int keeper_run(struct keeper *k)
{
    struct timeval tick = { TICK_SECONDS, 0 };
    struct event *store, *timer, *term, *intr;
    unsigned len;
    char *self;

    k->worker = -1;
    if (store_open(&k->store))
        return 1;
    self = xs_read(k->store.xs, XBT_NULL, "domid", &len);
    snprintf(k->self, sizeof(k->self), "%s", self ? self : "0");
    free(self);
    snprintf(k->back_root, sizeof(k->back_root), "/local/domain/%s/backend/%s/%u", k->self, k->kind->type, k->domid);
    k->base = event_base_new();
    if (!k->base || !xs_watch(k->store.xs, k->back_root, "b"))
        return 1;
    store = event_new(k->base, xs_fileno(k->store.xs), EV_READ | EV_PERSIST, on_store, k);
    timer = event_new(k->base, -1, EV_PERSIST, on_tick, k);
    term = evsignal_new(k->base, SIGTERM, on_signal, k);
    intr = evsignal_new(k->base, SIGINT, on_signal, k);
    signal(SIGPIPE, SIG_IGN);
    event_add(store, NULL);
    event_add(timer, &tick);
    event_add(term, NULL);
    event_add(intr, NULL);
    event_base_dispatch(k->base);
    /* When told to end, rings and nodes stay as they are: a successor takes them over. */
    if (k->ending)
        drop_worker(k);
    while (k->devices) {
        k->devices->opened &= !k->ending;
        forget(k->devices);
    }
    drop_worker(k);
    event_free(store);
    event_free(timer);
    event_free(term);
    event_free(intr);
    event_base_free(k->base);
    xs_close(k->store.xs);
    return 0;
}
