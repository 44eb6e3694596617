/* SPDX-License-Identifier: MIT */
/*
 * A xenstore client over the shared ring: <xen/io/xs_wire.h>. One request at a time; stale replies are dropped, watch
 * events only noted. The daemon is trusted with our data but not with our memory: lengths and indices are
 * checked.
 */
#include "hypercall.h"

#include <xen/io/xs_wire.h>

#define WAIT_NS 5000000000UL

static struct xenstore_domain_interface *ring;
static evtchn_port_t port;
static uint32_t last_id;
static bool changed;
static char payload[XENSTORE_PAYLOAD_MAX + 1];

static void on_event(evtchn_port_t p, void *arg)
{
    (void)p;
    (void)arg;
}

static uint32_t can_write(void)
{
    uint32_t filled = ring->req_prod - ACCESS(ring->req_cons);

    return filled > XENSTORE_RING_SIZE ? 0 : XENSTORE_RING_SIZE - filled;
}

static uint32_t can_read(void)
{
    uint32_t filled = ACCESS(ring->rsp_prod) - ring->rsp_cons;

    return filled > XENSTORE_RING_SIZE ? 0 : filled;
}

static int wait(uint32_t (*ready)(void))
{
    uint64_t deadline = time_now() + WAIT_NS;

    events_off();
    while (!ready() && time_now() < deadline)
        event_wait(deadline);
    events_on();
    return ready() ? 0 : -XEN_ETIMEDOUT;
}

static int send(const void *data, size_t len)
{
    const char *p = data;

    for (; len; len--, p++) {
        if (!can_write()) {
            event_notify(port);
            if (wait(can_write))
                return -XEN_ETIMEDOUT;
        }
        ring->req[MASK_XENSTORE_IDX(ring->req_prod)] = *p;
        wmb();
        ACCESS(ring->req_prod)++;
    }
    return 0;
}

static int receive(void *data, size_t len)
{
    char *p = data;

    for (; len; len--, p++) {
        if (!can_read() && wait(can_read))
            return -XEN_ETIMEDOUT;
        rmb();
        *p = ACCESS(ring->rsp[MASK_XENSTORE_IDX(ring->rsp_cons)]);
        mb(); /* read before the index that gives the byte away */
        ACCESS(ring->rsp_cons)++;
    }
    return 0;
}

static int error_of(const char *name)
{
    static const struct {
        const char *name;
        int error;
    } errors[] = {
        {"EINVAL", XEN_EINVAL}, {"EACCES", XEN_EACCES}, {"EEXIST", XEN_EEXIST},
        {"ENOENT", XEN_ENOENT}, {"ENOMEM", XEN_ENOMEM}, {"ENOSPC", XEN_ENOSPC},
        {"EAGAIN", XEN_EAGAIN}, {"E2BIG", XEN_E2BIG},   {"EPERM", XEN_EPERM},
    };

    for (unsigned int i = 0; i < ARRAY_SIZE(errors); i++)
        if (!strcmp(errors[i].name, name))
            return -errors[i].error;
    return -XEN_EIO;
}

/* The next message into *msg and `payload`, ended by NUL; a watch event is only noted. */
static int next_message(struct xsd_sockmsg *msg)
{
    int rc = receive(msg, sizeof(*msg));

    if (!rc && msg->len > XENSTORE_PAYLOAD_MAX)
        rc = -XEN_EIO;
    if (!rc)
        rc = receive(payload, msg->len);
    event_notify(port);
    if (rc)
        return rc;
    payload[msg->len] = 0;
    if (msg->type == XS_WATCH_EVENT)
        changed = true;
    return 0;
}

/* Sends one request of one or two parts; its reply is in `payload`. */
static int request(uint32_t type, const char *a, size_t alen, const char *b, size_t blen)
{
    struct xsd_sockmsg msg = {.type = type, .req_id = ++last_id, .len = (uint32_t)(alen + blen)};
    int rc;

    if (!ring)
        return -XEN_ENODEV;
    if (alen + blen > XENSTORE_PAYLOAD_MAX)
        return -XEN_E2BIG;
    rc = send(&msg, sizeof(msg));
    if (!rc)
        rc = send(a, alen);
    if (!rc)
        rc = send(b, blen);
    event_notify(port);
    while (!rc) {
        rc = next_message(&msg);
        if (!rc && msg.req_id == last_id && msg.type != XS_WATCH_EVENT)
            break;
    }
    if (rc)
        return rc;
    return msg.type == XS_ERROR ? error_of(payload) : (int)msg.len;
}

int store_watch(const char *path)
{
    static const char token[] = "w";
    int rc = request(XS_WATCH, path, strlen(path) + 1, token, sizeof(token));

    return rc < 0 ? rc : 0;
}

bool store_changed(void)
{
    struct xsd_sockmsg msg;
    bool was;

    while (ring && can_read() && !next_message(&msg))
        ;
    was = changed;
    changed = false;
    return was;
}

int store_read(const char *path, char *buf, size_t size)
{
    int rc = request(XS_READ, path, strlen(path) + 1, NULL, 0);

    if (rc < 0)
        return rc;
    if ((size_t)rc >= size)
        return -XEN_E2BIG;
    memcpy(buf, payload, (size_t)rc + 1);
    return rc;
}

int store_write(const char *path, const char *value)
{
    int rc = request(XS_WRITE, path, strlen(path) + 1, value, strlen(value));

    return rc < 0 ? rc : 0;
}

void store_init(void)
{
    if (!start_info->store_mfn)
        return;
    ring = mfn_va(start_info->store_mfn);
    port = start_info->store_evtchn;
    event_bind(port, on_event, NULL);
}
