/* SPDX-License-Identifier: MIT */
/*
 * platform_op (xen/platform.h): dom0's kernel as the manager of the machine's firmware and processors.
 */
#include "ctl.h"

#include <hv/acpi.h>
#include <hv/cpu.h>
#include <hv/domain.h>
#include <hv/hypercall.h>
#include <hv/mm.h>
#include <hv/sched.h>
#include <hv/time.h>

#include <xen/platform.h>

#define NS_PER_SEC 1000000000UL

/* --- wall clock ------------------------------------------------------------------------------- */
/* It was sec.nsec when system time was `at`. -XEN_EINVAL: beyond what 64 bits of ns hold, or before the boot. */
static long set_time(uint64_t sec, uint32_t nsec, uint64_t at)
{
    uint64_t boot;
    struct domain *d;

    if (nsec >= NS_PER_SEC || sec >= INT64_MAX / NS_PER_SEC || sec * NS_PER_SEC + nsec < at)
        return -XEN_EINVAL;
    boot = sec * NS_PER_SEC + nsec - at;
    wallclock_set(boot / NS_PER_SEC, (uint32_t)(boot % NS_PER_SEC));
    for_each_domain(d)
        time_update_domain_wallclock(d);
    return 0;
}

static long settime32(void *ctx __unused, void *arg)
{
    const struct xenpf_settime32 *op = &((struct xen_platform_op *)arg)->u.settime32;

    return set_time(op->secs, op->nsecs, op->system_time);
}

static long settime64(void *ctx __unused, void *arg)
{
    const struct xenpf_settime64 *op = &((struct xen_platform_op *)arg)->u.settime64;

    return op->mbz ? -XEN_EINVAL : set_time(op->secs, op->nsecs, op->system_time);
}

/* --- firmware --------------------------------------------------------------------------------- */
/* What the BIOS knew of disks, display and keyboard was never asked in real mode: no entry of any table. */
static long firmware_info(void *ctx __unused, void *arg)
{
    switch (((struct xen_platform_op *)arg)->u.firmware_info.type) {
    case XEN_FW_DISK_INFO:
    case XEN_FW_DISK_MBR_SIGNATURE:
    case XEN_FW_VBEDDC_INFO:
    case XEN_FW_KBD_SHIFT_FLAGS:
        return -XEN_ESRCH;
    case XEN_FW_EFI_INFO:
        return -XEN_ENOSYS;
    default:
        return -XEN_EINVAL;
    }
}

static long enter_acpi_sleep(void *ctx __unused, void *arg)
{
    const struct xenpf_enter_acpi_sleep *op = &((struct xen_platform_op *)arg)->u.enter_acpi_sleep;

    if (op->flags)          /* XENPF_ACPI_SLEEP_EXTENDED: hardware-reduced ACPI, which no PC has */
        return -XEN_EINVAL;
    return acpi_enter_sleep(op->val_a, op->val_b, op->sleep_state);
}

/* The variable MTRRs, read only: Linux shows and honours them. */
enum { MSR_MTRRCAP = 0xfe, MSR_MTRR_PHYSBASE0 = 0x200, MSR_MTRR_PHYSMASK0 = 0x201 };
#define MTRR_COUNT_MASK 0xff
#define MTRR_TYPE_MASK  0xff
#define MTRR_VALID      BIT(11)

static long read_memtype(void *ctx __unused, void *arg)
{
    struct xenpf_read_memtype *op = &((struct xen_platform_op *)arg)->u.read_memtype;
    uint64_t cap, base, mask;

    if (msr_read_safe(MSR_MTRRCAP, &cap) || op->reg >= (cap & MTRR_COUNT_MASK) ||
        msr_read_safe(MSR_MTRR_PHYSBASE0 + 2 * op->reg, &base) ||
        msr_read_safe(MSR_MTRR_PHYSMASK0 + 2 * op->reg, &mask))
        return -XEN_EINVAL;
    op->mfn = 0;
    op->nr_mfns = 0;
    op->type = 0;
    if (mask & MTRR_VALID) {
        mask &= PAGE_MASK;
        op->mfn = PADDR_TO_MFN(base);
        op->nr_mfns = PADDR_TO_MFN(mask & -mask);       /* ranges are a power of two, aligned to it */
        op->type = base & MTRR_TYPE_MASK;
    }
    return 0;
}

/* --- processors ------------------------------------------------------------------------------- */
static long get_cpuinfo(void *ctx __unused, void *arg)
{
    struct xenpf_pcpuinfo *op = &((struct xen_platform_op *)arg)->u.pcpu_info;
    unsigned int cpu = op->xen_cpuid;

    op->max_present = cpu_count - 1;
    if (cpu >= cpu_count) {
        op->flags = XEN_PCPU_FLAGS_INVALID;
        return 0;
    }
    op->flags = cpu_online_map & BIT(cpu) ? XEN_PCPU_FLAGS_ONLINE : 0;
    op->apic_id = cpu_apicid(cpu);
    op->acpi_id = cpu_acpi_id(cpu);
    return 0;
}

static long get_cpu_version(void *ctx __unused, void *arg)
{
    struct xenpf_pcpu_version *op = &((struct xen_platform_op *)arg)->u.pcpu_version;
    struct ctl_cpu_version v = { .family = 0 };

    if (op->xen_cpuid < cpu_count && (cpu_online_map & BIT(op->xen_cpuid)))
        v = ctl_cpu_version();
    memcpy(op->vendor_id, v.vendor, sizeof(op->vendor_id));
    op->family = v.family;
    op->model = v.model;
    op->stepping = v.stepping;
    op->max_present = cpu_count - 1;
    return 0;
}

static long getidletime(void *ctx __unused, void *arg)
{
    struct xenpf_getidletime *op = &((struct xen_platform_op *)arg)->u.getidletime;
    unsigned int bits = min(op->cpumap_nr_cpus, (uint32_t)NR_CPUS), cpu;
    uint64_t map = 0;

    if (copy_from_guest(&map, op->cpumap_bitmap.p, (bits + 7) / 8))
        return -XEN_EFAULT;
    if (bits < NR_CPUS)
        map &= BIT(bits) - 1;
    op->now = now();
    for_each_cpu(cpu, map) {
        uint64_t idle = cpu_online_map & BIT(cpu) ? sched_cpu_idle_time(cpu) : 0;

        if (put_handle_offset(op->idletime, cpu, &idle, 1))
            return -XEN_EFAULT;
    }
    map &= cpu_online_map;
    return copy_to_guest(op->cpumap_bitmap.p, &map, (bits + 7) / 8);
}

static long core_parking(void *ctx __unused, void *arg)
{
    struct xenpf_core_parking *op = &((struct xen_platform_op *)arg)->u.core_parking;

    if (op->type != XEN_CORE_PARKING_GET)
        return op->type == XEN_CORE_PARKING_SET ? -XEN_EOPNOTSUPP : -XEN_EINVAL;
    op->idle_nums = 0;
    return 0;
}

/* --- our symbols, for /proc/xen/xensyms: symnum becomes the next one's number, or stays as it is at the end  */
static long get_symbol(void *ctx __unused, void *arg)
{
    struct xenpf_symdata *op = &((struct xen_platform_op *)arg)->u.symdata;
    char name[64];
    unsigned long addr;
    size_t size;

    if (!symbol_get(op->symnum, &addr, name))
        return 0;
    size = strlen(name) + 1;
    if (copy_to_guest(op->name.p, name, min(size, (size_t)op->namelen)))
        return -XEN_EFAULT;
    op->symnum++;
    op->namelen = (uint32_t)size;   /* with the zero: what a buffer needs */
    op->address = addr;
    op->type = 't';
    return 0;
}

#define OP(n, f, fl)    SUBOP(n, f, sizeof(struct xen_platform_op), SUB_PRIV | (fl))
#define NOT(n, err)     SUBOP_REFUSED(n, err, SUB_PRIV)
static const struct subop ops[] = {
    [XENPF_settime32]           = OP("settime32", settime32, 0),
    [XENPF_add_memtype]         = NOT("add_memtype", XEN_EOPNOTSUPP),
    [XENPF_del_memtype]         = NOT("del_memtype", XEN_EOPNOTSUPP),
    [XENPF_read_memtype]        = OP("read_memtype", read_memtype, SUB_OUT),
    [XENPF_microcode_update]    = NOT("microcode_update", XEN_EOPNOTSUPP),
    [XENPF_platform_quirk]      = NOT("platform_quirk", XEN_EOPNOTSUPP),
    [XENPF_get_cpu_version]     = OP("get_cpu_version", get_cpu_version, SUB_OUT),
    [XENPF_efi_runtime_call]    = NOT("efi_runtime_call", XEN_ENOSYS),
    [XENPF_firmware_info]       = OP("firmware_info", firmware_info, SUB_OUT),
    [XENPF_enter_acpi_sleep]    = OP("enter_acpi_sleep", enter_acpi_sleep, 0),
    [XENPF_change_freq]         = NOT("change_freq", XEN_EOPNOTSUPP),
    [XENPF_getidletime]         = OP("getidletime", getidletime, SUB_OUT),
    [XENPF_set_processor_pminfo] = NOT("set_processor_pminfo", XEN_ENOSYS),     /* which Linux takes as "no driver" */
    [XENPF_get_cpuinfo]         = OP("get_cpuinfo", get_cpuinfo, SUB_OUT),
    [XENPF_cpu_online]          = NOT("cpu_online", XEN_EOPNOTSUPP),
    [XENPF_cpu_offline]         = NOT("cpu_offline", XEN_EOPNOTSUPP),
    [XENPF_cpu_hotadd]          = NOT("cpu_hotadd", XEN_EOPNOTSUPP),
    [XENPF_mem_hotadd]          = NOT("mem_hotadd", XEN_EOPNOTSUPP),
    [XENPF_core_parking]        = OP("core_parking", core_parking, SUB_OUT),
    [XENPF_resource_op]         = NOT("resource_op", XEN_EOPNOTSUPP),
    [XENPF_settime64]           = OP("settime64", settime64, 0),
    [XENPF_get_symbol]          = OP("get_symbol", get_symbol, SUB_OUT),
};

_Static_assert(sizeof(struct xen_platform_op) <= SUBOP_MAX_ARG, "fits the buffer of subop_run");

HYPERCALL(platform_op)
{
    struct xen_platform_op *op = (struct xen_platform_op *)a1;
    struct { uint32_t cmd, version; } head;
    const struct subop *row;
    long rc;

    if (!current->domain->privileged)
        return -XEN_EPERM;
    if (copy_from_guest(&head, op, sizeof(head)))
        return -XEN_EFAULT;
    if (head.version != XENPF_INTERFACE_VERSION)
        return -XEN_EACCES;
    row = subop_find(ops, ARRAY_SIZE(ops), head.cmd, &rc);
    return row ? subop_run(row, NULL, a1) : rc;
}
