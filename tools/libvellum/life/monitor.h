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

/* Write a domain's memory, registers and notes to a file (docs: Xen's dump-core format). */
int vl_dump_core(struct vl *vl, uint32_t domid, const char *path);

#endif
