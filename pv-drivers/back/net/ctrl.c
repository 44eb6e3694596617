/* SPDX-License-Identifier: MIT */
/*
 * The control ring: the guest's requests, each checked and answered at once. What they set is kept in the file of counters, so
 * that a successor goes on with it. A ring whose index cannot be is not looked at again.
 */
#include "vif.h"

#include <errno.h>
#include <string.h>

#include "common/log.h"

#define TYPES (XEN_NETIF_CTRL_HASH_TYPE_IPV4 | XEN_NETIF_CTRL_HASH_TYPE_IPV4_TCP | XEN_NETIF_CTRL_HASH_TYPE_IPV6 | \
               XEN_NETIF_CTRL_HASH_TYPE_IPV6_TCP)

static bool copy_in(struct vif *v, void *to, uint32_t ref, size_t len)
{
    peer_copy_t c = peer_copy_in(v->peer, to, ref, 0, (uint16_t)len);

    return !len || (!v->peer->ops->copy(v->peer, &c, 1) && c.status == GNTST_okay);
}

static uint32_t set_key(struct vif *v, uint32_t ref, uint32_t size)
{
    uint8_t key[NET_KEY_MAX] = { 0 };

    if (size > sizeof(key))
        return XEN_NETIF_CTRL_STATUS_BUFFER_OVERFLOW;
    if (!copy_in(v, key, ref, size))
        return XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER;
    memcpy(v->state->hash.key, key, sizeof(key));
    return XEN_NETIF_CTRL_STATUS_SUCCESS;
}

static uint32_t set_map_size(struct net_hash *h, uint32_t size)
{
    if (size > NET_MAP_MAX)
        return XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER;
    h->map_size = size;
    memset(h->map, 0, sizeof(h->map));
    return XEN_NETIF_CTRL_STATUS_SUCCESS;
}

static uint32_t set_map(struct vif *v, uint32_t ref, uint32_t n, uint32_t at)
{
    uint32_t map[NET_MAP_MAX];
    struct net_hash *h = &v->state->hash;

    if (n > h->map_size || at > h->map_size - n)
        return XEN_NETIF_CTRL_STATUS_BUFFER_OVERFLOW;
    if (!copy_in(v, map, ref, n * sizeof(map[0])))
        return XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER;
    for (uint32_t i = 0; i < n; i++)
        if (map[i] >= v->n_queues)
            return XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER;
    memcpy(h->map + at, map, n * sizeof(map[0]));
    return XEN_NETIF_CTRL_STATUS_SUCCESS;
}

static uint32_t obey(struct vif *v, const struct xen_netif_ctrl_request *r, uint32_t *data)
{
    struct net_hash *h = &v->state->hash;

    if (r->type == XEN_NETIF_CTRL_TYPE_SET_HASH_ALGORITHM) {
        if (r->data[0] > XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ)
            return XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER;
        h->algorithm = r->data[0];
        return XEN_NETIF_CTRL_STATUS_SUCCESS;
    }
    if (r->type == XEN_NETIF_CTRL_TYPE_GET_HASH_MAPPING_SIZE) {
        *data = NET_MAP_MAX;
        return XEN_NETIF_CTRL_STATUS_SUCCESS;
    }
    if (h->algorithm == XEN_NETIF_CTRL_HASH_ALGORITHM_NONE)
        return XEN_NETIF_CTRL_STATUS_NOT_SUPPORTED;
    switch (r->type) {
    case XEN_NETIF_CTRL_TYPE_GET_HASH_FLAGS:
        *data = TYPES;
        return XEN_NETIF_CTRL_STATUS_SUCCESS;
    case XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS:
        if (r->data[0] & ~(uint32_t)TYPES)
            return XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER;
        h->types = r->data[0];
        return XEN_NETIF_CTRL_STATUS_SUCCESS;
    case XEN_NETIF_CTRL_TYPE_SET_HASH_KEY: return set_key(v, r->data[0], r->data[1]);
    case XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING_SIZE: return set_map_size(h, r->data[0]);
    case XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING: return set_map(v, r->data[0], r->data[1], r->data[2]);
    default: return XEN_NETIF_CTRL_STATUS_NOT_SUPPORTED;
    }
}

void ctrl_run(struct vif *v)
{
    bool notify;

    v->ctrl_dirty = false;
    while (v->ctrl_page) {
        uint32_t prod = __atomic_load_n(&v->ctrl.sring->req_prod, __ATOMIC_ACQUIRE);

        if (RING_REQUEST_PROD_OVERFLOW(&v->ctrl, prod) || prod - v->ctrl.req_cons > RING_SIZE(&v->ctrl)) {
            log_guest("vif %u: the guest's control ring has an index that cannot be: the ring stops", v->id);
            ctrl_close(v);
            return;
        }
        if (prod == v->ctrl.req_cons) {
            v->ctrl.sring->req_event = prod + 1;
            __atomic_thread_fence(__ATOMIC_SEQ_CST);
            if (__atomic_load_n(&v->ctrl.sring->req_prod, __ATOMIC_ACQUIRE) == prod)
                return;
            continue;
        }
        while (v->ctrl.req_cons != prod) {
            struct xen_netif_ctrl_response answer = { 0 };
            struct xen_netif_ctrl_request r;

            RING_COPY_REQUEST(&v->ctrl, v->ctrl.req_cons, &r);
            v->ctrl.req_cons++;
            answer.id = r.id;
            answer.type = r.type;
            answer.status = obey(v, &r, &answer.data);
            *RING_GET_RESPONSE(&v->ctrl, v->ctrl.rsp_prod_pvt) = answer;
            v->ctrl.rsp_prod_pvt++;
        }
        RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&v->ctrl, notify);
        if (notify)
            v->peer->ops->notify(v->peer, v->ctrl_port);
    }
}

int ctrl_open(struct vif *v, const struct net_connect *c)
{
    int port;

    if (!c->again || v->state->hash.map_size > NET_MAP_MAX)
        v->state->hash = (struct net_hash){ 0 };
    if (!c->ctrl)
        return 0;
    v->ctrl_page = v->peer->ops->map(v->peer, &c->ctrl_ref, 1, true);
    if (!v->ctrl_page)
        return -EFAULT;
    port = v->peer->ops->bind(v->peer, c->ctrl_port);
    if (port < 0)
        return port;
    v->ctrl_port = (uint32_t)port;
    BACK_RING_INIT(&v->ctrl, (xen_netif_ctrl_sring_t *)v->ctrl_page, PAGE);
    v->ctrl.req_cons = v->ctrl.rsp_prod_pvt = v->ctrl.sring->rsp_prod;
    v->ctrl_dirty = true;
    return 0;
}

void ctrl_close(struct vif *v)
{
    if (v->ctrl_port)
        v->peer->ops->unbind(v->peer, v->ctrl_port);
    if (v->ctrl_page)
        v->peer->ops->unmap(v->peer, v->ctrl_page, 1);
    v->ctrl_port = 0;
    v->ctrl_page = NULL;
    v->ctrl_dirty = false;
}
