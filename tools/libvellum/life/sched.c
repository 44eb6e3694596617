/* SPDX-License-Identifier: MIT */
#include "life/sched.h"

#include <errno.h>

#include "base/log.h"
#include "life/host.h"

int vl_sched_of(struct vl *vl, const xc_domaininfo_t *info)
{
    xc_cpupoolinfo_t *pool = vl_xc(vl) ? xc_cpupool_getinfo(vl->xc, info->cpupool) : NULL;
    int scheduler;

    if (!pool || pool->cpupool_id != info->cpupool) {
        if (pool)
            xc_cpupool_infofree(vl->xc, pool);
        return vl_fail(-EIO, "cannot read the CPU pool of domain %u", info->domain);
    }
    scheduler = (int)pool->sched_id;
    xc_cpupool_infofree(vl->xc, pool);
    return scheduler;
}

static int none(int scheduler)
{
    return vl_fail(-EOPNOTSUPP, "the scheduler %s has no such parameters", vl_scheduler_name(scheduler));
}

int vl_sched_domain_get(struct vl *vl, int scheduler, uint32_t domid, struct vl_sched_domain *p)
{
    struct xen_domctl_sched_credit credit;
    struct xen_domctl_sched_credit2 credit2;
    struct xen_domctl_sched_rtds rtds;
    int rc;

    *p = (struct vl_sched_domain)VL_SCHED_DOMAIN_UNSET;
    switch (scheduler) {
    case XEN_SCHEDULER_CREDIT:
        rc = xc_sched_credit_domain_get(vl->xc, domid, &credit);
        p->weight = credit.weight;
        p->cap = credit.cap;
        break;
    case XEN_SCHEDULER_CREDIT2:
        rc = xc_sched_credit2_domain_get(vl->xc, domid, &credit2);
        p->weight = credit2.weight;
        p->cap = credit2.cap;
        break;
    case XEN_SCHEDULER_RTDS:
        rc = xc_sched_rtds_domain_get(vl->xc, domid, &rtds);
        p->period = (int)rtds.period;
        p->budget = (int)rtds.budget;
        break;
    default:
        return none(scheduler);
    }
    return rc ? vl_fail_errno("cannot read the scheduling parameters of domain %u", domid) : 0;
}

static int range(const char *what, long value, long min, long max)
{
    return value >= min && value <= max ? 0
        : vl_fail(-EINVAL, "%s must be from %ld to %ld, not %ld", what, min, max, value);
}

/* What is asked of a credit scheduler, merged into what there is. */
static int merge_credit(const struct vl_sched_domain *p, unsigned vcpus, uint16_t *weight, uint16_t *cap)
{
    if (p->weight != VL_UNSET && range("weight", p->weight, 1, 65535))
        return -EINVAL;
    if (p->cap != VL_UNSET && range("cap", p->cap, 0, vcpus * 100 < 65535 ? (long)vcpus * 100 : 65535))
        return -EINVAL;
    if (p->weight != VL_UNSET)
        *weight = (uint16_t)p->weight;
    if (p->cap != VL_UNSET)
        *cap = (uint16_t)p->cap;
    return 0;
}

static int set_rtds(struct vl *vl, uint32_t domid, const struct vl_sched_domain *p)
{
    struct xen_domctl_sched_rtds rtds;

    if (xc_sched_rtds_domain_get(vl->xc, domid, &rtds))
        return -1;
    if (p->period != VL_UNSET)
        rtds.period = (uint32_t)p->period;
    if (p->budget != VL_UNSET)
        rtds.budget = (uint32_t)p->budget;
    return xc_sched_rtds_domain_set(vl->xc, domid, &rtds);
}

int vl_sched_domain_set(struct vl *vl, int scheduler, uint32_t domid, unsigned vcpus, const struct vl_sched_domain *p)
{
    struct xen_domctl_sched_credit credit;
    struct xen_domctl_sched_credit2 credit2;
    int rc;

    switch (scheduler) {
    case XEN_SCHEDULER_CREDIT:
        rc = xc_sched_credit_domain_get(vl->xc, domid, &credit);
        if (!rc && merge_credit(p, vcpus, &credit.weight, &credit.cap))
            return -EINVAL;
        rc = rc ? rc : xc_sched_credit_domain_set(vl->xc, domid, &credit);
        break;
    case XEN_SCHEDULER_CREDIT2:
        rc = xc_sched_credit2_domain_get(vl->xc, domid, &credit2);
        if (!rc && merge_credit(p, vcpus, &credit2.weight, &credit2.cap))
            return -EINVAL;
        rc = rc ? rc : xc_sched_credit2_domain_set(vl->xc, domid, &credit2);
        break;
    case XEN_SCHEDULER_RTDS:
        if (p->extratime != VL_UNSET)
            return vl_fail(-EOPNOTSUPP, "RTDS's extratime is set for each vCPU, which is not supported");
        rc = set_rtds(vl, domid, p);
        break;
    default:
        return none(scheduler);
    }
    return rc ? vl_fail_errno("cannot change the scheduling parameters of domain %u", domid) : 0;
}

int vl_sched_pool_get(struct vl *vl, int scheduler, uint32_t pool, struct vl_sched_pool *p)
{
    struct xen_sysctl_credit_schedule credit;
    struct xen_sysctl_credit2_schedule credit2;
    int rc;

    *p = (struct vl_sched_pool){ VL_UNSET, VL_UNSET, VL_UNSET };
    if (scheduler == XEN_SCHEDULER_CREDIT) {
        rc = xc_sched_credit_params_get(vl->xc, pool, &credit);
        p->tslice_ms = (int)credit.tslice_ms;
        p->ratelimit_us = (int)credit.ratelimit_us;
        p->migration_delay_us = (int)credit.vcpu_migr_delay_us;
    } else if (scheduler == XEN_SCHEDULER_CREDIT2) {
        rc = xc_sched_credit2_params_get(vl->xc, pool, &credit2);
        p->ratelimit_us = (int)credit2.ratelimit_us;
    } else {
        return none(scheduler);
    }
    return rc ? vl_fail_errno("cannot read the parameters of the scheduler %s", vl_scheduler_name(scheduler)) : 0;
}

static int check_pool(const struct vl_sched_pool *p)
{
    if (p->ratelimit_us != VL_UNSET && p->ratelimit_us != 0 &&
        range("ratelimit", p->ratelimit_us, XEN_SYSCTL_SCHED_RATELIMIT_MIN, XEN_SYSCTL_SCHED_RATELIMIT_MAX))
        return -EINVAL;
    if (p->tslice_ms != VL_UNSET && range("tslice", p->tslice_ms, XEN_SYSCTL_CSCHED_TSLICE_MIN,
                                          XEN_SYSCTL_CSCHED_TSLICE_MAX))
        return -EINVAL;
    if (p->migration_delay_us != VL_UNSET && range("migration delay", p->migration_delay_us, 0,
                                                   XEN_SYSCTL_CSCHED_MGR_DLY_MAX_US))
        return -EINVAL;
    return 0;
}

int vl_sched_pool_set(struct vl *vl, int scheduler, uint32_t pool, const struct vl_sched_pool *p)
{
    struct vl_sched_pool now;
    struct xen_sysctl_credit_schedule credit;
    struct xen_sysctl_credit2_schedule credit2;
    int rc = check_pool(p);

    if (!rc)
        rc = vl_sched_pool_get(vl, scheduler, pool, &now);
    if (rc)
        return rc;
    if (p->ratelimit_us != VL_UNSET)
        now.ratelimit_us = p->ratelimit_us;
    if (p->tslice_ms != VL_UNSET)
        now.tslice_ms = p->tslice_ms;
    if (p->migration_delay_us != VL_UNSET)
        now.migration_delay_us = p->migration_delay_us;
    if (scheduler == XEN_SCHEDULER_CREDIT) {
        if (now.ratelimit_us > now.tslice_ms * 1000)
            return vl_fail(-EINVAL, "the ratelimit (%d us) cannot be longer than the time slice (%d ms)",
                           now.ratelimit_us, now.tslice_ms);
        credit = (struct xen_sysctl_credit_schedule){ (unsigned)now.tslice_ms, (unsigned)now.ratelimit_us,
                                                      (unsigned)now.migration_delay_us };
        rc = xc_sched_credit_params_set(vl->xc, pool, &credit);
    } else {
        credit2.ratelimit_us = (unsigned)now.ratelimit_us;
        rc = xc_sched_credit2_params_set(vl->xc, pool, &credit2);
    }
    return rc ? vl_fail_errno("cannot change the parameters of the scheduler %s", vl_scheduler_name(scheduler)) : 0;
}

int vl_sched_apply(struct vl *vl, uint32_t domid, const struct vl_config *c)
{
    struct vl_sched_domain p = { c->cpu_weight, c->cap, c->rtds_period, c->rtds_budget, c->rtds_extratime };
    xc_domaininfo_t info;
    int scheduler;

    if (c->cpu_weight == VL_UNSET && c->cap == VL_UNSET && c->rtds_period == VL_UNSET && c->rtds_budget == VL_UNSET &&
        c->rtds_extratime == VL_UNSET)
        return 0;
    if (vl_domain_info(vl, domid, &info))
        return vl_fail(-ESRCH, "domain %u has gone", domid);
    scheduler = vl_sched_of(vl, &info);
    return scheduler < 0 ? scheduler : vl_sched_domain_set(vl, scheduler, domid, c->max_vcpus, &p);
}
