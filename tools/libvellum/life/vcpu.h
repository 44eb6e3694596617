/* SPDX-License-Identifier: MIT */
/* vCPUs of domains: their state, where they may run, and how many are online. */
#ifndef VL_LIFE_VCPU_H
#define VL_LIFE_VCPU_H

#include "base/arena.h"
#include "life/affinity.h"
#include "life/life.h"

struct vl_vcpu {
    unsigned number, cpu;
    bool online, blocked, running;
    uint64_t cpu_time;          /* ns */
    struct vl_cpuset hard, soft;
};

/* The vCPUs of a domain, in `arena`. 0 or a told -errno. */
int vl_vcpus_read(struct vl *vl, struct vl_arena *arena, const xc_domaininfo_t *info, struct vl_vcpu **vcpus, size_t *n);

/*
 * Set where a vCPU may run (hard) or prefers to (soft); NULL leaves it. `force` undoes a pinning that the guest's
 * kernel has asked for. A hard affinity without a CPU of the domain's pool is refused.
 */
int vl_vcpu_pin(struct vl *vl, uint32_t domid, unsigned vcpu, const struct vl_cpuset *hard,
                const struct vl_cpuset *soft, bool force);

/* Ask the guest to have `n` vCPUs online. -EINVAL, told, for none or more than it may have. */
int vl_vcpus_set(struct vl *vl, uint32_t domid, unsigned n);

/* A set in the words of listings ("all", "0-3,5", "none"), of a host with `n` CPUs. */
const char *vl_cpuset_text(struct vl_arena *arena, const struct vl_cpuset *set, unsigned n);

/* The NUMA nodes a domain prefers: "all", "any node", or numbers. */
const char *vl_node_affinity(struct vl *vl, struct vl_arena *arena, uint32_t domid);

#endif
