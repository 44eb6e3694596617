/* SPDX-License-Identifier: MIT */
/*
 * The network front end's control path: what is negotiated through xenstore, and the memory of the queues. Runs in the
 * thread that polls the store. Rings and receive buffers are made for each connection and given up after it.
 */
#include "net_queue.h"

#define QUEUE_PAGES ((unsigned int)((sizeof(struct net_queue) + OS_PAGE_SIZE - 1) / OS_PAGE_SIZE))
#define MTU_DEFAULT 1500U
#define MTU_MAX     (NET_MAX_PACKET - 18) /* with an Ethernet header and a VLAN tag */

static void on_event(void *arg)
{
    struct net_queue *q = arg;

    if (q->dev->config.ready)
        q->dev->config.ready(q->dev->config.arg, q->index);
}

static uint64_t at_most(uint64_t v, uint64_t max) { return v < max ? v : max; }

static void free_pages(struct net_queue *q, uint8_t *pages, unsigned int count, const uint32_t *refs)
{
    bool free = true;

    if (!pages)
        return;
    for (unsigned int i = 0; i < count; i++)
        free &= !refs[i] || os_grant_end(refs[i]);
    if (free)
        os_pages_free(pages, count);
    else
        os_log("%s: the back-end keeps pages mapped: %u are lost\n", q->dev->bus.dir, count);
}

static uint8_t *granted_pages(struct net_queue *q, unsigned int count, uint32_t *refs, bool readonly)
{
    uint8_t *pages = os_pages_alloc(count);
    unsigned int i;

    memset(refs, 0, count * sizeof(*refs));
    for (i = 0; pages && i < count; i++)
        if (!(refs[i] = os_grant(q->dev->bus.peer, os_frame(pages + (size_t)i * OS_PAGE_SIZE), readonly)))
            break;
    if (pages && i < count) {
        free_pages(q, pages, count, refs);
        pages = NULL;
    }
    return pages;
}

static int queue_rings(struct net_queue *q)
{
    int rc;

    q->tx_page = xenbus_ring_alloc(&q->dev->bus, 1, &q->tx_ref);
    q->rx_page = xenbus_ring_alloc(&q->dev->bus, 1, &q->rx_ref);
    q->bounce = granted_pages(q, NET_BOUNCE, q->bounce_refs, true);
    q->buffers = granted_pages(q, NET_RING, q->buffer_refs, false);
    if (!q->tx_page || !q->rx_page || !q->bounce || !q->buffers)
        return -XEN_ENOMEM;
    ring_init(&q->tx, q->tx_page, OS_PAGE_SIZE, sizeof(struct netif_tx_request));
    ring_init(&q->rx, q->rx_page, OS_PAGE_SIZE, sizeof(struct netif_rx_request));
    rc = os_event_open(q->dev->bus.peer, on_event, q, &q->tx_port);
    if (rc)
        return rc;
    q->rx_port = q->tx_port;
    return q->dev->info.split_events ? os_event_open(q->dev->bus.peer, on_event, q, &q->rx_port) : 0;
}

static int queue_set_up(struct net_device *n, unsigned int index)
{
    struct net_queue *q = os_pages_alloc(QUEUE_PAGES);
    int rc;

    if (!q)
        return -XEN_ENOMEM;
    n->queue[index] = q;
    q->dev = n;
    q->index = index;
    for (unsigned int i = 0; i < NET_RING; i++)
        q->slot[i].next_free = (uint16_t)(i + 1 < NET_RING ? i + 1 : NET_NONE);
    for (unsigned int i = 0; i < NET_BOUNCE; i++)
        q->bounce_next[i] = (uint16_t)(i + 1 < NET_BOUNCE ? i + 1 : NET_NONE);
    rc = queue_rings(q);
    if (rc)
        return rc;
    net_queue_fill(q);
    return 0;
}

static void queue_tear_down(struct net_queue *q)
{
    os_lock(&q->lock);
    q->live = false;
    os_unlock(&q->lock);
    net_queue_fail(q, -XEN_ENODEV);
    if (q->rx_port && q->rx_port != q->tx_port)
        os_event_close(q->rx_port);
    if (q->tx_port)
        os_event_close(q->tx_port);
    xenbus_ring_free(q->tx_page, 1, &q->tx_ref);
    xenbus_ring_free(q->rx_page, 1, &q->rx_ref);
    free_pages(q, q->bounce, NET_BOUNCE, q->bounce_refs);
    free_pages(q, q->buffers, NET_RING, q->buffer_refs);
    os_pages_free(q, QUEUE_PAGES);
}

static int net_setup(struct xenbus_device *bus)
{
    struct net_device *n = (struct net_device *)bus;
    const struct net_config *c = &n->config;
    uint64_t queues = at_most(at_most(xenbus_feature(bus, "multi-queue-max-queues", 1), c->queues), NET_MAX_QUEUES);
    int rc = 0;

    if (!xenbus_feature(bus, "feature-rx-copy", 0)) {
        os_log("%s: the back-end does not copy into our pages (feature-rx-copy)\n", bus->dir);
        return -XEN_EOPNOTSUPP;
    }
    n->info.split_events = c->split_events && xenbus_feature(bus, "feature-split-event-channels", 0);
    n->info.multicast = c->multicast && xenbus_feature(bus, "feature-multicast-control", 0);
    if (c->ctrl && xenbus_feature(bus, "feature-ctrl-ring", 0))
        rc = net_ctrl_set_up(n);
    queues = queues ? queues : 1;
    for (n->queues = 0; !rc && n->queues < queues; n->queues++)
        rc = queue_set_up(n, n->queues);
    n->info.queues = n->queues;
    n->info.ctrl = n->ctrl != NULL;
    return rc;
}

static int publish_queue(const struct net_queue *q, uint32_t tx, const char *dir)
{
    int rc = store_write_number(tx, dir, "tx-ring-ref", q->tx_ref);

    if (!rc)
        rc = store_write_number(tx, dir, "rx-ring-ref", q->rx_ref);
    if (!rc && !q->dev->info.split_events)
        return store_write_number(tx, dir, "event-channel", q->tx_port);
    if (!rc)
        rc = store_write_number(tx, dir, "event-channel-tx", q->tx_port);
    return rc ? rc : store_write_number(tx, dir, "event-channel-rx", q->rx_port);
}

static int net_publish(struct xenbus_device *bus, uint32_t tx)
{
    struct net_device *n = (struct net_device *)bus;
    const struct net_config *c = &n->config;
    const struct {
        const char *node;
        unsigned int value;
        bool wanted;
    } nodes[] = {
        {"request-rx-copy", 1, true},
        {"feature-rx-notify", 1, true},
        {"feature-sg", c->sg, true},
        {"feature-gso-tcpv4", c->gso4 && c->sg && c->csum, true},
        {"feature-gso-tcpv6", c->gso6 && c->sg && c->csum, true},
        {"feature-no-csum-offload", !c->csum, true},
        {"feature-ipv6-csum-offload", c->csum, true},
        {"request-multicast-control", n->info.multicast, n->info.multicast},
        {"multi-queue-num-queues", n->queues, n->queues > 1},
        {"ctrl-ring-ref", n->ctrl ? n->ctrl->ref : 0, n->ctrl != NULL},
        {"event-channel-ctrl", n->ctrl ? n->ctrl->port : 0, n->ctrl != NULL},
    };
    char dir[72];
    int rc = 0;

    for (unsigned int i = 0; !rc && i < sizeof(nodes) / sizeof(nodes[0]); i++)
        if (nodes[i].wanted)
            rc = store_write_number(tx, bus->dir, nodes[i].node, nodes[i].value);
    for (unsigned int i = 0; !rc && i < n->queues; i++) {
        os_format(dir, sizeof(dir), n->queues > 1 ? "%s/queue-%u" : "%s", bus->dir, i);
        rc = publish_queue(n->queue[i], tx, dir);
    }
    return rc;
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int read_mac(struct net_device *n)
{
    char text[32];
    int len = store_read(0, n->bus.dir, "mac", text, sizeof(text));

    if (len != 17)
        return -XEN_EINVAL;
    for (unsigned int i = 0; i < 6; i++) {
        int a = hex(text[3 * i]), b = hex(text[3 * i + 1]);

        if (a < 0 || b < 0 || (i < 5 && text[3 * i + 2] != ':'))
            return -XEN_EINVAL;
        n->info.mac[i] = (uint8_t)(a << 4 | b);
    }
    return 0;
}

static void read_features(struct net_device *n)
{
    const struct xenbus_device *bus = &n->bus;
    const struct net_config *c = &n->config;
    struct net_info *info = &n->info;

    info->sg = c->sg && xenbus_feature(bus, "feature-sg", 0);
    info->csum = c->csum && !xenbus_feature(bus, "feature-no-csum-offload", 0);
    info->csum6 = c->csum && xenbus_feature(bus, "feature-ipv6-csum-offload", 0);
    info->gso4 = c->gso4 && info->sg && info->csum && xenbus_feature(bus, "feature-gso-tcpv4", 0);
    info->gso6 = c->gso6 && info->sg && info->csum6 && xenbus_feature(bus, "feature-gso-tcpv6", 0);
    info->mtu = (unsigned int)store_number(0, bus->dir, "mtu", MTU_DEFAULT);
    if (info->mtu < 68 || info->mtu > MTU_MAX)
        info->mtu = MTU_DEFAULT;
}

static void set_link(struct net_device *n, bool up)
{
    if (n->link == up)
        return;
    n->link = up;
    if (n->config.link)
        n->config.link(n->config.arg, up);
}

static int net_connected(struct xenbus_device *bus)
{
    struct net_device *n = (struct net_device *)bus;

    read_features(n);
    for (unsigned int i = 0; i < n->queues; i++)
        n->queue[i]->live = true;
    set_link(n, true);
    return 0;
}

static void net_teardown(struct xenbus_device *bus, bool gone)
{
    struct net_device *n = (struct net_device *)bus;

    (void)gone;
    set_link(n, false);
    for (unsigned int i = 0; i < NET_MAX_QUEUES; i++)
        if (n->queue[i]) {
            queue_tear_down(n->queue[i]);
            n->queue[i] = NULL;
        }
    n->queues = 0;
    net_ctrl_tear_down(n);
}

static const struct xenbus_driver net_driver = {
    .type = "vif",
    .published = XenbusStateConnected,
    .setup = net_setup,
    .publish = net_publish,
    .connected = net_connected,
    .teardown = net_teardown,
};

int net_open(struct net_device *n, unsigned int id, const struct net_config *config)
{
    int rc;

    memset(n, 0, sizeof(*n));
    n->config = *config;
    rc = xenbus_open(&n->bus, &net_driver, id);
    if (!rc && (rc = read_mac(n)) != 0)
        xenbus_close(&n->bus);
    return rc;
}

int net_wait(struct net_device *n, uint64_t deadline) { return xenbus_wait(&n->bus, deadline); }

void net_close(struct net_device *n) { xenbus_close(&n->bus); }
