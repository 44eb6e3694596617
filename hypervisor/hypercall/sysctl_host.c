/* SPDX-License-Identifier: MIT */
/*
 * sysctl: what the machine is: memory, processors and their topology, one NUMA node. See xen/sysctl.h for each
 * structure.
 */
#include "ctl.h"

#include <hv/cpu.h>
#include <hv/hypercall.h>
#include <hv/irq.h>
#include <hv/mm.h>
#include <hv/policy.h>
#include <hv/sched.h>
#include <hv/time.h>

#define NODE_DISTANCE_LOCAL 10

/* --- topology, from the structure of APIC ids ------------------------------------------------- */
struct topology { unsigned int core_shift, socket_shift; };

static unsigned int bits_for(unsigned int count)
{
    unsigned int bits = 0;

    while (bits < 31 && (1u << bits) < count)
        bits++;
    return bits;
}

/* Leaf 0xb: each level's shift. False: the CPU does not have it. */
static bool topology_extended(struct topology *t)
{
    struct cpuid_regs r = cpuid_native(0, 0);

    if (r.a < 0xb || !(cpuid_native(0xb, 0).b & 0xffff))
        return false;
    for (unsigned int level = 0; level < 8; level++) {
        unsigned int type;

        r = cpuid_native(0xb, level);
        type = (r.c >> 8) & 0xff;
        if (type == 0)
            break;
        if (type == 1)      /* SMT */
            t->core_shift = r.a & 0x1f;
        t->socket_shift = r.a & 0x1f;
    }
    return true;
}

/* Older CPUs: logical CPUs of a package (leaf 1), cores of it (leaf 4, or AMD's 0x80000008). */
static void topology_legacy(struct topology *t)
{
    struct cpuid_regs r = cpuid_native(1, 0);
    unsigned int logical = r.d & BIT(28) ? (r.b >> 16) & 0xff : 1, cores = logical;

    if (cpuid_native(0x80000000, 0).a >= 0x80000008 && (cpuid_native(0x80000001, 0).c & BIT(1)))
        cores = (cpuid_native(0x80000008, 0).c & 0xff) + 1;
    else if (cpuid_native(0, 0).a >= 4)
        cores = (cpuid_native(4, 0).a >> 26) + 1;
    t->socket_shift = bits_for(logical);
    t->core_shift = t->socket_shift - min(bits_for(cores), t->socket_shift);
}

static struct topology topology(void)
{
    struct topology t = { 0, 0 };

    if (!topology_extended(&t))
        topology_legacy(&t);
    return t;
}

static struct xen_sysctl_cputopo place_of(struct topology t, unsigned int cpu)
{
    uint32_t id = cpu_apicid(cpu);

    return (struct xen_sysctl_cputopo){ .core = (id & ((1u << t.socket_shift) - 1)) >> t.core_shift,
                                        .socket = id >> t.socket_shift, .node = 0 };
}

struct xen_sysctl_cputopo ctl_cpu_place(unsigned int cpu)
{
    return place_of(topology(), cpu);
}

long sysctl_cputopoinfo(void *ctx __unused, void *arg)
{
    struct xen_sysctl_cputopoinfo *op = &((struct xen_sysctl *)arg)->u.cputopoinfo;
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

/* --- the machine at a glance ------------------------------------------------------------------ */
static const struct xen_cpuid_leaf *find_leaf(const struct cpu_policy *p, uint32_t leaf, uint32_t subleaf)
{
    static const struct xen_cpuid_leaf none;

    for (unsigned int i = 0; i < p->nr_leaves; i++) {
        if (p->leaf[i].leaf == leaf && p->leaf[i].subleaf == subleaf)
            return &p->leaf[i];
    }
    return &none;
}

/* The first words of the host's feature set, in the ABI's order (arch-x86/cpufeatureset.h). */
static void put_hw_cap(uint32_t *cap)
{
    const struct cpu_policy *p = &host_policy;
    const struct xen_cpuid_leaf *l1 = find_leaf(p, 1, XEN_CPUID_NO_SUBLEAF);
    const struct xen_cpuid_leaf *e1 = find_leaf(p, 0x80000001, XEN_CPUID_NO_SUBLEAF);
    const struct xen_cpuid_leaf *l7 = find_leaf(p, 7, 0);

    cap[0] = l1->d;
    cap[1] = l1->c;
    cap[2] = e1->d;
    cap[3] = e1->c;
    cap[4] = find_leaf(p, 0xd, 1)->a;
    cap[5] = l7->b;
    cap[6] = l7->c;
    cap[7] = find_leaf(p, 0x80000007, XEN_CPUID_NO_SUBLEAF)->d;
}

/* Siblings of CPU 0 stand for all. */
static void put_cpu_counts(struct xen_sysctl_physinfo *info)
{
    struct topology t = topology();
    struct xen_sysctl_cputopo first = place_of(t, 0), place;
    unsigned int cpu, threads = 0, in_socket = 0;

    for_each_cpu(cpu, cpu_online_map) {
        place = place_of(t, cpu);
        if (place.socket != first.socket)
            continue;
        in_socket++;
        threads += place.core == first.core;
    }
    info->threads_per_core = max(threads, 1u);
    info->cores_per_socket = max(in_socket / info->threads_per_core, 1u);
}

long sysctl_physinfo(void *ctx __unused, void *arg)
{
    struct xen_sysctl_physinfo *info = &((struct xen_sysctl *)arg)->u.physinfo;

    memset(info, 0, sizeof(*info));
    put_cpu_counts(info);
    info->nr_cpus = hweight64(cpu_online_map);
    info->max_cpu_id = cpu_count - 1;
    info->nr_nodes = 1;
    info->max_node_id = 0;
    info->cpu_khz = (uint32_t)(time_tsc_hz() / 1000);
    info->capabilities = XEN_SYSCTL_PHYSCAP_pv | XEN_SYSCTL_PHYSCAP_gnttab_v1 | XEN_SYSCTL_PHYSCAP_gnttab_v2;
    info->total_pages = mm_total_frames();
    info->free_pages = mm_free_frames();
    info->outstanding_pages = mm_outstanding_claims;
    info->max_mfn = max_mfn - 1;
    put_hw_cap(info->hw_cap);
    return 0;
}

long sysctl_getcpuinfo(void *ctx __unused, void *arg)
{
    struct xen_sysctl_getcpuinfo *op = &((struct xen_sysctl *)arg)->u.getcpuinfo;
    unsigned int count = min(cpu_count, op->max_cpus);

    for (unsigned int cpu = 0; cpu < count; cpu++) {
        struct xen_sysctl_cpuinfo info = { .idletime = sched_cpu_idle_time(cpu) };

        if (put_handle_offset(op->info, cpu, &info, 1))
            return -XEN_EFAULT;
    }
    op->nr_cpus = count;
    return 0;
}

/* --- memory: one node ------------------------------------------------------------------------- */
long sysctl_numainfo(void *ctx __unused, void *arg)
{
    struct xen_sysctl_numainfo *op = &((struct xen_sysctl *)arg)->u.numainfo;
    struct xen_sysctl_meminfo mem = { .memsize = mm_total_frames() << PAGE_SHIFT,
                                      .memfree = mm_free_frames() << PAGE_SHIFT };
    uint32_t distance = NODE_DISTANCE_LOCAL;

    if (op->num_nodes && !handle_is_null(op->meminfo) && put_handle(op->meminfo, &mem))
        return -XEN_EFAULT;
    if (op->num_nodes && !handle_is_null(op->distance) && put_handle(op->distance, &distance))
        return -XEN_EFAULT;
    op->num_nodes = 1;
    return 0;
}

/* A device is known to us when it answers. */
long sysctl_pcitopoinfo(void *ctx __unused, void *arg)
{
    struct xen_sysctl_pcitopoinfo *op = &((struct xen_sysctl *)arg)->u.pcitopoinfo;
    uint32_t done;

    if (handle_is_null(op->devs) || handle_is_null(op->nodes))
        return -XEN_EINVAL;
    /* Fewer than asked for are a full answer: the caller asks again from there. */
    for (done = 0; done < op->num_devs && !(done && hypercall_preempt_check()); done++) {
        struct physdev_pci_device dev;
        uint32_t node;

        if (copy_handle_offset(&dev, op->devs, done, 1))
            return -XEN_EFAULT;
        node = (pci_conf_read(dev.seg, dev.bus, dev.devfn, 0, 2) & 0xffff) == 0xffff ? XEN_INVALID_DEV : 0;
        if (put_handle_offset(op->nodes, done, &node, 1))
            return -XEN_EFAULT;
    }
    op->num_devs = done;
    return 0;
}

/* Free memory below an address width is not counted separately; a width that takes in all RAM is no limit. */
long sysctl_availheap(void *ctx __unused, void *arg)
{
    struct xen_sysctl_availheap *op = &((struct xen_sysctl *)arg)->u.availheap;

    if (op->node != -1 && op->node != 0)
        return -XEN_EINVAL;
    if (op->min_bitwidth ||
        (op->max_bitwidth && op->max_bitwidth < 64 && BIT(op->max_bitwidth) < MFN_TO_PADDR(max_mfn)))
        return -XEN_EOPNOTSUPP;
    op->avail_bytes = mm_free_frames() << PAGE_SHIFT;
    return 0;
}
