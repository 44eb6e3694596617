/* SPDX-License-Identifier: MIT */
/* Parameters of the schedulers: of a domain, and of a CPU pool. */
#ifndef VL_LIFE_SCHED_H
#define VL_LIFE_SCHED_H

#include "config/config.h"
#include "life/life.h"

/* A domain's share; VL_UNSET: has none, or leave it. period, budget (us) and extratime are RTDS's, the others credit's. */
struct vl_sched_domain {
    int weight, cap, period, budget, extratime;
};
#define VL_SCHED_DOMAIN_UNSET { VL_UNSET, VL_UNSET, VL_UNSET, VL_UNSET, VL_UNSET }

/* A pool's; in ms, us, us. */
struct vl_sched_pool {
    int tslice_ms, ratelimit_us, migration_delay_us;
};

/* The scheduler of the pool that a domain is in: its number, or a told -errno. */
int vl_sched_of(struct vl *vl, const xc_domaininfo_t *info);

/* Read; -EOPNOTSUPP (told) for a scheduler without such parameters. */
int vl_sched_domain_get(struct vl *vl, int scheduler, uint32_t domid, struct vl_sched_domain *p);
/* Change what is not VL_UNSET, after checking its range for a domain of `vcpus`. */
int vl_sched_domain_set(struct vl *vl, int scheduler, uint32_t domid, unsigned vcpus, const struct vl_sched_domain *p);

int vl_sched_pool_get(struct vl *vl, int scheduler, uint32_t pool, struct vl_sched_pool *p);
int vl_sched_pool_set(struct vl *vl, int scheduler, uint32_t pool, const struct vl_sched_pool *p);

/* A configuration's cpu_weight, cap, period … for a new domain; nothing when it names none. */
int vl_sched_apply(struct vl *vl, uint32_t domid, const struct vl_config *config);

#endif
