/* SPDX-License-Identifier: MIT */
/* sysctl (xen/sysctl.h): the host: processors and their topology, memory as one NUMA node, domains, the log. */
#include "private.h"

#define SYSCTL(name, member) SUBOP_HANDLER_U(name, void, ctx, struct xen_sysctl, member)

/* The family and model that CPUID's leaf 1 encodes (SDM 2A, CPUID). */
struct ctl_cpu_version ctl_cpu_version(void)
{
    struct cpuid_regs vendor = cpuid_native(0, 0);
    uint32_t sig = cpuid_native(1, 0).a;
    struct ctl_cpu_version v = { .family = (sig >> 8) & 0xf, .model = (sig >> 4) & 0xf, .stepping = sig & 0xf };
    memcpy(v.vendor, (const uint32_t[]){ vendor.b, vendor.d, vendor.c }, sizeof(v.vendor));
    if (v.family == 0xf)
        v.family += (sig >> 20) & 0xff;
    if (v.family >= 6)
        v.model |= (sig >> 12) & 0xf0;
    return v;
}

/* Topology is in the structure of APIC ids. */
struct topology { unsigned int core_shift, socket_shift; };

static unsigned int bits_for(unsigned int n) { return n > 1 ? 32u - (unsigned int)__builtin_clz(n - 1) : 0; }

static struct topology topology(void)
{
    struct topology t = { 0, 0 };
    struct cpuid_regs r = cpuid_native(1, 0);
    if (cpuid_native(0, 0).a >= 0xb && (cpuid_native(0xb, 0).b & 0xffff)) {     /* leaf 0xb: each level's shift */
        for (unsigned int level = 0; level < 8; level++) {
            r = cpuid_native(0xb, level);
            unsigned int type = (r.c >> 8) & 0xff;
            if (type == 0)
                break;
            t.socket_shift = r.a & 0x1f;
            if (type == 1)      /* SMT */
                t.core_shift = t.socket_shift;
        }
        return t;
    }
    /* Older CPUs: logical CPUs of a package (leaf 1), cores of it (leaf 4, or AMD's 0x80000008). */
    unsigned int logical = r.d & BIT(28) ? (r.b >> 16) & 0xff : 1, cores = logical;
    if (cpuid_native(0x80000000, 0).a >= 0x80000008 && (cpuid_native(0x80000001, 0).c & BIT(1)))
        cores = (cpuid_native(0x80000008, 0).c & 0xff) + 1;
    else if (cpuid_native(0, 0).a >= 4)
        cores = (cpuid_native(4, 0).a >> 26) + 1;
    t.socket_shift = bits_for(logical);
    t.core_shift = t.socket_shift - min(bits_for(cores), t.socket_shift);
    return t;
}

static struct xen_sysctl_cputopo place_of(struct topology t, unsigned int cpu)
{
    uint32_t id = cpu_apicid(cpu);
    return (struct xen_sysctl_cputopo){ .core = (id & ((1u << t.socket_shift) - 1)) >> t.core_shift,
                                        .socket = id >> t.socket_shift, .node = 0 };
}

struct xen_sysctl_cputopo ctl_cpu_place(unsigned int cpu) { return place_of(topology(), cpu); }

SYSCTL(cputopoinfo, cputopoinfo)
{
    struct topology t = topology();
    for (unsigned int cpu = 0; !handle_is_null(op->cputopo) && cpu < min(cpu_count, op->num_cpus); cpu++) {
        struct xen_sysctl_cputopo place = { XEN_INVALID_CORE_ID, XEN_INVALID_SOCKET_ID, XEN_INVALID_NODE_ID };
        if (cpu_online_map & BIT(cpu))
            place = place_of(t, cpu);
        if (put_handle_offset(op->cputopo, cpu, &place, 1))
            return -XEN_EFAULT;
    }
    op->num_cpus = cpu_count;
    return 0;
}

SYSCTL(getcpuinfo, getcpuinfo)
{
    op->nr_cpus = min(cpu_count, op->max_cpus);
    for (unsigned int cpu = 0; cpu < op->nr_cpus; cpu++) {
        struct xen_sysctl_cpuinfo info = { .idletime = sched_cpu_idle_time(cpu) };
        if (put_handle_offset(op->info, cpu, &info, 1))
            return -XEN_EFAULT;
    }
    return 0;
}

/* CPUID of guests is not masked but intercepted, where the CPU can. */
SYSCTL(get_cpu_levelling_caps, cpu_levelling_caps)
{
    op->caps = host_policy.platform_info & PLATFORM_INFO_CPUID_FAULT ? XEN_SYSCTL_CPU_LEVELCAP_faulting : 0;
    return 0;
}

SYSCTL(get_cpu_featureset, cpu_featureset) { return sysctl_get_cpu_featureset(op); }
SYSCTL(get_cpu_policy, cpu_policy)         { return sysctl_get_cpu_policy(op); }

/* Siblings of CPU 0 stand for all. */
static void put_cpu_counts(struct xen_sysctl_physinfo *info)
{
    struct topology t = topology();
    struct xen_sysctl_cputopo first = place_of(t, 0);
    unsigned int cpu, threads = 0, in_socket = 0;
    for_each_cpu(cpu, cpu_online_map) {
        struct xen_sysctl_cputopo place = place_of(t, cpu);
        in_socket += place.socket == first.socket;
        threads += place.socket == first.socket && place.core == first.core;
    }
    info->threads_per_core = max(threads, 1u);
    info->cores_per_socket = max(in_socket / info->threads_per_core, 1u);
}

SYSCTL(physinfo, physinfo)
{
    *op = (struct xen_sysctl_physinfo){
        .nr_cpus = hweight64(cpu_online_map), .max_cpu_id = cpu_count - 1, .nr_nodes = 1, .max_node_id = 0,
        .cpu_khz = (uint32_t)(time_tsc_hz() / 1000),
        .capabilities = XEN_SYSCTL_PHYSCAP_pv | XEN_SYSCTL_PHYSCAP_gnttab_v1 | XEN_SYSCTL_PHYSCAP_gnttab_v2,
        .total_pages = mm_total_frames(), .free_pages = mm_free_frames(), .outstanding_pages = mm_outstanding_claims,
        .max_mfn = max_mfn - 1,
    };
    put_cpu_counts(op);
    for (unsigned int w = 0; w < ARRAY_SIZE(op->hw_cap); w++)
        op->hw_cap[w] = policy_word(&host_policy, w);
    return 0;
}

SYSCTL(numainfo, numainfo)
{
    struct xen_sysctl_meminfo mem = { .memsize = mm_total_frames() << PAGE_SHIFT,
                                     .memfree = mm_free_frames() << PAGE_SHIFT };
    uint32_t local_distance = 10;
    if (op->num_nodes && ((!handle_is_null(op->meminfo) && put_handle(op->meminfo, &mem)) ||
                          (!handle_is_null(op->distance) && put_handle(op->distance, &local_distance))))
        return -XEN_EFAULT;
    op->num_nodes = 1;
    return 0;
}

/* A device is known to us when it answers. */
SYSCTL(pcitopoinfo, pcitopoinfo)
{
    uint32_t done;
    if (handle_is_null(op->devs) || handle_is_null(op->nodes))
        return -XEN_EINVAL;
    /* Fewer than asked for are a full answer: the caller asks again from there. */
    for (done = 0; done < op->num_devs && !(done && hypercall_preempt_check()); done++) {
        struct physdev_pci_device dev;
        if (copy_handle_offset(&dev, op->devs, done, 1))
            return -XEN_EFAULT;
        uint32_t node = (pci_conf_read(dev.seg, dev.bus, dev.devfn, 0, 2) & 0xffff) == 0xffff ? XEN_INVALID_DEV : 0;
        if (put_handle_offset(op->nodes, done, &node, 1))
            return -XEN_EFAULT;
    }
    op->num_devs = done;
    return 0;
}

/* Free memory below an address width is not counted separately; a width that takes in all RAM is no limit. */
SYSCTL(availheap, availheap)
{
    if (op->node != -1 && op->node != 0)
        return -XEN_EINVAL;
    if (op->min_bitwidth || (op->max_bitwidth && op->max_bitwidth < 64 &&
                             BIT(op->max_bitwidth) < MFN_TO_PADDR(max_mfn)))
        return -XEN_EOPNOTSUPP;
    op->avail_bytes = mm_free_frames() << PAGE_SHIFT;
    return 0;
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

void ctl_domain_info(const struct domain *d, struct xen_domctl_getdomaininfo *info)
{
    static uint8_t paddr_bits;  /* CPUID is slow where it is intercepted; whoever comes first writes the same */
    if (!paddr_bits)
        paddr_bits = (uint8_t)cpuid_native(0x80000008, 0).a;
    *info = (struct xen_domctl_getdomaininfo){
        .domain = d->id,
        /* "dying" once all is given back: xenstored forgets the domain at this sight, and may then see its id again. */
        .flags = (d->dead ? XEN_DOMINF_dying : 0) | (d->shut_down ? XEN_DOMINF_shutdown : 0) |
                 (d->shut_down ? d->shutdown_code : ~0u) << XEN_DOMINF_shutdownshift |
                 (d->control_pause ? XEN_DOMINF_paused : 0) |
                 (d->config.flags & XEN_DOMCTL_CDF_xs_domain ? XEN_DOMINF_xs_domain : 0),
        .tot_pages = d->tot_pages,
        .max_pages = min(d->max_pages, (unsigned long)UINT32_MAX),     /* which tools show as "no limit" */
        .outstanding_pages = d->outstanding_claim,
        .shared_info_frame = d->shared_info ? virt_to_mfn(d->shared_info) : INVALID_MFN,
        .ssidref = 0,           /* as without a security policy, whatever the toolstack asked for */
        .cpupool = d->cpupool, .gpaddr_bits = paddr_bits, .arch_config = d->config.arch,
    };
    memcpy(info->handle, d->uuid, sizeof(info->handle));
    describe_vcpus(d, info);
}

/* A dead domain that others still hold frames of is listed too: the administrator must see it. */
SYSCTL(getdomaininfolist, getdomaininfolist)
{
    struct xen_domctl_getdomaininfo info;
    uint32_t count = 0;
    for (struct domain *d = domain_next(op->first_domain); d && count < op->max_domains; d = domain_next(d->id + 1u)) {
        ctl_domain_info(d, &info);
        if (put_handle_offset(op->buffer, count, &info, 1))
            return -XEN_EFAULT;
        count++;
    }
    op->num_domains = count;
    return 0;
}

SYSCTL(cpupool_op, cpupool_op)
{
    cpumask_t map = 0;
    long rc = sched_cpupool(op, &map);
    if (!rc && (op->op == XEN_SYSCTL_CPUPOOL_OP_INFO || op->op == XEN_SYSCTL_CPUPOOL_OP_FREEINFO))
        rc = ctl_bitmap_put(&op->cpumap, map);
    return rc;
}

SYSCTL(scheduler_op, scheduler_op) { return sched_sysctl(op); }

SYSCTL(sched_id_op, sched_id)
{
    op->sched_id = sched_id();
    return 0;
}

#define CONSOLE_CHUNK 512

/* Reads on from the index, chunk by chunk; the ring is emptied last, when the caller has the text. */
SYSCTL(readconsole, readconsole)
{
    bool incremental = op->incremental;
    uint32_t done = 0, index;
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
    index = op->index;
    if (op->clear)
        console_ring_read(chunk, 0, true, &index, true);
    op->count = done;
    return 0;
}

#define MAX_DEBUG_KEYS 128

SYSCTL(debug_keys, debug_keys)
{
    char keys[MAX_DEBUG_KEYS];
    if (op->nr_keys > sizeof(keys))
        return -XEN_E2BIG;
    if (copy_from_guest(keys, op->keys.p, op->nr_keys))
        return -XEN_EFAULT;
    for (uint32_t i = 0; i < op->nr_keys; i++)
        debugkey_handle(keys[i]);
    return 0;
}

/* There are no trace buffers: to be told so, and to switch them off, is no error. */
SYSCTL(tbuf_op, tbuf_op)
{
    if (op->cmd == XEN_SYSCTL_TBUFOP_get_info)
        *op = (struct xen_sysctl_tbuf_op){ .cmd = XEN_SYSCTL_TBUFOP_get_info };
    if (op->cmd > XEN_SYSCTL_TBUFOP_disable)
        return -XEN_EINVAL;
    return op->cmd == XEN_SYSCTL_TBUFOP_get_info || op->cmd == XEN_SYSCTL_TBUFOP_disable ? 0 : -XEN_EOPNOTSUPP;
}

#define ROW_FN(n, fn)   [XEN_SYSCTL_##n] = SUBOP(fn, sizeof(struct xen_sysctl), .flags = SUB_OUT)
#define ROW(n, fl)      [XEN_SYSCTL_##n] = SUBOP(n, sizeof(struct xen_sysctl), .flags = (fl))
#define REFUSED(n, err) [XEN_SYSCTL_##n] = SUBOP_REFUSED(err)
static const struct subop ops[] = {
    ROW(readconsole, SUB_OUT), ROW(tbuf_op, SUB_OUT), ROW(physinfo, SUB_OUT), ROW_FN(sched_id, sched_id_op),
    ROW(getdomaininfolist, SUB_OUT), ROW(debug_keys, 0), ROW(getcpuinfo, SUB_OUT), ROW(availheap, SUB_OUT),
    ROW(cputopoinfo, SUB_OUT), ROW(numainfo, SUB_OUT), ROW(cpupool_op, SUB_OUT), ROW(scheduler_op, SUB_OUT),
    ROW(pcitopoinfo, SUB_OUT), ROW(get_cpu_levelling_caps, SUB_OUT), ROW(get_cpu_featureset, SUB_OUT_ALWAYS),
    ROW(get_cpu_policy, SUB_OUT_ALWAYS), REFUSED(get_pmstat, ENODEV), REFUSED(pm_op, ENODEV),
    REFUSED(psr_cmt_op, ENODEV), REFUSED(psr_alloc, ENODEV), REFUSED(cpu_hotplug, EOPNOTSUPP),
    REFUSED(page_offline_op, EOPNOTSUPP), REFUSED(coverage_op, EOPNOTSUPP),
};

HYPERCALL(sysctl)
{
    return ctl_call(ops, ARRAY_SIZE(ops), sizeof(struct xen_sysctl), XEN_SYSCTL_INTERFACE_VERSION, a1);
}
