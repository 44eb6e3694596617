/* SPDX-License-Identifier: MIT */
/* Control operations: a domain's weight and cap (XEN_DOMCTL_scheduler_op), a pool's rate limit
 * (XEN_SYSCTL_scheduler_op). */
#include "private.h"

uint32_t sched_id(void)
{
    return pool_sched_id(&pools[0]);
}

static void set_weight(struct domain *d, uint16_t weight)
{
    struct vcpu *v;

    d->sched.weight = weight;
    for_each_vcpu(d, v)
        vcpu_set_weight(v, weight);
}

/* Weight 0 leaves the weight as it is; cap 0 is no cap. -XEN_EINVAL: another scheduler's parameters, or a vCPU's
 * (credit2 has none). */
int sched_domctl(struct domain *d, struct xen_domctl_scheduler_op *op)
{
    if (op->sched_id != XEN_SCHEDULER_CREDIT2 || READ_ONCE(d->sched.pool)->null)
        return -XEN_EINVAL;
    switch (op->cmd) {
    case XEN_DOMCTL_SCHEDOP_getinfo:
        op->u.credit2.weight = d->sched.weight;
        op->u.credit2.cap = d->sched.cap;
        return 0;
    case XEN_DOMCTL_SCHEDOP_putinfo:
        spin_lock(&d->sched.lock);
        if (op->u.credit2.weight && op->u.credit2.weight != d->sched.weight)
            set_weight(d, op->u.credit2.weight);
        cap_set(d, op->u.credit2.cap);
        spin_unlock(&d->sched.lock);
        return 0;
    default:
        return -XEN_EINVAL;
    }
}

/* -XEN_ESRCH: no such pool. -XEN_EINVAL: another scheduler, or a rate limit neither 0 nor in the ABI's range. */
int sched_sysctl(struct xen_sysctl_scheduler_op *op)
{
    struct sched_pool *pool = pool_by_id(op->cpupool_id);
    uint32_t us = op->u.sched_credit2.ratelimit_us;

    if (!pool)
        return -XEN_ESRCH;
    if (op->sched_id != XEN_SCHEDULER_CREDIT2 || pool->null)
        return -XEN_EINVAL;
    switch (op->cmd) {
    case XEN_SYSCTL_SCHEDOP_getinfo:
        op->u.sched_credit2.ratelimit_us = (uint32_t)(READ_ONCE(pool->ratelimit) / 1000);
        return 0;
    case XEN_SYSCTL_SCHEDOP_putinfo:
        if (us && (us < XEN_SYSCTL_SCHED_RATELIMIT_MIN || us > XEN_SYSCTL_SCHED_RATELIMIT_MAX))
            return -XEN_EINVAL;
        WRITE_ONCE(pool->ratelimit, MICROSECS(us));
        return 0;
    default:
        return -XEN_EINVAL;
    }
}
