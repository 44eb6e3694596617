/* SPDX-License-Identifier: MIT */
/*
 * The monitor of a domain: waits for its end and does what its configuration says about it (on_poweroff and its
 * kin). It is a process per domain where vellumd does not run, and it writes its log to the stream of base/log.h.
 */
#ifndef VL_LIFE_MONITOR_H
#define VL_LIFE_MONITOR_H

#include "life/life.h"

/* Returns 0 when the domain has ended for good or is left as it is; -errno when it could not be restarted. */
int vl_monitor(struct vl *vl, uint32_t domid);

/* Do what is to be done about a shutdown. 1: there is a new domain in *domid, running; 0: that was all; -errno. */
int vl_monitor_act(struct vl *vl, uint32_t *domid, unsigned reason);

/*
 * How many seconds the end of a domain is to be left alone before vl_monitor_act, so that a guest that ends again and again
 * right after its start neither takes the host's time nor fills its disks. 0 unless it is to be restarted, has lived for less
 * than 10 seconds, and 10 before it in a row did too; then 1, 2, 4 and so on, at most 60.
 */
unsigned vl_monitor_wait(struct vl *vl, uint32_t domid, unsigned reason);
unsigned vl_restart_delay(unsigned quick_ends);

/* How many core dumps of a name are kept: the newest. */
#define VL_DUMPS_KEPT 3
/* Removes the oldest dumps of a name from a folder until there are `keep` at most. */
void vl_dumps_trim(const char *folder, const char *name, unsigned keep);

/* Write a domain's memory, registers and notes to a file (docs: Xen's dump-core format). */
int vl_dump_core(struct vl *vl, uint32_t domid, const char *path);

#endif
