/* SPDX-License-Identifier: MIT */
/*
 * The two rings of a PV console's page (xen/io/console.h), from the daemon's side.
 *
 * The page is the guest's: it may hold anything and change at any time. Each index is read once, and our own ends
 * (out_cons, in_prod) are kept here and only ever written to the page, so a guest that overwrites them harms nobody
 * but itself. A distance that cannot be is taken for what does least: an impossible output is skipped whole, an
 * impossible input ring is full.
 */
#ifndef VELLUMD_RING_H
#define VELLUMD_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xen/io/console.h>

struct ring {
    struct xencons_interface *page;
    XENCONS_RING_IDX out_cons, in_prod;
    bool lied;                  /* the guest's indices were impossible at least once */
};

/* Take over a mapped page, where an earlier daemon (or the builder) has left our ends. */
void ring_attach(struct ring *ring, void *page);

/* Copy the guest's output to `to`; returns how many bytes, at most `room`. 0: there is none. */
size_t ring_take(struct ring *ring, char *to, size_t room);

/* Give the guest input; returns how many bytes it had room for. */
size_t ring_give(struct ring *ring, const char *from, size_t len);

/* How many bytes of input the guest has room for. */
size_t ring_room(const struct ring *ring);

#endif
