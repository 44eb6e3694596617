/* SPDX-License-Identifier: MIT */
/* What a configuration says about a new domain beyond its memory, vCPUs and devices. Private to life/. */
#ifndef VL_LIFE_APPLY_H
#define VL_LIFE_APPLY_H

#include "life/life.h"

/* Refuse, before anything is made, what cannot be had on this host. 0 or a told -errno. */
int vl_apply_check(struct vl *vl, const struct vl_config *config);

/* The pool's number for a new domain: 0 when none is named. */
int vl_apply_pool(struct vl *vl, const struct vl_config *config, uint32_t *pool);

/* Scheduling, clock, and access to ports, memory and interrupts. */
int vl_apply(struct vl *vl, uint32_t domid, const struct vl_config *config);

#endif
