/* SPDX-License-Identifier: MIT */
/* Messages between a back-end's keeper (root, xenstore) and its worker (confined, rings): one packet each, with files. */
#ifndef BACK_CHANNEL_H
#define BACK_CHANNEL_H

#include <stddef.h>
#include <sys/types.h>

#define CHANNEL_FDS 8

/* 0 or -errno. */
int channel_send(int sock, const void *message, size_t size, const int *fds, unsigned n_fds);

/*
 * The size of the packet, 0 at the end, or -errno (-EAGAIN when `flags` has MSG_DONTWAIT and nothing is there). Files
 * that came are in fds[0 … *n_fds - 1] and belong to the caller.
 */
ssize_t channel_receive(int sock, void *message, size_t room, int fds[CHANNEL_FDS], unsigned *n_fds, int flags);

#endif
