/* SPDX-License-Identifier: MIT */
/*
 * The pool of ready-made domains (life/shell.h). It learns: when a guest has been made from nothing, shells of its
 * shape are built by workers in quiet moments, for the next guests like it. The shapes used last are kept, within the
 * number and the memory that the options allow, and only while the host has memory to spare.
 */
#ifndef VELLUMD_SHELLS_H
#define VELLUMD_SHELLS_H

#include "vellumd/vellumd.h"

/* Also destroys shells that an earlier daemon has left, whole or half made. */
int shells_start(struct vellumd *d);
/* Destroys the shells. */
void shells_stop(struct vellumd *d);

/* A ready shell of this shape, which is now the caller's; VL_NOBODY when there is none. */
uint32_t shells_give(struct vellumd *d, uint64_t shape);
/* A given shell has become a guest. */
void shells_taken(struct vellumd *d, uint32_t domid);
/* Whoever was given this shell has gone without saying what became of it. */
void shells_abandoned(struct vellumd *d, uint32_t domid);
/* A domain has gone. */
void shells_gone(struct vellumd *d, uint32_t domid);
/* Is this domain one of ours that is no guest? */
bool shells_has(struct vellumd *d, uint32_t domid);
unsigned shells_ready(struct vellumd *d);

/* A guest of this shape has been made from nothing as domain `domid`: make shells like it. */
void shells_learn(struct vellumd *d, uint64_t shape, uint32_t domid);

/* The worker: make a shell of that UUID and of the configuration on standard input, print its id. An exit code. */
int shells_make(const struct options *options, const char *uuid);

#endif
