/* SPDX-License-Identifier: MIT */
/*
 * How a command and vellumd work together. Where vellumd does not run every call here says so at once, and the
 * command does its work alone, as it would without.
 */
#ifndef VL_LIFE_HANDOVER_H
#define VL_LIFE_HANDOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VL_DAEMON_FOLDER "/run/vellum"
#define VL_DAEMON_SOCKET VL_DAEMON_FOLDER "/vellumd.sock"
#define VL_SHELL_PREFIX "vellum-shell-"         /* of the names of ready-made domains that are not guests yet */

/* A connection to vellumd, or -1 (not told) when it does not run. VELLUMD_SOCKET in the environment names another socket. */
int vl_daemon_connect(void);

/* Send a request and read the one line of its answer. 0 or -errno (not told); the connection is useless after that. */
int vl_daemon_ask(int fd, const char *request, char *answer, size_t room);

/* Give a domain to vellumd, on the connection or (fd is -1) on a new one. False: nobody has taken it. */
bool vl_handover(int fd, uint32_t domid);

/* Ask for a ready-made domain of a shape. Returns its id, or VL_NOBODY; it dies with the connection until handed over. */
uint32_t vl_handover_shell(int fd, uint64_t shape);
/* The shell has become a guest that nobody is to look after. */
void vl_handover_keep(int fd, uint32_t domid);

#endif
