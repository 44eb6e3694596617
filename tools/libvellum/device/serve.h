/* SPDX-License-Identifier: MIT */
/*
 * A driver domain's part in devices: when another domain's toolstack has entered a back-end of ours, its hotplug
 * script is run here; when it is closed and no longer wanted, the script is run again and the nodes are removed.
 */
#ifndef VL_DEVICE_SERVE_H
#define VL_DEVICE_SERVE_H

#include "base/vl.h"

/* Does not return while there is a store: then -errno, told. */
int vl_devices_serve(struct vl *vl);

#endif
