/* SPDX-License-Identifier: MIT */
/*
 * What sysctl and domctl share: both are for privileged domains, check the interface version, and copy one structure.
 */
#ifndef HYPERCALL_CTL_H
#define HYPERCALL_CTL_H

#include "subop.h"

#include <hv/domain.h>

#include <xen/domctl.h>
#include <xen/sysctl.h>

/* A CPU or node set from the caller; bits from NR_CPUS up are ignored. 0, -XEN_EFAULT. */
int ctl_bitmap_get(uint64_t *map, const struct xenctl_bitmap *from);
/* The set, zero filled to the size the caller gave. 0, -XEN_EFAULT, -XEN_EINVAL: absurdly large. */
int ctl_bitmap_put(const struct xenctl_bitmap *to, uint64_t map);
/* XEN_DOMCTL_getdomaininfo's answer for d. No lock: each field is right by itself, as the ABI's users expect. */
void ctl_domain_info(const struct domain *d, struct xen_domctl_getdomaininfo *info);

/* All CPUs of a machine that we run on are of one kind. */
struct ctl_cpu_version { char vendor[12]; uint32_t family, model, stepping; };
struct ctl_cpu_version ctl_cpu_version(void);
/* Where a CPU is: core of its socket, socket, node (sysctl_host.c). */
struct xen_sysctl_cputopo ctl_cpu_place(unsigned int cpu);

/* sysctl_host.c: handlers of rows in sysctl.c; arg is struct xen_sysctl */
long sysctl_physinfo(void *ctx, void *arg);
long sysctl_cputopoinfo(void *ctx, void *arg);
long sysctl_numainfo(void *ctx, void *arg);
long sysctl_pcitopoinfo(void *ctx, void *arg);
long sysctl_getcpuinfo(void *ctx, void *arg);
long sysctl_availheap(void *ctx, void *arg);

#endif
