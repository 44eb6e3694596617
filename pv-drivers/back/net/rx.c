/* SPDX-License-Identifier: MIT */
/* To the guest: packets are read from the tap, cut into the pages that the guest offers, and copied by one hypercall. */
#include "vif.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"

#define COPIES_MAX 256          /* a ring's worth */

struct filled {
    struct vif_queue *q;
    uint32_t first;             /* response */
    unsigned copy, copies, extras;
    uint32_t size;
};

struct batch {
    struct filled packet[BATCH];
    unsigned n, n_copies;
    size_t used;                /* of the arena */
    peer_copy_t copies[COPIES_MAX];
};

static unsigned pages(uint32_t size)
{
    return (size + PAGE - 1) / PAGE;
}

/* Slots that the guest has offered and we have not used; the ring's end for good when its index cannot be. */
static uint32_t room(struct vif_queue *q)
{
    uint32_t prod = __atomic_load_n(&q->rx.sring->req_prod, __ATOMIC_ACQUIRE);

    if (prod - q->rx.req_cons > RING_SIZE(&q->rx) || RING_REQUEST_PROD_OVERFLOW(&q->rx, prod)) {
        log_guest("vif %u: the guest's receive ring has an index that cannot be: the queue stops", q->vif->id);
        q->rx_broken = true;
        return 0;
    }
    return prod - q->rx.req_cons;
}

/* Is there room for a packet of so many slots? If not, ask for an event when there is. */
static bool has_room(struct vif_queue *q, unsigned slots)
{
    if (room(q) >= slots)
        return true;
    q->rx.sring->req_event = q->rx.req_cons + slots;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return !q->rx_broken && room(q) >= slots;
}

static bool multicast_wanted(const struct vif *v, const uint8_t *mac)
{
    static const uint8_t broadcast[6] = { 255, 255, 255, 255, 255, 255 };

    if (!v->rules.multicast_control || !(mac[0] & 1) || !memcmp(mac, broadcast, 6))
        return true;
    for (unsigned i = 0; i < v->state->n_multicast; i++)
        if (!memcmp(v->state->multicast[i], mac, 6))
            return true;
    return false;
}

static bool is_gso(const struct frame *f)
{
    uint8_t type = f->header.gso_type & (uint8_t)~VIRTIO_NET_HDR_GSO_ECN;

    return type == VIRTIO_NET_HDR_GSO_TCPV4 || type == VIRTIO_NET_HDR_GSO_TCPV6;
}

static unsigned slots_of(const struct frame *f)
{
    return pages(f->size) + is_gso(f) + f->hashed;
}

static void put_extra(struct vif_queue *q, const struct netif_extra_info *extra)
{
    memcpy(RING_GET_RESPONSE(&q->rx, q->rx.rsp_prod_pvt), extra, sizeof(*extra));
    q->rx.rsp_prod_pvt++;
    q->rx.req_cons++;
}

static void put_extras(struct vif_queue *q, const struct frame *f)
{
    struct netif_extra_info gso = { .type = XEN_NETIF_EXTRA_TYPE_GSO }, hash = { .type = XEN_NETIF_EXTRA_TYPE_HASH };

    if (is_gso(f)) {
        gso.u.gso.size = f->header.gso_size;
        gso.u.gso.type = (f->header.gso_type & VIRTIO_NET_HDR_GSO_TCPV6) == VIRTIO_NET_HDR_GSO_TCPV6
            ? XEN_NETIF_GSO_TYPE_TCPV6 : XEN_NETIF_GSO_TYPE_TCPV4;
        gso.flags = f->hashed ? XEN_NETIF_EXTRA_FLAG_MORE : 0;
        put_extra(q, &gso);
    }
    if (f->hashed) {
        hash.u.hash.type = f->hash.type;
        hash.u.hash.algorithm = XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ;
        memcpy(hash.u.hash.value, &f->hash.value, sizeof(hash.u.hash.value));
        put_extra(q, &hash);
    }
}

/* Cut a packet into the ring's next slots; has_room() has been asked. */
static void fill(struct vif_queue *q, struct batch *b, struct frame *f)
{
    struct filled *p = &b->packet[b->n++];
    uint16_t flags = 0;
    uint32_t at = 0;

    *p = (struct filled){ q, q->rx.rsp_prod_pvt, b->n_copies, pages(f->size), is_gso(f) + f->hashed, f->size };
    if (f->header.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
        flags = NETRXF_csum_blank | NETRXF_data_validated;
    else if (f->header.flags & VIRTIO_NET_HDR_F_DATA_VALID)
        flags = NETRXF_data_validated;
    if (p->extras)
        flags |= NETRXF_extra_info;
    do {
        uint32_t n = f->size - at < PAGE ? f->size - at : PAGE;
        netif_rx_request_t request;
        netif_rx_response_t r;

        RING_COPY_REQUEST(&q->rx, q->rx.req_cons, &request);
        q->rx.req_cons++;
        /* Both begin a page: one copy. */
        b->n_copies += arena_copy(q->vif->arena, q->vif->peer, &b->copies[b->n_copies], f->data + at, request.gref, 0, (uint16_t)n, true);
        at += n;
        r = (netif_rx_response_t){ .id = request.id, .flags = flags, .status = (int16_t)n };
        if (at < f->size)
            r.flags |= NETRXF_more_data;
        *RING_GET_RESPONSE(&q->rx, q->rx.rsp_prod_pvt) = r;
        q->rx.rsp_prod_pvt++;
        if (flags & NETRXF_extra_info)
            put_extras(q, f);
        flags = 0;
    } while (at < f->size);
}

static void publish(struct vif_queue *q)
{
    bool notify;

    RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&q->rx, notify);
    if (notify) {
        q->vif->state->stats.notifications++;
        q->vif->peer->ops->notify(q->vif->peer, q->rx_port);
    }
}

static void finish(struct vif *v, struct batch *b)
{
    struct peer *peer = v->peer;
    struct net_stats *s = &v->state->stats;
    int rc = peer->ops->copy(peer, b->copies, b->n_copies);

    for (unsigned i = 0; i < b->n; i++) {
        struct filled *p = &b->packet[i];
        uint32_t slot = p->first;
        bool good = true;

        for (unsigned c = 0; c < p->copies; c++) {
            if (rc || b->copies[p->copy + c].status != GNTST_okay) {
                RING_GET_RESPONSE(&p->q->rx, slot)->status = NETIF_RSP_ERROR;
                good = false;
            }
            slot += 1 + (c ? 0 : p->extras);
        }
        s->rx_packets += good;
        s->rx_bytes += good ? p->size : 0;
        s->rx_errors += !good;
        if (!good)
            log_guest("vif %u: the guest offered a page that cannot be written", v->id);
    }
    for (unsigned i = 0; i < v->n_queues; i++)
        if (v->queue[i]->rx.rsp_prod_pvt != v->queue[i]->rx.sring->rsp_prod)
            publish(v->queue[i]);
}

/* The next packet for this guest from the tap. False: none now. */
static bool next_packet(struct vif_queue *q, struct batch *b, struct frame *f)
{
    size_t used = b->used;

    f->data = arena_place(q->vif->arena, &used, TAP_HEADER, 0, PACKET_MAX);
    for (int tries = 0; tries < 2 * BATCH; tries++) {
        ssize_t n = read(q->tap, f->data - TAP_HEADER, TAP_HEADER + PACKET_MAX);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < (ssize_t)TAP_HEADER + 14)
            return false;
        memcpy(&f->header, f->data - TAP_HEADER, TAP_HEADER);
        f->size = (uint32_t)(n - (ssize_t)TAP_HEADER);
        f->hashed = hash_packet(&q->vif->state->hash, f->data, f->size, &f->hash);
        if (multicast_wanted(q->vif, f->data) && (q->vif->features.scatter || f->size <= PAGE)) {
            b->used = used - PACKET_MAX + f->size;
            return true;
        }
        q->vif->state->stats.rx_dropped++;
    }
    return false;
}

/* A packet that has to wait leaves the arena, which is for this batch. */
static void hold(struct vif_queue *q, const struct frame *f)
{
    struct frame *held = &q->held_frame;
    uint8_t *data = held->data;

    *held = *f;
    held->data = data;
    memcpy(data, f->data, f->size);
    q->held = true;
}

static struct frame unhold(struct vif_queue *q, struct batch *b)
{
    struct frame f = q->held_frame;

    f.data = arena_place(q->vif->arena, &b->used, TAP_HEADER, 0, f.size);
    memcpy(f.data, q->held_frame.data, f.size);
    q->held = false;
    return f;
}

/* Where the guest's table sends a packet: another queue has it at once, or it is dropped when that one is full. */
static bool sent_elsewhere(struct vif_queue *q, struct batch *b, struct frame *f)
{
    struct vif *v = q->vif;
    struct vif_queue *to = f->hashed ? v->queue[hash_queue(&v->state->hash, f->hash.value, v->n_queues)] : q;

    if (to == q)
        return false;
    /* Without asking for an event: what that queue waits for is its own affair. */
    if (!to->rx_broken && !to->held && room(to) >= slots_of(f))
        fill(to, b, f);
    else
        v->state->stats.rx_dropped++;
    return true;
}

bool rx_run(struct vif_queue *q)
{
    static struct batch b;      /* one thread */
    struct frame f;
    bool more = true;

    if (!q->connected || q->rx_broken)
        return false;
    b.n = b.n_copies = 0;
    b.used = 0;
    q->rx_full = false;
    if (q->held) {
        if (!has_room(q, slots_of(&q->held_frame))) {
            q->rx_full = true;
            return false;
        }
        f = unhold(q, &b);
        fill(q, &b, &f);
    }
    for (unsigned i = 0; i < BATCH && b.n < BATCH && b.n_copies + RX_SLOTS_MAX <= COPIES_MAX &&
                         b.used + PACKET_ROOM <= NET_ARENA_PAGES * PAGE; i++) {
        /* Nothing is read that could not be delivered: the tap's own queue is the place to wait and to be dropped. */
        if (!has_room(q, 1)) {
            q->rx_full = true;
            more = false;
            break;
        }
        if (!next_packet(q, &b, &f)) {
            more = false;
            break;
        }
        if (sent_elsewhere(q, &b, &f))
            continue;
        if (!has_room(q, slots_of(&f))) {
            hold(q, &f);
            q->rx_full = true;
            more = false;
            break;
        }
        fill(q, &b, &f);
    }
    if (b.n)
        finish(q->vif, &b);
    return more && !q->rx_broken;
}
