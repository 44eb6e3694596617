/* SPDX-License-Identifier: MIT */
/*
 * Receive-side spreading as the guest sets it up through its control ring: a Toeplitz hash over addresses and ports, and a table from
 * hashes to queues. hash.c is what is computed, ctrl.c the ring.
 */
#ifndef NET_HASH_H
#define NET_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire.h"

struct packet_hash {
    uint32_t value;
    uint8_t type;               /* one of _XEN_NETIF_CTRL_HASH_TYPE_* */
};

/* False: the guest wants none, or none for a packet of this kind. */
bool hash_packet(const struct net_hash *h, const uint8_t *data, size_t size, struct packet_hash *out);

/* The queue, of `queues`, that gets a packet with this hash. */
unsigned hash_queue(const struct net_hash *h, uint32_t value, unsigned queues);

#endif
