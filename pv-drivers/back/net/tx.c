/* SPDX-License-Identifier: MIT */
/* From the guest: a batch of packets is taken off the ring, copied by one hypercall, checked, written to the tap. */
#include "vif.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/log.h"
#include "packet.h"
#include "split.h"
#include "tap.h"

#define HEADERS_ROOM 192u       /* of a packet whose headers nobody looked for: what is written as its head */

/* One packet of a batch. */
struct taken {
    uint32_t first, slots;      /* on the ring */
    uint32_t extras;            /* of these slots, right behind the first */
    uint32_t size;
    uint16_t flags;
    struct netif_extra_info gso;
    unsigned copies, copy;      /* how many, and where they start */
    int16_t status;
    bool control;               /* carries no packet, only a multicast address */
};

struct batch {
    struct taken packet[BATCH];
    struct frame frame[BATCH];
    unsigned n, n_copies;
    size_t used;                /* of the arena */
    peer_copy_t copies[2 * BATCH * TX_SLOTS_MAX];
};

static void broken(struct vif_queue *q, const char *what)
{
    log_guest("vif %u: the guest's transmit ring %s: the queue stops", q->vif->id, what);
    q->tx_broken = true;
}

static void multicast(struct net_state *s, const struct netif_extra_info *extra)
{
    unsigned i = 0;

    while (i < s->n_multicast && memcmp(s->multicast[i], extra->u.mcast.addr, 6))
        i++;
    if (extra->type == XEN_NETIF_EXTRA_TYPE_MCAST_ADD && i == s->n_multicast && i < NET_MULTICAST_MAX)
        memcpy(s->multicast[s->n_multicast++], extra->u.mcast.addr, 6);
    else if (extra->type == XEN_NETIF_EXTRA_TYPE_MCAST_DEL && i < s->n_multicast)
        memmove(s->multicast[i], s->multicast[--s->n_multicast], 6);
}

/* The extras behind a packet's first slot. 0, or -EINVAL: the packet is refused; -EPROTO: the ring is. */
static int take_extras(struct vif_queue *q, struct taken *t, uint32_t *cons, uint32_t prod)
{
    struct netif_extra_info extra;
    int rc = 0;

    do {
        if (*cons == prod || t->slots == TX_SLOTS_MAX + XEN_NETIF_EXTRA_TYPE_MAX)
            return -EPROTO;
        memcpy(&extra, RING_GET_REQUEST(&q->tx, *cons), sizeof(extra));
        __asm__ volatile("" : "+m"(extra));
        ++*cons;
        t->slots++;
        t->extras++;
        if (extra.type == XEN_NETIF_EXTRA_TYPE_GSO)
            t->gso = extra;
        else if (extra.type == XEN_NETIF_EXTRA_TYPE_MCAST_ADD || extra.type == XEN_NETIF_EXTRA_TYPE_MCAST_DEL) {
            multicast(q->vif->state, &extra);
            t->control = true;
        } else if (extra.type != XEN_NETIF_EXTRA_TYPE_HASH)
            rc = -EINVAL;
    } while (extra.flags & XEN_NETIF_EXTRA_FLAG_MORE);
    return rc;
}

static bool add_copy(struct vif_queue *q, struct batch *b, struct taken *t, const netif_tx_request_t *r, uint32_t size,
                     uint32_t at)
{
    if ((uint32_t)r->offset + size > PAGE || (!size && t->slots > 1))
        return false;
    t->copies += arena_copy(q->vif->arena, q->vif->peer, &b->copies[t->copy + t->copies], b->frame[b->n].data + at, r->gref,
                            r->offset, (uint16_t)size, false);
    b->n_copies = t->copy + t->copies;
    return true;
}

/*
 * Where on a page a packet of n slots begins: a first slot alone keeps its place; of more, the first that is a full page
 * begins a page here (so do most behind it), or else the second.
 */
static uint32_t place(const netif_tx_request_t *slot, unsigned n, uint32_t first_size)
{
    uint32_t before = first_size;
    unsigned i = 1;

    if (n == 1)
        return slot[0].offset % PAGE;
    while (i < n && slot[i].size != PAGE)
        before += slot[i++].size;
    return (0 - (i < n ? before : first_size)) % PAGE;
}

/*
 * One packet: its slots leave the ring in any case; what is wrong with them becomes its status. The first slot's size is
 * that of the whole packet, so the data of the others comes to lie behind what remains for the first.
 */
static bool take_packet(struct vif_queue *q, struct batch *b, uint32_t prod)
{
    struct taken *t = &b->packet[b->n];
    netif_tx_request_t slot[TX_SLOTS_MAX];
    uint32_t cons = q->tx.req_cons, at, rest = 0;
    unsigned n = 1;
    int rc = 0;

    *t = (struct taken){ .first = cons, .slots = 1, .copy = b->n_copies };
    RING_COPY_REQUEST(&q->tx, cons++, &slot[0]);
    t->flags = slot[0].flags;
    t->size = slot[0].size;
    if (slot[0].flags & NETTXF_extra_info)
        rc = take_extras(q, t, &cons, prod);
    for (bool more = slot[0].flags & NETTXF_more_data; more && rc != -EPROTO; n++) {
        netif_tx_request_t s;

        if (cons == prod)
            rc = -EPROTO;
        else {
            RING_COPY_REQUEST(&q->tx, cons++, &s);
            t->slots++;
            more = s.flags & NETTXF_more_data;
            rest += s.size;
            if (n < TX_SLOTS_MAX)
                slot[n] = s;
            else
                rc = -EINVAL;
        }
    }
    if (rc == -EPROTO) {
        broken(q, "ends within a packet");
        return false;
    }
    q->tx.req_cons = cons;
    if (!rc && !t->control && (t->size < 14 || rest >= t->size))
        rc = -EINVAL;
    at = t->size - rest;
    if (!rc && !t->control)
        b->frame[b->n].data = arena_place(q->vif->arena, &b->used, TAP_HEADER, place(slot, n, at), t->size);
    if (!rc && !t->control && !add_copy(q, b, t, &slot[0], at, 0))
        rc = -EINVAL;
    for (unsigned i = 1; i < n && !rc && !t->control; i++) {
        if (!add_copy(q, b, t, &slot[i], slot[i].size, at))
            rc = -EINVAL;
        at += slot[i].size;
    }
    if (rc) {
        b->n_copies = t->copy;
        t->copies = 0;
    }
    t->status = rc ? NETIF_RSP_ERROR : NETIF_RSP_OKAY;
    b->n++;
    return true;
}

/* What the guest left out, as the kernel's tap wants to be told. */
static bool offload(const struct taken *t, struct frame *f)
{
    struct packet_layout p;
    bool gso = t->gso.type == XEN_NETIF_EXTRA_TYPE_GSO && t->gso.u.gso.type != XEN_NETIF_GSO_TYPE_NONE;

    memset(&f->header, 0, sizeof(f->header));
    if (!gso && !(t->flags & NETTXF_csum_blank)) {
        if (t->flags & NETTXF_data_validated)
            f->header.flags = VIRTIO_NET_HDR_F_DATA_VALID;
        return true;
    }
    if (!packet_parse(f->data, f->size, &p) || !p.checksum)
        return false;
    f->header.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
    f->header.csum_start = p.l4;
    f->header.csum_offset = p.checksum;
    if (!gso)
        return true;
    if (!t->gso.u.gso.size || p.checksum != 16)
        return false;
    f->header.gso_type = t->gso.u.gso.type == XEN_NETIF_GSO_TYPE_TCPV4 ? VIRTIO_NET_HDR_GSO_TCPV4
        : t->gso.u.gso.type == XEN_NETIF_GSO_TYPE_TCPV6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_NONE;
    f->header.gso_size = t->gso.u.gso.size;
    f->header.hdr_len = p.payload;
    return f->header.gso_type != VIRTIO_NET_HDR_GSO_NONE;
}

/*
 * To the tap: head, which has room for the tap's header before it, then the rest in parts of one size, as the tap keeps them.
 * A large packet's are just below a page: the kernel rounds them up to one, so that none lies on two.
 */
static bool to_tap(int tap, const struct virtio_net_hdr *header, uint8_t *head, uint32_t head_size, uint8_t *rest, uint32_t size)
{
    struct iovec part[PACKET_MAX / PAGE + 2];
    uint32_t pages = (size + PAGE - 1) / PAGE, each = pages ? (size + pages - 1) / pages : 0;
    int parts = 1;
    ssize_t n;

    memcpy(head - TAP_HEADER, header, TAP_HEADER);
    part[0] = (struct iovec){ head - TAP_HEADER, TAP_HEADER + head_size };
    for (uint32_t at = 0; at < size; at += each)
        part[parts++] = (struct iovec){ rest + at, size - at < each ? size - at : each };
    do
        n = writev(tap, part, parts);
    while (n < 0 && errno == EINTR);
    return n >= 0;
}

static bool send_in_two(int tap, struct frame *f)
{
    uint8_t room[TAP_HEADER + SPLIT_HEADER_MAX], *head = room + TAP_HEADER;
    struct split s;

    if (split_packet(f->data, f->size, f->header.gso_size, &s))
        return false;
    memcpy(head, s.head, s.header);
    return to_tap(tap, &f->header, f->data, s.header, f->data + s.header, s.first - s.header) &&
           to_tap(tap, &f->header, head, s.header, f->data + s.first, f->size - s.first);
}

static bool send_frame(int tap, struct frame *f)
{
    uint32_t head = f->header.hdr_len ? f->header.hdr_len : f->size < HEADERS_ROOM ? f->size : HEADERS_ROOM;

    if (f->size > TAP_FRAME_MAX && f->header.gso_type)
        return send_in_two(tap, f);
    return to_tap(tap, &f->header, f->data, head, f->data + head, f->size - head);
}

static void send_packet(struct vif_queue *q, struct taken *t, struct frame *f)
{
    struct net_stats *s = &q->vif->state->stats;

    f->size = t->size;
    if (!packet_allowed(f->data, f->size, &q->vif->rules)) {
        s->tx_spoofed++;
        t->status = NETIF_RSP_DROPPED;
        return;
    }
    if (!offload(t, f)) {
        s->tx_errors++;
        t->status = NETIF_RSP_ERROR;
        return;
    }
    if (f->header.gso_type)
        s->gso_packets++;
    if (!send_frame(q->tap, f)) {   /* the interface is down, or its queue full: a net may lose packets */
        s->tx_dropped++;
        t->status = NETIF_RSP_DROPPED;
        return;
    }
    s->tx_packets++;
    s->tx_bytes += t->size;
}

static void respond(struct vif_queue *q, const struct taken *t)
{
    for (uint32_t i = 0; i < t->slots; i++) {
        bool extra = i >= 1 && i <= t->extras;
        netif_tx_response_t r = { .id = RING_GET_REQUEST(&q->tx, t->first + i)->id, .status = extra ? NETIF_RSP_NULL : t->status };

        *RING_GET_RESPONSE(&q->tx, q->tx.rsp_prod_pvt) = r;
        q->tx.rsp_prod_pvt++;
    }
}

static void finish(struct vif_queue *q, struct batch *b)
{
    struct peer *peer = q->vif->peer;
    int rc = b->n_copies ? peer->ops->copy(peer, b->copies, b->n_copies) : 0;
    bool notify;

    for (unsigned i = 0; i < b->n; i++) {
        struct taken *t = &b->packet[i];

        for (unsigned c = t->copy; c < t->copy + t->copies; c++)
            if (rc || b->copies[c].status != GNTST_okay)
                t->status = NETIF_RSP_ERROR;
        if (t->status != NETIF_RSP_OKAY) {
            q->vif->state->stats.tx_errors++;
            log_guest("vif %u: refused a packet of %u bytes in %u slots", q->vif->id, t->size, t->slots);
        } else if (!t->control) {
            send_packet(q, t, &b->frame[i]);
        }
        respond(q, t);
    }
    RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&q->tx, notify);
    if (notify) {
        q->vif->state->stats.notifications++;
        peer->ops->notify(peer, q->tx_port);
    }
}

uint64_t tx_run(struct vif_queue *q)
{
    static struct batch batch;  /* one thread */
    struct vif *v = q->vif;
    unsigned rounds = 0;

    q->tx_waits = false;
    while (q->connected && !q->tx_broken) {
        uint32_t prod = __atomic_load_n(&q->tx.sring->req_prod, __ATOMIC_ACQUIRE);

        if (RING_REQUEST_PROD_OVERFLOW(&q->tx, prod) || prod - q->tx.req_cons > RING_SIZE(&q->tx)) {
            broken(q, "has an index that cannot be");
            break;
        }
        if (prod == q->tx.req_cons) {
            /* Pairs with the front-end's barrier between its index and req_event. */
            q->tx.sring->req_event = q->tx.req_cons + 1;
            __atomic_thread_fence(__ATOMIC_SEQ_CST);
            if (__atomic_load_n(&q->tx.sring->req_prod, __ATOMIC_ACQUIRE) == q->tx.req_cons)
                break;
            continue;
        }
        /* The other direction and the other guests' interfaces get their turn. */
        if (rounds++ == 8)
            return 1;
        batch.n = batch.n_copies = 0;
        batch.used = 0;
        while (batch.n < BATCH && q->tx.req_cons != prod && batch.used + PACKET_ROOM <= NET_ARENA_PAGES * PAGE) {
            if (v->limit.rate && !limit_open(&v->limit, vif_now())) {
                q->tx_waits = true;
                break;
            }
            if (!take_packet(q, &batch, prod))
                break;
            limit_take(&v->limit, batch.packet[batch.n - 1].size);
        }
        if (batch.n)
            finish(q, &batch);
        if (q->tx_waits) {
            v->state->stats.throttled++;
            return limit_wait(&v->limit) + 1;
        }
    }
    return 0;
}
