/* SPDX-License-Identifier: MIT */
/* The confined half of vellum-blkd: rings, grants, data. Its keeper is on descriptor WORKER_SOCKET. */
#ifndef BLK_WORKER_H
#define BLK_WORKER_H

#include <stdbool.h>
#include <stdint.h>

/* Serve the guest until the keeper is gone; `nbd`: be able to serve BLK_NBD media. The exit code. */
int worker_main(uint16_t domid, bool nbd);

#endif
