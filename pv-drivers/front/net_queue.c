/* SPDX-License-Identifier: MIT */
/*
 * The network front end's data path. Owns both rings, the transmit slots and the bounce pages, under the queue's lock;
 * receiving is for the one thread that polls.
 *
 * Receive buffers belong to the places of the ring: entry N always names buffer N, whose page stays granted, and the
 * back-end answers in order. Invariants: a busy slot has a request on the ring; a packet ends when all of its slots are
 * answered. What the back-end writes is checked: an id that names no busy slot or another buffer, a size beyond the
 * page, a packet of too many pieces, an index that runs ahead, a grant kept: each stops the queue.
 */
#include "net_queue.h"

#define ETHERNET_HEADER 14U

static void stop(struct net_queue *q, const char *why, uint64_t value)
{
    os_log("%s: queue %u: the back-end gave %s %lx; the queue stops\n", q->dev->bus.dir, q->index, why,
           (unsigned long)value);
    q->broken = true;
}

/* Pages that the packet's memory touches. */
static unsigned int slots_of(const struct net_packet *p, uint32_t *len)
{
    unsigned int slots = 0;

    *len = 0;
    for (unsigned int i = 0; i < p->frags; i++) {
        uintptr_t off = (uintptr_t)p->frag[i].va & (OS_PAGE_SIZE - 1);

        if (!p->frag[i].len)
            continue;
        if (p->frag[i].len > NET_MAX_PACKET - *len) {
            *len = NET_MAX_PACKET + 1;
            return 0;
        }
        *len += p->frag[i].len;
        slots += (unsigned int)((off + p->frag[i].len + OS_PAGE_SIZE - 1) / OS_PAGE_SIZE);
    }
    return slots;
}

/* Is the Ethernet header cut by a page's or a piece's end? Linux's back-end drops a packet whose first request holds less. */
static bool header_cut(const struct net_packet *p)
{
    const struct net_frag *f = p->frag;

    while (!f->len)
        f++;
    return f->len < ETHERNET_HEADER || ((uintptr_t)f->va & (OS_PAGE_SIZE - 1)) > OS_PAGE_SIZE - ETHERNET_HEADER;
}

static struct net_tx_slot *take_slot(struct net_queue *q, struct net_packet *p)
{
    struct net_tx_slot *s = &q->slot[q->free_slot];

    q->free_slot = s->next_free;
    *s = (struct net_tx_slot){.packet = p, .bounce = NET_NONE, .busy = true};
    if (p)
        p->slots++;
    return s;
}

/* False when the back-end keeps the page. */
static bool free_slot(struct net_queue *q, struct net_tx_slot *s)
{
    bool ended = !s->ref || os_grant_end(s->ref);

    if (s->bounce != NET_NONE) {
        q->bounce_next[s->bounce] = q->free_bounce;
        q->free_bounce = s->bounce;
    }
    s->busy = false;
    s->next_free = q->free_slot;
    q->free_slot = (uint16_t)(s - q->slot);
    return ended;
}

static void put_request(struct net_queue *q, const struct netif_tx_request *r)
{
    memcpy(ring_request(&q->tx), r, sizeof(*r));
    q->tx.req_prod++;
}

static void put_extra(struct net_queue *q, const struct netif_extra_info *e)
{
    memcpy(ring_request(&q->tx), e, sizeof(*e));
    q->tx.req_prod++;
}

/* Is there room for so many entries, of which COPIES need a bounce page? */
static bool room_for(const struct net_queue *q, unsigned int entries, unsigned int copies)
{
    unsigned int n = 0, pages = 0;

    if (ring_room(&q->tx) < entries)
        return false;
    for (uint16_t i = q->free_slot; i != NET_NONE && n < entries; i = q->slot[i].next_free)
        n++;
    for (uint16_t b = q->free_bounce; b != NET_NONE && pages < copies; b = q->bounce_next[b])
        pages++;
    return n == entries && pages == copies;
}

/* The flags and the extra entry that go with the first request. */
static void put_first(struct net_queue *q, const struct net_packet *p, struct netif_tx_request *r)
{
    struct netif_extra_info gso = {.type = XEN_NETIF_EXTRA_TYPE_GSO};

    r->flags |= p->csum_blank ? NETTXF_csum_blank | NETTXF_data_validated : 0;
    r->flags |= p->gso ? NETTXF_extra_info : 0;
    put_request(q, r);
    if (!p->gso)
        return;
    gso.u.gso.size = p->gso_size;
    gso.u.gso.type = (uint8_t)p->gso;
    put_extra(q, &gso);
}

/* One request for each page of the packet. False, and nothing done, when there are no grants left. */
static bool send_pages(struct net_queue *q, struct net_packet *p, unsigned int slots, uint32_t len)
{
    uint32_t start = q->tx.req_prod;
    struct net_tx_slot *taken[NET_MAX_SLOTS];
    unsigned int n = 0;

    for (unsigned int i = 0; i < p->frags; i++) {
        const uint8_t *va = p->frag[i].va;

        for (uint32_t left = p->frag[i].len, part; left; left -= part, va += part) {
            uint32_t off = (uint32_t)((uintptr_t)va & (OS_PAGE_SIZE - 1));
            struct netif_tx_request r;
            struct net_tx_slot *s;

            part = left < OS_PAGE_SIZE - off ? left : OS_PAGE_SIZE - off;
            s = taken[n++] = take_slot(q, p);
            s->ref = os_grant(q->dev->bus.peer, os_frame(va), true);
            if (!s->ref) {
                while (n)
                    free_slot(q, taken[--n]);
                q->tx.req_prod = start;
                return false;
            }
            /* The first one's size is that of the whole packet. */
            r = (struct netif_tx_request){.gref = s->ref,
                                          .offset = (uint16_t)off,
                                          .flags = n < slots ? NETTXF_more_data : 0,
                                          .id = (uint16_t)(s - q->slot),
                                          .size = (uint16_t)(n == 1 ? len : part)};
            if (n == 1)
                put_first(q, p, &r);
            else
                put_request(q, &r);
        }
    }
    return true;
}

/* Where in a packet's pieces copying has come to. */
struct place {
    const struct net_frag *frag;
    uint32_t at;
};

static void copy_from(struct place *from, uint8_t *to, uint32_t len)
{
    for (uint32_t part; len; len -= part, to += part) {
        uint32_t left = from->frag->len - from->at;

        part = left < len ? left : len;
        memcpy(to, (const uint8_t *)from->frag->va + from->at, part);
        from->at += part;
        if (from->at == from->frag->len)
            *from = (struct place){from->frag + 1, 0};
    }
}

/* The same from bounce pages, of which room_for has seen enough. */
static void send_copy(struct net_queue *q, struct net_packet *p, uint32_t len)
{
    struct place from = {p->frag, 0};

    for (uint32_t left = len, part; left; left -= part) {
        uint16_t b = q->free_bounce;
        struct net_tx_slot *s;
        struct netif_tx_request r;

        part = left < OS_PAGE_SIZE ? left : OS_PAGE_SIZE;
        q->free_bounce = q->bounce_next[b];
        s = take_slot(q, p);
        s->bounce = b;
        copy_from(&from, q->bounce + (size_t)b * OS_PAGE_SIZE, part);
        r = (struct netif_tx_request){.gref = q->bounce_refs[b],
                                      .flags = left > part ? NETTXF_more_data : 0,
                                      .id = (uint16_t)(s - q->slot),
                                      .size = (uint16_t)(left == len ? len : part)};
        if (left == len)
            put_first(q, p, &r);
        else
            put_request(q, &r);
    }
}

/* COPIES: the bounce pages to send it from; 0 when its own memory will do. */
static int check(const struct net_info *info, const struct net_packet *p, unsigned int slots, uint32_t len,
                 unsigned int *copies)
{
    if (len < ETHERNET_HEADER || (p->gso && (!p->gso_size || !p->csum_blank)))
        return -XEN_EINVAL;
    if ((p->csum_blank && !info->csum) || (p->gso == NET_GSO_TCPV4 && !info->gso4) ||
        (p->gso == NET_GSO_TCPV6 && !info->gso6))
        return -XEN_EOPNOTSUPP;
    if (len > (info->sg ? NET_MAX_PACKET : OS_PAGE_SIZE))
        return -XEN_E2BIG;
    *copies = slots > (info->sg ? NET_MAX_SLOTS : 1) || header_cut(p) ? (len + OS_PAGE_SIZE - 1) / OS_PAGE_SIZE : 0;
    return 0;
}

int net_send(struct net_device *n, unsigned int queue, struct net_packet *p)
{
    struct net_queue *q;
    unsigned int slots, copies;
    uint32_t len;
    bool notify = false;
    int rc;

    if (!n->link || !n->queues)
        return -XEN_ENODEV;
    slots = slots_of(p, &len);
    rc = check(&n->info, p, slots, len, &copies);
    if (rc)
        return rc;
    q = n->queue[queue % n->queues];
    os_lock(&q->lock);
    p->slots = 0;
    if (!q->live || q->broken)
        rc = -XEN_EIO;
    else if (!room_for(q, (copies ? copies : slots) + (p->gso != NET_GSO_NONE), copies))
        rc = -XEN_EBUSY;
    else if (copies)
        send_copy(q, p, len);
    else if (!send_pages(q, p, slots, len))
        rc = -XEN_EBUSY;
    if (!rc)
        notify = ring_push(&q->tx);
    os_unlock(&q->lock);
    if (notify)
        os_event_notify(q->tx_port);
    return rc;
}

int net_multicast(struct net_device *n, const uint8_t addr[6], bool add)
{
    struct netif_extra_info e = {.type = add ? XEN_NETIF_EXTRA_TYPE_MCAST_ADD : XEN_NETIF_EXTRA_TYPE_MCAST_DEL};
    struct netif_tx_request r = {.flags = NETTXF_extra_info};
    struct net_queue *q;
    int rc = -XEN_EBUSY;

    if (!n->link || !n->queues)
        return -XEN_ENODEV;
    if (!n->info.multicast)
        return -XEN_EOPNOTSUPP;
    memcpy(e.u.mcast.addr, addr, 6);
    q = n->queue[0];
    os_lock(&q->lock);
    if (q->broken) {
        rc = -XEN_EIO;
    } else if (room_for(q, 2, 0)) {
        r.id = (uint16_t)(take_slot(q, NULL) - q->slot);
        put_request(q, &r);
        put_extra(q, &e);
        if (ring_push(&q->tx))
            os_event_notify(q->tx_port);
        rc = 0;
    }
    os_unlock(&q->lock);
    return rc;
}

/* One answer on the transmit ring; the packet that it ended, if any. */
static struct net_packet *take_sent(struct net_queue *q, int *status)
{
    struct netif_tx_response rsp;
    struct net_packet *p = NULL;
    struct net_tx_slot *s;

    ring_take(&q->tx, &rsp, sizeof(rsp));
    if (rsp.status == NETIF_RSP_NULL) /* for an extra entry */
        return NULL;
    s = &q->slot[rsp.id % NET_RING];
    if (rsp.id >= NET_RING || !s->busy) {
        stop(q, "an answer to no request, id", rsp.id);
        return NULL;
    }
    *status = rsp.status == NETIF_RSP_OKAY ? 0 : -XEN_EIO;
    p = s->packet;
    if (!free_slot(q, s))
        stop(q, "an answer but kept the page of request", rsp.id);
    return p && !--p->slots ? p : NULL;
}

static void poll_sent(struct net_queue *q)
{
    struct net_packet *p;
    int n, status = 0;

    for (;;) {
        os_lock(&q->lock);
        if (!q->live || q->broken)
            break;
        n = ring_waiting(&q->tx);
        if (n < 0) {
            stop(q, "a response index", q->tx.shared->rsp_prod);
            break;
        }
        /* Not at every answer: half of what is in flight is time enough to make room. */
        if (!n && !ring_more_at(&q->tx, ring_in_flight(&q->tx) / 2 + 1))
            break;
        p = n ? take_sent(q, &status) : NULL;
        os_unlock(&q->lock);
        if (p && p->done)
            p->done(p, status);
    }
    os_unlock(&q->lock);
}

void net_queue_fill(struct net_queue *q)
{
    while (ring_room(&q->rx)) {
        uint16_t i = (uint16_t)(q->rx.req_prod % NET_RING);
        struct netif_rx_request r = {.id = i, .gref = q->buffer_refs[i]};

        memcpy(ring_request(&q->rx), &r, sizeof(r));
        q->rx.req_prod++;
    }
    if (ring_push(&q->rx))
        os_event_notify(q->rx_port);
}

static bool take_extra(struct net_queue *q, const struct netif_extra_info *e)
{
    struct net_received *r = &q->received;

    switch (e->type) {
    case XEN_NETIF_EXTRA_TYPE_GSO:
        if (e->u.gso.type > XEN_NETIF_GSO_TYPE_TCPV6 || !e->u.gso.size)
            return false;
        r->gso = (enum net_gso)e->u.gso.type;
        r->gso_size = e->u.gso.size;
        return true;
    case XEN_NETIF_EXTRA_TYPE_HASH:
        r->hash_type = e->u.hash.type;
        memcpy(&r->hash, e->u.hash.value, sizeof(r->hash));
        return true;
    default:
        return false;
    }
}

/* A piece of a packet in the buffer of its place; false stops the queue. ERROR: the back-end could not fill it. */
static bool take_piece(struct net_queue *q, const struct netif_rx_response *rsp, uint32_t place, bool *error)
{
    struct net_received *r = &q->received;

    if (rsp->id != place % NET_RING)
        return false;
    if (rsp->status < 0) {
        *error = true;
        return true;
    }
    if (rsp->offset + (uint32_t)rsp->status > OS_PAGE_SIZE || r->frags == NET_MAX_FRAGS ||
        r->len + (uint32_t)rsp->status > NET_MAX_PACKET + OS_PAGE_SIZE)
        return false;
    r->frag[r->frags++] =
        (struct net_frag){q->buffers + (size_t)rsp->id * OS_PAGE_SIZE + rsp->offset, (uint32_t)rsp->status};
    r->len += (uint32_t)rsp->status;
    return true;
}

/* The entries of the next packet, of which WAITING have come: 0 when it is not all there, negative when it is bad. */
static int next_packet(struct net_queue *q, uint32_t waiting, bool *error)
{
    struct netif_extra_info e = {.flags = 0};
    struct netif_rx_response rsp;
    uint32_t n = 0;

    q->received = (struct net_received){.frags = 0};
    *error = false;
    do {
        bool extra;

        if (n == waiting)
            return n > NET_MAX_FRAGS + XEN_NETIF_EXTRA_TYPE_MAX ? -1 : 0;
        ring_peek(&q->rx, n, &rsp, sizeof(rsp));
        if (!take_piece(q, &rsp, q->rx.rsp_cons + n, error))
            return -1;
        if (!n) {
            q->received.csum_blank = rsp.flags & NETRXF_csum_blank;
            q->received.csum_valid = rsp.flags & (NETRXF_csum_blank | NETRXF_data_validated);
        }
        extra = !n && (rsp.flags & NETRXF_extra_info);
        n++;
        while (extra) {
            if (n == waiting)
                return 0;
            ring_peek(&q->rx, n++, &e, sizeof(e));
            if (!take_extra(q, &e) || n > XEN_NETIF_EXTRA_TYPE_MAX + 1)
                return -1;
            extra = e.flags & XEN_NETIF_EXTRA_FLAG_MORE;
        }
    } while (rsp.flags & NETRXF_more_data);
    return (int)n;
}

static unsigned int poll_received(struct net_queue *q)
{
    unsigned int count = 0, since = 0;
    int waiting, n;
    bool error;

    while (q->live && !q->broken) {
        waiting = ring_waiting(&q->rx);
        n = waiting > 0 ? next_packet(q, (uint32_t)waiting, &error) : waiting;
        if (n < 0) {
            stop(q, "a response that is not valid, at index", q->rx.rsp_cons);
            break;
        }
        if (!n && (waiting || !ring_more(&q->rx)))
            break;
        if (n && !error && q->received.len) {
            q->dev->config.receive(q->dev->config.arg, q->index, &q->received);
            count++;
        }
        q->rx.rsp_cons += (uint32_t)n;
        since += (unsigned int)n;
        if (since >= NET_RING / 8) {
            net_queue_fill(q);
            since = 0;
        }
    }
    if (since && !q->broken)
        net_queue_fill(q);
    return count;
}

unsigned int net_poll(struct net_device *n, unsigned int queue)
{
    struct net_queue *q = n->queues ? n->queue[queue % n->queues] : NULL;
    unsigned int count;

    if (!q)
        return 0;
    poll_sent(q);
    count = poll_received(q);
    if (q->broken)
        net_queue_fail(q, -XEN_EIO);
    return count;
}

void net_queue_fail(struct net_queue *q, int error)
{
    for (unsigned int i = 0; i < NET_RING; i++) {
        struct net_tx_slot *s = &q->slot[i];
        struct net_packet *p;

        os_lock(&q->lock);
        p = s->busy ? s->packet : NULL;
        if (s->busy)
            free_slot(q, s);
        if (p && --p->slots)
            p = NULL;
        os_unlock(&q->lock);
        if (p && p->done)
            p->done(p, error);
    }
}

bool net_pending(struct net_device *n, unsigned int queue)
{
    struct net_queue *q = n->queues ? n->queue[queue % n->queues] : NULL;

    return q && q->live && !q->broken && (ring_waiting(&q->rx) != 0 || ring_waiting(&q->tx) != 0);
}

bool net_broken(const struct net_device *n)
{
    for (unsigned int i = 0; i < n->queues; i++)
        if (n->queue[i]->broken)
            return true;
    return n->ctrl && n->ctrl->broken;
}
