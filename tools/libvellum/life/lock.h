/* SPDX-License-Identifier: MIT */
/*
 * One change of a domain at a time: its devices, its name, its kept configuration. The lock is a file that libxl takes
 * for the same purpose, so that Debian's xl and ours wait for each other. It is released when its process dies.
 */
#ifndef VL_LIFE_LOCK_H
#define VL_LIFE_LOCK_H

#include "base/vl.h"

/* Waits; a descriptor, or a told -errno. Whoever holds it finds the domain there, and no other xl destroys it. */
int vl_domain_lock(struct vl *vl, uint32_t domid);
/* Waits at most so long: -EBUSY; -ESRCH when there is no such domain (any more). Neither is told. */
int vl_domain_lock_soon(struct vl *vl, uint32_t domid, int seconds);
/* Also takes what vl_domain_lock returned when it failed. */
void vl_domain_unlock(int lock);

#endif
