/* SPDX-License-Identifier: MIT */
#include "hash.h"

#include <string.h>

#include <linux/if_ether.h>
#include <netinet/in.h>

#define XEN_NETIF_DEFINE_TOEPLITZ
#include <xen/xen.h>
#include <xen/grant_table.h>
#include <xen/event_channel.h>
#include <xen/io/netif.h>

#include "packet.h"

/* Addresses, and ports where the type has them, as they lie in the packet. */
static size_t fields(const uint8_t *data, const struct packet_layout *p, bool ports, uint8_t out[36])
{
    size_t n = p->l3_type == ETH_P_IP ? 8 : 32;

    memcpy(out, data + p->l3 + (n == 8 ? 12 : 8), n);
    if (ports)
        memcpy(out + n, data + p->l4, 4);
    return ports ? n + 4 : n;
}

/* The first of several has ports, the others have not: all go the same way. */
static bool fragment(const uint8_t *data, const struct packet_layout *p)
{
    return p->l3_type == ETH_P_IP && ((data[p->l3 + 6] & 0x3f) || data[p->l3 + 7]);
}

bool hash_packet(const struct net_hash *h, const uint8_t *data, size_t size, struct packet_hash *out)
{
    struct packet_layout p;
    uint8_t buffer[36];
    bool tcp;
    uint8_t type;

    if (h->algorithm != XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ || !h->types || !packet_parse(data, size, &p))
        return false;
    if (p.l3_type == ETH_P_IP)
        type = _XEN_NETIF_CTRL_HASH_TYPE_IPV4;
    else if (p.l3_type == ETH_P_IPV6)
        type = _XEN_NETIF_CTRL_HASH_TYPE_IPV6;
    else
        return false;
    /* The TCP type of a version is the one behind it. */
    tcp = p.protocol == IPPROTO_TCP && p.payload && !fragment(data, &p) && h->types & 1u << (type + 1);
    type = (uint8_t)(type + tcp);
    if (!(h->types & 1u << type))
        return false;
    *out = (struct packet_hash){ xen_netif_toeplitz_hash(h->key, sizeof(h->key), buffer, (unsigned)fields(data, &p, tcp, buffer)),
                                 type };
    return true;
}

unsigned hash_queue(const struct net_hash *h, uint32_t value, unsigned queues)
{
    uint32_t size = h->map_size <= NET_MAP_MAX ? h->map_size : 0;

    return (size ? h->map[value % size] : value) % queues;
}
