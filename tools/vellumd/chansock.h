/* SPDX-License-Identifier: MIT */
/*
 * A channel's Unix socket (connection=SOCKET): whoever connects to it talks with the guest, through the channel's
 * terminal. One client at a time; the next waits until that one has gone. What the guest sends while there is none is lost.
 */
#ifndef VELLUMD_CHANSOCK_H
#define VELLUMD_CHANSOCK_H

#include "vellumd/vellumd.h"

struct chansock;

/* Listen at `path`, for root alone, and join clients with the terminal `tty`. NULL after telling why not. */
struct chansock *chansock_new(struct vellumd *d, const char *path, const char *tty);
/* Drop the client and take the socket away; NULL is nothing. */
void chansock_free(struct chansock *s);

#endif
