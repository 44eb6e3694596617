/* SPDX-License-Identifier: MIT */
/*
 * domctl: life of a domain, and settings of the whole of it. What is one field is written under the domain's ctl_lock.
 */
#include "domctl.h"

#include <hv/cpu.h>
#include <hv/event.h>
#include <hv/mm.h>
#include <hv/policy.h>
#include <hv/sched.h>
#include <hv/time.h>

/* --- create ----------------------------------------------------------------------------------- */
#define KNOWN_FLAGS (XEN_DOMCTL_CDF_s3_integrity | XEN_DOMCTL_CDF_xs_domain)   /* for a PV guest without IOMMU */

static bool pool_exists(uint32_t id)
{
    struct xen_sysctl_cpupool_op op = { .op = XEN_SYSCTL_CPUPOOL_OP_INFO, .cpupool_id = id };
    cpumask_t cpus;

    return !sched_cpupool(&op, &cpus) && op.cpupool_id == id;   /* INFO gives the next one when there is no such pool */
}

/* A PV guest that we can give what it is promised: -XEN_EINVAL, -XEN_EOPNOTSUPP. */
static long check_config(const struct xen_domctl_createdomain *c)
{
    unsigned int grant_version = XEN_DOMCTL_GRANT_version(c->grant_opts);

    if ((c->flags & ~(uint32_t)KNOWN_FLAGS) || c->iommu_opts)
        return -XEN_EINVAL;
    if (c->max_vcpus == 0 || c->max_vcpus > MAX_VCPUS)
        return -XEN_EINVAL;
    if ((c->grant_opts & ~(uint32_t)XEN_DOMCTL_GRANT_version_mask) || grant_version < 1 || grant_version > 2)
        return -XEN_EINVAL;
    if (c->arch.misc_flags & ~XEN_X86_MSR_RELAXED)
        return -XEN_EINVAL;
    if (c->vmtrace_size)
        return -XEN_EINVAL;
    if (c->arch.emulation_flags)
        return -XEN_EOPNOTSUPP;
    return pool_exists(c->cpupool_id) ? 0 : -XEN_ESRCH;
}

long domctl_createdomain(void *ctx __unused, void *arg)
{
    struct xen_domctl *op = arg;
    domid_t id = op->domain;
    struct domain *d;
    long rc = check_config(&op->u.createdomain);

    if (rc)
        return rc;
    if (id == 0 || id >= DOMID_FIRST_RESERVED)
        id = DOMID_INVALID;
    rc = domain_create(id, &op->u.createdomain, false, &d);
    if (!rc)
        op->domain = d->id;
    return rc;
}

/* The caller never learned the id: the domain, which has no memory yet, goes. */
void domctl_createdomain_undo(void *ctx __unused, void *arg)
{
    struct domain *d = domain_find(((struct xen_domctl *)arg)->domain);

    while (d && domain_kill(d) == -XEN_ERESTART)
        ;
}

long domctl_destroydomain(void *ctx, void *arg __unused)
{
    return domain_kill(ctx);
}

/* The number is that of createdomain: this call only makes the vCPUs. */
long domctl_max_vcpus(void *ctx, void *arg)
{
    struct domain *d = ctx;
    uint32_t max = ((struct xen_domctl *)arg)->u.max_vcpus.max;

    return max == d->max_vcpus ? domain_max_vcpus(d, max) : -XEN_EINVAL;
}

long domctl_pausedomain(void *ctx, void *arg __unused)
{
    return domain_pause_by_control(ctx);
}

long domctl_unpausedomain(void *ctx, void *arg __unused)
{
    return domain_unpause_by_control(ctx);
}

long domctl_resumedomain(void *ctx, void *arg __unused)
{
    domain_resume(ctx);
    return 0;
}

/* The first domain whose id is not below the one asked for: so tools step through all. */
long domctl_getdomaininfo(void *ctx __unused, void *arg)
{
    struct xen_domctl *op = arg;
    struct domain *d;

    if (op->domain >= DOMID_FIRST_RESERVED)
        return -XEN_EINVAL;
    d = domain_next(op->domain);
    if (!d)
        return -XEN_ESRCH;
    ctl_domain_info(d, &op->u.getdomaininfo);
    op->domain = op->u.getdomaininfo.domain;
    return 0;
}

/* --- settings --------------------------------------------------------------------------------- */
long domctl_setdomainhandle(void *ctx, void *arg)
{
    struct domain *d = ctx;

    spin_lock(&d->ctl_lock);
    memcpy(d->uuid, ((struct xen_domctl *)arg)->u.setdomainhandle.handle, sizeof(d->uuid));
    spin_unlock(&d->ctl_lock);
    return 0;
}

/* There is no debugger to attach. */
long domctl_setdebugging(void *ctx __unused, void *arg)
{
    return ((struct xen_domctl *)arg)->u.setdebugging.enable ? -XEN_EOPNOTSUPP : 0;
}

/* The port is of the domain named; if it is none when the domain suspends, nobody is told. */
long domctl_subscribe(void *ctx, void *arg)
{
    WRITE_ONCE(((struct domain *)ctx)->suspend_evtchn, ((struct xen_domctl *)arg)->u.subscribe.port);
    return 0;
}

long domctl_set_virq_handler(void *ctx, void *arg)
{
    uint32_t virq = ((struct xen_domctl *)arg)->u.set_virq_handler.virq;

    return virq >= NR_VIRQS ? -XEN_EINVAL : virq_set_handler(ctx, virq);
}

long domctl_settimeoffset(void *ctx, void *arg)
{
    struct domain *d = ctx;

    WRITE_ONCE(d->time_offset, ((struct xen_domctl *)arg)->u.settimeoffset.time_offset_seconds);
    time_update_domain_wallclock(d);
    return 0;
}

/* --- TSC: modes as in xl.cfg(5): 0 default, 1 always emulated, 2 never ------------------------ */
#define TSC_MODE_MAX 2

long domctl_gettscinfo(void *ctx, void *arg)
{
    const struct domain *d = ctx;
    struct xen_domctl_tsc_info *info = &((struct xen_domctl *)arg)->u.tsc_info;

    info->tsc_mode = d->tsc_mode;
    info->gtsc_khz = d->tsc_khz ? d->tsc_khz : (uint32_t)(time_tsc_hz() / 1000);
    info->incarnation = d->tsc_incarnation;
    info->elapsed_nsec = now() + d->tsc_elapsed;
    return 0;
}

long domctl_settscinfo(void *ctx, void *arg)
{
    struct domain *d = ctx;
    const struct xen_domctl_tsc_info *info = &((struct xen_domctl *)arg)->u.tsc_info;

    if (info->tsc_mode > TSC_MODE_MAX)
        return -XEN_EINVAL;
    domain_pause(d);
    d->tsc_mode = info->tsc_mode;
    d->tsc_khz = info->gtsc_khz;
    d->tsc_incarnation = info->incarnation;
    d->tsc_elapsed = info->elapsed_nsec ? info->elapsed_nsec - now() : 0;
    domain_unpause(d);
    return 0;
}

/* --- CPUID and MSR policy; address size ------------------------------------------------------- */
long domctl_get_cpu_policy(void *ctx, void *arg)
{
    const struct domain *d = ctx;
    struct xen_domctl_cpu_policy *op = &((struct xen_domctl *)arg)->u.cpu_policy;

    return policy_copy_to_guest(d->policy, op->leaves, &op->nr_leaves, op->msrs, &op->nr_msrs);
}

long domctl_set_cpu_policy(void *ctx, void *arg)
{
    struct domain *d = ctx;
    long rc;

    domain_pause(d);
    rc = policy_set_from_guest(d, &((struct xen_domctl *)arg)->u.cpu_policy);
    domain_unpause(d);
    return rc;
}

#define ADDRESS_SIZE 64

long domctl_set_address_size(void *ctx __unused, void *arg)
{
    switch (((struct xen_domctl *)arg)->u.address_size.size) {
    case ADDRESS_SIZE:
        return 0;
    case 32:
        return -XEN_EOPNOTSUPP;
    default:
        return -XEN_EINVAL;
    }
}

long domctl_get_address_size(void *ctx __unused, void *arg)
{
    ((struct xen_domctl *)arg)->u.address_size.size = ADDRESS_SIZE;
    return 0;
}
