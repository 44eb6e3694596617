/* SPDX-License-Identifier: MIT */
/*
 * What the two usual hotplug scripts (block, vif-bridge) do, without a shell: a raw file gets a loop device, a block
 * device is checked for other users, an interface joins its bridge. A script takes a second, this a few milliseconds.
 * They are used where the configuration names no script, and write the same nodes, so that either kind can undo the
 * other's work.
 */
#ifndef VL_DEVICE_BUILTIN_H
#define VL_DEVICE_BUILTIN_H

#include <stdbool.h>

#include "base/vl.h"
#include "device/device.h"

/* Bring a device's resource up or take it away, by what its back-end's nodes say. 0, or a told -errno. */
int vl_block_up(struct vl *vl, const struct vl_device *dev);
int vl_block_down(struct vl *vl, const struct vl_device *dev);
int vl_bridge_up(struct vl *vl, const struct vl_device *dev);
int vl_bridge_down(struct vl *vl, const struct vl_device *dev);

#endif
