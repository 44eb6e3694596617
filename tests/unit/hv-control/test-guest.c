/* SPDX-License-Identifier: MIT */
/* What every guest calls: xen_version, console_io, vcpu_op, physdev_op, nmi_op, and the refusals. */
#include "harness.h"

#include <stdio.h>

#include <xen/nmi.h>
#include <xen/vcpu.h>
#include <xen/version.h>

#define XENVER(cmd, p) CALL2(__HYPERVISOR_xen_version, cmd, p)

static uint32_t features(void)
{
    struct xen_feature_info *f = (struct xen_feature_info *)arena;

    f->submap_idx = 0;
    ck_assert_int_eq(XENVER(XENVER_get_features, f), 0);
    return f->submap;
}

START_TEST(version)
{
    struct xen_feature_info *f = (struct xen_feature_info *)arena;

    ck_assert_int_eq(XENVER(XENVER_version, 0), 4 << 16 | 17);
    ck_assert_int_eq(XENVER(XENVER_extraversion, arena), 0);
    ck_assert_str_eq((char *)arena, "-vellum");
    ck_assert_int_eq(XENVER(XENVER_capabilities, arena), 0);
    ck_assert_str_eq((char *)arena, "xen-3.0-x86_64 ");
    ck_assert_int_eq(XENVER(XENVER_platform_parameters, arena), 0);
    ck_assert_uint_eq(*(uint64_t *)arena, 0xffff800000000000);
    ck_assert_int_eq(XENVER(XENVER_pagesize, 0), 4096);
    ck_assert_int_eq(XENVER(XENVER_pagesize, arena), -XEN_EINVAL);
    ck_assert_int_eq(XENVER(XENVER_build_id, 0), -XEN_ENODATA);
    ck_assert_int_eq(XENVER(XENVER_build_id + 1, 0), -XEN_ENOSYS);
    ck_assert_int_eq(XENVER(XENVER_commandline, arena), 0);
    ck_assert_str_eq((char *)arena, "console=com1 dom0_mem=768M");
    ck_assert_uint_eq(features(), 0x208f0);
    f->submap_idx = 1;
    ck_assert_int_eq(XENVER(XENVER_get_features, f), -XEN_EINVAL);
    run_as(guest, 0);
    ck_assert_uint_eq(features(), 0x200f0);
    ck_assert_int_eq(XENVER(XENVER_commandline, arena), 0);
    ck_assert_str_eq((char *)arena, "<denied>");
    ck_assert_int_eq(XENVER(XENVER_guest_handle, arena), 0);
    ck_assert_mem_eq(arena, guest->uuid, 16);
    for (unsigned int cmd = XENVER_extraversion; cmd <= XENVER_commandline; cmd++) {
        if (cmd != XENVER_pagesize) ck_assert_int_eq(XENVER(cmd, BAD_ADDRESS), -XEN_EFAULT);
    }
}
END_TEST

#define CONSOLE(cmd, n, p) CALL3(__HYPERVISOR_console_io, cmd, n, p)

START_TEST(console_write)
{
    memset(arena, 'x', 1000);
    run_as(guest, 0);
    ck_assert_int_eq(CONSOLE(CONSOLEIO_write, 1000, arena), 0);
    ck_assert_uint_eq(rooms.console_len, 1000);
    rooms.interrupt = true;
    ck_assert_int_eq(CONSOLE(CONSOLEIO_write, 1000, arena), 0);
    ck_assert_uint_eq(rooms.console_len, 2000);
    ck_assert_uint_eq(continuations, 3);
    ck_assert_int_eq(CONSOLE(CONSOLEIO_write, 4, BAD_ADDRESS), -XEN_EFAULT);
    ck_assert_int_eq(CONSOLE(CONSOLEIO_write, 0x80000000, arena), -XEN_EINVAL);
    ck_assert_int_eq(CONSOLE(2, 4, arena), -XEN_ENOSYS);
    ck_assert_int_eq(CONSOLE(CONSOLEIO_read, 4, arena), -XEN_EPERM);
}
END_TEST

START_TEST(console_read)
{
    char input[600];

    memset(input, 'k', sizeof(input));
    input[599] = 0;
    rooms.console_input = input;
    ck_assert_int_eq(CONSOLE(CONSOLEIO_read, 10, BAD_ADDRESS), -XEN_EFAULT);
    ck_assert_int_eq(CONSOLE(CONSOLEIO_read, 10, arena), 10);
    ck_assert_int_eq(CONSOLE(CONSOLEIO_read, 2000, arena), 589);
    ck_assert_int_eq(CONSOLE(CONSOLEIO_read, 10, arena), 0);
}
END_TEST

/* --- vcpu_op ---------------------------------------------------------------------------------- */
#define VCPU(cmd, id) CALL3(__HYPERVISOR_vcpu_op, cmd, id, arena)

START_TEST(vcpu_up_and_down)
{
    struct vcpu *v = guest->vcpu[1];

    run_as(guest, 0);
    v->initialised = false;
    ck_assert_int_eq(VCPU(VCPUOP_up, 7), -XEN_ENOENT);
    ck_assert_int_eq(VCPU(99, 7), -XEN_ENOENT);
    ck_assert_int_eq(VCPU(99, 0), -XEN_ENOSYS);
    ck_assert_int_eq(VCPU(VCPUOP_is_up, 0), 1);
    ck_assert_int_eq(VCPU(VCPUOP_is_up, 1), 0);
    ck_assert_int_eq(VCPU(VCPUOP_up, 1), -XEN_EINVAL);
    ck_assert_int_eq(CALL3(__HYPERVISOR_vcpu_op, VCPUOP_initialise, 1, BAD_ADDRESS), -XEN_EFAULT);
    rooms.restarts = 2;
    ck_assert_int_eq(VCPU(VCPUOP_initialise, 1), 0);
    ck_assert_uint_eq(continuations, 2);
    ck_assert(v->initialised && test_bit(VPF_DOWN, &v->pause_flags));
    ck_assert_int_eq(VCPU(VCPUOP_initialise, 1), -XEN_EEXIST);
    ck_assert_int_eq(VCPU(VCPUOP_up, 1), 0);
    ck_assert_int_eq(VCPU(VCPUOP_is_up, 1), 1);
    ck_assert(!test_bit(VPF_DOWN, &v->pause_flags));
    ck_assert_int_eq(VCPU(VCPUOP_down, 0), 0);
    ck_assert_int_eq(VCPU(VCPUOP_is_up, 0), 0);
    ck_assert_int_eq(VCPU(VCPUOP_down, 1), 0);      /* the last one: the domain is off */
    ck_assert_str_eq(rooms.last, "domain_shutdown");
    ck_assert_uint_eq(rooms.arg[1], SHUTDOWN_poweroff);
}
END_TEST

START_TEST(vcpu_initialise_online)
{
    struct vcpu_guest_context *c = (struct vcpu_guest_context *)arena;

    guest->vcpu[1]->initialised = false;
    c->flags = VGCF_online;
    run_as(guest, 0);
    ck_assert_int_eq(VCPU(VCPUOP_initialise, 1), 0);
    ck_assert_int_eq(VCPU(VCPUOP_is_up, 1), 1);
}
END_TEST

/* A vCPU must not wait for ctl_lock: who holds it may wait for the vCPU. */
START_TEST(vcpu_does_not_wait)
{
    unsigned long a[3] = { VCPUOP_register_vcpu_info, 0, (unsigned long)arena };

    run_as(guest, 0);
    fake_cpu_set(1);
    spin_lock(&guest->ctl_lock);
    fake_cpu_set(0);
    cpu_info()->guest_regs.rip = 100;
    ck_assert_int_eq(hypercall_vcpu_op(a[0], a[1], a[2], 0, 0, 0), __HYPERVISOR_vcpu_op);
    ck_assert_uint_eq(cpu_info()->guest_regs.rip, 98);
    guest->vcpu[1]->initialised = false;
    ck_assert_int_eq(hypercall_vcpu_op(VCPUOP_initialise, 1, a[2], 0, 0, 0), __HYPERVISOR_vcpu_op);
    fake_cpu_set(1);
    spin_unlock(&guest->ctl_lock);
    fake_cpu_set(0);
}
END_TEST

START_TEST(vcpu_info)
{
    struct vcpu_register_vcpu_info *op = (struct vcpu_register_vcpu_info *)arena;
    mfn_t m = frames_alloc_domain(guest, 0, 0), foreign = frames_alloc_domain(other, 0, 0);
    struct vcpu *v = guest->vcpu[0];
    struct frame *f = mfn_to_frame(m);

    run_as(guest, 0);
    v->info->arch.cr2 = 0x5555;
    *op = (struct vcpu_register_vcpu_info){ .mfn = m, .offset = 4096 - 56 };
    ck_assert_int_eq(VCPU(VCPUOP_register_vcpu_info, 0), -XEN_ENXIO);
    op->offset = 12;
    ck_assert_int_eq(VCPU(VCPUOP_register_vcpu_info, 0), -XEN_ENXIO);
    op->offset = 64;
    op->mfn = foreign;
    ck_assert_int_eq(VCPU(VCPUOP_register_vcpu_info, 0), -XEN_EINVAL);
    op->mfn = ~0UL;
    ck_assert_int_eq(VCPU(VCPUOP_register_vcpu_info, 0), -XEN_EINVAL);
    op->mfn = m;
    ck_assert_int_eq(frame_get_type(f, TYPE_L1), 0);
    ck_assert_int_eq(VCPU(VCPUOP_register_vcpu_info, 0), -XEN_EINVAL);
    frame_put_type(f);
    ck_assert_uint_eq(f->count & FRAME_COUNT_MASK, 1);
    ck_assert_int_eq(VCPU(VCPUOP_register_vcpu_info, 0), 0);
    ck_assert_ptr_eq(v->info, (char *)mfn_to_virt(m) + 64);
    ck_assert_uint_eq(v->info->arch.cr2, 0x5555);
    ck_assert_uint_eq(v->info->evtchn_pending_sel, ~0UL);
    ck_assert_uint_eq(v->info_mfn, m);
    ck_assert_uint_eq(f->count & FRAME_COUNT_MASK, 2);
    ck_assert_uint_eq(frame_type(f), TYPE_WRITABLE);
    ck_assert_int_eq(VCPU(VCPUOP_register_vcpu_info, 0), -XEN_EINVAL);      /* once */
    clear_bit(VPF_DOWN, &guest->vcpu[1]->pause_flags);
    ck_assert_int_eq(VCPU(VCPUOP_register_vcpu_info, 1), -XEN_EINVAL);      /* it runs */
    set_bit(VPF_DOWN, &guest->vcpu[1]->pause_flags);
    ck_assert_int_eq(VCPU(VCPUOP_register_vcpu_info, 1), 0);
}
END_TEST

START_TEST(vcpu_areas)
{
    struct vcpu_register_runstate_memory_area *op = (void *)arena;
    struct vcpu_runstate_info *area = (void *)(arena + 512);

    ck_assert_int_eq(VCPU(VCPUOP_get_runstate_info, 0), 0);
    ck_assert_uint_eq(((struct vcpu_runstate_info *)arena)->time[0], 7);
    fail_copy_out(1);
    ck_assert_int_eq(VCPU(VCPUOP_get_runstate_info, 0), -XEN_EFAULT);
    op->addr.v = area;
    ck_assert_int_eq(VCPU(VCPUOP_register_runstate_memory_area, 0), 0);
    ck_assert_uint_eq(area->time[0], 7);
    ck_assert_uint_eq(current->runstate_area, (unsigned long)area);
    op->addr.p = BAD_ADDRESS;
    ck_assert_int_eq(VCPU(VCPUOP_register_runstate_memory_area, 0), -XEN_EFAULT);
    ck_assert_int_eq(VCPU(VCPUOP_register_vcpu_time_memory_area, 0), -XEN_EFAULT);
    ck_assert_uint_eq(current->time_area, 0);
    op->addr.v = area;
    ck_assert_int_eq(VCPU(VCPUOP_register_vcpu_time_memory_area, 0), 0);
    ck_assert_str_eq(rooms.last, "time_update_vcpu");
    ck_assert_uint_eq(current->time_area, (unsigned long)area);
}
END_TEST

START_TEST(vcpu_timers)
{
    struct vcpu_set_periodic_timer *periodic = (void *)arena;
    struct vcpu_set_singleshot_timer *single = (void *)arena;
    struct vcpu *v = current;

    periodic->period_ns = 999999;
    ck_assert_int_eq(VCPU(VCPUOP_set_periodic_timer, 0), -XEN_EINVAL);
    periodic->period_ns = ~0UL;
    ck_assert_int_eq(VCPU(VCPUOP_set_periodic_timer, 0), -XEN_EINVAL);
    ck_assert(!v->periodic.active);
    periodic->period_ns = 1000000;
    ck_assert_int_eq(VCPU(VCPUOP_set_periodic_timer, 0), 0);
    ck_assert(v->periodic.active && v->period == 1000000);
    ck_assert_int_eq(VCPU(VCPUOP_stop_periodic_timer, 0), 0);
    ck_assert(!v->periodic.active && v->period == 0);

    *single = (struct vcpu_set_singleshot_timer){ .timeout_abs_ns = now() - 1, .flags = VCPU_SSHOTTMR_future };
    ck_assert_int_eq(VCPU(VCPUOP_set_singleshot_timer, 0), -XEN_ETIME);
    single->flags = 0;
    ck_assert_int_eq(VCPU(VCPUOP_set_singleshot_timer, 1), -XEN_EINVAL);
    fake_cpu_set(1);
    fake_run(v);
    ck_assert_int_eq(VCPU(VCPUOP_set_singleshot_timer, 0), 0);
    ck_assert_uint_eq(v->singleshot.cpu, 1);
    ck_assert(v->singleshot.active);
    ck_assert_int_eq(VCPU(VCPUOP_stop_singleshot_timer, 1), -XEN_EINVAL);
    ck_assert_int_eq(VCPU(VCPUOP_stop_singleshot_timer, 0), 0);
    ck_assert(!v->singleshot.active);
    fake_cpu_set(0);
}
END_TEST

START_TEST(vcpu_others)
{
    unsigned int kicks = fake_kicks;

    ck_assert_int_eq(VCPU(VCPUOP_send_nmi, 1), 0);
    ck_assert_int_eq(VCPU(VCPUOP_send_nmi, 1), 0);
    ck_assert(dom0->vcpu[1]->nmi_pending);
    ck_assert_uint_eq(fake_kicks, kicks + 1);
    ck_assert_int_eq(VCPU(VCPUOP_get_physid, 0), -XEN_EINVAL);
    current->sched.hard = 2;
    ck_assert_int_eq(VCPU(VCPUOP_get_physid, 0), 0);
    ck_assert_uint_eq(*(uint64_t *)arena, 2UL | 2UL << 32);
    guest->vcpu[0]->sched.hard = 2;
    run_as(guest, 0);
    ck_assert_int_eq(VCPU(VCPUOP_get_physid, 0), -XEN_EINVAL);
}
END_TEST

/* --- physdev_op ------------------------------------------------------------------------------- */
#define PHYSDEV(cmd) CALL2(__HYPERVISOR_physdev_op, cmd, arena)

START_TEST(physdev_iopl)
{
    struct physdev_set_iopl *op = (void *)arena;
    struct physdev_set_iobitmap *map = (void *)arena;

    run_as(guest, 0);
    op->iopl = 4;
    ck_assert_int_eq(PHYSDEV(PHYSDEVOP_set_iopl), -XEN_EINVAL);
    op->iopl = 1;
    ck_assert_int_eq(PHYSDEV(PHYSDEVOP_set_iopl), 0);
    ck_assert_uint_eq(current->iopl, 0x1000);
    map->bitmap.p = arena + 4096;
    map->nr_ports = 65537;
    ck_assert_int_eq(PHYSDEV(PHYSDEVOP_set_iobitmap), -XEN_EINVAL);
    map->nr_ports = 65536;
    ck_assert_int_eq(PHYSDEV(PHYSDEVOP_set_iobitmap), 0);
    ck_assert_uint_eq(current->iobmp_limit, 65536);
    map->bitmap.p = arena + ARENA_SIZE - 100;
    ck_assert_int_eq(PHYSDEV(PHYSDEVOP_set_iobitmap), -XEN_EINVAL);
    map->bitmap.p = NULL;
    map->nr_ports = 0;
    ck_assert_int_eq(PHYSDEV(PHYSDEVOP_set_iobitmap), 0);
    ck_assert_uint_eq(current->iobmp_limit, 0);
}
END_TEST

START_TEST(physdev_pirqs)
{
    struct physdev_map_pirq *op = (void *)arena;
    struct physdev_unmap_pirq *un = (void *)arena;

    *op = (struct physdev_map_pirq){ .domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_GSI, .index = 9, .pirq = -1 };
    ck_assert_int_eq(PHYSDEV(PHYSDEVOP_map_pirq), 0);
    ck_assert_int_eq(op->pirq, 9);
    op->index = 24;
    ck_assert_int_eq(PHYSDEV(PHYSDEVOP_map_pirq), -XEN_EINVAL);
    op->type = 7;
    ck_assert_int_eq(PHYSDEV(PHYSDEVOP_map_pirq), -XEN_EINVAL);
    op->domid = 44;
    ck_assert_int_eq(PHYSDEV(PHYSDEVOP_map_pirq), -XEN_ESRCH);
    *op = (struct physdev_map_pirq){ .domid = 1, .type = MAP_PIRQ_TYPE_MSI_SEG, .index = -1, .pirq = -1,
                                     .bus = 3 << 16 | 2, .devfn = 8, .entry_nr = 4, .table_base = 0xfebf0000 };
    ck_assert_int_eq(PHYSDEV(PHYSDEVOP_map_pirq), 0);
    ck_assert_uint_eq(rooms.arg[0], 1);
    ck_assert_uint_eq(rooms.arg[1], 3);
    ck_assert_uint_eq(rooms.arg[2], 2);
    ck_assert_uint_eq(rooms.arg[5], 0xfebf0000);
    ck_assert_uint_eq(rooms.arg[6], 4);
    op->index = 3;
    ck_assert_int_eq(PHYSDEV(PHYSDEVOP_map_pirq), -XEN_EINVAL);
    *op = (struct physdev_map_pirq){ .domid = 0, .type = MAP_PIRQ_TYPE_MULTI_MSI, .bus = 0, .devfn = 8, .entry_nr = 4 };
    ck_assert_int_eq(PHYSDEV(PHYSDEVOP_map_pirq), 0);
    ck_assert_uint_eq(rooms.arg[4], 4);
    op->entry_nr = 33;
    ck_assert_int_eq(PHYSDEV(PHYSDEVOP_map_pirq), -XEN_EINVAL);
    op->entry_nr = 1;
    fail_copy_out(1);
    ck_assert_int_eq(PHYSDEV(PHYSDEVOP_map_pirq), -XEN_EFAULT);
    ck_assert_uint_eq(rooms.unmaps, 1);         /* nobody would know of it */
    *un = (struct physdev_unmap_pirq){ .domid = 44 };
    ck_assert_int_eq(PHYSDEV(PHYSDEVOP_unmap_pirq), -XEN_ESRCH);
    un->domid = 1;
    ck_assert_int_eq(PHYSDEV(PHYSDEVOP_unmap_pirq), 0);
}
END_TEST

START_TEST(physdev_eoi_page)
{
    struct physdev_pirq_eoi_gmfn *op = (void *)arena;
    mfn_t m = frames_alloc_domain(guest, 0, 0), foreign = frames_alloc_domain(other, 0, 0);

    run_as(guest, 0);
    op->gmfn = foreign;
    ck_assert_int_eq(PHYSDEV(PHYSDEVOP_pirq_eoi_gmfn_v2), -XEN_EINVAL);
    op->gmfn = ~0UL;
    ck_assert_int_eq(PHYSDEV(PHYSDEVOP_pirq_eoi_gmfn_v2), -XEN_EINVAL);
    op->gmfn = 0;
    ck_assert_int_eq(PHYSDEV(PHYSDEVOP_pirq_eoi_gmfn_v2), -XEN_EINVAL);
    op->gmfn = m;
    ck_assert_int_eq(PHYSDEV(PHYSDEVOP_pirq_eoi_gmfn_v1), -XEN_ENOSYS);
    ck_assert_int_eq(PHYSDEV(PHYSDEVOP_pirq_eoi_gmfn_v2), 0);
    ck_assert_uint_eq(rooms.arg[1], (uintptr_t)mfn_to_virt(m));
    ck_assert_uint_eq(mfn_to_frame(m)->count & FRAME_COUNT_MASK, 2);
    ck_assert_int_eq(PHYSDEV(PHYSDEVOP_pirq_eoi_gmfn_v2), -XEN_EBUSY);
    ck_assert_uint_eq(mfn_to_frame(m)->count & FRAME_COUNT_MASK, 2);
    physdev_domain_release(guest);
    physdev_domain_release(guest);
    ck_assert_uint_eq(mfn_to_frame(m)->count & FRAME_COUNT_MASK, 1);
}
END_TEST

START_TEST(physdev_dom0)
{
    struct physdev_setup_gsi *gsi = (void *)arena;
    struct physdev_irq_status_query *status = (void *)arena;
    struct physdev_apic *apic = (void *)arena;
    struct physdev_pci_device *dev = (void *)arena;
    struct physdev_pci_device_add *add = (void *)arena;
    struct physdev_dbgp_op *dbgp = (void *)arena;
    struct physdev_pci_mmcfg_reserved *mmcfg = (void *)arena;

    *gsi = (struct physdev_setup_gsi){ .gsi = 24 };
    ck_assert_int_eq(PHYSDEV(PHYSDEVOP_setup_gsi), -XEN_EINVAL);
    *gsi = (struct physdev_setup_gsi){ .gsi = 9, .triggering = 2 };
    ck_assert_int_eq(PHYSDEV(PHYSDEVOP_setup_gsi), -XEN_EINVAL);
    *gsi = (struct physdev_setup_gsi){ .gsi = 9, .triggering = 1, .polarity = 1 };
    ck_assert_int_eq(PHYSDEV(PHYSDEVOP_setup_gsi), 0);
    ck_assert(rooms.arg[0] == 9 && rooms.arg[1] == 1 && rooms.arg[2] == 1);
    status->irq = 9;
    ck_assert_int_eq(PHYSDEV(PHYSDEVOP_irq_status_query), 0);
    ck_assert_uint_eq(status->flags, XENIRQSTAT_needs_eoi);
    status->irq = ~0u;
    ck_assert_int_eq(PHYSDEV(PHYSDEVOP_irq_status_query), -XEN_EINVAL);
    ck_assert_int_eq(PHYSDEV(PHYSDEVOP_eoi), -XEN_EINVAL);
    *apic = (struct physdev_apic){ .apic_physbase = 0xfec00000, .reg = 1 };
    ck_assert_int_eq(PHYSDEV(PHYSDEVOP_apic_read), 0);
    ck_assert_uint_eq(apic->value, 0x170020);
    *dev = (struct physdev_pci_device){ .bus = 7 };
    ck_assert_int_eq(PHYSDEV(PHYSDEVOP_prepare_msix), -XEN_ENODEV);
    dev->bus = 0;
    ck_assert_int_eq(PHYSDEV(PHYSDEVOP_release_msix), 0);
    memset(arena, 0, 64);
    add->flags = 8;
    ck_assert_int_eq(PHYSDEV(PHYSDEVOP_pci_device_add), -XEN_EINVAL);
    add->flags = XEN_PCI_DEV_VIRTFN;
    ck_assert_int_eq(PHYSDEV(PHYSDEVOP_pci_device_add), 0);
    ck_assert_uint_eq(rooms.arg[3], 1);
    *dbgp = (struct physdev_dbgp_op){ .op = 9 };
    ck_assert_int_eq(PHYSDEV(PHYSDEVOP_dbgp_op), -XEN_ENOSYS);
    dbgp->op = PHYSDEVOP_DBGP_RESET_PREPARE;
    ck_assert_int_eq(PHYSDEV(PHYSDEVOP_dbgp_op), 0);
    *mmcfg = (struct physdev_pci_mmcfg_reserved){ .start_bus = 9, .end_bus = 3 };
    ck_assert_int_eq(PHYSDEV(PHYSDEVOP_pci_mmcfg_reserved), -XEN_EINVAL);
    mmcfg->end_bus = 255;
    ck_assert_int_eq(PHYSDEV(PHYSDEVOP_pci_mmcfg_reserved), 0);
}
END_TEST

START_TEST(nmi)
{
    struct xennmi_callback *op = (void *)arena;

    op->handler_address = 0xffffffff81000000;
    ck_assert_int_eq(CALL2(__HYPERVISOR_nmi_op, XENNMI_register_callback, op), 0);
    ck_assert_uint_eq(current->nmi_cb, 0xffffffff81000000);
    op->handler_address = 0x8000000000000000;
    ck_assert_int_eq(CALL2(__HYPERVISOR_nmi_op, XENNMI_register_callback, op), -XEN_EINVAL);
    ck_assert_int_eq(CALL2(__HYPERVISOR_nmi_op, XENNMI_unregister_callback, 0), 0);
    ck_assert_uint_eq(current->nmi_cb, 0);
    ck_assert_int_eq(CALL2(__HYPERVISOR_nmi_op, 2, 0), -XEN_ENOSYS);
    run_as(dom0, 1);
    ck_assert_int_eq(CALL2(__HYPERVISOR_nmi_op, XENNMI_unregister_callback, 0), -XEN_EINVAL);
    run_as(guest, 0);
    ck_assert_int_eq(CALL2(__HYPERVISOR_nmi_op, XENNMI_unregister_callback, 0), -XEN_EINVAL);
}
END_TEST

START_TEST(refusals)
{
    ck_assert_int_eq(CALL1(__HYPERVISOR_xsm_op, arena), -XEN_ENOSYS);
    ck_assert_int_eq(CALL2(__HYPERVISOR_hvm_op, 1, arena), -XEN_ENOSYS);
    ck_assert_int_eq(CALL2(__HYPERVISOR_kexec_op, 0, arena), -XEN_ENOSYS);
    ck_assert_int_eq(CALL2(__HYPERVISOR_xenpmu_op, 0, arena), -XEN_EOPNOTSUPP);
    ck_assert_int_eq(CALL1(__HYPERVISOR_hypfs_op, 0), -XEN_ENOSYS);
    run_as(guest, 0);
    ck_assert_int_eq(CALL2(__HYPERVISOR_kexec_op, 0, arena), -XEN_EPERM);
    ck_assert_int_eq(CALL1(__HYPERVISOR_hypfs_op, 0), -XEN_EPERM);
    ck_assert_int_eq(CALL1(__HYPERVISOR_arch_0, arena), -XEN_EPERM);
}
END_TEST

TCase *guest_tests(void)
{
    TCase *tc = tcase_create("guest");

    tcase_add_test(tc, version);
    tcase_add_test(tc, console_write);
    tcase_add_test(tc, console_read);
    tcase_add_test(tc, vcpu_up_and_down);
    tcase_add_test(tc, vcpu_initialise_online);
    tcase_add_test(tc, vcpu_does_not_wait);
    tcase_add_test(tc, vcpu_info);
    tcase_add_test(tc, vcpu_areas);
    tcase_add_test(tc, vcpu_timers);
    tcase_add_test(tc, vcpu_others);
    tcase_add_test(tc, physdev_iopl);
    tcase_add_test(tc, physdev_pirqs);
    tcase_add_test(tc, physdev_eoi_page);
    tcase_add_test(tc, physdev_dom0);
    tcase_add_test(tc, nmi);
    tcase_add_test(tc, refusals);
    return tc;
}
