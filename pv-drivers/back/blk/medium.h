/* SPDX-License-Identifier: MIT */
/* What disks are made of. Each takes over the descriptors that it is given. */
#ifndef BLK_MEDIUM_H
#define BLK_MEDIUM_H

#include "queue.h"

/* What media need of a confined process, beyond confine()'s own list. */
#define MEDIA_CALLS 11
extern const int media_calls[MEDIA_CALLS];

/* A raw file or block device. NULL: no memory. */
struct medium *medium_file_open(struct loop *loop, int fd, const struct blk_attach *a);

/*
 * A server that speaks NBD, over a socket that is connected already. When it is lost, `lost` is called with `arg`, and
 * requests wait, until medium_nbd_server() brings another socket (-1: there will be none, and they fail).
 */
struct medium *medium_nbd_open(struct loop *loop, int fd, const struct blk_attach *a, void (*lost)(void *arg), void *arg,
                               char why[256]);
void medium_nbd_server(struct medium *m, int fd);
/* Is this one of those? */
bool medium_is_nbd(const struct medium *m);

#endif
