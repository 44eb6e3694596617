/* SPDX-License-Identifier: MIT */
/*
 * A machine for the front-end library on the host: os.h by the C library, a xenstore of one process on the other side of
 * the shared page, and back-ends driven by os_wait or by the test. Nothing runs at the same time as the library.
 */
#ifndef TEST_FRONT_FAKE_H
#define TEST_FRONT_FAKE_H

#include <front/blk.h>
#include <front/console.h>
#include <front/net.h>
#include <front/store.h>

#include <xen/io/blkif.h>
#include <xen/io/netif.h>
#include <xen/io/xs_wire.h>

#define FAKE_GRANTS 8192U
#define FAKE_PORTS  256U

struct fake_grant {
    uint64_t frame;
    bool used, readonly;
    unsigned int mapped; /* by the peer: os_grant_end then fails */
};

extern struct fake_grant fake_grants[FAKE_GRANTS];
extern unsigned int fake_grants_used, fake_pages_used, fake_ports_used, fake_grants_limit, fake_logged;
extern void (*fake_peer)(void); /* a turn of the back-end */
extern bool fake_quiet;         /* log to nowhere */
extern bool fake_gives_up;      /* what a peer kept mapped once may stay granted */
/* A real clock, and what sleeps by it until something may have come, instead of a time that jumps to the deadline. */
extern uint64_t (*fake_clock)(void);
extern void (*fake_sleep)(uint64_t deadline);

void fake_init(void); /* all empty; a store is connected */
void fake_fini(void); /* frees the store; the library has given all pages, grants and ports back */
void fake_turn(void); /* a turn of the store and of the back-end */
/* The page of a grant as the peer sees it; NULL when it may not (so). */
void *fake_page(uint32_t ref, bool write);
void fake_event(uint32_t port); /* the peer notifies us */
extern unsigned int fake_notified[FAKE_PORTS];

/* The store, seen from the other side. */
void fake_set(const char *path, const char *value);
void fake_set_number(const char *path, uint64_t value);
const char *fake_get(const char *path); /* NULL when there is none */
uint64_t fake_get_number(const char *path);
void fake_set_in(const char *dir, const char *node, uint64_t value); /* DIR ends in a slash */
uint64_t fake_queue_number(const char *dir, unsigned int queue, const char *node); /* what a front end has told of a queue */
void fake_remove(const char *path); /* and below */
extern unsigned int fake_conflicts; /* this many transactions fail */
extern struct xenstore_domain_interface *fake_store_page;
void fake_store_turn(void);
void fake_store_reset(void);

/* A memory disk behind a block ring. */
#define DISK_SECTORS 4096U
struct fake_blk {
    unsigned int queues, order, indirect;
    bool persistent, flush, barrier, discard, no_discard_after_all, no_flush_after_all, connected, hold;
    unsigned int sector_size, info;
    uint8_t data[DISK_SECTORS * 512];
    unsigned long requests, flushes, barriers, discards, indirects, segments;
    uint32_t cons[BLK_MAX_QUEUES];
    int status;                          /* of every answer */
    void (*answer)(unsigned int queue, struct blkif_response *rsp); /* may change it; id ~0: keep it back */
};
extern struct fake_blk fake_blk;
void fake_blk_init(void); /* the device's nodes, and the back-end's turn */
void fake_blk_offer(void); /* (again) InitWait */
struct ring_shared *fake_blk_ring(unsigned int queue);
void fake_blk_put(unsigned int queue, const struct blkif_response *rsp);

/* A network back-end that returns every packet. */
struct fake_net {
    unsigned int queues, slots;
    bool sg, csum, gso, split, ctrl, multicast, connected, hold, offered;
    uint32_t tx_cons[NET_MAX_QUEUES], rx_cons[NET_MAX_QUEUES], ctrl_cons;
    unsigned long packets, bytes, mcast_added, mcast_deleted, controls;
    uint8_t packet[NET_MAX_PACKET + 1];
    uint32_t len;
    uint16_t flags, gso_size;
    bool echo;
    void (*packet_out)(void); /* instead of counting alone: what to do with `packet` */
    void (*answer)(struct netif_tx_response *rsp);
    void (*deliver)(struct netif_rx_response *rsp);
};
extern struct fake_net fake_net;
void fake_net_init(void);
void fake_net_offer(void);
struct ring_shared *fake_net_ring(unsigned int queue, bool tx);
/* Puts a packet on a receive ring. */
bool fake_net_deliver(unsigned int queue, const uint8_t *data, uint32_t len, uint16_t flags, uint16_t gso_size);

#endif
