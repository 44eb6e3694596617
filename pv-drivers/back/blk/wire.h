/* SPDX-License-Identifier: MIT */
/* What vellum-blkd's keeper and its worker say to each other. Each request has one struct reply. */
#ifndef BLK_WIRE_H
#define BLK_WIRE_H

#include "common/keeper.h"

#define BLK_QUEUES_MAX 4
#define BLK_ORDER_MAX 4
#define BLK_SEGMENTS_MAX 256    /* of an indirect request */

enum {
    BLK_ATTACH = MESSAGE_KIND,  /* struct blk_attach; files: journal, then medium (none: an empty drive) */
    BLK_CONNECT,                /* struct blk_connect */
    BLK_DISCONNECT,             /* struct message */
    BLK_DETACH,                 /* struct message */
    BLK_LIMITS,                 /* struct blk_limits */
    BLK_SIZE,                   /* struct blk_size: the file or device has grown or shrunk */
    BLK_RECONNECT,              /* worker's: the server is gone; answered by BLK_SERVER */
    BLK_SERVER,                 /* struct message; file: a connection to the server, or none: it cannot be had */
};

enum blk_medium { BLK_EMPTY, BLK_FILE, BLK_NBD };

struct blk_attach {
    struct message m;
    uint32_t medium;            /* enum blk_medium */
    uint8_t readonly;
    uint8_t synchronous;        /* the file lies in memory: calls that never wait beat a queue */
    uint8_t discard;            /* as far as the medium can */
    uint8_t block_device;
    uint64_t bytes;             /* BLK_FILE */
    uint32_t timeout;           /* BLK_NBD: seconds that requests wait for a lost server */
    char export[256];           /* BLK_NBD */
};
/* Its answer: bytes, features (BLK_CAN_), and the least block size. */
#define BLK_CAN_FLUSH 1
#define BLK_CAN_DISCARD 2
#define BLK_IS_READONLY 4

struct blk_connect {
    struct message m;
    uint8_t queues, order;
    uint8_t persistent;
    uint8_t again;              /* take over rings in use, by what the journal says */
    uint32_t port[BLK_QUEUES_MAX];
    uint32_t ref[BLK_QUEUES_MAX][1 << BLK_ORDER_MAX];
};

struct blk_limits {
    struct message m;
    uint64_t requests, bytes;   /* a second; 0: no limit */
};

struct blk_size {
    struct message m;
    uint64_t bytes;
};

#endif
