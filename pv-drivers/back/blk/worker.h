/* SPDX-License-Identifier: MIT */
/* The confined half of vellum-blkd: rings, grants, data. Its keeper is on descriptor WORKER_SOCKET. */
#ifndef BLK_WORKER_H
#define BLK_WORKER_H

#include "common/program.h"

/* Serve the guest until the keeper is gone; with an option: be able to serve BLK_NBD media. The exit code. */
int worker_main(const struct worker_setup *setup);

#endif
