/* SPDX-License-Identifier: MIT */
#include "vif.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/log.h"

uint64_t vif_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void queue_free(struct vif_queue *q)
{
    struct peer *peer = q->vif->peer;

    if (q->tx_port)
        peer->ops->unbind(peer, q->tx_port);
    if (q->rx_port && q->rx_port != q->tx_port)
        peer->ops->unbind(peer, q->rx_port);
    if (q->tx_page)
        peer->ops->unmap(peer, q->tx_page, 1);
    if (q->rx_page)
        peer->ops->unmap(peer, q->rx_page, 1);
    if (q->tap >= 0)
        close(q->tap);
    free(q->held_frame.data);
    free(q);
}

static int queue_open(struct vif_queue *q, const struct net_connect *c, unsigned n)
{
    struct peer *peer = q->vif->peer;
    int port;

    q->tx_page = peer->ops->map(peer, &c->tx_ref[n], 1, true);
    q->rx_page = peer->ops->map(peer, &c->rx_ref[n], 1, true);
    if (!q->tx_page || !q->rx_page)
        return -EFAULT;
    q->held_frame.data = malloc(PACKET_MAX);
    if (!q->held_frame.data)
        return -ENOMEM;
    port = peer->ops->bind(peer, c->tx_port[n]);
    if (port < 0)
        return port;
    q->tx_port = q->rx_port = (uint32_t)port;
    if (c->split) {
        port = peer->ops->bind(peer, c->rx_port[n]);
        if (port < 0)
            return port;
        q->rx_port = (uint32_t)port;
    }
    BACK_RING_INIT(&q->tx, (netif_tx_sring_t *)q->tx_page, PAGE);
    BACK_RING_INIT(&q->rx, (netif_rx_sring_t *)q->rx_page, PAGE);
    q->tx.req_cons = q->tx.rsp_prod_pvt = q->tx.sring->rsp_prod;
    q->rx.req_cons = q->rx.rsp_prod_pvt = q->rx.sring->rsp_prod;
    return 0;
}

int vif_connect(struct vif *v, const struct net_connect *c, const int *taps)
{
    int rc = v->n_queues ? -EBUSY : 0;

    if (!c->queues || c->queues > NET_QUEUES_MAX)
        rc = -EINVAL;
    for (unsigned i = 0; i < c->queues && i < NET_QUEUES_MAX; i++) {
        struct vif_queue *q = rc ? NULL : calloc(1, sizeof(*q));

        if (!q) {
            rc = rc ? rc : -ENOMEM;
            close(taps[i]);
            continue;
        }
        q->vif = v;
        q->tap = taps[i];
        v->queue[v->n_queues++] = q;
        rc = queue_open(q, c, i);
    }
    if (!rc)
        rc = ctrl_open(v, c);
    if (rc) {
        if (rc != -EBUSY)
            vif_disconnect(v);
        return rc;
    }
    v->features = *c;
    if (!c->again || v->state->n_multicast > NET_MULTICAST_MAX)
        v->state->n_multicast = 0;
    v->state->stats.connects++;
    for (unsigned i = 0; i < v->n_queues; i++) {
        struct vif_queue *q = v->queue[i];

        q->connected = q->tx_dirty = q->rx_dirty = true;
        /* What came before we listened has had its event; and the guest may wait for one of a predecessor's. */
        v->peer->ops->notify(v->peer, q->tx_port);
        if (q->rx_port != q->tx_port)
            v->peer->ops->notify(v->peer, q->rx_port);
    }
    if (v->ctrl_page)
        v->peer->ops->notify(v->peer, v->ctrl_port);
    return 0;
}

void vif_disconnect(struct vif *v)
{
    for (unsigned i = 0; i < v->n_queues; i++)
        queue_free(v->queue[i]);
    v->n_queues = 0;
    ctrl_close(v);
}
