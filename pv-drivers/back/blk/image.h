/* SPDX-License-Identifier: MIT */
/*
 * What a disk's `params` names, and the servers that read what is not raw.
 *
 *   [FORMAT:]TARGET    FORMAT is raw (also aio, phy, file, host_device), qcow, qcow2, qed, vmdk, vdi, vhd (vpc), vhdx, gzip, xz,
 *                      or auto: look at the content; else raw. A guest writes a raw image's content, so nothing is
 *                      ever guessed without auto.
 *   TARGET             a path, or http://… https://… ftp://… ssh://[USER@]HOST[:PORT]/PATH rbd:POOL/IMAGE
 *                      s3://BUCKET/KEY[?endpoint=URL][&size=SIZE&object-size=SIZE] memory:SIZE nbd://HOST[:PORT]/[EXPORT] nbd+unix:///[EXPORT]?socket=PATH
 */
#ifndef BLK_IMAGE_H
#define BLK_IMAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "wire.h"

struct image_options {
    const char *folder;         /* backing files must be below it; NULL: the image's own folder */
    const char *run_dir;        /* for the servers' sockets */
    bool buffered;              /* never O_DIRECT */
};

struct image {
    enum blk_medium medium;
    int fd;                     /* BLK_FILE: the file */
    bool readonly, synchronous, block_device, direct;
    uint64_t bytes;
    uint32_t sector_size;
    pid_t server;               /* 0: none of ours */
    int words;                  /* what it says on standard error; -1: no server */
    char socket[128];           /* BLK_NBD: where the server listens; "" for TCP */
    char host[256], port[16];
    char export[256];
    char *argv[32];             /* the server's command line, to start it again */
    unsigned argc;
};

/* 0, or -errno with the reason in `why`. An empty `params` is an empty drive. */
int image_open(struct image *i, const char *params, bool readonly, const struct image_options *o, char why[256]);
void image_close(struct image *i);

/* A new connection to the image's server, which is started again if it has ended. The socket, or -errno. */
int image_connect(struct image *i, char why[256]);

/* The size now; the same as before where it cannot change. */
uint64_t image_size(const struct image *i);

#endif
