/* SPDX-License-Identifier: MIT */
/*
 * Owns the xenstore page: <xen/io/xs_wire.h>. `lock` is held from a request to its reply, so there is one at a time, and
 * guards all state here. Replies with another id belong to requests that timed out, and are dropped. The daemon is
 * trusted with our data but not with our memory: its indices and lengths are checked. A request of which only a part
 * could be sent, or a message of absurd length, leaves no way to find the next message: the client is then `dead`.
 */
#include "store.h"

#include <xen/io/xs_wire.h>

#define WAIT_NS 10000000000UL

static struct xenstore_domain_interface *ring;
static uint32_t port, lock, last_id, last_token;
static struct store_watch *watches;
static char payload[XENSTORE_PAYLOAD_MAX + 1];
static bool dead;

static void on_event(void *arg) { (void)arg; }

static uint32_t load(const uint32_t *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }

/* Only after what the index gives away has been read, or what it shows has been written, in full. */
static void store(uint32_t *p, uint32_t v) { __atomic_store_n(p, v, __ATOMIC_SEQ_CST); }

/* The daemon's index may be anything: more than a ring's worth counts as none. */
static uint32_t can_write(void)
{
    uint32_t filled = ring->req_prod - load(&ring->req_cons);

    return filled > XENSTORE_RING_SIZE ? 0 : XENSTORE_RING_SIZE - filled;
}

static uint32_t can_read(void)
{
    uint32_t filled = load(&ring->rsp_prod) - ring->rsp_cons;

    return filled > XENSTORE_RING_SIZE ? 0 : filled;
}

static bool writable(void *arg) { return (void)arg, can_write() != 0; }
static bool readable(void *arg) { return (void)arg, can_read() != 0; }

static int send(const void *data, size_t len)
{
    const char *p = data;

    while (len) {
        uint32_t at = MASK_XENSTORE_IDX(ring->req_prod), n = XENSTORE_RING_SIZE - at, room = can_write();

        n = n < room ? n : room;
        n = n < len ? n : (uint32_t)len;
        if (!n) {
            os_event_notify(port);
            if (!os_wait(writable, NULL, os_time() + WAIT_NS))
                return -XEN_ETIMEDOUT;
            continue;
        }
        memcpy(ring->req + at, p, n);
        store(&ring->req_prod, ring->req_prod + n);
        p += n;
        len -= n;
    }
    return 0;
}

static int receive(void *data, size_t len)
{
    char *p = data;

    while (len) {
        uint32_t at = MASK_XENSTORE_IDX(ring->rsp_cons), n = XENSTORE_RING_SIZE - at, waiting = can_read();

        n = n < waiting ? n : waiting;
        n = n < len ? n : (uint32_t)len;
        if (!n) {
            os_event_notify(port);
            if (!os_wait(readable, NULL, os_time() + WAIT_NS))
                return -XEN_ETIMEDOUT;
            continue;
        }
        memcpy(p, ring->rsp + at, n);
        store(&ring->rsp_cons, ring->rsp_cons + n);
        p += n;
        len -= n;
    }
    return 0;
}

/* The payload of a watch event: path and token, each ended by NUL. */
static void note_watch(uint32_t len)
{
    size_t path = strlen(payload) + 1;
    const char *token = payload + path;
    uint32_t n = 0;

    if (path >= len)
        return;
    for (; *token >= '0' && *token <= '9'; token++)
        n = n * 10 + (uint32_t)(*token - '0');
    for (struct store_watch *w = watches; w; w = w->next)
        if (w->token == n)
            w->fired = true;
}

/* The next message; a watch event is noted and its type returned. */
static int next_message(struct xsd_sockmsg *msg)
{
    int rc = receive(msg, sizeof(*msg));

    if (!rc && msg->len > XENSTORE_PAYLOAD_MAX) {
        os_log("xenstore: a message of %u bytes; the store is not used any more\n", msg->len);
        rc = -XEN_EIO;
    }
    if (!rc)
        rc = receive(payload, msg->len);
    os_event_notify(port);
    if (rc) {
        dead = true;
        return rc;
    }
    payload[msg->len] = 0;
    if (msg->type == XS_WATCH_EVENT)
        note_watch(msg->len);
    return 0;
}

static int error_of(const char *name)
{
    static const struct {
        const char *name;
        int error;
    } errors[] = {
        {"EINVAL", XEN_EINVAL}, {"EACCES", XEN_EACCES}, {"EEXIST", XEN_EEXIST}, {"EISDIR", XEN_EISDIR},
        {"ENOENT", XEN_ENOENT}, {"ENOMEM", XEN_ENOMEM}, {"ENOSPC", XEN_ENOSPC}, {"ENOSYS", XEN_ENOSYS},
        {"EAGAIN", XEN_EAGAIN}, {"EROFS", XEN_EROFS},   {"EBUSY", XEN_EBUSY},   {"E2BIG", XEN_E2BIG},
    };

    for (unsigned int i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
        if (!strcmp(errors[i].name, name))
            return -errors[i].error;
    return -XEN_EIO;
}

struct part {
    const char *data;
    size_t len;
};

static struct part part_of(const char *s) { return (struct part){s, s ? strlen(s) : 0}; }

/* Sends one request of DIR/NODE, ended by NUL, and a tail; its reply is in `payload`, its length returned. */
static int request(uint32_t type, uint32_t tx, const char *dir, const char *node, struct part tail)
{
    struct part parts[] = {part_of(dir), {"/", node ? 1 : 0}, part_of(node), {"", dir ? 1 : 0}, tail};
    struct xsd_sockmsg msg = {.type = type, .req_id = ++last_id, .tx_id = tx};
    int rc;

    for (unsigned int i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        msg.len += (uint32_t)parts[i].len;
    if (!ring || dead)
        return -XEN_ENODEV;
    if (msg.len > XENSTORE_PAYLOAD_MAX)
        return -XEN_E2BIG;
    rc = send(&msg, sizeof(msg));
    for (unsigned int i = 0; !rc && i < sizeof(parts) / sizeof(parts[0]); i++)
        rc = send(parts[i].data, parts[i].len);
    if (rc) {
        dead = true;
        return rc;
    }
    os_event_notify(port);
    do
        rc = next_message(&msg);
    while (!rc && (msg.req_id != last_id || msg.type == XS_WATCH_EVENT));
    if (rc)
        return rc;
    return msg.type == XS_ERROR ? error_of(payload) : (int)msg.len;
}

/* As request, under the lock, with the reply copied out where BUF is given. */
static int call(uint32_t type, uint32_t tx, const char *dir, const char *node, struct part tail, char *buf, size_t size)
{
    int rc;

    os_lock(&lock);
    rc = request(type, tx, dir, node, tail);
    if (rc >= 0 && buf) {
        if ((size_t)rc < size)
            memcpy(buf, payload, (size_t)rc + 1);
        else
            rc = -XEN_E2BIG;
    }
    os_unlock(&lock);
    return rc;
}

int store_read(uint32_t tx, const char *dir, const char *node, char *buf, size_t size)
{
    return call(XS_READ, tx, dir, node, (struct part){0}, buf, size);
}

int store_list(uint32_t tx, const char *dir, char *buf, size_t size)
{
    return call(XS_DIRECTORY, tx, dir, NULL, (struct part){0}, buf, size);
}

uint64_t store_number(uint32_t tx, const char *dir, const char *node, uint64_t otherwise)
{
    char text[32];
    uint64_t n = 0;
    int len = store_read(tx, dir, node, text, sizeof(text));

    if (len <= 0)
        return otherwise;
    for (int i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9' || n > (~0UL - 9) / 10)
            return otherwise;
        n = n * 10 + (uint64_t)(text[i] - '0');
    }
    return n;
}

int store_write(uint32_t tx, const char *dir, const char *node, const char *value)
{
    int rc = call(XS_WRITE, tx, dir, node, part_of(value), NULL, 0);

    return rc < 0 ? rc : 0;
}

int store_write_number(uint32_t tx, const char *dir, const char *node, uint64_t value)
{
    char text[24];

    os_format(text, sizeof(text), "%lu", (unsigned long)value);
    return store_write(tx, dir, node, text);
}

int store_remove(uint32_t tx, const char *dir, const char *node)
{
    int rc = call(XS_RM, tx, dir, node, (struct part){0}, NULL, 0);

    return rc < 0 ? rc : 0;
}

int store_begin(uint32_t *tx)
{
    char text[24];
    int rc = call(XS_TRANSACTION_START, 0, NULL, NULL, (struct part){"", 1}, text, sizeof(text));

    *tx = 0;
    if (rc < 0)
        return rc;
    for (const char *p = text; *p >= '0' && *p <= '9'; p++)
        *tx = *tx * 10 + (uint32_t)(*p - '0');
    return *tx ? 0 : -XEN_EIO;
}

int store_end(uint32_t tx, bool commit)
{
    int rc = call(XS_TRANSACTION_END, tx, NULL, NULL, (struct part){commit ? "T" : "F", 2}, NULL, 0);

    return rc < 0 ? rc : 0;
}

static int watch_call(uint32_t type, const struct store_watch *w)
{
    char token[16];
    int rc;

    os_format(token, sizeof(token), "%u", w->token);
    rc = call(type, 0, w->path, NULL, (struct part){token, strlen(token) + 1}, NULL, 0);
    return rc < 0 ? rc : 0;
}

int store_watch(struct store_watch *w)
{
    int rc;

    os_lock(&lock);
    w->token = ++last_token;
    w->fired = false;
    w->next = watches;
    watches = w;
    os_unlock(&lock);
    rc = watch_call(XS_WATCH, w);
    if (rc)
        store_unwatch(w);
    return rc;
}

void store_unwatch(struct store_watch *w)
{
    struct store_watch **p = &watches;

    os_lock(&lock);
    while (*p && *p != w)
        p = &(*p)->next;
    if (*p)
        *p = w->next;
    os_unlock(&lock);
    watch_call(XS_UNWATCH, w);
}

bool store_pending(void)
{
    bool fired = false;

    if (!ring || dead)
        return false;
    for (struct store_watch *w = watches; w; w = w->next)
        fired |= w->fired;
    return fired || can_read();
}

static struct store_watch *take_fired(void)
{
    struct xsd_sockmsg msg;
    struct store_watch *w;

    os_lock(&lock);
    while (ring && !dead && can_read() && !next_message(&msg))
        ;
    for (w = watches; w && !w->fired; w = w->next)
        ;
    if (w)
        w->fired = false;
    os_unlock(&lock);
    return w;
}

void store_poll(void)
{
    struct store_watch *w;

    while ((w = take_fired()) != NULL)
        w->fn(w);
}

int store_init(void *page, uint32_t event_port)
{
    int rc = os_event_attach(event_port, on_event, NULL);

    if (rc)
        return rc;
    ring = page;
    port = event_port;
    dead = false;
    for (struct store_watch *w = watches; w; w = w->next)
        if ((rc = watch_call(XS_WATCH, w)) != 0)
            return rc;
    return 0;
}
