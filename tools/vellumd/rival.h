/* SPDX-License-Identifier: MIT */
/* The other daemon that serves consoles: Xen's xenconsoled. */
#ifndef VELLUMD_RIVAL_H
#define VELLUMD_RIVAL_H

#include <sys/types.h>

/*
 * The process id of a xenconsoled that runs in this domain, 0 when there is none. Only one that is root's counts: any
 * user may call a program of theirs so.
 */
pid_t rival_find(void);

#endif
