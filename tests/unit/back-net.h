/* SPDX-License-Identifier: MIT */
/*
 * For the tests of vellum-netd's rings: an interface of one queue, the guest at its rings, and what is behind its tap, a
 * socket pair. Each test begins with setup() or setup_plain() and ends with teardown().
 */
#ifndef BACK_NET_H
#define BACK_NET_H

#include <check.h>

#include "back-peer.h"
#include "net/vif.h"

#define TX 0                    /* pages of the guest's: two rings, data from here on */
#define RX 1
#define DATA 16
#define HEADER sizeof(struct virtio_net_hdr)

extern struct fake_peer fake;
extern struct net_state state;
extern struct vif vif;
extern netif_tx_front_ring_t tx;
extern netif_rx_front_ring_t rx;
extern int far;                 /* the tap's other end */
extern uint8_t out[70000];      /* the last packet that came out of it */
extern struct virtio_net_hdr header;

void setup(void);               /* the guest knows scatter/gather and GSO */
void setup_shared(void);        /* the same, and the arena is of pages that we share with ourselves */
void setup_plain(void);         /* it knows none, and has multicast control */
void teardown(void);

/* A TCP segment of a size; the addresses are 10.0.0.2 → 10.0.0.1. */
void make_tcp(uint8_t *p, unsigned size);

/* A slot on the transmit ring, with its data on this page from DATA on; an extra; all shown to the back-end, which runs. */
netif_tx_request_t *put(unsigned page, unsigned size, unsigned flags);
void put_extra(struct netif_extra_info extra);
void run(void);

/* The next answer's status. */
int answer(void);

/* What came out of the tap: its size less the header; -1: nothing. */
int arrived(uint8_t *buffer, struct virtio_net_hdr *h);

/* Pages for packets; a packet on the tap; the next response. */
void offer(unsigned n);
void arrive(unsigned size, struct virtio_net_hdr h);
netif_rx_response_t got(void);

/* back-net-spread.c: the control ring and hashes; multicast control. */
void add_spreading(TCase *full);
void add_groups(TCase *plain);

#endif
