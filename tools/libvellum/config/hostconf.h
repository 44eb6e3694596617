/* SPDX-License-Identifier: MIT */
/*
 * The host's defaults: /etc/xen/xl.conf (xl.conf(5)). A missing file is an empty one. A mistake in it is told with its
 * place as a warning, once, and the rest counts: a typing error there must not keep guests from being stopped.
 */
#ifndef VL_CONFIG_HOSTCONF_H
#define VL_CONFIG_HOSTCONF_H

#include <stdbool.h>

#include "base/arena.h"

enum vl_autoballoon { VL_AUTOBALLOON_AUTO, VL_AUTOBALLOON_ON, VL_AUTOBALLOON_OFF };

struct vl_hostconf {
    struct vl_arena arena;
    enum vl_autoballoon autoballoon;
    char *vif_script, *vif_bridge, *vif_backend, *vif_gatewaydev;   /* NULL: not set */
    char *cpumask, *pv_cpumask;                                     /* CPULISTs that bound all guests' hard affinity */
    int max_grant_frames, max_maptrack_frames, max_grant_version;   /* VL_UNSET: the hypervisor's */
    bool run_hotplug_scripts;
};

/* The host's; read when first asked for. */
const struct vl_hostconf *vl_hostconf(void);

/* Another file in its place; for tests. */
const struct vl_hostconf *vl_hostconf_read(const char *path);

#endif
