/* SPDX-License-Identifier: MIT */
/*
 * domctl: where and how much a domain runs. The scheduler does it; here are the bitmaps.
 */
#include "domctl.h"

#include <hv/cpu.h>
#include <hv/mm.h>
#include <hv/sched.h>

/* The CPUs that a domain's pool has. */
static cpumask_t pool_cpus(const struct domain *d)
{
    struct xen_sysctl_cpupool_op op = { .op = XEN_SYSCTL_CPUPOOL_OP_INFO, .cpupool_id = d->cpupool };
    cpumask_t map = 0;

    return sched_cpupool(&op, &map) || op.cpupool_id != d->cpupool ? cpu_online_map : map & cpu_online_map;
}

/* Both sets are copied in before anything changes; what comes out is what takes effect. */
long domctl_setvcpuaffinity(void *ctx, void *arg)
{
    struct domain *d = ctx;
    struct xen_domctl_vcpuaffinity *op = &((struct xen_domctl *)arg)->u.vcpuaffinity;
    struct vcpu *v = domctl_vcpu(d, op->vcpu);
    bool set_hard = op->flags & XEN_VCPUAFFINITY_HARD, set_soft = op->flags & XEN_VCPUAFFINITY_SOFT;
    cpumask_t hard, soft, pool;
    long rc;

    if (!v || !(set_hard || set_soft) ||
        (op->flags & ~(uint32_t)(XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT | XEN_VCPUAFFINITY_FORCE)))
        return v ? -XEN_EINVAL : -XEN_ESRCH;
    if ((set_hard && ctl_bitmap_get(&hard, &op->cpumap_hard)) || (set_soft && ctl_bitmap_get(&soft, &op->cpumap_soft)))
        return -XEN_EFAULT;
    if (set_hard && (op->flags & XEN_VCPUAFFINITY_FORCE))
        sched_pin_override(v, -1);
    rc = sched_set_affinity(v, set_hard ? &hard : NULL, set_soft ? &soft : NULL);
    if (rc)
        return rc;
    pool = pool_cpus(d);
    if (set_hard)
        rc = ctl_bitmap_put(&op->cpumap_hard, v->sched.hard & pool);
    if (!rc && set_soft)
        rc = ctl_bitmap_put(&op->cpumap_soft, v->sched.soft & v->sched.hard & pool);
    return rc;
}

long domctl_getvcpuaffinity(void *ctx, void *arg)
{
    const struct xen_domctl_vcpuaffinity *op = &((struct xen_domctl *)arg)->u.vcpuaffinity;
    const struct vcpu *v = domctl_vcpu(ctx, op->vcpu);
    long rc = 0;

    if (!v)
        return -XEN_ESRCH;
    if (!(op->flags & (XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT)))
        return -XEN_EINVAL;
    if (op->flags & XEN_VCPUAFFINITY_HARD)
        rc = ctl_bitmap_put(&op->cpumap_hard, v->sched.hard);
    if (!rc && (op->flags & XEN_VCPUAFFINITY_SOFT))
        rc = ctl_bitmap_put(&op->cpumap_soft, v->sched.soft);
    return rc;
}

/* One node: a set with it changes nothing, a set without it leaves the domain nowhere. */
long domctl_setnodeaffinity(void *ctx __unused, void *arg)
{
    uint64_t nodes;

    if (ctl_bitmap_get(&nodes, &((struct xen_domctl *)arg)->u.nodeaffinity.nodemap))
        return -XEN_EFAULT;
    return nodes & 1 ? 0 : -XEN_EINVAL;
}

long domctl_getnodeaffinity(void *ctx __unused, void *arg)
{
    return ctl_bitmap_put(&((struct xen_domctl *)arg)->u.nodeaffinity.nodemap, 1);
}

long domctl_scheduler_op(void *ctx, void *arg)
{
    return sched_domctl(ctx, &((struct xen_domctl *)arg)->u.scheduler_op);
}
