/* SPDX-License-Identifier: MIT */
/* Asking guests to stop, and watching them end. */
#ifndef VL_LIFE_POWER_H
#define VL_LIFE_POWER_H

#include <stddef.h>

#include "life/life.h"

/* Ask a guest: "poweroff" or "reboot" in its control/shutdown node. -ENOTSUP, told, when it has no handler for it. */
int vl_power_request(struct vl *vl, uint32_t domid, const char *what);

enum vl_ending { VL_ENDED_SHUTDOWN, VL_ENDED_GONE };

/*
 * Wait until each of the domains has shut down (or, with `death`, is gone). Calls `ended` for each that does, in the
 * order in which they do. 0 or -errno.
 */
int vl_power_wait(struct vl *vl, uint32_t *domids, size_t n, bool death,
                  void (*ended)(uint32_t domid, enum vl_ending how, unsigned reason));

/* Wait for one domain to shut down (not to suspend) or go: 1 and *reason for a shutdown, 0 when it is gone, -errno. */
int vl_power_wait_one(struct vl *vl, uint32_t domid, unsigned *reason);

/* Why a domain has shut down (xen/sched.h), as a word. */
const char *vl_power_reason(unsigned reason);

static inline unsigned vl_shutdown_reason(const xc_domaininfo_t *info)
{
    return info->flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask;
}

#endif
