/* SPDX-License-Identifier: MIT */
/*
 * Private to the network front end: queues and the control ring, and what its files ask of each other.
 */
#ifndef FRONT_NET_QUEUE_H
#define FRONT_NET_QUEUE_H

#include "net.h"

#include <xen/io/netif.h>

#define NET_RING   256U /* entries that a page holds, of either kind */
#define NET_BOUNCE 64U  /* pages for packets that have to be copied: four of the largest */
#define NET_NONE   0xffffU

/* A request on the transmit ring; its id is its index. */
struct net_tx_slot {
    struct net_packet *packet; /* NULL: none, or a request of the driver's own */
    uint32_t ref;              /* its grant; 0: bounce page, or none */
    uint16_t bounce, next_free;
    bool busy;
};

struct net_queue {
    uint32_t lock; /* guards all but what polling alone uses: rx and `received` */
    struct net_device *dev;
    unsigned int index;
    bool live, broken;
    struct ring tx, rx;
    void *tx_page, *rx_page;
    uint32_t tx_ref, rx_ref, tx_port, rx_port;
    struct net_tx_slot slot[NET_RING];
    uint16_t free_slot, free_bounce, bounce_next[NET_BOUNCE];
    uint8_t *bounce;
    uint32_t bounce_refs[NET_BOUNCE];
    uint8_t *buffers; /* one page for each entry of the receive ring */
    uint32_t buffer_refs[NET_RING];
    struct net_received received;
};

/* Fills the receive ring. */
void net_queue_fill(struct net_queue *q);
/* Ends all in flight with an error. */
void net_queue_fail(struct net_queue *q, int error);

struct net_ctrl {
    uint32_t lock; /* one request at a time, held until its answer */
    struct ring ring;
    void *page;
    uint32_t ref, port;
    uint16_t last_id;
    bool broken;
};

int net_ctrl_set_up(struct net_device *n);
void net_ctrl_tear_down(struct net_device *n);

#endif
