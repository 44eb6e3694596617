/* SPDX-License-Identifier: MIT */
/* Which server a target that is not raw needs: qemu-nbd's or nbdkit's command line, or the address of one elsewhere. */
#ifndef BLK_ADDRESS_H
#define BLK_ADDRESS_H

#include "image.h"

/*
 * Fills in argv, or host, port, socket and export, and sets readonly where nothing else can be. The image's own socket is
 * in i->socket. `format`: as qemu-nbd names it, or NULL. 0, or -errno with the reason in `why`.
 */
int address_read(struct image *i, const char *format, const char *target, const struct image_options *o, char why[256]);

#endif
