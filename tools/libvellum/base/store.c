/* SPDX-License-Identifier: MIT */
#include "base/store.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <xen/io/xs_wire.h>

#include "base/log.h"
#include "base/store-own.h"

#define SOCKET_PATH "/run/xenstored/socket"
#define DEVICE_PATH "/dev/xen/xenbus"

static int open_socket(const char *path)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
    if (connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
        close(fd);
        return -1;
    }
    return fd;
}

struct vl_store *vl_store_open(void)
{
    const char *path = getenv("XENSTORED_PATH");
    struct vl_store *store;
    bool device = false;
    int fd = open_socket(path ? path : SOCKET_PATH);

    if (fd < 0) {
        fd = open(DEVICE_PATH, O_RDWR | O_CLOEXEC);
        device = true;
    }
    if (fd < 0) {
        vl_fail_errno("cannot reach xenstored");
        return NULL;
    }
    store = vl_xmalloc(sizeof(*store));
    memset(store, 0, sizeof(*store));
    store->fd = fd;
    store->is_device = device;
    store->events_end = &store->events;
    return store;
}

void vl_store_close(struct vl_store *store)
{
    if (!store)
        return;
    while (store->events) {
        struct event *e = store->events;

        store->events = e->next;
        free(e);
    }
    close(store->fd);
    free(store->queue);
    free(store);
}

int vl_store_fd(const struct vl_store *store)
{
    return store->fd;
}

bool vl_store_pending(const struct vl_store *store)
{
    return store->events || store->ahead_at < store->ahead_end;
}

static int error_number(const char *name)
{
    for (size_t i = 0; i < sizeof(xsd_errors) / sizeof(xsd_errors[0]); i++)
        if (!strcmp(xsd_errors[i].errstring, name))
            return xsd_errors[i].errnum;
    return EINVAL;
}

/* Keep a watch event for vl_store_event: its payload is the path and the token. */
static void keep_event(struct vl_store *store, const char *payload, size_t len)
{
    size_t path = strnlen(payload, len), token = path < len ? strnlen(payload + path + 1, len - path - 1) : 0;
    struct event *e = vl_xmalloc(sizeof(*e) + path + token + 2);

    memcpy(e->path, payload, path);
    e->path[path] = 0;
    memcpy(e->path + path + 1, payload + path + 1, token);
    e->path[path + 1 + token] = 0;
    e->token = e->path + path + 1;
    e->next = NULL;
    *store->events_end = e;
    store->events_end = &e->next;
}

static struct xsd_sockmsg *message(struct vl_store *store)
{
    return (struct xsd_sockmsg *)store->in;
}

static size_t wanted(struct vl_store *store)
{
    if (store->in_len < sizeof(struct xsd_sockmsg))
        return sizeof(struct xsd_sockmsg);
    return sizeof(struct xsd_sockmsg) + message(store)->len;
}

/* More bytes of the message in store->in: from what was read ahead, else by one read of as much as there is. */
static int more_bytes(struct vl_store *store)
{
    size_t want = wanted(store) - store->in_len, have;
    ssize_t n;

    if (store->ahead_at == store->ahead_end) {
        do
            n = read(store->fd, store->ahead, sizeof(store->ahead));
        while (n < 0 && errno == EINTR);
        if (n <= 0)
            return n ? -errno : -EPIPE;
        store->ahead_at = 0;
        store->ahead_end = (size_t)n;
    }
    have = store->ahead_end - store->ahead_at;
    have = have < want ? have : want;
    memcpy(store->in + store->in_len, store->ahead + store->ahead_at, have);
    store->ahead_at += have;
    store->in_len += have;
    return 0;
}

/* Read until one whole message stands in store->in, NUL-terminated. 0 on time-out, 1, or -errno. */
static int read_message(struct vl_store *store, int timeout_ms)
{
    struct pollfd p = { .fd = store->fd, .events = POLLIN };

    if (store->in_len == wanted(store))
        store->in_len = 0;
    if (timeout_ms >= 0 && store->in_len == 0 && store->ahead_at == store->ahead_end) {
        int ready = poll(&p, 1, timeout_ms);

        if (ready < 0)
            return errno == EINTR ? 0 : -errno;
        if (ready == 0)
            return 0;
    }
    while (store->in_len < wanted(store)) {
        int rc = more_bytes(store);

        if (rc)
            return rc;
        if (store->in_len == sizeof(struct xsd_sockmsg) && message(store)->len > XENSTORE_PAYLOAD_MAX)
            return -EPROTO;
    }
    store->in[store->in_len] = 0;
    return 1;
}

/* The next reply; events on the way are kept. >= 0: the payload's length, or -errno, the daemon's too. */
int vl_store_take_reply(struct vl_store *store)
{
    for (;;) {
        int rc = read_message(store, -1);
        struct xsd_sockmsg *m = message(store);
        const char *payload = (const char *)(m + 1);

        if (rc < 0)
            return rc;
        if (m->type == XS_WATCH_EVENT)
            keep_event(store, payload, m->len);
        else if (m->type == XS_ERROR)
            return -error_number(payload);
        else
            return (int)m->len;
    }
}

static int send_bytes(struct vl_store *store, const uint8_t *data, size_t len)
{
    while (len) {
        ssize_t n = write(store->fd, data, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

int vl_store_send_from(struct vl_store *store, size_t at)
{
    if (store->is_device)
        return send_bytes(store, store->queue + at, vl_store_after(store, at) - at);
    return at ? 0 : send_bytes(store, store->queue, store->queue_len);
}

/* Room in the queue for a request; returns where its payload goes. */
char *vl_store_enqueue(struct vl_store *store, uint32_t type, uint32_t tx, size_t len)
{
    struct xsd_sockmsg m = { .type = type, .req_id = store->queued, .tx_id = tx, .len = (uint32_t)len };
    size_t need = store->queue_len + sizeof(m) + len;
    char *payload;

    if (len > XENSTORE_PAYLOAD_MAX) {
        store->queue_error = -E2BIG;
        return NULL;
    }
    if (need > store->queue_room) {
        store->queue_room = need * 2;
        store->queue = vl_xrealloc(store->queue, store->queue_room);
    }
    memcpy(store->queue + store->queue_len, &m, sizeof(m));
    payload = (char *)store->queue + store->queue_len + sizeof(m);
    store->queue_len = need;
    store->queued++;
    return payload;
}

void vl_store_reset_queue(struct vl_store *store)
{
    store->queue_len = store->queued = 0;
    store->queue_error = 0;
}

/* One request with one payload; the reply's length or -errno. */
int vl_store_call(struct vl_store *store, uint32_t type, uint32_t tx, const void *payload, size_t len)
{
    struct { struct xsd_sockmsg head; char payload[XENSTORE_PAYLOAD_MAX]; } m = {
        .head = { .type = type, .tx_id = tx, .len = (uint32_t)len },
    };
    int rc;

    if (len > sizeof(m.payload))
        return -E2BIG;
    memcpy(m.payload, payload, len);
    rc = send_bytes(store, (const uint8_t *)&m, sizeof(m.head) + len);
    return rc ? rc : vl_store_take_reply(store);
}

const char *vl_store_reply(struct vl_store *store)
{
    return (const char *)(message(store) + 1);
}

char *vl_store_read(struct vl_store *store, struct vl_arena *arena, const char *fmt, ...)
{
    char path[XENSTORE_ABS_PATH_MAX];
    va_list ap;
    int n;

    va_start(ap, fmt);
    vsnprintf(path, sizeof(path), fmt, ap);
    va_end(ap);
    n = vl_store_call(store, XS_READ, 0, path, strlen(path) + 1);
    if (n < 0) {
        errno = -n;
        return NULL;
    }
    return vl_strndup(arena, vl_store_reply(store), (size_t)n);
}

int vl_store_read_many(struct vl_store *store, struct vl_arena *arena, char *const *paths, size_t n, char **values)
{
    /* So many at a time that requests and replies fit the socket's buffers: neither side ever waits for the other. */
    const size_t batch = 64;

    for (size_t done = 0; done < n; done += batch) {
        size_t count = n - done < batch ? n - done : batch, at = 0;
        int rc = 0;

        for (size_t i = 0; i < count; i++) {
            size_t len = strlen(paths[done + i]) + 1;
            char *to = vl_store_enqueue(store, XS_READ, 0, len);

            if (to)
                memcpy(to, paths[done + i], len);
        }
        rc = store->queue_error;
        for (size_t i = 0; i < count && !rc; i++) {
            int len;

            rc = vl_store_send_from(store, at);
            if (rc)
                break;
            at = vl_store_after(store, at);
            len = vl_store_take_reply(store);
            if (len == -EPIPE || len == -EPROTO)
                rc = len;
            values[done + i] = len < 0 ? NULL : vl_strndup(arena, vl_store_reply(store), (size_t)len);
        }
        vl_store_reset_queue(store);
        if (rc)
            return rc;
    }
    return 0;
}

long vl_store_read_number(struct vl_store *store, long max, const char *fmt, ...)
{
    char path[XENSTORE_ABS_PATH_MAX], *end;
    va_list ap;
    long value;
    int n;

    va_start(ap, fmt);
    vsnprintf(path, sizeof(path), fmt, ap);
    va_end(ap);
    n = vl_store_call(store, XS_READ, 0, path, strlen(path) + 1);
    if (n <= 0)
        return -1;
    errno = 0;
    value = strtol(vl_store_reply(store), &end, 10);
    return *end || errno || value < 0 || value > max ? -1 : value;
}

/* A listing that is longer than a message comes in parts, each with the listing's generation in front. */
static char *list_in_parts(struct vl_store *store, const char *path, size_t *len)
{
    char *all = NULL, generation[32] = "", request[XENSTORE_ABS_PATH_MAX + 32];
    size_t n = strlen(path) + 1;

    *len = 0;
    memcpy(request, path, n);
    for (;;) {
        int extra = snprintf(request + n, 32, "%zu", *len);
        int got = vl_store_call(store, XS_DIRECTORY_PART, 0, request, n + (size_t)extra + 1);
        size_t gen = got > 0 ? strnlen(vl_store_reply(store), (size_t)got) : 0;

        if (got <= 0 || gen >= (size_t)got || gen >= sizeof(generation))
            break;
        if (*len && strcmp(generation, vl_store_reply(store))) {     /* changed meanwhile: again from the start */
            *len = 0;
            continue;
        }
        strcpy(generation, vl_store_reply(store));
        got -= (int)gen + 1;
        all = vl_xrealloc(all, *len + (size_t)got + 1);
        memcpy(all + *len, vl_store_reply(store) + gen + 1, (size_t)got);
        *len += (size_t)got;
        if (got && *len >= 2 && !all[*len - 1] && !all[*len - 2]) {
            (*len)--;                                       /* an empty name ends the listing */
            return all;
        }
        if (!got)
            return all;
    }
    free(all);
    return NULL;
}

char **vl_store_list(struct vl_store *store, struct vl_arena *arena, size_t *n, const char *fmt, ...)
{
    char path[XENSTORE_ABS_PATH_MAX], **names = NULL, *parts = NULL;
    const char *at, *end;
    size_t part_len;
    va_list ap;
    int len;

    va_start(ap, fmt);
    vsnprintf(path, sizeof(path), fmt, ap);
    va_end(ap);
    *n = 0;
    len = vl_store_call(store, XS_DIRECTORY, 0, path, strlen(path) + 1);
    if (len == -E2BIG) {
        parts = list_in_parts(store, path, &part_len);
        at = parts;
        end = parts ? parts + part_len : parts;
    } else {
        at = vl_store_reply(store);
        end = len < 0 ? at : at + len;
    }
    for (; at < end; at += strlen(at) + 1)
        VL_PUSH(arena, names, *n, vl_strdup(arena, at));
    free(parts);
    return names;
}

int vl_store_introduce(struct vl_store *store, uint32_t domid, unsigned long mfn, uint32_t port)
{
    char payload[64];
    int len = snprintf(payload, sizeof(payload), "%u%c%lu%c%u", domid, 0, mfn, 0, port) + 1, rc;

    rc = vl_store_call(store, XS_INTRODUCE, 0, payload, (size_t)len);
    return rc < 0 ? rc : 0;
}

int vl_store_resume(struct vl_store *store, uint32_t domid)
{
    char payload[16];
    int len = snprintf(payload, sizeof(payload), "%u", domid) + 1, rc = vl_store_call(store, XS_RESUME, 0, payload, (size_t)len);

    return rc < 0 ? rc : 0;
}

static int watch_call(struct vl_store *store, uint32_t type, const char *path, const char *token)
{
    char payload[XENSTORE_ABS_PATH_MAX + 64];
    int len = snprintf(payload, sizeof(payload), "%s%c%s", path, 0, token) + 1;
    int rc = len > (int)sizeof(payload) ? -E2BIG : vl_store_call(store, type, 0, payload, (size_t)len);

    return rc < 0 ? rc : 0;
}

int vl_store_watch(struct vl_store *store, const char *path, const char *token)
{
    return watch_call(store, XS_WATCH, path, token);
}

int vl_store_unwatch(struct vl_store *store, const char *path, const char *token)
{
    return watch_call(store, XS_UNWATCH, path, token);
}

int vl_store_event_path(struct vl_store *store, int timeout_ms, char *token, size_t room, char *path, size_t path_room)
{
    struct event *e;

    while (!store->events) {
        int rc = read_message(store, timeout_ms);

        if (rc <= 0)
            return rc;
        if (message(store)->type == XS_WATCH_EVENT)
            keep_event(store, vl_store_reply(store), message(store)->len);
    }
    e = store->events;
    store->events = e->next;
    if (!store->events)
        store->events_end = &store->events;
    snprintf(token, room, "%s", e->token);
    snprintf(path, path_room, "%s", e->path);
    free(e);
    return 1;
}

int vl_store_event(struct vl_store *store, int timeout_ms, char *token, size_t room)
{
    char path[1];

    return vl_store_event_path(store, timeout_ms, token, room, path, sizeof(path));
}
