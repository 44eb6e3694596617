/* SPDX-License-Identifier: MIT */
/* sysctl and platform_op. */
#include "harness.h"

#include <xen/arch-x86/xen-mca.h>

static struct xen_domctl_getdomaininfo *infos(void) { return (void *)(arena + 4096); }

START_TEST(sysctl_gate)
{
    struct xen_sysctl *op = sysctl(XEN_SYSCTL_physinfo);

    op->interface_version--;
    ck_assert_int_eq(SYSCTL(op), -XEN_EACCES);
    ck_assert_int_eq(SYSCTL(BAD_ADDRESS), -XEN_EFAULT);
    ck_assert_int_eq(SYSCTL(sysctl(0)), -XEN_ENOSYS);
    ck_assert_int_eq(SYSCTL(sysctl(13)), -XEN_ENOSYS);
    ck_assert_int_eq(SYSCTL(sysctl(30)), -XEN_ENOSYS);
    ck_assert_int_eq(SYSCTL(sysctl(~0u)), -XEN_ENOSYS);
    run_as(guest, 0);
    for (uint32_t cmd = 0; cmd < 40; cmd++) ck_assert_int_eq(SYSCTL(sysctl(cmd)), -XEN_EPERM);
}
END_TEST

START_TEST(physinfo)
{
    struct xen_sysctl *op = sysctl(XEN_SYSCTL_physinfo);
    const struct xen_sysctl_physinfo *info = &op->u.physinfo;

    ck_assert_int_eq(SYSCTL(op), 0);
    ck_assert_uint_eq(info->nr_cpus, 2);
    ck_assert_uint_eq(info->max_cpu_id, 1);
    ck_assert_uint_eq(info->nr_nodes, 1);
    ck_assert_uint_eq(info->threads_per_core, 1);       /* APIC ids 0 and 2: two cores of one socket */
    ck_assert_uint_eq(info->cores_per_socket, 2);
    ck_assert_uint_eq(info->cpu_khz, 1000000);
    ck_assert_uint_eq(info->capabilities, XEN_SYSCTL_PHYSCAP_pv | XEN_SYSCTL_PHYSCAP_gnttab_v1 |
                      XEN_SYSCTL_PHYSCAP_gnttab_v2);
    ck_assert_uint_eq(info->total_pages, FAKE_FRAMES - 1);
    ck_assert_uint_eq(info->free_pages, mm_free_frames());
    ck_assert_uint_eq(info->hw_cap[0], 4);
    ck_assert_uint_eq(info->hw_cap[1], 3);
    ck_assert_uint_eq(info->hw_cap[5], 0x21);
    fail_copy_out(1);
    ck_assert_int_eq(SYSCTL(op), -XEN_EFAULT);
}
END_TEST

START_TEST(topology)
{
    struct xen_sysctl *op = sysctl(XEN_SYSCTL_cputopoinfo);
    struct xen_sysctl_cputopo *place = (void *)(arena + 4096);

    ck_assert_int_eq(SYSCTL(op), 0);                    /* no handle: how many */
    ck_assert_uint_eq(op->u.cputopoinfo.num_cpus, 2);
    op->u.cputopoinfo.cputopo.p = place;
    op->u.cputopoinfo.num_cpus = 1;
    place[1].core = 77;
    ck_assert_int_eq(SYSCTL(op), 0);
    ck_assert_uint_eq(op->u.cputopoinfo.num_cpus, 2);
    ck_assert_uint_eq(place[1].core, 77);
    ck_assert_int_eq(SYSCTL(op), 0);
    ck_assert_uint_eq(place[0].core, 0);
    ck_assert_uint_eq(place[1].core, 1);
    ck_assert_uint_eq(place[1].socket, 0);
    op->u.cputopoinfo.cputopo.p = (void *)BAD_ADDRESS;
    ck_assert_int_eq(SYSCTL(op), -XEN_EFAULT);

    op = sysctl(XEN_SYSCTL_numainfo);
    ck_assert_int_eq(SYSCTL(op), 0);
    ck_assert_uint_eq(op->u.numainfo.num_nodes, 1);
    op->u.numainfo.meminfo.p = (void *)(arena + 4096);
    op->u.numainfo.distance.p = (void *)(arena + 8192);
    ck_assert_int_eq(SYSCTL(op), 0);
    ck_assert_uint_eq(((struct xen_sysctl_meminfo *)(arena + 4096))->memsize, (FAKE_FRAMES - 1) << 12);
    ck_assert_uint_eq(*(uint32_t *)(arena + 8192), 10);
    op->u.numainfo.distance.p = (void *)BAD_ADDRESS;
    ck_assert_int_eq(SYSCTL(op), -XEN_EFAULT);
}
END_TEST

START_TEST(pcitopo)
{
    struct xen_sysctl *op = sysctl(XEN_SYSCTL_pcitopoinfo);
    struct physdev_pci_device *dev = (void *)(arena + 4096);
    uint32_t *node = (void *)(arena + 8192);

    ck_assert_int_eq(SYSCTL(op), -XEN_EINVAL);
    dev[1].bus = 9;
    op->u.pcitopoinfo.devs.p = dev;
    op->u.pcitopoinfo.nodes.p = node;
    op->u.pcitopoinfo.num_devs = 2;
    ck_assert_int_eq(SYSCTL(op), 0);
    ck_assert_uint_eq(op->u.pcitopoinfo.num_devs, 2);
    ck_assert_uint_eq(node[0], 0);
    ck_assert_uint_eq(node[1], XEN_INVALID_DEV);
    rooms.interrupt = true;
    ck_assert_int_eq(SYSCTL(op), 0);
    ck_assert_uint_eq(op->u.pcitopoinfo.num_devs, 1);   /* a part, and the caller goes on */
    rooms.interrupt = false;
    op->u.pcitopoinfo.num_devs = ~0u;
    ck_assert_int_eq(SYSCTL(op), -XEN_EFAULT);
}
END_TEST

START_TEST(domain_list)
{
    struct xen_sysctl *op = sysctl(XEN_SYSCTL_getdomaininfolist);

    op->u.getdomaininfolist.max_domains = 10;
    op->u.getdomaininfolist.buffer.p = infos();
    ck_assert_int_eq(SYSCTL(op), 0);
    ck_assert_uint_eq(op->u.getdomaininfolist.num_domains, 3);
    ck_assert_uint_eq(infos()[1].domain, 1);
    ck_assert_uint_eq(infos()[2].domain, 5);
    ck_assert_uint_eq(infos()[1].flags, 0xff0000u << 8 | 0xff0000 | XEN_DOMINF_paused);
    ck_assert_uint_eq(infos()[1].nr_online_vcpus, 1);
    ck_assert_uint_eq(infos()[1].max_vcpu_id, 1);
    ck_assert_uint_eq(infos()[1].cpu_time, 300);
    ck_assert_uint_eq(infos()[1].shared_info_frame, virt_to_mfn(guest->shared_info));
    ck_assert_uint_eq(infos()[1].gpaddr_bits, 0x27);
    ck_assert_mem_eq(infos()[1].handle, guest->uuid, 16);
    op->u.getdomaininfolist.first_domain = 2;
    op->u.getdomaininfolist.max_domains = 1;
    ck_assert_int_eq(SYSCTL(op), 0);
    ck_assert_uint_eq(op->u.getdomaininfolist.num_domains, 1);
    ck_assert_uint_eq(infos()[0].domain, 5);
    op->u.getdomaininfolist.first_domain = 6;
    ck_assert_int_eq(SYSCTL(op), 0);
    ck_assert_uint_eq(op->u.getdomaininfolist.num_domains, 0);
    op->u.getdomaininfolist.first_domain = 0;
    op->u.getdomaininfolist.buffer.p = (void *)BAD_ADDRESS;
    ck_assert_int_eq(SYSCTL(op), -XEN_EFAULT);
}
END_TEST

START_TEST(domain_flags)
{
    struct xen_sysctl *op = sysctl(XEN_SYSCTL_getdomaininfolist);
    struct vcpu *v = other->vcpu[0];

    op->u.getdomaininfolist.first_domain = 5;
    op->u.getdomaininfolist.max_domains = 1;
    op->u.getdomaininfolist.buffer.p = infos();
    set_bit(VPF_BLOCKED, &v->pause_flags);
    other->shut_down = true;
    other->shutdown_code = SHUTDOWN_crash;
    other->max_pages = ~0UL;
    ck_assert_int_eq(SYSCTL(op), 0);
    ck_assert_uint_eq(infos()->flags, SHUTDOWN_crash << 16 | XEN_DOMINF_shutdown | XEN_DOMINF_blocked);
    ck_assert_uint_eq(infos()->max_pages, UINT32_MAX);
    other->shut_down = false;
    other->dying = true;
    clear_bit(VPF_BLOCKED, &v->pause_flags);
    v->running = true;
    ck_assert_int_eq(SYSCTL(op), 0);
    ck_assert_uint_eq(infos()->flags & 0xffff, XEN_DOMINF_running);
    other->dead = true;
    set_bit(VPF_DOWN, &v->pause_flags);
    ck_assert_int_eq(SYSCTL(op), 0);
    ck_assert_uint_eq(infos()->flags & 0xffff, XEN_DOMINF_dying);
}
END_TEST

START_TEST(readconsole)
{
    static char text[1501];
    struct xen_sysctl *op = sysctl(XEN_SYSCTL_readconsole);
    struct xen_sysctl_readconsole *r = &op->u.readconsole;

    memset(text, 'l', 1500);
    rooms.ring = text;
    r->buffer.p = (char *)arena + 4096;
    r->count = 1000;
    ck_assert_int_eq(SYSCTL(op), 0);
    ck_assert_uint_eq(r->count, 1000);
    ck_assert_uint_eq(r->index, 1000);
    r->incremental = 1;
    ck_assert_int_eq(SYSCTL(op), 0);
    ck_assert_uint_eq(r->count, 500);
    ck_assert_uint_eq(r->index, 1500);
    r->incremental = 0;
    r->count = 4000;
    r->clear = 1;
    ck_assert_int_eq(SYSCTL(op), 0);
    ck_assert_uint_eq(r->count, 1500);
    ck_assert_ptr_null(rooms.ring);
    rooms.ring = text;
    r->count = 100;
    r->buffer.p = (char *)BAD_ADDRESS;
    ck_assert_int_eq(SYSCTL(op), -XEN_EFAULT);
    ck_assert_ptr_nonnull(rooms.ring);                  /* not emptied unread */
}
END_TEST

START_TEST(debug_keys)
{
    struct xen_sysctl *op = sysctl(XEN_SYSCTL_debug_keys);

    strcpy((char *)arena + 4096, "qr");
    op->u.debug_keys.keys.p = (char *)arena + 4096;
    op->u.debug_keys.nr_keys = 2;
    ck_assert_int_eq(SYSCTL(op), 0);
    ck_assert_str_eq(rooms.keys, "qr");
    op->u.debug_keys.nr_keys = 1000;
    ck_assert_int_eq(SYSCTL(op), -XEN_E2BIG);
    op->u.debug_keys.nr_keys = 2;
    op->u.debug_keys.keys.p = (char *)BAD_ADDRESS;
    ck_assert_int_eq(SYSCTL(op), -XEN_EFAULT);
    ck_assert_str_eq(rooms.keys, "qr");
}
END_TEST

START_TEST(sysctl_small)
{
    struct xen_sysctl *op = sysctl(XEN_SYSCTL_sched_id);
    struct xen_sysctl_cpuinfo *cpu = (void *)(arena + 4096);

    ck_assert_int_eq(SYSCTL(op), 0);
    ck_assert_uint_eq(op->u.sched_id.sched_id, XEN_SCHEDULER_CREDIT2);
    op = sysctl(XEN_SYSCTL_getcpuinfo);
    op->u.getcpuinfo.max_cpus = 99;
    op->u.getcpuinfo.info.p = cpu;
    ck_assert_int_eq(SYSCTL(op), 0);
    ck_assert_uint_eq(op->u.getcpuinfo.nr_cpus, 2);
    ck_assert_uint_eq(cpu[1].idletime, 2000);
    op = sysctl(XEN_SYSCTL_availheap);
    ck_assert_int_eq(SYSCTL(op), 0);
    ck_assert_uint_eq(op->u.availheap.avail_bytes, mm_free_frames() << 12);
    op->u.availheap.node = 3;
    ck_assert_int_eq(SYSCTL(op), -XEN_EINVAL);
    op->u.availheap.node = -1;
    op->u.availheap.max_bitwidth = 20;
    ck_assert_int_eq(SYSCTL(op), -XEN_EOPNOTSUPP);
    op->u.availheap.max_bitwidth = 32;
    ck_assert_int_eq(SYSCTL(op), 0);
    op = sysctl(XEN_SYSCTL_get_cpu_levelling_caps);
    ck_assert_int_eq(SYSCTL(op), 0);
    ck_assert_uint_eq(op->u.cpu_levelling_caps.caps, XEN_SYSCTL_CPU_LEVELCAP_faulting);
    op = sysctl(XEN_SYSCTL_tbuf_op);
    ck_assert_int_eq(SYSCTL(op), 0);
    op->u.tbuf_op.cmd = XEN_SYSCTL_TBUFOP_enable;
    ck_assert_int_eq(SYSCTL(op), -XEN_EOPNOTSUPP);
    op->u.tbuf_op.cmd = 77;
    ck_assert_int_eq(SYSCTL(op), -XEN_EINVAL);
    ck_assert_int_eq(SYSCTL(sysctl(XEN_SYSCTL_livepatch_op)), -XEN_ENOSYS);
    ck_assert_int_eq(SYSCTL(sysctl(XEN_SYSCTL_psr_cmt_op)), -XEN_ENODEV);
}
END_TEST

START_TEST(cpupool)
{
    struct xen_sysctl *op = sysctl(XEN_SYSCTL_cpupool_op);

    memset(arena + 4096, 0xff, 16);
    op->u.cpupool_op.op = XEN_SYSCTL_CPUPOOL_OP_INFO;
    op->u.cpupool_op.cpumap.bitmap.p = arena + 4096;
    op->u.cpupool_op.cpumap.nr_bits = 100;
    ck_assert_int_eq(SYSCTL(op), 0);
    ck_assert_uint_eq(arena[4096], 3);
    ck_assert_uint_eq(arena[4096 + 12], 0);             /* filled up to the caller's size */
    ck_assert_uint_eq(arena[4096 + 13], 0xff);
    ck_assert_uint_eq(op->u.cpupool_op.n_dom, 3);
    op->u.cpupool_op.cpumap.nr_bits = 1;
    ck_assert_int_eq(SYSCTL(op), 0);
    ck_assert_uint_eq(arena[4096], 1);
    op->u.cpupool_op.cpumap.nr_bits = ~0u;
    ck_assert_int_eq(SYSCTL(op), -XEN_EINVAL);
    op->u.cpupool_op.cpupool_id = 3;
    ck_assert_int_eq(SYSCTL(op), -XEN_ENOENT);
    op->u.cpupool_op.op = XEN_SYSCTL_CPUPOOL_OP_DESTROY;
    ck_assert_int_eq(SYSCTL(op), -XEN_EOPNOTSUPP);
}
END_TEST

/* --- platform_op ------------------------------------------------------------------------------ */
START_TEST(platform_gate)
{
    struct xen_platform_op *op = platform(XENPF_get_cpuinfo);

    op->interface_version++;
    ck_assert_int_eq(PLATFORM(op), -XEN_EACCES);
    ck_assert_int_eq(PLATFORM(BAD_ADDRESS), -XEN_EFAULT);
    ck_assert_int_eq(PLATFORM(platform(1)), -XEN_ENOSYS);
    ck_assert_int_eq(PLATFORM(platform(64)), -XEN_ENOSYS);
    ck_assert_int_eq(PLATFORM(platform(XENPF_set_processor_pminfo)), -XEN_ENOSYS);
    ck_assert_int_eq(PLATFORM(platform(XENPF_microcode_update)), -XEN_EOPNOTSUPP);
    run_as(guest, 0);
    for (uint32_t cmd = 0; cmd < 80; cmd++) ck_assert_int_eq(PLATFORM(platform(cmd)), -XEN_EPERM);
}
END_TEST

START_TEST(settime)
{
    struct xen_platform_op *op = platform(XENPF_settime64);
    uint64_t sec;
    uint32_t nsec;

    op->u.settime64 = (struct xenpf_settime64){ .secs = 1700000000, .nsecs = 500000000, .system_time = 3750000000 };
    ck_assert_int_eq(PLATFORM(op), 0);
    wallclock_get(&sec, &nsec);
    ck_assert_uint_eq(sec, 1699999996);
    ck_assert_uint_eq(nsec, 750000000);
    ck_assert_uint_eq(rooms.calls, 3);                  /* every domain's clock */
    op->u.settime64.mbz = 1;
    ck_assert_int_eq(PLATFORM(op), -XEN_EINVAL);
    op->u.settime64 = (struct xenpf_settime64){ .secs = 1, .nsecs = 1000000000 };
    ck_assert_int_eq(PLATFORM(op), -XEN_EINVAL);
    op->u.settime64 = (struct xenpf_settime64){ .secs = ~0UL, .nsecs = 0 };
    ck_assert_int_eq(PLATFORM(op), -XEN_EINVAL);
    op->u.settime64 = (struct xenpf_settime64){ .secs = 1, .system_time = 1000000001 };
    ck_assert_int_eq(PLATFORM(op), -XEN_EINVAL);
    op = platform(XENPF_settime32);
    op->u.settime32 = (struct xenpf_settime32){ .secs = 1600000000, .nsecs = 1 };
    ck_assert_int_eq(PLATFORM(op), 0);
    wallclock_get(&sec, &nsec);
    ck_assert_uint_eq(sec, 1600000000);
}
END_TEST

START_TEST(platform_firmware)
{
    struct xen_platform_op *op = platform(XENPF_firmware_info);

    for (uint32_t type = 0; type < 7; type++) {
        op->u.firmware_info.type = type;
        ck_assert_int_eq(PLATFORM(op), type == 0 || type == 6 ? -XEN_EINVAL :
                                       type == XEN_FW_EFI_INFO ? -XEN_ENOSYS : -XEN_ESRCH);
    }
    op = platform(XENPF_enter_acpi_sleep);
    op->u.enter_acpi_sleep = (struct xenpf_enter_acpi_sleep){ .val_a = 0x2000, .sleep_state = 5 };
    ck_assert_int_eq(PLATFORM(op), 0);
    ck_assert(rooms.arg[0] == 0x2000 && rooms.arg[2] == 5);
    op->u.enter_acpi_sleep.flags = 1;
    ck_assert_int_eq(PLATFORM(op), -XEN_EINVAL);
    op = platform(XENPF_read_memtype);
    ck_assert_int_eq(PLATFORM(op), 0);
    ck_assert_uint_eq(op->u.read_memtype.mfn, 0xc0000);
    ck_assert_uint_eq(op->u.read_memtype.nr_mfns, 0x40000);
    ck_assert_uint_eq(op->u.read_memtype.type, 6);
    op->u.read_memtype.reg = 1;
    ck_assert_int_eq(PLATFORM(op), 0);
    ck_assert_uint_eq(op->u.read_memtype.nr_mfns, 0);
    op->u.read_memtype.reg = 2;
    ck_assert_int_eq(PLATFORM(op), -XEN_EINVAL);
}
END_TEST

START_TEST(platform_cpus)
{
    struct xen_platform_op *op = platform(XENPF_get_cpuinfo);
    uint64_t *idle = (void *)(arena + 4096);

    op->u.pcpu_info.xen_cpuid = 1;
    ck_assert_int_eq(PLATFORM(op), 0);
    ck_assert_uint_eq(op->u.pcpu_info.max_present, 1);
    ck_assert_uint_eq(op->u.pcpu_info.flags, XEN_PCPU_FLAGS_ONLINE);
    ck_assert_uint_eq(op->u.pcpu_info.apic_id, 2);
    op->u.pcpu_info.xen_cpuid = 77;
    ck_assert_int_eq(PLATFORM(op), 0);
    ck_assert_uint_eq(op->u.pcpu_info.flags, XEN_PCPU_FLAGS_INVALID);
    op = platform(XENPF_get_cpu_version);
    ck_assert_int_eq(PLATFORM(op), 0);
    ck_assert_mem_eq(op->u.pcpu_version.vendor_id, "GenuineIntel", 12);
    ck_assert_uint_eq(op->u.pcpu_version.family, 6);
    ck_assert_uint_eq(op->u.pcpu_version.model, 0x5e);
    ck_assert_uint_eq(op->u.pcpu_version.stepping, 3);
    op->u.pcpu_version.xen_cpuid = ~0u;
    ck_assert_int_eq(PLATFORM(op), 0);
    ck_assert_uint_eq(op->u.pcpu_version.family, 0);
    op = platform(XENPF_getidletime);
    arena[8192] = 7;
    op->u.getidletime.cpumap_bitmap.p = arena + 8192;
    op->u.getidletime.cpumap_nr_cpus = 3;
    op->u.getidletime.idletime.p = idle;
    idle[2] = 99;
    ck_assert_int_eq(PLATFORM(op), 0);
    ck_assert(idle[0] == 1000 && idle[1] == 2000 && idle[2] == 0);
    ck_assert_uint_eq(arena[8192], 3);
    op->u.getidletime.idletime.p = (void *)BAD_ADDRESS;
    ck_assert_int_eq(PLATFORM(op), -XEN_EFAULT);
    op = platform(XENPF_core_parking);
    op->u.core_parking.type = XEN_CORE_PARKING_GET;
    op->u.core_parking.idle_nums = 5;
    ck_assert_int_eq(PLATFORM(op), 0);
    ck_assert_uint_eq(op->u.core_parking.idle_nums, 0);
}
END_TEST

START_TEST(platform_symbols)
{
    struct xen_platform_op *op = platform(XENPF_get_symbol);
    char *name = (char *)arena + 4096;

    op->u.symdata.name.p = name;
    op->u.symdata.namelen = 8;
    ck_assert_int_eq(PLATFORM(op), 0);
    ck_assert_str_eq(name, "start");
    ck_assert_uint_eq(op->u.symdata.symnum, 1);
    op->u.symdata.namelen = 8;
    memset(name, 0, 64);
    ck_assert_int_eq(PLATFORM(op), 0);
    ck_assert_str_eq(name, "a_rather");                 /* too long: namelen says what it takes */
    ck_assert_uint_eq(op->u.symdata.namelen, 33);
    ck_assert_uint_eq(op->u.symdata.address, 0x2000);
    op->u.symdata.symnum = 3;
    ck_assert_int_eq(PLATFORM(op), 0);
    ck_assert_uint_eq(op->u.symdata.symnum, 3);         /* the end */
}
END_TEST

static struct xen_mc *mc(uint32_t cmd)
{
    struct xen_mc *op = (struct xen_mc *)arena;

    memset(op, 0, sizeof(*op));
    op->cmd = cmd;
    op->interface_version = XEN_MCA_INTERFACE_VERSION;
    return op;
}
#define MCA(op) CALL1(__HYPERVISOR_arch_0, op)

START_TEST(mca)
{
    struct xen_mc *op = mc(XEN_MC_physcpuinfo);
    struct mcinfo_logical_cpu *cpu = (void *)(arena + 4096);

    ck_assert_int_eq(MCA(op), 0);
    ck_assert_uint_eq(op->u.mc_physcpuinfo.ncpus, 2);
    op->u.mc_physcpuinfo.info.p = cpu;
    ck_assert_int_eq(MCA(op), 0);
    ck_assert_uint_eq(cpu[1].mc_apicid, 2);
    ck_assert_uint_eq(cpu[1].mc_coreid, 1);
    ck_assert_uint_eq(cpu[0].mc_family, 6);
    op->u.mc_physcpuinfo.ncpus = 1;
    cpu[1].mc_apicid = 99;
    ck_assert_int_eq(MCA(op), 0);
    ck_assert_uint_eq(cpu[1].mc_apicid, 99);
    op->u.mc_physcpuinfo.info.p = (void *)BAD_ADDRESS;
    ck_assert_int_eq(MCA(op), -XEN_EFAULT);
    op = mc(XEN_MC_fetch);
    ck_assert_int_eq(MCA(op), -XEN_EINVAL);
    op->u.mc_fetch.flags = XEN_MC_URGENT;
    ck_assert_int_eq(MCA(op), 0);
    ck_assert_uint_eq(op->u.mc_fetch.flags, XEN_MC_NODATA);
    ck_assert_int_eq(MCA(mc(XEN_MC_mceinject)), -XEN_EOPNOTSUPP);
    ck_assert_int_eq(MCA(mc(0)), -XEN_ENOSYS);
    ck_assert_int_eq(MCA(mc(7)), -XEN_ENOSYS);
    op = mc(XEN_MC_fetch);
    op->interface_version++;
    ck_assert_int_eq(MCA(op), -XEN_EACCES);
    ck_assert_int_eq(MCA(BAD_ADDRESS), -XEN_EFAULT);
}
END_TEST

TCase *host_tests(void)
{
    TCase *tc = tcase_create("host");

    tcase_add_test(tc, sysctl_gate);
    tcase_add_test(tc, physinfo);
    tcase_add_test(tc, topology);
    tcase_add_test(tc, pcitopo);
    tcase_add_test(tc, domain_list);
    tcase_add_test(tc, domain_flags);
    tcase_add_test(tc, readconsole);
    tcase_add_test(tc, debug_keys);
    tcase_add_test(tc, sysctl_small);
    tcase_add_test(tc, cpupool);
    tcase_add_test(tc, platform_gate);
    tcase_add_test(tc, settime);
    tcase_add_test(tc, platform_firmware);
    tcase_add_test(tc, platform_cpus);
    tcase_add_test(tc, platform_symbols);
    tcase_add_test(tc, mca);
    return tc;
}
