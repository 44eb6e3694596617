/* SPDX-License-Identifier: MIT */
/* qemu-nbd and nbdkit: one of them for each disk that is not raw, started and ended with it. */
#ifndef BLK_SERVER_H
#define BLK_SERVER_H

#include "image.h"

/* Find the server for a target, start it and fill in how it is reached. `format`: as qemu-nbd names it, or NULL. */
int server_open(struct image *i, const char *format, const char *target, const struct image_options *o, char why[256]);
void server_stop(struct image *i);

/* The telling line of what the server has said on standard error since the last call; the rest is forgotten. false: nothing. */
bool server_words(struct image *i, char line[256]);
/* The same as the reason why the disk cannot be had, with the package that is missing when it is that. */
void server_reason(struct image *i, char why[256]);

#endif
