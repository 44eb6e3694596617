/* SPDX-License-Identifier: MIT */
/* What vellum-netd's keeper and its worker say to each other. Each request has one struct reply. */
#ifndef NET_WIRE_H
#define NET_WIRE_H

#include "common/keeper.h"

#define NET_QUEUES_MAX 4
#define NET_ADDRESSES_MAX 8
#define NET_KEY_MAX 64
#define NET_MAP_MAX 128
#define NET_MULTICAST_MAX 64    /* as Linux's back-end */

enum {
    NET_ATTACH = MESSAGE_KIND,  /* struct message; file: counters */
    NET_CONNECT,                /* struct net_connect; files: one tap queue for each of the guest's */
    NET_DISCONNECT,             /* struct message */
    NET_DETACH,                 /* struct message */
    NET_RULES,                  /* struct net_rules */
};

struct net_connect {
    struct message m;
    uint8_t queues;
    uint8_t split;              /* an event channel for each direction */
    uint8_t scatter;            /* packets may span pages */
    uint8_t gso4, gso6;         /* the guest takes large TCP segments */
    uint8_t again;              /* a predecessor served this very connection: its groups go on */
    uint8_t ctrl;               /* there is a control ring */
    uint32_t ctrl_ref, ctrl_port;
    uint32_t tx_ref[NET_QUEUES_MAX], rx_ref[NET_QUEUES_MAX], tx_port[NET_QUEUES_MAX], rx_port[NET_QUEUES_MAX];
};

/* What the guest may send, and get. */
struct net_rules {
    struct message m;
    uint64_t rate, burst;       /* bytes a second and at once; 0: no limit */
    uint8_t mac[6];
    uint8_t check_mac, check_ip;
    uint8_t multicast_control;  /* only groups that it asked for */
    uint8_t n_ip4, n_ip6;
    uint8_t ip4[NET_ADDRESSES_MAX][4], ip6[NET_ADDRESSES_MAX][16];
};

struct net_stats {
    uint64_t rx_packets, rx_bytes, rx_errors, rx_dropped;       /* to the guest */
    uint64_t tx_packets, tx_bytes, tx_errors, tx_dropped, tx_spoofed;
    uint64_t gso_packets, events, notifications, throttled, connects;
};

/* How the guest wants what it receives spread over its queues. */
struct net_hash {
    uint32_t algorithm, types;  /* XEN_NETIF_CTRL_HASH_* */
    uint8_t key[NET_KEY_MAX];
    uint32_t map_size, map[NET_MAP_MAX];
};

/* The file that outlives a worker: counters, and what was asked for. Rings need no more, since packets are answered in order. */
struct net_state {
    struct net_stats stats;
    uint32_t n_multicast;
    uint8_t multicast[NET_MULTICAST_MAX][6];
    struct net_hash hash;
};

#endif
