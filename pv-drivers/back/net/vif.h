/* SPDX-License-Identifier: MIT */
/*
 * A network interface as the worker has it: for each queue two rings and a tap descriptor. tx.c takes the guest's packets
 * off their ring and writes them to the tap; rx.c reads the tap and fills the guest's pages, of another queue where the guest
 * wants it so (hash.c; ctrl.c is how it says so). Both answer in ring order
 * and keep nothing between two runs but one packet that waits for room, so a successor starts at what was published last.
 *
 * The guest can write every ring at every moment: a request is copied once; data is copied by the hypervisor, before its
 * headers are looked at.
 */
#ifndef NET_VIF_H
#define NET_VIF_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/virtio_net.h>
#include <xen/xen.h>
#include <xen/grant_table.h>
#include <xen/event_channel.h>
#include <xen/io/netif.h>

#include "common/arena.h"
#include "common/limit.h"
#include "common/peer.h"
#include "hash.h"
#include "wire.h"

#define PAGE 4096
#define PACKET_MAX (65535 + 18)
#define BATCH 32                /* packets a grant copy */
#define TX_SLOTS_MAX 18         /* of one packet: what every back-end must take */
#define RX_SLOTS_MAX (PACKET_MAX / PAGE + 2)
#define NET_ARENA_PAGES 160     /* of a worker: packets under way, one direction of one queue at a time */
#define PACKET_ROOM (PACKET_MAX + PAGE + TAP_HEADER)    /* in the arena, wherever it begins on a page */
#define TAP_HEADER sizeof(struct virtio_net_hdr)

/*
 * A packet, and what the tap is told of it. Where it lies in the arena is chosen such that a page of the guest's comes to
 * lie on one page here. The header for the tap goes right before the data.
 */
struct frame {
    uint8_t *data;
    struct virtio_net_hdr header;
    uint32_t size;
    bool hashed;                /* received packets: with the hash that the guest wants */
    struct packet_hash hash;
};

struct vif_queue {
    struct vif *vif;
    netif_tx_back_ring_t tx;
    netif_rx_back_ring_t rx;
    void *tx_page, *rx_page;
    uint32_t tx_port, rx_port;
    int tap;
    bool connected, tx_broken, rx_broken;
    bool tx_waits;              /* for credit */
    bool rx_full;               /* no room on the ring for what the tap has */
    bool held;                  /* held_frame waits for room */
    struct frame held_frame;    /* its data is a buffer of PACKET_MAX bytes */
    bool tx_dirty, rx_dirty;
    bool watched;               /* the worker waits for its tap */
};

struct vif {
    struct vif *next;
    struct peer *peer;
    struct arena *arena;        /* the worker's */
    unsigned id;
    struct net_state *state;
    struct net_connect features;
    struct net_rules rules;
    struct limit limit;
    unsigned n_queues;
    struct vif_queue *queue[NET_QUEUES_MAX];
    xen_netif_ctrl_back_ring_t ctrl;
    void *ctrl_page;            /* NULL: no control ring, or one that is not used any more */
    uint32_t ctrl_port;
    bool ctrl_dirty;
};

/* Connect; takes over the taps. 0, or -errno, nothing is connected and the taps are closed. */
int vif_connect(struct vif *v, const struct net_connect *c, const int *taps);
void vif_disconnect(struct vif *v);

/* Take packets off the ring; returns how many ns to wait for credit, or 0. */
uint64_t tx_run(struct vif_queue *q);

/* Read packets from the tap while the guest has room for them. True: there may be more at once. */
bool rx_run(struct vif_queue *q);

/* The control ring: opened and closed with the queues; ctrl_run answers what is on it. */
int ctrl_open(struct vif *v, const struct net_connect *c);
void ctrl_close(struct vif *v);
void ctrl_run(struct vif *v);

uint64_t vif_now(void);         /* ns, monotonic */

#endif
