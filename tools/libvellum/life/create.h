/* SPDX-License-Identifier: MIT */
/* What making a guest from nothing and making it from a shell share. Private to life/. */
#ifndef VL_LIFE_CREATE_H
#define VL_LIFE_CREATE_H

#include "base/vl.h"
#include "config/config.h"

/*
 * No other domain has this name or, unless it is `moving` from one that still exists, this UUID: 0, or a told -errno.
 * *lock is then a lock on the name, to be held until it stands in the store; -1 is none.
 */
int vl_create_check_name(struct vl *vl, const struct vl_config *config, bool moving, int *lock);
void vl_create_unlock_name(int lock);

/* The last steps: the guest's devices, and its configuration kept. Not while another command destroys it. */
int vl_create_equip(struct vl *vl, uint32_t domid, const struct vl_config *config);

/* Queue a guest's nodes under /vm. */
void vl_create_vm_nodes(struct vl_store *store, const struct vl_config *config, uint32_t domid, const char *uuid);
/* Queue the time of a guest's start, which is now. */
void vl_create_start_time(struct vl_store *store, const char *uuid);

#endif
