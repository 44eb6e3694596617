/* SPDX-License-Identifier: MIT */
/*
 * The daemon's socket: a client sends requests, one a line (proto.h), and gets one line for each; after `events` it
 * gets a line for every event. Only root can connect. A client that does not read loses its connection, not our memory.
 *
 * A client that has been given a shell answers for it: if its connection ends before it has said `adopt` or `kept`,
 * what it had begun is destroyed.
 */
#ifndef VELLUMD_SOCKET_H
#define VELLUMD_SOCKET_H

#include "vellumd/vellumd.h"

#define SOCKET_PATH_MAX 108     /* sockaddr_un's, with the 0 at the end */

/* A Unix socket at `path` that only root can connect to, in place of one that nobody serves: the fd, or a told -errno. */
int socket_listen(const char *path);
int socket_start(struct vellumd *d);
void socket_stop(struct vellumd *d);
/* A line to every subscriber. */
void socket_broadcast(struct vellumd *d, const char *line);

#endif
