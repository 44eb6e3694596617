/* SPDX-License-Identifier: MIT */
/*
 * Hotplug scripts: programs of /etc/xen/scripts that make a back-end's resource (a loop device, a bridge port) and
 * take it away again. They are run with the environment that Xen gives them, so Debian's run as they are.
 */
#ifndef VL_DEVICE_HOTPLUG_H
#define VL_DEVICE_HOTPLUG_H

#include <stdbool.h>

#include "base/vl.h"
#include "device/device.h"

/*
 * Run `script` with `verb` (add, remove, online, offline) for a device; for interfaces `vifname` is the back-end's
 * interface and gatewaydev may be NULL. The script says what went wrong in the back-end's hotplug-error node. 0, or
 * -errno: told unless `quiet`.
 */
int vl_hotplug_run(struct vl *vl, const struct vl_device *dev, const char *script, const char *verb,
                   const char *vifname, const char *gatewaydev, bool quiet);

#endif
