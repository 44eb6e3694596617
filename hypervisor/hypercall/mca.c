/* SPDX-License-Identifier: MIT */
/*
 * mca (xen/arch-x86/xen-mca.h): dom0 asks for records of machine checks. Vellum keeps none, as a machine check is logged
 * and fatal here: dom0 learns the processors, which lets its logging start, and that there is nothing to fetch.
 */
#include "ctl.h"

#include <hv/cpu.h>
#include <hv/hypercall.h>
#include <hv/mm.h>

#include <xen/arch-x86/xen-mca.h>

enum { MSR_MCG_CAP = 0x179 };

static long fetch(void *ctx __unused, void *arg)
{
    struct xen_mc_fetch *op = &((struct xen_mc *)arg)->u.mc_fetch;
    uint32_t kind = op->flags & ~(uint32_t)XEN_MC_ACK;

    if (kind != XEN_MC_NONURGENT && kind != XEN_MC_URGENT)
        return -XEN_EINVAL;
    op->flags = op->flags & XEN_MC_ACK ? XEN_MC_OK : XEN_MC_NODATA;
    op->fetch_id = 0;
    return 0;
}

static void describe_cpu(unsigned int cpu, struct mcinfo_logical_cpu *info)
{
    struct xen_sysctl_cputopo place = ctl_cpu_place(cpu);
    struct ctl_cpu_version v = ctl_cpu_version();
    struct cpuid_regs basic = cpuid_native(1, 0), extended = cpuid_native(0x80000001, 0);
    uint64_t mcg_cap;

    memset(info, 0, sizeof(*info));
    info->mc_cpunr = cpu;
    info->mc_chipid = place.socket;
    info->mc_coreid = (uint16_t)place.core;
    info->mc_apicid = cpu_apicid(cpu);
    info->mc_ncores = info->mc_ncores_active = info->mc_nthreads = 1;
    info->mc_cpuid_level = (int32_t)cpuid_native(0, 0).a;
    info->mc_family = v.family;
    info->mc_model = v.model;
    info->mc_step = v.stepping;
    memcpy(info->mc_vendorid, v.vendor, sizeof(v.vendor));
    info->mc_cpu_caps[MC_CAPS_STD_EDX] = basic.d;
    info->mc_cpu_caps[MC_CAPS_STD_ECX] = basic.c;
    info->mc_cpu_caps[MC_CAPS_AMD_EDX] = extended.d;
    info->mc_cpu_caps[MC_CAPS_AMD_ECX] = extended.c;
    if (!msr_read_safe(MSR_MCG_CAP, &mcg_cap)) {
        info->mc_nmsrvals = 1;
        info->mc_msrvalues[0] = (struct mcinfo_msr){ .reg = MSR_MCG_CAP, .value = mcg_cap };
    }
}

/* Without a place to put them: how many CPUs there are. */
static long physcpuinfo(void *ctx __unused, void *arg)
{
    struct xen_mc_physcpuinfo *op = &((struct xen_mc *)arg)->u.mc_physcpuinfo;
    struct mcinfo_logical_cpu info;
    unsigned int cpu, n = 0;

    for_each_cpu(cpu, cpu_online_map) {
        if (!handle_is_null(op->info) && n < op->ncpus) {
            describe_cpu(cpu, &info);
            if (put_handle_offset(op->info, n, &info, 1))
                return -XEN_EFAULT;
        }
        n++;
    }
    op->ncpus = handle_is_null(op->info) ? n : min(n, op->ncpus);
    return 0;
}

static const struct subop ops[] = {
    [XEN_MC_fetch]        = SUBOP("fetch", fetch, sizeof(struct xen_mc), SUB_PRIV | SUB_OUT),
    [XEN_MC_notifydomain] = SUBOP_REFUSED("notifydomain", XEN_EOPNOTSUPP, SUB_PRIV),
    [XEN_MC_physcpuinfo]  = SUBOP("physcpuinfo", physcpuinfo, sizeof(struct xen_mc), SUB_PRIV | SUB_OUT),
    [XEN_MC_msrinject]    = SUBOP_REFUSED("msrinject", XEN_EOPNOTSUPP, SUB_PRIV),
    [XEN_MC_mceinject]    = SUBOP_REFUSED("mceinject", XEN_EOPNOTSUPP, SUB_PRIV),
    [XEN_MC_inject_v2]    = SUBOP_REFUSED("inject_v2", XEN_EOPNOTSUPP, SUB_PRIV),
};

_Static_assert(sizeof(struct xen_mc) <= SUBOP_MAX_ARG, "fits the buffer of subop_run");

HYPERCALL(mca)
{
    struct { uint32_t cmd, version; } head;
    const struct subop *row;
    long rc;

    if (!current->domain->privileged)
        return -XEN_EPERM;
    if (copy_from_guest(&head, (const void *)a1, sizeof(head)))
        return -XEN_EFAULT;
    if (head.version != XEN_MCA_INTERFACE_VERSION)
        return -XEN_EACCES;
    row = subop_find(ops, ARRAY_SIZE(ops), head.cmd, &rc);
    return row ? subop_run(row, NULL, a1) : rc;
}
