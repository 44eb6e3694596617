/* SPDX-License-Identifier: MIT */
/*
 * One change of a domain at a time: its devices, its name, its kept configuration. The lock is a file that libxl takes
 * for the same purpose, so that Debian's xl and ours wait for each other. It is released when its process dies.
 */
#ifndef VL_LIFE_LOCK_H
#define VL_LIFE_LOCK_H

#include "base/vl.h"

/* Waits; a descriptor, or a told -errno. */
int vl_domain_lock(struct vl *vl, uint32_t domid);
/* Also takes what vl_domain_lock returned when it failed. */
void vl_domain_unlock(int lock);

#endif
