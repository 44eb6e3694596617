/* SPDX-License-Identifier: MIT */
/*
 * Ready-made domains. A shell is a domain that has all that does not depend on which guest it will be: memory, kernel,
 * page tables, rings, its place in the store under a name of its own (VL_SHELL_PREFIX). A guest whose configuration
 * has the same shape is then made by giving the shell its name, UUID and devices.
 */
#ifndef VL_LIFE_SHELL_H
#define VL_LIFE_SHELL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/vl.h"
#include "config/config.h"

/*
 * The shape of a configuration: a number that is the same for all guests that may be made of the same shells. False
 * when a guest must be made from nothing (passed-through devices, files that are not there).
 */
bool vl_shape(const struct vl_config *config, uint64_t *shape);

/* Make a shell, of the UUID that the configuration has, for guests like this. 0 or a told -errno. */
int vl_shell_make(struct vl *vl, struct vl_config *config, uint32_t *domid);

/*
 * Make the shell the guest of this configuration, paused, with its devices. A configuration that names no UUID gets the
 * shell's. On failure the shell is destroyed.
 */
int vl_shell_take(struct vl *vl, struct vl_config *config, uint32_t domid);

#endif
