/* SPDX-License-Identifier: MIT */
/*
 * Helpers of sysctl and domctl: bitmaps of the caller, and a domain's description.
 */
#include "ctl.h"

#include <hv/cpu.h>
#include <hv/mm.h>
#include <hv/sched.h>

#define BITMAP_MAX_BITS (1u << 20)

int ctl_bitmap_get(uint64_t *map, const struct xenctl_bitmap *from)
{
    uint32_t bits = min(from->nr_bits, (uint32_t)NR_CPUS);

    *map = 0;
    if (bits && copy_from_guest(map, from->bitmap.p, (bits + 7) / 8))
        return -XEN_EFAULT;
    if (bits < NR_CPUS)
        *map &= BIT(bits) - 1;
    return 0;
}

int ctl_bitmap_put(const struct xenctl_bitmap *to, uint64_t map)
{
    uint32_t bits = min(to->nr_bits, (uint32_t)NR_CPUS), bytes = (bits + 7) / 8;

    if (to->nr_bits > BITMAP_MAX_BITS)
        return -XEN_EINVAL;
    if (bits < NR_CPUS)
        map &= BIT(bits) - 1;
    if (bytes && copy_to_guest(to->bitmap.p, &map, bytes))
        return -XEN_EFAULT;
    return bits < to->nr_bits ? clear_guest(handle_address(to->bitmap, bytes), (to->nr_bits + 7) / 8 - bytes) : 0;
}

/* The family and model that CPUID's leaf 1 encodes (SDM 2A, CPUID). */
struct ctl_cpu_version ctl_cpu_version(void)
{
    struct cpuid_regs vendor = cpuid_native(0, 0);
    uint32_t sig = cpuid_native(1, 0).a;
    struct ctl_cpu_version v = { .family = (sig >> 8) & 0xf, .model = (sig >> 4) & 0xf, .stepping = sig & 0xf };

    memcpy(v.vendor, &vendor.b, 4);
    memcpy(v.vendor + 4, &vendor.d, 4);
    memcpy(v.vendor + 8, &vendor.c, 4);
    if (v.family == 0xf)
        v.family += (sig >> 20) & 0xff;
    if (v.family >= 6)
        v.model |= (sig >> 12) & 0xf0;
    return v;
}

/* Flags of the vCPUs together: blocked when none wants to run, running when one does. */
static void describe_vcpus(const struct domain *d, struct xen_domctl_getdomaininfo *info)
{
    const struct vcpu *v;
    bool blocked = true;

    info->max_vcpu_id = XEN_INVALID_MAX_VCPU_ID;
    for_each_vcpu(d, v) {
        info->max_vcpu_id = v->id;
        info->cpu_time += vcpu_time_running(v);
        if (test_bit(VPF_DOWN, &v->pause_flags))
            continue;
        info->nr_online_vcpus++;
        blocked &= test_bit(VPF_BLOCKED, &v->pause_flags);
        if (READ_ONCE(v->running))
            info->flags |= XEN_DOMINF_running;
    }
    if (blocked && info->nr_online_vcpus)
        info->flags |= XEN_DOMINF_blocked;
}

static uint8_t paddr_bits(void)
{
    static uint8_t bits;        /* CPUID is slow where it is intercepted; whoever comes first writes the same */

    if (!bits)
        bits = (uint8_t)cpuid_native(0x80000008, 0).a;
    return bits;
}

void ctl_domain_info(const struct domain *d, struct xen_domctl_getdomaininfo *info)
{
    uint32_t code = d->shut_down ? d->shutdown_code : ~0u;

    memset(info, 0, sizeof(*info));
    info->domain = d->id;
    describe_vcpus(d, info);
    /* "dying" once all is given back: xenstored forgets the domain at this sight, and may then see its id again. */
    if (d->dead)
        info->flags |= XEN_DOMINF_dying;
    if (d->shut_down)
        info->flags |= XEN_DOMINF_shutdown;
    info->flags |= code << XEN_DOMINF_shutdownshift;
    if (d->control_pause)
        info->flags |= XEN_DOMINF_paused;
    if (d->config.flags & XEN_DOMCTL_CDF_xs_domain)
        info->flags |= XEN_DOMINF_xs_domain;
    info->tot_pages = d->tot_pages;
    info->max_pages = min(d->max_pages, (unsigned long)UINT32_MAX);     /* which tools show as "no limit" */
    info->outstanding_pages = d->outstanding_claim;
    info->shr_pages = d->shared_pages;
    info->shared_info_frame = d->shared_info ? virt_to_mfn(d->shared_info) : INVALID_MFN;
    info->ssidref = 0;          /* as without a security policy, whatever the toolstack asked for */
    memcpy(info->handle, d->uuid, sizeof(info->handle));
    info->cpupool = d->cpupool;
    info->gpaddr_bits = paddr_bits();
    info->arch_config = d->config.arch;
}
