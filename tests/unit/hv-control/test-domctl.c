/* SPDX-License-Identifier: MIT */
/* domctl: life, settings, memory and rights of domains. */
#include "harness.h"

START_TEST(gate)
{
    struct xen_domctl *op = domctl(XEN_DOMCTL_getvcpuinfo, 1);

    op->interface_version = 0x14;
    ck_assert_int_eq(DOMCTL(op), -XEN_EACCES);
    ck_assert_int_eq(DOMCTL(BAD_ADDRESS), -XEN_EFAULT);
    ck_assert_int_eq(DOMCTL(domctl(XEN_DOMCTL_getvcpuinfo, 44)), -XEN_ESRCH);
    ck_assert_int_eq(DOMCTL(domctl(XEN_DOMCTL_getvcpuinfo, DOMID_SELF)), -XEN_ESRCH);
    ck_assert_int_eq(DOMCTL(domctl(6, 44)), -XEN_ESRCH);
    ck_assert_int_eq(DOMCTL(domctl(6, 1)), -XEN_ENOSYS);
    ck_assert_int_eq(DOMCTL(domctl(87, 1)), -XEN_ENOSYS);
    ck_assert_int_eq(DOMCTL(domctl(1004, 1)), -XEN_ENOSYS);
    ck_assert_int_eq(DOMCTL(domctl(~0u, 1)), -XEN_ENOSYS);
    ck_assert_int_eq(DOMCTL(domctl(XEN_DOMCTL_gdbsx_pausevcpu, 1)), -XEN_ENOSYS);
    ck_assert_int_eq(DOMCTL(domctl(XEN_DOMCTL_assign_device, 1)), -XEN_EOPNOTSUPP);
    run_as(guest, 0);
    for (uint32_t cmd = 0; cmd < 100; cmd++) ck_assert_int_eq(DOMCTL(domctl(cmd, 1)), -XEN_EPERM);
    ck_assert_int_eq(DOMCTL(domctl(XEN_DOMCTL_gdbsx_pausevcpu, 1)), -XEN_EPERM);
}
END_TEST

START_TEST(not_to_oneself)
{
    static const uint32_t cmds[] = {
        XEN_DOMCTL_destroydomain, XEN_DOMCTL_pausedomain, XEN_DOMCTL_setvcpucontext, XEN_DOMCTL_getvcpucontext,
        XEN_DOMCTL_resumedomain, XEN_DOMCTL_shadow_op, XEN_DOMCTL_set_cpu_policy, XEN_DOMCTL_settscinfo,
        XEN_DOMCTL_setvcpuextstate, XEN_DOMCTL_set_vcpu_msrs, XEN_DOMCTL_max_vcpus,
    };

    for (unsigned int i = 0; i < ARRAY_SIZE(cmds); i++) ck_assert_int_eq(DOMCTL(domctl(cmds[i], 0)), -XEN_EINVAL);
    ck_assert_uint_eq(rooms.calls, 0);
}
END_TEST

static struct xen_domctl *create(domid_t id)
{
    struct xen_domctl *op = domctl(XEN_DOMCTL_createdomain, id);

    op->u.createdomain.max_vcpus = 2;
    op->u.createdomain.grant_opts = XEN_DOMCTL_GRANT_version(2);
    op->u.createdomain.max_evtchn_port = 1023;
    op->u.createdomain.max_grant_frames = op->u.createdomain.max_maptrack_frames = -1;
    return op;
}

START_TEST(create_domain)
{
    struct xen_domctl *op = create(0);

    ck_assert_int_eq(DOMCTL(op), 0);
    ck_assert_uint_eq(op->domain, 9);
    ck_assert_uint_eq(rooms.arg[2], 0);                 /* never privileged */
    ck_assert_int_eq(DOMCTL(create(1)), -XEN_EEXIST);
    op = create(7);
    ck_assert_int_eq(DOMCTL(op), 0);
    ck_assert_uint_eq(op->domain, 7);
    rooms.restarts = 3;
    op = create(8);
    fail_copy_out(1);
    ck_assert_int_eq(DOMCTL(op), -XEN_EFAULT);
    ck_assert_ptr_null(domain_find(8));                 /* nothing is left of it */
    rooms.rc = -XEN_ENOMEM;
    ck_assert_int_eq(DOMCTL(create(8)), -XEN_ENOMEM);
}
END_TEST

START_TEST(create_bad)
{
    struct xen_domctl_createdomain *c;
    static const uint32_t flags[] = { XEN_DOMCTL_CDF_hvm, XEN_DOMCTL_CDF_hap, XEN_DOMCTL_CDF_oos_off,
                                      XEN_DOMCTL_CDF_iommu, XEN_DOMCTL_CDF_nested_virt, XEN_DOMCTL_CDF_vpmu, 1u << 20 };
#define BAD(field, value, err) \
    c = &create(0)->u.createdomain; c->field = (value); ck_assert_int_eq(DOMCTL(arena), -(err))

    for (unsigned int i = 0; i < ARRAY_SIZE(flags); i++) { BAD(flags, flags[i], XEN_EINVAL); }
    BAD(iommu_opts, 1, XEN_EINVAL);
    BAD(max_vcpus, 0, XEN_EINVAL);
    BAD(max_vcpus, MAX_VCPUS + 1, XEN_EINVAL);
    BAD(grant_opts, 0, XEN_EINVAL);
    BAD(grant_opts, 3, XEN_EINVAL);
    BAD(grant_opts, 0x11, XEN_EINVAL);
    BAD(vmtrace_size, 1, XEN_EINVAL);
    BAD(arch.emulation_flags, 1, XEN_EOPNOTSUPP);
    BAD(arch.misc_flags, 2, XEN_EINVAL);
    ck_assert_uint_eq(rooms.calls, 0);
}
END_TEST

START_TEST(destroy)
{
    rooms.restarts = 5;
    ck_assert_int_eq(DOMCTL(domctl(XEN_DOMCTL_destroydomain, 5)), 0);
    ck_assert_uint_eq(continuations, 5);
    ck_assert_uint_eq(rooms.kills, 1);
    ck_assert_int_eq(DOMCTL(domctl(XEN_DOMCTL_destroydomain, 5)), -XEN_ESRCH);
}
END_TEST

START_TEST(pause_unpause)
{
    ck_assert_int_eq(DOMCTL(domctl(XEN_DOMCTL_unpausedomain, 1)), 0);
    ck_assert_int_eq(DOMCTL(domctl(XEN_DOMCTL_unpausedomain, 1)), -XEN_EINVAL);
    ck_assert_int_eq(DOMCTL(domctl(XEN_DOMCTL_pausedomain, 1)), 0);
    ck_assert_int_eq(DOMCTL(domctl(XEN_DOMCTL_resumedomain, 1)), 0);
    ck_assert_str_eq(rooms.last, "domain_resume");
}
END_TEST

START_TEST(info)
{
    struct xen_domctl *op = domctl(XEN_DOMCTL_getdomaininfo, 2);

    ck_assert_int_eq(DOMCTL(op), 0);                    /* the next one from 2 on */
    ck_assert_uint_eq(op->domain, 5);
    ck_assert_uint_eq(op->u.getdomaininfo.domain, 5);
    ck_assert_int_eq(DOMCTL(domctl(XEN_DOMCTL_getdomaininfo, 6)), -XEN_ESRCH);
    ck_assert_int_eq(DOMCTL(domctl(XEN_DOMCTL_getdomaininfo, DOMID_SELF)), -XEN_EINVAL);
}
END_TEST

START_TEST(settings)
{
    struct xen_domctl *op = domctl(XEN_DOMCTL_setdomainhandle, 1);

    memset(op->u.setdomainhandle.handle, 0xab, 16);
    ck_assert_int_eq(DOMCTL(op), 0);
    ck_assert_uint_eq(guest->uuid[15], 0xab);
    op = domctl(XEN_DOMCTL_subscribe, 1);
    op->u.subscribe.port = 12;
    ck_assert_int_eq(DOMCTL(op), 0);
    ck_assert_uint_eq(guest->suspend_evtchn, 12);
    op = domctl(XEN_DOMCTL_settimeoffset, 1);
    op->u.settimeoffset.time_offset_seconds = -3600;
    ck_assert_int_eq(DOMCTL(op), 0);
    ck_assert_int_eq(guest->time_offset, -3600);
    ck_assert_str_eq(rooms.last, "time_update_domain_wallclock");
    op = domctl(XEN_DOMCTL_set_virq_handler, 1);
    op->u.set_virq_handler.virq = NR_VIRQS;
    ck_assert_int_eq(DOMCTL(op), -XEN_EINVAL);
    op->u.set_virq_handler.virq = VIRQ_DOM_EXC;
    ck_assert_int_eq(DOMCTL(op), 0);
    op = domctl(XEN_DOMCTL_setdebugging, 1);
    ck_assert_int_eq(DOMCTL(op), 0);
    op->u.setdebugging.enable = 1;
    ck_assert_int_eq(DOMCTL(op), -XEN_EOPNOTSUPP);
    op = domctl(XEN_DOMCTL_max_vcpus, 1);
    op->u.max_vcpus.max = 3;
    ck_assert_int_eq(DOMCTL(op), -XEN_EINVAL);
    op->u.max_vcpus.max = 2;
    ck_assert_int_eq(DOMCTL(op), 0);
    op = domctl(XEN_DOMCTL_get_address_size, 1);
    ck_assert_int_eq(DOMCTL(op), 0);
    ck_assert_uint_eq(op->u.address_size.size, 64);
    op->cmd = XEN_DOMCTL_set_address_size;
    ck_assert_int_eq(DOMCTL(op), 0);
    op->u.address_size.size = 32;
    ck_assert_int_eq(DOMCTL(op), -XEN_EOPNOTSUPP);
    op->u.address_size.size = 48;
    ck_assert_int_eq(DOMCTL(op), -XEN_EINVAL);
}
END_TEST

START_TEST(tsc)
{
    struct xen_domctl *op = domctl(XEN_DOMCTL_settscinfo, 1);

    op->u.tsc_info = (struct xen_domctl_tsc_info){ .tsc_mode = 3 };
    ck_assert_int_eq(DOMCTL(op), -XEN_EINVAL);
    op->u.tsc_info = (struct xen_domctl_tsc_info){ .tsc_mode = 1, .gtsc_khz = 2000000,
                                                  .incarnation = 4, .elapsed_nsec = 5000 };
    ck_assert_int_eq(DOMCTL(op), 0);
    fake_time_advance(1000);
    op = domctl(XEN_DOMCTL_gettscinfo, 1);
    ck_assert_int_eq(DOMCTL(op), 0);
    ck_assert_uint_eq(op->u.tsc_info.elapsed_nsec, 6000);
    ck_assert_uint_eq(op->u.tsc_info.gtsc_khz, 2000000);
    ck_assert_uint_eq(op->u.tsc_info.incarnation, 4);
    op = domctl(XEN_DOMCTL_gettscinfo, 5);
    ck_assert_int_eq(DOMCTL(op), 0);
    ck_assert_uint_eq(op->u.tsc_info.gtsc_khz, 1000000);
}
END_TEST

START_TEST(policy)
{
    static struct cpu_policy *some = (struct cpu_policy *)arena;
    struct xen_domctl *op = domctl(XEN_DOMCTL_get_cpu_policy, 1);

    guest->policy = some;
    ck_assert_int_eq(DOMCTL(op), 0);
    ck_assert_uint_eq(op->u.cpu_policy.nr_leaves, 48);
    rooms.rc = -XEN_ENOBUFS;
    op = domctl(XEN_DOMCTL_get_cpu_policy, 1);
    ck_assert_int_eq(DOMCTL(op), -XEN_ENOBUFS);
    ck_assert_uint_eq(op->u.cpu_policy.nr_leaves, 48);  /* told although it failed */
    rooms.rc = -XEN_EINVAL;
    op = domctl(XEN_DOMCTL_set_cpu_policy, 1);
    ck_assert_int_eq(DOMCTL(op), -XEN_EINVAL);
    ck_assert_uint_eq(op->u.cpu_policy.err_leaf, 7);
    guest->policy = NULL;
}
END_TEST

/* --- memory ----------------------------------------------------------------------------------- */
START_TEST(max_mem)
{
    struct xen_domctl *op = domctl(XEN_DOMCTL_max_mem, 1);

    op->u.max_mem.max_memkb = 131072;
    ck_assert_int_eq(DOMCTL(op), 0);
    ck_assert_uint_eq(guest->max_pages, 32768);
    op->u.max_mem.max_memkb = ~0UL;
    ck_assert_int_eq(DOMCTL(op), 0);
    ck_assert_uint_eq(guest->max_pages, UINT32_MAX);
}
END_TEST

START_TEST(hypercall_init)
{
    struct xen_domctl *op = domctl(XEN_DOMCTL_hypercall_init, 1);
    mfn_t m = frames_alloc_domain(guest, 0, 0), foreign = frames_alloc_domain(other, 0, 0);
    struct frame *f = mfn_to_frame(m);

    op->u.hypercall_init.gmfn = foreign;
    ck_assert_int_eq(DOMCTL(op), -XEN_EINVAL);
    op->u.hypercall_init.gmfn = ~0UL;
    ck_assert_int_eq(DOMCTL(op), -XEN_EINVAL);
    op->u.hypercall_init.gmfn = m;
    ck_assert_int_eq(frame_get_type(f, TYPE_L4), 0);
    ck_assert_int_eq(DOMCTL(op), -XEN_EINVAL);          /* a page table */
    frame_put_type(f);
    ck_assert_int_eq(DOMCTL(op), 0);
    ck_assert_uint_eq(((uint8_t *)mfn_to_virt(m))[0], 0x51);
    ck_assert_uint_eq(f->count & FRAME_COUNT_MASK, 1);
    ck_assert_uint_eq(f->type & TYPE_COUNT_MASK, 0);
}
END_TEST

START_TEST(page_info)
{
    struct xen_domctl *op = domctl(XEN_DOMCTL_getpageframeinfo3, 1);
    xen_pfn_t *pfn = (xen_pfn_t *)(arena + 4096);
    mfn_t plain = frames_alloc_domain(guest, 0, 0), l3 = frames_alloc_domain(guest, 0, 0);
    mfn_t foreign = frames_alloc_domain(other, 0, 0);

    ck_assert_int_eq(frame_get_type(mfn_to_frame(l3), TYPE_L3), 0);
    mfn_to_frame(l3)->type |= TYPE_PINNED;
    pfn[0] = plain;
    pfn[1] = l3;
    pfn[2] = foreign;
    pfn[3] = ~0UL;
    for (unsigned int i = 4; i < 40; i++) pfn[i] = plain;
    op->u.getpageframeinfo3.num = 40;
    op->u.getpageframeinfo3.array.p = pfn;
    ck_assert_int_eq(DOMCTL(op), 0);
    ck_assert_uint_eq(pfn[0], 0);
    ck_assert_uint_eq(pfn[1], XEN_DOMCTL_PFINFO_L3TAB | XEN_DOMCTL_PFINFO_LPINTAB);
    ck_assert_uint_eq(pfn[2], XEN_DOMCTL_PFINFO_XTAB);
    ck_assert_uint_eq(pfn[3], XEN_DOMCTL_PFINFO_XTAB);
    ck_assert_uint_eq(pfn[39], 0);
    ck_assert_uint_eq(mfn_to_frame(plain)->count & FRAME_COUNT_MASK, 1);
    op->u.getpageframeinfo3.num = 1025;
    ck_assert_int_eq(DOMCTL(op), -XEN_E2BIG);
    op->u.getpageframeinfo3.num = 1;
    op->u.getpageframeinfo3.array.p = (void *)BAD_ADDRESS;
    ck_assert_int_eq(DOMCTL(op), -XEN_EFAULT);
    frame_put_type(mfn_to_frame(l3));
}
END_TEST

START_TEST(shadow)
{
    struct xen_domctl *op = domctl(XEN_DOMCTL_shadow_op, 1);

    ck_assert_int_eq(DOMCTL(op), 0);
    op->u.shadow_op.op = XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY;
    ck_assert_int_eq(DOMCTL(op), -XEN_EOPNOTSUPP);
    op->u.shadow_op.op = 99;
    ck_assert_int_eq(DOMCTL(op), -XEN_EOPNOTSUPP);
}
END_TEST

START_TEST(rights)
{
    struct xen_domctl *op = domctl(XEN_DOMCTL_ioport_permission, 1);
    struct xen_domctl_ioport_permission *io = &op->u.ioport_permission;

#define IOPORT(first, n) (*io = (struct xen_domctl_ioport_permission){ (first), (n), 1 }, DOMCTL(op))
    ck_assert_int_eq(IOPORT(0, 0), -XEN_EINVAL);
    ck_assert_int_eq(IOPORT(0x10000, 1), -XEN_EINVAL);
    ck_assert_int_eq(IOPORT(0xffff, 2), -XEN_EINVAL);
    ck_assert_int_eq(IOPORT(0xffffffff, 2), -XEN_EINVAL);
    ck_assert_int_eq(IOPORT(0x3f8, 8), -XEN_EPERM);     /* our console */
    ck_assert_int_eq(IOPORT(0x300, 0x20), 0);
    ck_assert(rooms.arg[0] == 1 && rooms.arg[1] == 0x300 && rooms.arg[2] == 0x31f && rooms.arg[3] == 1);
    op = domctl(XEN_DOMCTL_iomem_permission, 1);
#define IOMEM(first, n) \
    (op->u.iomem_permission = (struct xen_domctl_iomem_permission){ (first), (n), 0 }, DOMCTL(op))
    ck_assert_int_eq(IOMEM(0xfe000, 0), -XEN_EINVAL);
    ck_assert_int_eq(IOMEM(~0UL, 2), -XEN_EINVAL);
    ck_assert_int_eq(IOMEM(1UL << 40, 1), -XEN_EINVAL);
    ck_assert_int_eq(IOMEM(0xfee00, 1), -XEN_EPERM);
    ck_assert_int_eq(IOMEM(0xfe000, 16), 0);
    ck_assert(rooms.arg[1] == 0xfe000 && rooms.arg[2] == 0xfe00f && rooms.arg[3] == 0);
    op = domctl(XEN_DOMCTL_irq_permission, 1);
    op->u.irq_permission.pirq = 24;
    ck_assert_int_eq(DOMCTL(op), -XEN_EPERM);
    op->u.irq_permission.pirq = ~0u;
    ck_assert_int_eq(DOMCTL(op), -XEN_EINVAL);
    op->u.irq_permission.pirq = 11;
    op->u.irq_permission.allow_access = 2;
    ck_assert_int_eq(DOMCTL(op), -XEN_EINVAL);
    op->u.irq_permission.allow_access = 1;
    ck_assert_int_eq(DOMCTL(op), 0);
    op = domctl(XEN_DOMCTL_memory_mapping, 1);
    ck_assert_int_eq(DOMCTL(op), -XEN_EINVAL);
    op->u.memory_mapping.nr_mfns = 1;
    op->u.memory_mapping.add_mapping = DPCI_ADD_MAPPING;
    ck_assert_int_eq(DOMCTL(op), 0);
}
END_TEST

TCase *domctl_tests(void)
{
    TCase *tc = tcase_create("domctl");

    tcase_add_test(tc, gate);
    tcase_add_test(tc, not_to_oneself);
    tcase_add_test(tc, create_domain);
    tcase_add_test(tc, create_bad);
    tcase_add_test(tc, destroy);
    tcase_add_test(tc, pause_unpause);
    tcase_add_test(tc, info);
    tcase_add_test(tc, settings);
    tcase_add_test(tc, tsc);
    tcase_add_test(tc, policy);
    tcase_add_test(tc, max_mem);
    tcase_add_test(tc, hypercall_init);
    tcase_add_test(tc, page_info);
    tcase_add_test(tc, shadow);
    tcase_add_test(tc, rights);
    return tc;
}
