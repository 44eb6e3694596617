/* SPDX-License-Identifier: MIT */
/* CPU lists ("0-3,^2,node:1,all") as sets of the host's CPUs, and vCPUs' affinities. */
#ifndef VL_LIFE_AFFINITY_H
#define VL_LIFE_AFFINITY_H

#include "base/vl.h"
#include "config/config.h"

#define VL_CPUS_MAX 4096

struct vl_cpuset {
    uint8_t bits[VL_CPUS_MAX / 8];
};

static inline bool vl_cpuset_has(const struct vl_cpuset *set, unsigned cpu)
{
    return cpu < VL_CPUS_MAX && set->bits[cpu / 8] & 1u << cpu % 8;
}

/* Parse a list. Numbers beyond the host's CPUs are kept only when the list itself names them. -EINVAL, told. */
int vl_cpulist_parse(struct vl *vl, const char *text, struct vl_cpuset *set);

/* Rewrite a configuration's lists as plain numbers ("0,1,5"). Nothing is asked of the host when there are none. */
int vl_affinity_plain(struct vl *vl, struct vl_config *config);

/* The host's masks (xl.conf's vm.cpumask) do not hold for this command. */
extern bool vl_affinity_ignore_masks;

/* Set a new domain's vCPUs as its (plain) lists say. */
int vl_affinity_set(struct vl *vl, uint32_t domid, const struct vl_config *config);

#endif
