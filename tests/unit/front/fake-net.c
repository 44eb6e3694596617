/* SPDX-License-Identifier: MIT */
/* A network back-end that takes packets apart, and returns each where the test asks for it. */
#include "fake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BACK "/local/domain/0/backend/vif/7/0/"
#define DEV  "device/vif/0/"

struct fake_net fake_net;

static void feature(const char *name, uint64_t value)
{
    char path[128];

    snprintf(path, sizeof(path), BACK "%s", name);
    fake_set_number(path, value);
}

static uint64_t ours(unsigned int queue, const char *name)
{
    char path[128];

    if (fake_get(DEV "multi-queue-num-queues"))
        snprintf(path, sizeof(path), DEV "queue-%u/%s", queue, name);
    else
        snprintf(path, sizeof(path), DEV "%s", name);
    return fake_get_number(path);
}

struct ring_shared *fake_net_ring(unsigned int queue, bool tx)
{
    return fake_page((uint32_t)ours(queue, tx ? "tx-ring-ref" : "rx-ring-ref"), true);
}

static uint32_t port(unsigned int queue, bool tx)
{
    const char *name = !fake_get_number(BACK "feature-split-event-channels") ? "event-channel" : tx ? "event-channel-tx" : "event-channel-rx";

    return (uint32_t)ours(queue, name);
}

static struct netif_tx_request *tx_entry(unsigned int queue, uint32_t i)
{
    return (struct netif_tx_request *)(fake_net_ring(queue, true) + 1) + i % 256;
}

static void put_tx(unsigned int queue, uint16_t id, int16_t status)
{
    struct ring_shared *s = fake_net_ring(queue, true);
    struct netif_tx_response rsp = {.id = id, .status = status};

    if (fake_net.answer && status != NETIF_RSP_NULL)
        fake_net.answer(&rsp);
    memcpy(tx_entry(queue, s->rsp_prod), &rsp, sizeof(rsp));
    s->rsp_prod++;
    if (s->rsp_prod == s->rsp_event)
        fake_event(port(queue, true));
}

bool fake_net_deliver(unsigned int queue, const uint8_t *data, uint32_t len, uint16_t flags, uint16_t gso_size)
{
    struct ring_shared *s = fake_net_ring(queue, false);
    struct netif_rx_response *ring = (struct netif_rx_response *)(s + 1);
    uint32_t at = 0, slots = (len + 4095) / 4096 + (gso_size != 0);

    if (s->req_prod - fake_net.rx_cons[queue] < slots)
        return false;
    do {
        uint32_t i = fake_net.rx_cons[queue]++ % 256, n = len - at > 4096 ? 4096 : len - at;
        struct netif_rx_request req;
        struct netif_rx_response rsp;
        uint8_t *page;

        memcpy(&req, &ring[i], sizeof(req));
        page = fake_page(req.gref, true);
        if (!page)
            abort(); /* the front end posted no page of its own */
        memcpy(page, data + at, n);
        rsp = (struct netif_rx_response){.id = req.id, .status = (int16_t)n, .flags = at ? 0 : flags};
        at += n;
        rsp.flags |= at < len ? NETRXF_more_data : 0;
        if (at == n && gso_size)
            rsp.flags |= NETRXF_extra_info;
        if (fake_net.deliver)
            fake_net.deliver(&rsp);
        memcpy(&ring[i], &rsp, sizeof(rsp));
        s->rsp_prod++;
        if (at == n && gso_size) {
            struct netif_extra_info e = {.type = XEN_NETIF_EXTRA_TYPE_GSO, .u.gso = {.size = gso_size, .type = 1}};

            memcpy(&ring[fake_net.rx_cons[queue]++ % 256], &e, sizeof(e));
            s->rsp_prod++;
        }
    } while (at < len);
    fake_event(port(queue, false));
    return true;
}

/* Takes the extra entries after the first request; how many there are. */
static unsigned int take_extras(unsigned int queue, uint32_t index)
{
    struct netif_extra_info e;
    unsigned int n = 0;

    do {
        memcpy(&e, tx_entry(queue, index + n++), sizeof(e));
        if (e.type == XEN_NETIF_EXTRA_TYPE_GSO)
            fake_net.gso_size = e.u.gso.size;
        else if (e.type == XEN_NETIF_EXTRA_TYPE_MCAST_ADD)
            fake_net.mcast_added++;
        else if (e.type == XEN_NETIF_EXTRA_TYPE_MCAST_DEL)
            fake_net.mcast_deleted++;
        else
            abort();
    } while (e.flags & XEN_NETIF_EXTRA_FLAG_MORE);
    return n;
}

static uint32_t take_packet(unsigned int queue, uint32_t index)
{
    uint16_t ids[XEN_NETIF_NR_SLOTS_MIN];
    unsigned int n = 0, extras = 0;
    uint32_t rest = 0, start = index;
    struct netif_tx_request r, first;
    bool control;

    memcpy(&first, tx_entry(queue, index), sizeof(first));
    control = !first.gref;
    fake_net.gso_size = 0;
    do {
        uint8_t *page;
        uint32_t len;

        memcpy(&r, tx_entry(queue, index++), sizeof(r));
        if (n == XEN_NETIF_NR_SLOTS_MIN)
            abort(); /* more than every back-end takes */
        ids[n++] = r.id;
        if (n == 1 && r.flags & NETTXF_extra_info)
            index += extras = take_extras(queue, index);
        if (control)
            break;
        page = fake_page(r.gref, false);
        /* The first one's size is the packet's: what the others do not hold is its own. */
        len = r.size;
        if (n == 1 && r.flags & NETTXF_more_data) {
            uint32_t i = index;
            struct netif_tx_request o;

            do {
                memcpy(&o, tx_entry(queue, i++), sizeof(o));
                len -= o.size;
            } while (o.flags & NETTXF_more_data);
        }
        /* A first request that holds less than the Ethernet header is a packet that Linux's back-end drops. */
        if (!page || r.offset + len > 4096 || rest + len > NET_MAX_PACKET || (n == 1 && len < 14))
            abort();
        memcpy(fake_net.packet + rest, page + r.offset, len);
        rest += len;
    } while (r.flags & NETTXF_more_data);
    if (!control) {
        if (rest != first.size)
            abort();
        fake_net.packets++;
        fake_net.bytes += rest;
        fake_net.len = rest;
        fake_net.flags = first.flags;
        fake_net.slots = n;
        if (fake_net.packet_out)
            fake_net.packet_out();
        if (fake_net.echo)
            fake_net_deliver(queue, fake_net.packet, rest, first.flags & NETTXF_csum_blank ? NETRXF_csum_blank : 0,
                             fake_net.gso_size);
    }
    for (unsigned int i = 0; i < n; i++) {
        put_tx(queue, ids[i], NETIF_RSP_OKAY);
        for (unsigned int e = 0; !i && e < extras; e++)
            put_tx(queue, 0, NETIF_RSP_NULL);
    }
    return index - start;
}

static void serve_ctrl(void)
{
    struct ring_shared *s = fake_page((uint32_t)fake_get_number(DEV "ctrl-ring-ref"), true);
    uint8_t *entries;

    if (!s)
        return;
    entries = (uint8_t *)(s + 1);
    while (fake_net.ctrl_cons != s->req_prod) {
        struct xen_netif_ctrl_request *r = (void *)(entries + fake_net.ctrl_cons++ % 128 * sizeof(*r));
        struct xen_netif_ctrl_response rsp = {.id = r->id, .type = r->type};

        fake_net.controls++;
        if (r->type == XEN_NETIF_CTRL_TYPE_SET_HASH_KEY && !fake_page(r->data[0], false))
            abort();
        memcpy(entries + s->rsp_prod % 128 * sizeof(*r), &rsp, sizeof(rsp));
        s->rsp_prod++;
        fake_event((uint32_t)fake_get_number(DEV "event-channel-ctrl"));
    }
}

static void turn(void)
{
    uint64_t state = fake_get_number(DEV "state");
    unsigned int queues = (unsigned int)fake_get_number(DEV "multi-queue-num-queues");

    fake_net.offered &= state == XenbusStateConnected; /* until the front end has seen that we are new */
    if (!fake_net.connected && !fake_net.offered && state == XenbusStateConnected && fake_get_number(BACK "state") == XenbusStateInitWait) {
        fake_net.connected = true;
        memset(fake_net.tx_cons, 0, sizeof(fake_net.tx_cons));
        memset(fake_net.rx_cons, 0, sizeof(fake_net.rx_cons));
        fake_net.ctrl_cons = 0;
        feature("state", XenbusStateConnected);
    }
    if (state == XenbusStateClosed && fake_get_number(BACK "state") != XenbusStateClosed) {
        fake_net.connected = false;
        feature("state", XenbusStateClosed);
    }
    for (unsigned int q = 0; fake_net.connected && !fake_net.hold && q < (queues ? queues : 1); q++) {
        struct ring_shared *s = fake_net_ring(q, true);

        while (s && !fake_net.hold && fake_net.tx_cons[q] != s->req_prod)
            fake_net.tx_cons[q] += take_packet(q, fake_net.tx_cons[q]);
        if (s)
            s->req_event = fake_net.tx_cons[q] + 1;
    }
    if (fake_net.connected && fake_net.ctrl)
        serve_ctrl();
}

void fake_net_offer(void)
{
    fake_net.connected = false;
    fake_net.offered = true;
    feature("feature-rx-copy", 1);
    feature("feature-sg", fake_net.sg);
    feature("feature-gso-tcpv4", fake_net.gso);
    feature("feature-no-csum-offload", !fake_net.csum);
    feature("feature-split-event-channels", fake_net.split);
    feature("feature-multicast-control", fake_net.multicast);
    feature("feature-ctrl-ring", fake_net.ctrl);
    feature("multi-queue-max-queues", fake_net.queues ? fake_net.queues : 1);
    feature("state", XenbusStateInitWait);
}

void fake_net_init(void)
{
    memset(&fake_net, 0, sizeof(fake_net));
    fake_set(DEV "backend", "/local/domain/0/backend/vif/7/0");
    fake_set(DEV "backend-id", "0");
    fake_set(DEV "mac", "00:16:3e:12:Ab:cd");
    fake_set(DEV "state", "1");
    feature("online", 1);
    fake_peer = turn;
}
