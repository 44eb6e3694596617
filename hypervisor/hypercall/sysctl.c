/* SPDX-License-Identifier: MIT */
/*
 * sysctl (xen/sysctl.h): the host as the toolstack sees and manages it. For privileged domains.
 */
#include "ctl.h"

#include <hv/console.h>
#include <hv/cpu.h>
#include <hv/hypercall.h>
#include <hv/mm.h>
#include <hv/policy.h>
#include <hv/sched.h>

#define MSR_PLATFORM_INFO_CPUID_FAULTING BIT(31)

#define CONSOLE_CHUNK 512

/* Reads on from the index, chunk by chunk; the ring is emptied last, when the caller has the text. */
static long readconsole(void *ctx __unused, void *arg)
{
    struct xen_sysctl_readconsole *op = &((struct xen_sysctl *)arg)->u.readconsole;
    bool incremental = op->incremental;
    uint32_t done = 0;
    char chunk[CONSOLE_CHUNK];
    size_t n;

    while (done < op->count) {
        n = console_ring_read(chunk, min((size_t)(op->count - done), sizeof(chunk)), incremental, &op->index, false);
        if (!n)
            break;
        if (copy_to_guest(handle_address(op->buffer, done), chunk, n))
            return -XEN_EFAULT;
        done += (uint32_t)n;
        incremental = true;
    }
    if (op->clear) {
        uint32_t index = op->index;

        console_ring_read(chunk, 0, true, &index, true);
    }
    op->count = done;
    return 0;
}

static long get_sched_id(void *ctx __unused, void *arg)
{
    ((struct xen_sysctl *)arg)->u.sched_id.sched_id = sched_id();
    return 0;
}

/* A dead domain that others still hold frames of is listed too: the administrator must see it. */
static long getdomaininfolist(void *ctx __unused, void *arg)
{
    struct xen_sysctl_getdomaininfolist *op = &((struct xen_sysctl *)arg)->u.getdomaininfolist;
    struct xen_domctl_getdomaininfo info;
    uint32_t count = 0;
    struct domain *d;

    for (d = domain_next(op->first_domain); d && count < op->max_domains; d = domain_next(d->id + 1u)) {
        ctl_domain_info(d, &info);
        if (put_handle_offset(op->buffer, count, &info, 1))
            return -XEN_EFAULT;
        count++;
    }
    op->num_domains = count;
    return 0;
}

#define MAX_DEBUG_KEYS 128

static long debug_keys(void *ctx __unused, void *arg)
{
    const struct xen_sysctl_debug_keys *op = &((struct xen_sysctl *)arg)->u.debug_keys;
    char keys[MAX_DEBUG_KEYS];

    if (op->nr_keys > sizeof(keys))
        return -XEN_E2BIG;
    if (copy_from_guest(keys, op->keys.p, op->nr_keys))
        return -XEN_EFAULT;
    for (uint32_t i = 0; i < op->nr_keys; i++)
        debugkey_handle(keys[i]);
    return 0;
}

static long cpupool_op(void *ctx __unused, void *arg)
{
    struct xen_sysctl_cpupool_op *op = &((struct xen_sysctl *)arg)->u.cpupool_op;
    cpumask_t map = 0;
    long rc = sched_cpupool(op, &map);

    if (!rc && (op->op == XEN_SYSCTL_CPUPOOL_OP_INFO || op->op == XEN_SYSCTL_CPUPOOL_OP_FREEINFO))
        rc = ctl_bitmap_put(&op->cpumap, map);
    return rc;
}

static long scheduler_op(void *ctx __unused, void *arg)
{
    return sched_sysctl(&((struct xen_sysctl *)arg)->u.scheduler_op);
}

/* CPUID of guests is not masked but intercepted, where the CPU can. */
static long get_cpu_levelling_caps(void *ctx __unused, void *arg)
{
    bool faulting = host_policy.platform_info & MSR_PLATFORM_INFO_CPUID_FAULTING;

    ((struct xen_sysctl *)arg)->u.cpu_levelling_caps.caps = faulting ? XEN_SYSCTL_CPU_LEVELCAP_faulting : 0;
    return 0;
}

static long get_cpu_featureset(void *ctx __unused, void *arg)
{
    return sysctl_get_cpu_featureset(&((struct xen_sysctl *)arg)->u.cpu_featureset);
}

static long get_cpu_policy(void *ctx __unused, void *arg)
{
    return sysctl_get_cpu_policy(&((struct xen_sysctl *)arg)->u.cpu_policy);
}

/* There are no trace buffers: to be told so, and to switch them off, is no error. */
static long tbuf_op(void *ctx __unused, void *arg)
{
    struct xen_sysctl_tbuf_op *op = &((struct xen_sysctl *)arg)->u.tbuf_op;

    switch (op->cmd) {
    case XEN_SYSCTL_TBUFOP_get_info:
        op->evt_mask = 0;
        op->buffer_mfn = 0;
        op->size = 0;
        return 0;
    case XEN_SYSCTL_TBUFOP_disable:
        return 0;
    case XEN_SYSCTL_TBUFOP_set_cpu_mask:
    case XEN_SYSCTL_TBUFOP_set_evt_mask:
    case XEN_SYSCTL_TBUFOP_set_size:
    case XEN_SYSCTL_TBUFOP_enable:
        return -XEN_EOPNOTSUPP;
    default:
        return -XEN_EINVAL;
    }
}

#define OP(n, f, fl)    SUBOP(n, f, sizeof(struct xen_sysctl), SUB_PRIV | (fl))
#define NOT(n, err)     SUBOP_REFUSED(n, err, SUB_PRIV)
static const struct subop ops[] = {
    [XEN_SYSCTL_readconsole]       = OP("readconsole", readconsole, SUB_OUT),
    [XEN_SYSCTL_tbuf_op]           = OP("tbuf_op", tbuf_op, SUB_OUT),
    [XEN_SYSCTL_physinfo]          = OP("physinfo", sysctl_physinfo, SUB_OUT),
    [XEN_SYSCTL_sched_id]          = OP("sched_id", get_sched_id, SUB_OUT),
    [XEN_SYSCTL_perfc_op]          = NOT("perfc_op", XEN_ENOSYS),
    [XEN_SYSCTL_getdomaininfolist] = OP("getdomaininfolist", getdomaininfolist, SUB_OUT),
    [XEN_SYSCTL_debug_keys]        = OP("debug_keys", debug_keys, 0),
    [XEN_SYSCTL_getcpuinfo]        = OP("getcpuinfo", sysctl_getcpuinfo, SUB_OUT),
    [XEN_SYSCTL_availheap]         = OP("availheap", sysctl_availheap, SUB_OUT),
    [XEN_SYSCTL_get_pmstat]        = NOT("get_pmstat", XEN_ENODEV),
    [XEN_SYSCTL_cpu_hotplug]       = NOT("cpu_hotplug", XEN_EOPNOTSUPP),
    [XEN_SYSCTL_pm_op]             = NOT("pm_op", XEN_ENODEV),
    [XEN_SYSCTL_page_offline_op]   = NOT("page_offline_op", XEN_EOPNOTSUPP),
    [XEN_SYSCTL_lockprof_op]       = NOT("lockprof_op", XEN_ENOSYS),
    [XEN_SYSCTL_cputopoinfo]       = OP("cputopoinfo", sysctl_cputopoinfo, SUB_OUT),
    [XEN_SYSCTL_numainfo]          = OP("numainfo", sysctl_numainfo, SUB_OUT),
    [XEN_SYSCTL_cpupool_op]        = OP("cpupool_op", cpupool_op, SUB_OUT),
    [XEN_SYSCTL_scheduler_op]      = OP("scheduler_op", scheduler_op, SUB_OUT),
    [XEN_SYSCTL_coverage_op]       = NOT("coverage_op", XEN_EOPNOTSUPP),
    [XEN_SYSCTL_psr_cmt_op]        = NOT("psr_cmt_op", XEN_ENODEV),
    [XEN_SYSCTL_pcitopoinfo]       = OP("pcitopoinfo", sysctl_pcitopoinfo, SUB_OUT),
    [XEN_SYSCTL_psr_alloc]         = NOT("psr_alloc", XEN_ENODEV),
    [XEN_SYSCTL_get_cpu_levelling_caps] = OP("get_cpu_levelling_caps", get_cpu_levelling_caps, SUB_OUT),
    [XEN_SYSCTL_get_cpu_featureset] = OP("get_cpu_featureset", get_cpu_featureset, SUB_OUT_ALWAYS),
    [XEN_SYSCTL_livepatch_op]      = NOT("livepatch_op", XEN_ENOSYS),
    [XEN_SYSCTL_get_cpu_policy]    = OP("get_cpu_policy", get_cpu_policy, SUB_OUT_ALWAYS),
};

_Static_assert(sizeof(struct xen_sysctl) <= SUBOP_MAX_ARG, "fits the buffer of subop_run");

HYPERCALL(sysctl)
{
    struct { uint32_t cmd, version; } head;
    const struct subop *row;
    long rc;

    if (!current->domain->privileged)
        return -XEN_EPERM;
    if (copy_from_guest(&head, (const void *)a1, sizeof(head)))
        return -XEN_EFAULT;
    if (head.version != XEN_SYSCTL_INTERFACE_VERSION)
        return -XEN_EACCES;
    row = subop_find(ops, ARRAY_SIZE(ops), head.cmd, &rc);
    return row ? subop_run(row, NULL, a1) : rc;
}
