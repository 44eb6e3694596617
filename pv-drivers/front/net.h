/* SPDX-License-Identifier: MIT */
/*
 * The network front end: <xen/io/netif.h>.
 *
 *   net_open(&dev, id, &config); net_wait(&dev, deadline);
 *   net_send(&dev, queue, &packet); the packet's `done` when its memory may be used again
 *   on `ready`, or before sleeping: net_poll(&dev, queue), which calls `done` and config.receive, without a lock held
 *
 * Any thread may use any queue, one at a time polls it. Packets in flight when the back-end restarts, or over a suspend,
 * are lost, as on any network.
 */
#ifndef FRONT_NET_H
#define FRONT_NET_H

#include "ring.h"
#include "xenbus.h"

#define NET_MAX_QUEUES 8U
#define NET_MAX_FRAGS  24U     /* of a packet received */
#define NET_MAX_SLOTS  18U     /* of a packet sent: pages its memory touches */
#define NET_MAX_PACKET 0xffffU /* bytes of a packet, Ethernet header included */

enum net_gso { NET_GSO_NONE, NET_GSO_TCPV4, NET_GSO_TCPV6 }; /* as on the wire */

struct net_frag {
    const void *va;
    uint32_t len;
};

/* A packet to send. The whole pages of its memory are readable by the back-end until `done`. */
struct net_packet {
    const struct net_frag *frag;
    unsigned int frags;
    bool csum_blank;   /* the TCP or UDP checksum field holds that of the pseudo header alone */
    enum net_gso gso;  /* the receiver, or the last card, cuts it into segments of gso_size bytes; needs csum_blank */
    uint16_t gso_size;
    void (*done)(struct net_packet *p, int error);
    void *arg;
    unsigned int slots; /* the driver's */
};

/* A packet received. Its memory is the driver's and can change under the reader: copy once, then look. */
struct net_received {
    struct net_frag frag[NET_MAX_FRAGS];
    unsigned int frags, len;
    bool csum_blank;   /* as above: never was on a wire, and is intact */
    bool csum_valid;   /* checked already */
    enum net_gso gso;
    uint16_t gso_size;
    uint8_t hash_type; /* 0, or one of XEN_NETIF_CTRL_HASH_TYPE_*, … */
    uint32_t hash;     /* … and the hash, in the byte order of the wire */
};

/* What may be used; false or 0 switches it off. */
struct net_config {
    unsigned int queues; /* 1 … NET_MAX_QUEUES */
    bool sg, csum, gso4, gso6, split_events, ctrl;
    bool multicast; /* ask that only groups given to net_multicast come */
    void (*receive)(void *arg, unsigned int queue, const struct net_received *r);
    void (*ready)(void *arg, unsigned int queue); /* from event context: net_poll has something to do */
    void (*link)(void *arg, bool up);
    void *arg;
};
#define NET_CONFIG_ALL {.queues = NET_MAX_QUEUES, .sg = true, .csum = true, .gso4 = true, .gso6 = true, \
                        .split_events = true, .ctrl = true}

struct net_info {
    uint8_t mac[6];
    unsigned int queues, mtu;
    bool sg, csum, csum6, gso4, gso6, split_events, multicast, ctrl; /* what may be sent or asked */
};

struct net_queue;
struct net_ctrl;

struct net_device {
    struct xenbus_device bus;
    struct net_config config;
    struct net_info info;
    struct net_queue *queue[NET_MAX_QUEUES];
    struct net_ctrl *ctrl;
    unsigned int queues;
    bool link;
};

int net_open(struct net_device *n, unsigned int id, const struct net_config *config);
int net_wait(struct net_device *n, uint64_t deadline);
void net_close(struct net_device *n);

/* Sends a packet. Refused at once, with `done` not called: -XEN_EBUSY (ring full; again after `ready`), -XEN_ENODEV (no
 * link), -XEN_EIO (the queue stopped), -XEN_EINVAL and -XEN_E2BIG (size), -XEN_EOPNOTSUPP (csum_blank or gso that the
 * back-end does not take). Memory in too many pieces for the back-end is copied: up to a page where it
 * takes one page a packet, else all. */
int net_send(struct net_device *n, unsigned int queue, struct net_packet *p);
/* Takes what has come; how many packets were received. */
unsigned int net_poll(struct net_device *n, unsigned int queue);
bool net_pending(struct net_device *n, unsigned int queue);
bool net_broken(const struct net_device *n);

/* Lets the packets of an Ethernet group address come, or no more: -XEN_EOPNOTSUPP without multicast control. */
int net_multicast(struct net_device *n, const uint8_t addr[6], bool add);

/* Receive-side spreading over the queues: hash TYPES (XEN_NETIF_CTRL_HASH_TYPE_*) by Toeplitz with KEY, a hash's queue
 * is MAPPING[hash % COUNT]. -XEN_EOPNOTSUPP without a control ring; sleeps. types 0 switches it off. */
int net_set_hash(struct net_device *n, uint32_t types, const uint8_t *key, uint32_t key_len, const uint32_t *mapping,
                 uint32_t count);

#endif
