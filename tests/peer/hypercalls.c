/* SPDX-License-Identifier: MIT */
/*
 * Runs in dom0 and makes the control hypercalls with good and bad arguments, one line of output each: name, result, and
 * what of the answer does not depend on the machine's state. The same program on two hypervisors shows where they
 * differ (diff the outputs). Argument: the id of a paused guest, which survives.
 *
 * Left out is what would take the machine down, or what Xen 4.17 itself does not survive (prepare_msix of no device).
 */
#define _GNU_SOURCE
#define __XEN_TOOLS__ 1
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xen/xen.h>
#include <xen/domctl.h>
#include <xen/nmi.h>
#include <xen/physdev.h>
#include <xen/platform.h>
#include <xen/sysctl.h>
#include <xen/vcpu.h>
#include <xen/version.h>

struct privcmd_call { uint64_t op, arg[5]; };   /* IOCTL_PRIVCMD_HYPERCALL of Linux */
#define PRIVCMD_CALL _IOC(_IOC_NONE, 'P', 0, sizeof(struct privcmd_call))

#define BUFFER_SIZE (16 * 4096)
#define BAD_POINTER ((void *)0x1000)
static int privcmd;
static char *buf, *data;    /* memory that hypercalls can reach: a structure, and what it points to */

static long hypercall(unsigned int op, uint64_t a, uint64_t b, uint64_t c)
{
    struct privcmd_call call = { op, { a, b, c } };
    long rc = ioctl(privcmd, PRIVCMD_CALL, &call);

    return rc < 0 ? -errno : rc;
}

static void result(const char *name, long rc) { printf("%s: %ld\n", name, rc); }

static struct xen_domctl *domctl(uint32_t cmd, unsigned int domain)
{
    struct xen_domctl *op = (struct xen_domctl *)buf;

    memset(op, 0, sizeof(*op));
    op->cmd = cmd;
    op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op->domain = (domid_t)domain;
    return op;
}
static struct xen_sysctl *sysctl_op(uint32_t cmd)
{
    struct xen_sysctl *op = (struct xen_sysctl *)buf;

    memset(op, 0, sizeof(*op));
    op->cmd = cmd;
    op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    return op;
}
static struct xen_platform_op *platform(uint32_t cmd)
{
    struct xen_platform_op *op = (struct xen_platform_op *)buf;

    memset(op, 0, sizeof(*op));
    op->cmd = cmd;
    op->interface_version = XENPF_INTERFACE_VERSION;
    return op;
}
static long do_domctl(const void *op) { return hypercall(__HYPERVISOR_domctl, (uintptr_t)op, 0, 0); }
static long do_sysctl(const void *op) { return hypercall(__HYPERVISOR_sysctl, (uintptr_t)op, 0, 0); }
static long do_platform(const void *op) { return hypercall(__HYPERVISOR_platform_op, (uintptr_t)op, 0, 0); }
static long do_physdev(unsigned int cmd) { return hypercall(__HYPERVISOR_physdev_op, cmd, (uintptr_t)buf, 0); }
static long do_vcpu(unsigned int cmd, unsigned int id)
{
    return hypercall(__HYPERVISOR_vcpu_op, cmd, id, (uintptr_t)buf);
}
static long do_version(unsigned int cmd, const void *p)
{
    return hypercall(__HYPERVISOR_xen_version, cmd, (uintptr_t)p, 0);
}

static void describe(const char *name, unsigned int domain)
{
    const struct xen_domctl *op = domctl(XEN_DOMCTL_getdomaininfo, domain);
    const struct xen_domctl_getdomaininfo *i = &op->u.getdomaininfo;
    long rc = do_domctl(op);

    printf("%s: %ld domain %u flags %x max %llx online %u max_vcpu_id %d pool %u ssid %u emul %x\n", name, rc,
           op->domain, i->flags & ~(XEN_DOMINF_running | XEN_DOMINF_blocked), (unsigned long long)i->max_pages,
           i->nr_online_vcpus, (int)i->max_vcpu_id, i->cpupool, i->ssidref, i->arch_config.emulation_flags);
}

/* --- every number with a zeroed argument ------------------------------------------------------- */
static int left_out(const uint16_t *list, unsigned int n)
{
    for (; *list; list++)
        if (*list == n) return 1;
    return 0;
}

static void sweep_domctl(unsigned int guest)
{
    /* what would end, start or blank the guest, or is not bounded by it */
    static const uint16_t skip[] = { 2, 3, 4, 11, 12, 27, 79, 0 };

    for (unsigned int cmd = 1; cmd < 90; cmd++) {
        if (left_out(skip, cmd)) continue;
        printf("domctl %u of a guest: %ld\n", cmd, do_domctl(domctl(cmd, guest)));
    }
    for (unsigned int cmd = 1000; cmd < 1005; cmd++)
        printf("domctl %u of a guest: %ld\n", cmd, do_domctl(domctl(cmd, guest)));
}

static void sweep_sysctl(void)
{
    for (unsigned int cmd = 1; cmd < 31; cmd++) printf("sysctl %u: %ld\n", cmd, do_sysctl(sysctl_op(cmd)));
}

static void sweep_platform(void)
{
    static const uint16_t skip[] = { 17, 51, 52, 54, 56, 57, 58, 59, 60, 62, 0 };   /* clock, sleep, CPUs */

    for (unsigned int cmd = 1; cmd < 70; cmd++) {
        if (left_out(skip, cmd)) continue;
        printf("platform %u: %ld\n", cmd, do_platform(platform(cmd)));
    }
}

/* --- domctl ------------------------------------------------------------------------------------ */
static void gates(unsigned int guest)
{
    struct xen_domctl *op = domctl(XEN_DOMCTL_getdomaininfo, 0);

    op->interface_version--;
    result("domctl of another version", do_domctl(op));
    result("domctl at a bad address", do_domctl(BAD_POINTER));
    result("sysctl at a bad address", do_sysctl(BAD_POINTER));
    result("getvcpuinfo of DOMID_SELF", do_domctl(domctl(XEN_DOMCTL_getvcpuinfo, DOMID_SELF)));
    result("getvcpuinfo of nobody", do_domctl(domctl(XEN_DOMCTL_getvcpuinfo, 9999)));
    result("getdomaininfo of DOMID_SELF", do_domctl(domctl(XEN_DOMCTL_getdomaininfo, DOMID_SELF)));
    result("getdomaininfo beyond all", do_domctl(domctl(XEN_DOMCTL_getdomaininfo, 9999)));
    describe("dom0", 0);
    describe("guest", guest);
    describe("from 1 on", 1);
}

static struct xen_domctl *creation(void)
{
    struct xen_domctl *op = domctl(XEN_DOMCTL_createdomain, 0);
    struct xen_domctl_createdomain *c = &op->u.createdomain;

    c->max_vcpus = 2;
    c->max_evtchn_port = 1023;
    c->max_grant_frames = c->max_maptrack_frames = -1;
    c->grant_opts = XEN_DOMCTL_GRANT_version(1);
    return op;
}

static void create_bad(unsigned int guest)
{
    struct xen_domctl *op;

#define BAD(field, value) \
    op = creation(); op->u.createdomain.field = (value); result("create with " #field " " #value, do_domctl(op))
    BAD(flags, 1u << 20);
    BAD(flags, XEN_DOMCTL_CDF_iommu);
    BAD(flags, XEN_DOMCTL_CDF_hap);
    BAD(flags, XEN_DOMCTL_CDF_vpmu);
    BAD(iommu_opts, 1);
    BAD(max_vcpus, 0);
    BAD(max_vcpus, 9000);
    BAD(grant_opts, 0);
    BAD(grant_opts, 3);
    BAD(cpupool_id, 77);
    BAD(vmtrace_size, 4096);
    BAD(arch.emulation_flags, 1);
    BAD(arch.misc_flags, 8);
    op = creation();
    op->domain = (domid_t)guest;
    result("create with a used id", do_domctl(op));
}

static void vcpu_states(unsigned int d)
{
    struct xen_domctl *op = domctl(XEN_DOMCTL_max_vcpus, d);

    result("getvcpucontext before vCPUs", do_domctl(domctl(XEN_DOMCTL_getvcpucontext, d)));
    op = domctl(XEN_DOMCTL_max_vcpus, d);
    op->u.max_vcpus.max = 3;
    result("max_vcpus too many", do_domctl(op));
    op->u.max_vcpus.max = 2;
    result("max_vcpus", do_domctl(op));
    result("max_vcpus again", do_domctl(op));
    describe("with vCPUs", d);
    op = domctl(XEN_DOMCTL_getvcpuinfo, d);
    result("getvcpuinfo", do_domctl(op));
    printf("  online %u blocked %u running %u\n", op->u.getvcpuinfo.online, op->u.getvcpuinfo.blocked,
           op->u.getvcpuinfo.running);
    op->u.getvcpuinfo.vcpu = 7;
    result("getvcpuinfo of vCPU 7", do_domctl(op));
    result("getvcpucontext before a context", do_domctl(domctl(XEN_DOMCTL_getvcpucontext, d)));
    op = domctl(XEN_DOMCTL_setvcpucontext, d);
    memset(data, 0, 8192);
    op->u.vcpucontext.ctxt.p = (void *)data;
    result("setvcpucontext of zeros", do_domctl(op));
    op->u.vcpucontext.vcpu = 9;
    result("setvcpucontext of vCPU 9", do_domctl(op));
    op = domctl(XEN_DOMCTL_getvcpuextstate, d);
    result("getvcpuextstate size", do_domctl(op));
    op = domctl(XEN_DOMCTL_get_ext_vcpucontext, d);
    result("get_ext_vcpucontext", do_domctl(op));
    printf("  size %u\n", op->u.ext_vcpucontext.size);
    op = domctl(XEN_DOMCTL_get_vcpu_msrs, d);
    result("get_vcpu_msrs", do_domctl(op));
    op = domctl(XEN_DOMCTL_sendtrigger, d);
    op->u.sendtrigger.trigger = XEN_DOMCTL_SENDTRIGGER_POWER;
    result("sendtrigger power", do_domctl(op));
    op->u.sendtrigger.trigger = XEN_DOMCTL_SENDTRIGGER_NMI;
    op->u.sendtrigger.vcpu = 9;
    result("sendtrigger to vCPU 9", do_domctl(op));
}

static void settings(unsigned int d)
{
    struct xen_domctl *op = domctl(XEN_DOMCTL_gettscinfo, d);

    result("gettscinfo", do_domctl(op));
    printf("  mode %u\n", op->u.tsc_info.tsc_mode);
    op = domctl(XEN_DOMCTL_settscinfo, d);
    op->u.tsc_info.tsc_mode = 9;
    result("settscinfo mode 9", do_domctl(op));
    op = domctl(XEN_DOMCTL_get_address_size, d);
    result("get_address_size", do_domctl(op));
    printf("  %u\n", op->u.address_size.size);
    op = domctl(XEN_DOMCTL_set_address_size, d);
    op->u.address_size.size = 64;
    result("set_address_size 64", do_domctl(op));
    op->u.address_size.size = 48;
    result("set_address_size 48", do_domctl(op));
    op->u.address_size.size = 32;
    result("set_address_size 32", do_domctl(op));
    op = domctl(XEN_DOMCTL_scheduler_op, d);
    op->u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT2;
    op->u.scheduler_op.cmd = XEN_DOMCTL_SCHEDOP_getinfo;
    result("scheduler_op getinfo", do_domctl(op));
    printf("  weight %u cap %u\n", op->u.scheduler_op.u.credit2.weight, op->u.scheduler_op.u.credit2.cap);
    op->u.scheduler_op.cmd = XEN_DOMCTL_SCHEDOP_getvcpuinfo;
    result("scheduler_op getvcpuinfo", do_domctl(op));
    op->u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT;
    result("scheduler_op of another scheduler", do_domctl(op));
    op = domctl(XEN_DOMCTL_setvcpuaffinity, d);
    result("setvcpuaffinity of nothing", do_domctl(op));
    op->u.vcpuaffinity.flags = XEN_VCPUAFFINITY_HARD;
    result("setvcpuaffinity empty", do_domctl(op));
    result("setnodeaffinity empty", do_domctl(domctl(XEN_DOMCTL_setnodeaffinity, d)));
    op = domctl(XEN_DOMCTL_set_virq_handler, d);
    op->u.set_virq_handler.virq = 99;
    result("set_virq_handler 99", do_domctl(op));
    op->u.set_virq_handler.virq = VIRQ_TIMER;
    result("set_virq_handler of a vCPU's VIRQ", do_domctl(op));
}

static void memory_and_rights(unsigned int d)
{
    struct xen_domctl *op = domctl(XEN_DOMCTL_getpageframeinfo3, d);
    xen_pfn_t *pfn = (xen_pfn_t *)data;

    op->u.getpageframeinfo3.num = 2000;
    result("getpageframeinfo3 of too many", do_domctl(op));
    op->u.getpageframeinfo3.num = 2;
    op->u.getpageframeinfo3.array.p = pfn;
    pfn[0] = 0x1000;
    pfn[1] = ~0ul;
    result("getpageframeinfo3", do_domctl(op));
    printf("  %lx %lx\n", pfn[0], pfn[1]);
    op = domctl(XEN_DOMCTL_hypercall_init, d);
    op->u.hypercall_init.gmfn = 1;
    result("hypercall_init in a foreign frame", do_domctl(op));
    op = domctl(XEN_DOMCTL_ioport_permission, d);
    op->u.ioport_permission.first_port = 0x10000;
    op->u.ioport_permission.nr_ports = 1;
    result("ioport_permission beyond", do_domctl(op));
    op->u.ioport_permission.first_port = 0x3f8;
    op->u.ioport_permission.nr_ports = 8;
    op->u.ioport_permission.allow_access = 1;
    result("ioport_permission of the console", do_domctl(op));
    op->u.ioport_permission.first_port = 0x300;
    result("ioport_permission", do_domctl(op));
    op = domctl(XEN_DOMCTL_iomem_permission, d);
    result("iomem_permission of nothing", do_domctl(op));
    op->u.iomem_permission.first_mfn = 0xfee00;
    op->u.iomem_permission.nr_mfns = 1;
    op->u.iomem_permission.allow_access = 1;
    result("iomem_permission of the APIC", do_domctl(op));
    op->u.iomem_permission.first_mfn = 0xa0;
    op->u.iomem_permission.nr_mfns = 0x20;
    result("iomem_permission of the VGA", do_domctl(op));
    op = domctl(XEN_DOMCTL_memory_mapping, d);
    op->u.memory_mapping.first_mfn = 0xa0;
    op->u.memory_mapping.nr_mfns = 1;
    op->u.memory_mapping.add_mapping = 1;
    result("memory_mapping", do_domctl(op));
    op = domctl(XEN_DOMCTL_irq_permission, d);
    op->u.irq_permission.pirq = 9;
    op->u.irq_permission.allow_access = 1;
    result("irq_permission", do_domctl(op));
    op->u.irq_permission.pirq = 4000;
    result("irq_permission beyond", do_domctl(op));
}

static void life(unsigned int guest)
{
    struct xen_domctl *op;
    unsigned int d;
    long rc;

    create_bad(guest);
    op = creation();
    rc = do_domctl(op);
    result("create", rc);
    if (rc) return;
    d = op->domain;
    op = domctl(XEN_DOMCTL_getdomaininfo, d);
    do_domctl(op);
    printf("fresh: flags %x online %u max_vcpu_id %d\n", op->u.getdomaininfo.flags, op->u.getdomaininfo.nr_online_vcpus,
           (int)op->u.getdomaininfo.max_vcpu_id);
    vcpu_states(d);
    settings(d);
    memory_and_rights(d);
    result("unpause", do_domctl(domctl(XEN_DOMCTL_unpausedomain, d)));
    result("unpause again", do_domctl(domctl(XEN_DOMCTL_unpausedomain, d)));
    result("resume of what runs", do_domctl(domctl(XEN_DOMCTL_resumedomain, d)));
    result("destroy", do_domctl(domctl(XEN_DOMCTL_destroydomain, d)));
    result("getvcpuinfo after destroy", do_domctl(domctl(XEN_DOMCTL_getvcpuinfo, d)));
    result("destroy of oneself", do_domctl(domctl(XEN_DOMCTL_destroydomain, 0)));
    result("pause of oneself", do_domctl(domctl(XEN_DOMCTL_pausedomain, 0)));
}

/* --- the others -------------------------------------------------------------------------------- */
static void host(void)
{
    struct xen_sysctl *s = sysctl_op(XEN_SYSCTL_physinfo);
    struct xen_platform_op *p;

    result("physinfo", do_sysctl(s));
    printf("  threads %u cores %u cpus %u max %u nodes %u max_mfn %llx caps %x\n", s->u.physinfo.threads_per_core,
           s->u.physinfo.cores_per_socket, s->u.physinfo.nr_cpus, s->u.physinfo.max_cpu_id, s->u.physinfo.nr_nodes,
           (unsigned long long)s->u.physinfo.max_mfn, s->u.physinfo.capabilities);
    for (int i = 0; i < 8; i++) printf(" %08x", s->u.physinfo.hw_cap[i]);
    printf("\n");
    for (uint32_t type = 1; type < 6; type++) {
        p = platform(XENPF_firmware_info);
        p->u.firmware_info.type = type;
        printf("firmware %u: %ld\n", type, do_platform(p));
    }
    p = platform(XENPF_get_cpuinfo);
    result("get_cpuinfo", do_platform(p));
    printf("  max %u flags %u apic %u acpi %u\n", p->u.pcpu_info.max_present, p->u.pcpu_info.flags,
           p->u.pcpu_info.apic_id, p->u.pcpu_info.acpi_id);
    p = platform(XENPF_get_cpu_version);
    result("get_cpu_version", do_platform(p));
    printf("  %.12s %u %u %u\n", p->u.pcpu_version.vendor_id, p->u.pcpu_version.family, p->u.pcpu_version.model,
           p->u.pcpu_version.stepping);
    p = platform(XENPF_read_memtype);
    result("read_memtype", do_platform(p));
    printf("  %lx %lx %u\n", (unsigned long)p->u.read_memtype.mfn, (unsigned long)p->u.read_memtype.nr_mfns,
           p->u.read_memtype.type);
}

static void physdev(void)
{
#define PHYSDEV(type, cmd, ...) \
    do { memset(buf, 0, 64); *(struct physdev_##type *)buf = (struct physdev_##type){ __VA_ARGS__ }; \
         result(#cmd " " #__VA_ARGS__, do_physdev(PHYSDEVOP_##cmd)); } while (0)
    result("physdev 3", do_physdev(3));
    result("physdev 22", do_physdev(22));
    result("physdev 40", do_physdev(40));
    PHYSDEV(setup_gsi, setup_gsi, .gsi = 9, .triggering = 1);
    PHYSDEV(setup_gsi, setup_gsi, .gsi = 500);
    PHYSDEV(irq, alloc_irq_vector, .irq = 9);
    PHYSDEV(irq, alloc_irq_vector, .irq = 4000);
    PHYSDEV(set_iopl, set_iopl, .iopl = 4);
    PHYSDEV(pirq_eoi_gmfn, pirq_eoi_gmfn_v2, .gmfn = 0);
    PHYSDEV(irq_status_query, irq_status_query, .irq = 9);
    PHYSDEV(irq_status_query, irq_status_query, .irq = 40000);
    PHYSDEV(eoi, eoi, .irq = 40000);
    PHYSDEV(eoi, eoi, .irq = 3);
    PHYSDEV(unmap_pirq, unmap_pirq, .domid = DOMID_SELF, .pirq = 3000);
    PHYSDEV(unmap_pirq, unmap_pirq, .domid = 9999);
    PHYSDEV(map_pirq, map_pirq, .domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_GSI, .index = 9, .pirq = 9);
    PHYSDEV(map_pirq, map_pirq, .domid = DOMID_SELF, .type = 9);
    PHYSDEV(map_pirq, map_pirq, .domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_GSI, .index = 4000, .pirq = 9);
    PHYSDEV(dbgp_op, dbgp_op, .op = PHYSDEVOP_DBGP_RESET_PREPARE);
    PHYSDEV(pci_device, pci_device_remove, .bus = 7);
    PHYSDEV(pci_device, restore_msi_ext, .bus = 7);
}

static void vcpus(void)
{
    result("vcpu is_up", do_vcpu(VCPUOP_is_up, 0));
    result("vcpu is_up of vCPU 77", do_vcpu(VCPUOP_is_up, 77));
    result("vcpu 99 of vCPU 77", do_vcpu(99, 77));
    result("vcpu 99", do_vcpu(99, 0));
    result("vcpu up", do_vcpu(VCPUOP_up, 0));
    memset(buf, 0, 8192);
    result("vcpu initialise", do_vcpu(VCPUOP_initialise, 0));
    result("vcpu get_runstate_info", do_vcpu(VCPUOP_get_runstate_info, 0));
    ((struct vcpu_set_periodic_timer *)buf)->period_ns = 1000;
    result("vcpu set_periodic_timer of 1 us", do_vcpu(VCPUOP_set_periodic_timer, 0));
    ((struct vcpu_set_periodic_timer *)buf)->period_ns = ~0ull;
    result("vcpu set_periodic_timer of ages", do_vcpu(VCPUOP_set_periodic_timer, 0));
    *(struct vcpu_register_vcpu_info *)buf = (struct vcpu_register_vcpu_info){ .offset = 4090 };
    result("vcpu register_vcpu_info over a page's end", do_vcpu(VCPUOP_register_vcpu_info, 0));
    ((struct vcpu_register_vcpu_info *)buf)->offset = 3;
    result("vcpu register_vcpu_info unaligned", do_vcpu(VCPUOP_register_vcpu_info, 0));
    ((struct vcpu_register_vcpu_info *)buf)->offset = 0;
    result("vcpu register_vcpu_info again", do_vcpu(VCPUOP_register_vcpu_info, 0));
}

static void versions(void)
{
    struct xen_feature_info *f = (struct xen_feature_info *)buf;

    for (unsigned int cmd = 0; cmd < 16; cmd++) printf("version %u: %ld\n", cmd, do_version(cmd, buf));
    result("version pagesize", do_version(XENVER_pagesize, NULL));
    result("version at a bad address", do_version(XENVER_extraversion, BAD_POINTER));
    f->submap_idx = 1;
    result("features 1", do_version(XENVER_get_features, f));
    f->submap_idx = 0;
    result("features 0", do_version(XENVER_get_features, f));
    printf("  %x\n", f->submap);
}

static void others(void)
{
    struct multicall_entry *m = (struct multicall_entry *)buf;

    result("console_io 2", hypercall(__HYPERVISOR_console_io, 2, 1, (uintptr_t)buf));
    result("console_io write of a bad address", hypercall(__HYPERVISOR_console_io, 0, 4, 0x1000));
    result("xsm_op", hypercall(__HYPERVISOR_xsm_op, (uintptr_t)buf, 0, 0));
    result("xenpmu_op", hypercall(__HYPERVISOR_xenpmu_op, 0, (uintptr_t)buf, 0));
    result("nmi_op 5", hypercall(__HYPERVISOR_nmi_op, 5, 0, 0));
    result("tmem_op", hypercall(__HYPERVISOR_tmem_op, 0, 0, 0));
    result("hypercall 11", hypercall(11, 0, 0, 0));
    result("hypercall 60", hypercall(60, 0, 0, 0));
    result("hypercall 1000", hypercall(1000, 0, 0, 0));
    memset(buf, 0, 4096);
    m[0].op = __HYPERVISOR_multicall;
    m[1].op = 99;
    m[2].op = __HYPERVISOR_xen_version;
    result("multicall", hypercall(__HYPERVISOR_multicall, (uintptr_t)m, 3, 0));
    printf("  %ld %ld %ld\n", (long)m[0].result, (long)m[1].result, (long)m[2].result);
    result("multicall at a bad address", hypercall(__HYPERVISOR_multicall, 0x1000, 1, 0));
}

int main(int argc, char **argv)
{
    unsigned int guest = argc > 1 ? (unsigned int)atoi(argv[1]) : 0;
    int memory = open("/dev/xen/hypercall", O_RDWR);

    privcmd = open("/dev/xen/privcmd", O_RDWR);
    if (privcmd < 0 || memory < 0 || !guest) {
        fprintf(stderr, "usage, in dom0: %s ID-OF-A-PAUSED-GUEST\n", argv[0]);
        return 2;
    }
    buf = mmap(NULL, BUFFER_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    if (buf == MAP_FAILED) {
        perror("/dev/xen/hypercall");
        return 2;
    }
    memset(buf, 0, BUFFER_SIZE);
    data = buf + BUFFER_SIZE / 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    gates(guest);
    sweep_domctl(guest);
    sweep_sysctl();
    sweep_platform();
    life(guest);
    host();
    physdev();
    vcpus();
    versions();
    others();
    return 0;
}
