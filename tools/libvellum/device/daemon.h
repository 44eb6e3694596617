/* SPDX-License-Identifier: MIT */
/* The back-ends that are processes, one for each guest and kind: vellum-blkd and vellum-netd. Private to device/. */
#ifndef VL_DEVICE_DAEMON_H
#define VL_DEVICE_DAEMON_H

#include <stddef.h>

#include "device/device.h"

/*
 * Start what the devices need, where it does not run yet (it sees to that itself): their nodes are entered already. They
 * end by themselves when the guest's last such device has gone. 0, or a told -errno.
 */
int vl_daemons_start(struct vl *vl, const struct vl_device *devs, size_t n);

/* A device whose back-end has refused it, with its reason: told, -EIO; else 0. */
int vl_daemon_error(struct vl *vl, const struct vl_device *dev);

#endif
