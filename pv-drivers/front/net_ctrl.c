/* SPDX-License-Identifier: MIT */
/*
 * The network control ring: requests that set up receive-side spreading, one at a time, each waited for. Owns the ring
 * under its lock. An answer to anything but the request in flight stops the ring.
 */
#include "net_queue.h"

#define WAIT_NS 2000000000UL

static void on_event(void *arg) { (void)arg; }

static bool answered(void *arg)
{
    struct net_ctrl *c = arg;

    return ring_waiting(&c->ring) != 0;
}

static int status_error(uint32_t status)
{
    switch (status) {
    case XEN_NETIF_CTRL_STATUS_SUCCESS: return 0;
    case XEN_NETIF_CTRL_STATUS_NOT_SUPPORTED: return -XEN_EOPNOTSUPP;
    case XEN_NETIF_CTRL_STATUS_BUFFER_OVERFLOW: return -XEN_E2BIG;
    default: return -XEN_EINVAL;
    }
}

static int request(struct net_ctrl *c, uint16_t type, uint32_t a, uint32_t b, uint32_t d)
{
    struct xen_netif_ctrl_request req = {.id = ++c->last_id, .type = type, .data = {a, b, d}};
    struct xen_netif_ctrl_response rsp;
    int n;

    if (c->broken)
        return -XEN_EIO;
    memcpy(ring_request(&c->ring), &req, sizeof(req));
    c->ring.req_prod++;
    if (ring_push(&c->ring))
        os_event_notify(c->port);
    if (!ring_more(&c->ring) && !os_wait(answered, c, os_time() + WAIT_NS)) {
        c->broken = true; /* a late answer would be taken for the next one's */
        return -XEN_ETIMEDOUT;
    }
    n = ring_waiting(&c->ring);
    if (n == 1)
        ring_take(&c->ring, &rsp, sizeof(rsp));
    if (n == 1 && rsp.id == req.id && rsp.type == req.type)
        return status_error(rsp.status);
    c->broken = true;
    os_log("net: the back-end answered a control request that was not made; the control ring stops\n");
    return -XEN_EIO;
}

/* Sends a block of data through a page granted for this request. */
static int request_block(struct net_device *n, uint16_t type, const void *data, uint32_t len, uint32_t a, uint32_t b)
{
    uint32_t ref;
    void *page;
    int rc;

    if (len > OS_PAGE_SIZE)
        return -XEN_E2BIG;
    page = os_pages_alloc(1);
    if (!page)
        return -XEN_ENOMEM;
    memcpy(page, data, len);
    ref = os_grant(n->bus.peer, os_frame(page), true);
    rc = ref ? request(n->ctrl, type, ref, a, b) : -XEN_ENOSPC;
    if (!ref || os_grant_end(ref))
        os_pages_free(page, 1);
    return rc;
}

static int set_hash(struct net_device *n, uint32_t types, const uint8_t *key, uint32_t key_len, const uint32_t *mapping,
                    uint32_t count)
{
    struct net_ctrl *c = n->ctrl;
    int rc;

    if (!types)
        return request(c, XEN_NETIF_CTRL_TYPE_SET_HASH_ALGORITHM, XEN_NETIF_CTRL_HASH_ALGORITHM_NONE, 0, 0);
    rc = request(c, XEN_NETIF_CTRL_TYPE_SET_HASH_ALGORITHM, XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ, 0, 0);
    if (!rc)
        rc = request_block(n, XEN_NETIF_CTRL_TYPE_SET_HASH_KEY, key, key_len, key_len, 0);
    if (!rc)
        rc = request(c, XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING_SIZE, count, 0, 0);
    if (!rc)
        rc = request_block(n, XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING, mapping, count * (uint32_t)sizeof(*mapping), count, 0);
    return rc ? rc : request(c, XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS, types, 0, 0);
}

int net_set_hash(struct net_device *n, uint32_t types, const uint8_t *key, uint32_t key_len, const uint32_t *mapping,
                 uint32_t count)
{
    int rc;

    if (!n->link)
        return -XEN_ENODEV;
    if (!n->ctrl)
        return -XEN_EOPNOTSUPP;
    if (count > OS_PAGE_SIZE / sizeof(*mapping))
        return -XEN_E2BIG;
    for (uint32_t i = 0; types && i < count; i++)
        if (mapping[i] >= n->queues)
            return -XEN_EINVAL;
    os_lock(&n->ctrl->lock);
    rc = set_hash(n, types, key, key_len, mapping, count);
    os_unlock(&n->ctrl->lock);
    return rc;
}

int net_ctrl_set_up(struct net_device *n)
{
    struct net_ctrl *c = os_pages_alloc(1);
    int rc;

    _Static_assert(sizeof(*c) <= OS_PAGE_SIZE, "one page");
    if (!c)
        return -XEN_ENOMEM;
    n->ctrl = c;
    c->page = xenbus_ring_alloc(&n->bus, 1, &c->ref);
    if (!c->page)
        return -XEN_ENOMEM;
    ring_init(&c->ring, c->page, OS_PAGE_SIZE, sizeof(struct xen_netif_ctrl_request));
    rc = os_event_open(n->bus.peer, on_event, c, &c->port);
    return rc;
}

void net_ctrl_tear_down(struct net_device *n)
{
    struct net_ctrl *c = n->ctrl;

    if (!c)
        return;
    if (c->port)
        os_event_close(c->port);
    xenbus_ring_free(c->page, 1, &c->ref);
    os_pages_free(c, 1);
    n->ctrl = NULL;
}
