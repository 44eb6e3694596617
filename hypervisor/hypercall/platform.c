/* SPDX-License-Identifier: MIT */
/* platform_op (xen/platform.h) and mca (xen-mca.h): dom0's kernel as the manager of firmware and processors. Machine
 * checks are logged and fatal: dom0 learns the processors, and that there are no records to fetch. */
#include "private.h"

#include <hv/acpi.h>

#include <xen/arch-x86/xen-mca.h>
#include <xen/platform.h>

#define NS_PER_SEC 1000000000UL

#define PLATFORM(name, member) SUBOP_HANDLER_U(name, void, ctx, struct xen_platform_op, member)

/* It was sec.nsec when system time was `at`. -XEN_EINVAL: beyond what 64 bits of ns hold, or before the boot. */
static long set_time(uint64_t sec, uint32_t nsec, uint64_t at)
{
    struct domain *d;
    if (nsec >= NS_PER_SEC || sec >= INT64_MAX / NS_PER_SEC || sec * NS_PER_SEC + nsec < at)
        return -XEN_EINVAL;
    uint64_t boot = sec * NS_PER_SEC + nsec - at;
    wallclock_set(boot / NS_PER_SEC, (uint32_t)(boot % NS_PER_SEC));
    for_each_domain(d)
        time_update_domain_wallclock(d);
    return 0;
}

PLATFORM(settime32, settime32) { return set_time(op->secs, op->nsecs, op->system_time); }
PLATFORM(settime64, settime64) { return op->mbz ? -XEN_EINVAL : set_time(op->secs, op->nsecs, op->system_time); }

/* What the BIOS knew of disks, display and keyboard was never asked in real mode: no entry of any table. */
PLATFORM(firmware_info, firmware_info)
{
    if (op->type < XEN_FW_DISK_INFO || op->type > XEN_FW_KBD_SHIFT_FLAGS)
        return -XEN_EINVAL;
    return op->type == XEN_FW_EFI_INFO ? -XEN_ENOSYS : -XEN_ESRCH;
}

/* flags: XENPF_ACPI_SLEEP_EXTENDED, hardware-reduced ACPI, which no PC has */
PLATFORM(enter_acpi_sleep, enter_acpi_sleep)
{
    return op->flags ? -XEN_EINVAL : acpi_enter_sleep(op->val_a, op->val_b, op->sleep_state);
}

/* The variable MTRRs, read only: Linux shows and honours them. */
enum { MSR_MTRRCAP = 0xfe, MSR_MTRR_PHYSBASE0 = 0x200, MSR_MTRR_PHYSMASK0 = 0x201 };
#define MTRR_COUNT_MASK 0xff
#define MTRR_TYPE_MASK  0xff
#define MTRR_VALID      BIT(11)

PLATFORM(read_memtype, read_memtype)
{
    uint64_t cap, base, mask;
    if (msr_read_safe(MSR_MTRRCAP, &cap) || op->reg >= (cap & MTRR_COUNT_MASK) ||
        msr_read_safe(MSR_MTRR_PHYSBASE0 + 2 * op->reg, &base) ||
        msr_read_safe(MSR_MTRR_PHYSMASK0 + 2 * op->reg, &mask))
        return -XEN_EINVAL;
    op->mfn = op->nr_mfns = op->type = 0;
    if (mask & MTRR_VALID) {
        mask &= PAGE_MASK;
        op->mfn = PADDR_TO_MFN(base);
        op->nr_mfns = PADDR_TO_MFN(mask & -mask);       /* ranges are a power of two, aligned to it */
        op->type = base & MTRR_TYPE_MASK;
    }
    return 0;
}

PLATFORM(get_cpuinfo, pcpu_info)
{
    unsigned int cpu = op->xen_cpuid;
    op->max_present = cpu_count - 1;
    op->flags = XEN_PCPU_FLAGS_INVALID;
    if (cpu >= cpu_count)
        return 0;
    op->flags = cpu_online_map & BIT(cpu) ? XEN_PCPU_FLAGS_ONLINE : 0;
    op->apic_id = cpu_apicid(cpu);
    op->acpi_id = cpu_acpi_id(cpu);
    return 0;
}

PLATFORM(get_cpu_version, pcpu_version)
{
    bool online = op->xen_cpuid < cpu_count && (cpu_online_map & BIT(op->xen_cpuid));
    struct ctl_cpu_version v = online ? ctl_cpu_version() : (struct ctl_cpu_version){ .family = 0 };
    memcpy(op->vendor_id, v.vendor, sizeof(op->vendor_id));
    op->family = v.family;
    op->model = v.model;
    op->stepping = v.stepping;
    op->max_present = cpu_count - 1;
    return 0;
}

PLATFORM(getidletime, getidletime)
{
    struct xenctl_bitmap cpus = { .nr_bits = op->cpumap_nr_cpus };
    unsigned int bytes = (min(op->cpumap_nr_cpus, (uint32_t)NR_CPUS) + 7) / 8, cpu;
    uint64_t map;
    cpus.bitmap.p = op->cpumap_bitmap.p;
    if (ctl_bitmap_get(&map, &cpus))
        return -XEN_EFAULT;
    op->now = now();
    for_each_cpu(cpu, map) {
        uint64_t idle = cpu_online_map & BIT(cpu) ? sched_cpu_idle_time(cpu) : 0;
        if (put_handle_offset(op->idletime, cpu, &idle, 1))
            return -XEN_EFAULT;
    }
    map &= cpu_online_map;
    return copy_to_guest(op->cpumap_bitmap.p, &map, bytes);
}

PLATFORM(core_parking, core_parking)
{
    op->idle_nums = 0;
    return op->type == XEN_CORE_PARKING_GET ? 0 : op->type == XEN_CORE_PARKING_SET ? -XEN_EOPNOTSUPP : -XEN_EINVAL;
}

/* Our symbols, for /proc/xen/xensyms: symnum becomes the next one's number, or stays as it is at the end. */
PLATFORM(get_symbol, symdata)
{
    char name[64];
    unsigned long addr;
    if (!symbol_get(op->symnum, &addr, name))
        return 0;
    size_t size = strlen(name) + 1;
    if (copy_to_guest(op->name.p, name, min(size, (size_t)op->namelen)))
        return -XEN_EFAULT;
    op->symnum++;
    op->namelen = (uint32_t)size;   /* with the zero: what a buffer needs */
    op->address = addr;
    op->type = 't';
    return 0;
}

#define ROW(n, fl)      [XENPF_##n] = SUBOP(n, sizeof(struct xen_platform_op), .flags = (fl))
#define REFUSED(n, err) [XENPF_##n] = SUBOP_REFUSED(err)
static const struct subop ops[] = {
    ROW(settime32, 0), ROW(settime64, 0), ROW(read_memtype, SUB_OUT), ROW(firmware_info, SUB_OUT),
    ROW(enter_acpi_sleep, 0), ROW(get_cpuinfo, SUB_OUT), ROW(get_cpu_version, SUB_OUT), ROW(getidletime, SUB_OUT),
    ROW(core_parking, SUB_OUT), ROW(get_symbol, SUB_OUT), REFUSED(add_memtype, EOPNOTSUPP),
    REFUSED(del_memtype, EOPNOTSUPP), REFUSED(microcode_update, EOPNOTSUPP), REFUSED(platform_quirk, EOPNOTSUPP),
    REFUSED(change_freq, EOPNOTSUPP), REFUSED(cpu_online, EOPNOTSUPP), REFUSED(cpu_offline, EOPNOTSUPP),
    REFUSED(cpu_hotadd, EOPNOTSUPP), REFUSED(mem_hotadd, EOPNOTSUPP), REFUSED(resource_op, EOPNOTSUPP),
};

HYPERCALL(platform_op)
{
    return ctl_call(ops, ARRAY_SIZE(ops), sizeof(struct xen_platform_op), XENPF_INTERFACE_VERSION, a1);
}

#define MCA(name) SUBOP_HANDLER_U(name, void, ctx, struct xen_mc, mc_##name)

MCA(fetch)
{
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
    *info = (struct mcinfo_logical_cpu){
        .mc_cpunr = cpu, .mc_chipid = place.socket, .mc_coreid = (uint16_t)place.core, .mc_apicid = cpu_apicid(cpu),
        .mc_ncores = 1, .mc_ncores_active = 1, .mc_nthreads = 1, .mc_cpuid_level = (int32_t)cpuid_native(0, 0).a,
        .mc_family = v.family, .mc_model = v.model, .mc_step = v.stepping,
        .mc_cpu_caps = { [MC_CAPS_STD_EDX] = basic.d, [MC_CAPS_STD_ECX] = basic.c, [MC_CAPS_AMD_EDX] = extended.d,
                         [MC_CAPS_AMD_ECX] = extended.c },
        .mc_msrvalues = { { .reg = MSR_MCG_CAP } },
    };
    memcpy(info->mc_vendorid, v.vendor, sizeof(v.vendor));
    info->mc_nmsrvals = !msr_read_safe(MSR_MCG_CAP, &info->mc_msrvalues[0].value);
}

/* Without a place to put them: how many CPUs there are. */
MCA(physcpuinfo)
{
    struct mcinfo_logical_cpu info;
    unsigned int cpu, n = 0;
    for_each_cpu(cpu, cpu_online_map) {
        if (!handle_is_null(op->info) && n == op->ncpus)
            break;
        describe_cpu(cpu, &info);
        if (!handle_is_null(op->info) && put_handle_offset(op->info, n, &info, 1))
            return -XEN_EFAULT;
        n++;
    }
    op->ncpus = n;
    return 0;
}

#undef ROW
#undef REFUSED
#define ROW(n, fl)      [XEN_MC_##n] = SUBOP(n, sizeof(struct xen_mc), .flags = (fl))
#define REFUSED(n, err) [XEN_MC_##n] = SUBOP_REFUSED(err)
static const struct subop mca_ops[] = {
    ROW(fetch, SUB_OUT), ROW(physcpuinfo, SUB_OUT), REFUSED(notifydomain, EOPNOTSUPP), REFUSED(msrinject, EOPNOTSUPP),
    REFUSED(mceinject, EOPNOTSUPP), REFUSED(inject_v2, EOPNOTSUPP),
};

HYPERCALL(mca) { return ctl_call(mca_ops, ARRAY_SIZE(mca_ops), sizeof(struct xen_mc), XEN_MCA_INTERFACE_VERSION, a1); }
