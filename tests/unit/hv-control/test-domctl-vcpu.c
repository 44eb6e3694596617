/* SPDX-License-Identifier: MIT */
/* domctl: vCPUs: contexts, extended state, MSRs, affinity, scheduling. */
#include "harness.h"

#include <hv/sched.h>

START_TEST(set_context)
{
    struct xen_domctl *op = domctl(XEN_DOMCTL_setvcpucontext, 1);
    struct vcpu_guest_context *c = (void *)(arena + 4096);
    struct vcpu *v = guest->vcpu[1];

    c->flags = VGCF_in_kernel | VGCF_online;
    c->user_regs.rip = 0x1234;
    v->initialised = false;
    op->u.vcpucontext.vcpu = 2;
    op->u.vcpucontext.ctxt.p = c;
    ck_assert_int_eq(DOMCTL(op), -XEN_EINVAL);
    op->u.vcpucontext.vcpu = 1;
    rooms.restarts = 3;
    ck_assert_int_eq(DOMCTL(op), 0);
    ck_assert_uint_eq(continuations, 3);
    ck_assert_uint_eq(rooms.arg[2], 0x1234);
    ck_assert(v->initialised);
    ck_assert(!test_bit(VPF_DOWN, &v->pause_flags));
    c->flags = 0;
    ck_assert_int_eq(DOMCTL(op), 0);
    ck_assert(test_bit(VPF_DOWN, &v->pause_flags));
    rooms.rc = -XEN_EINVAL;
    c->flags = VGCF_online;
    ck_assert_int_eq(DOMCTL(op), -XEN_EINVAL);
    ck_assert(test_bit(VPF_DOWN, &v->pause_flags));     /* as it was */
    rooms.rc = 0;
    op->u.vcpucontext.ctxt.p = (void *)BAD_ADDRESS;
    ck_assert_int_eq(DOMCTL(op), -XEN_EFAULT);
    fake_alloc_fail(1);
    ck_assert_int_eq(DOMCTL(op), -XEN_ENOMEM);
    op->u.vcpucontext.ctxt.p = NULL;
    guest->dying = true;                                /* nobody would give back what it takes hold of */
    ck_assert_int_eq(DOMCTL(op), -XEN_EINVAL);
    guest->dying = false;
    rooms.restarts = 2;
    ck_assert_int_eq(DOMCTL(op), 0);
    ck_assert_uint_eq(continuations, 2);
    ck_assert_str_eq(rooms.last, "vcpu_reset");
}
END_TEST

START_TEST(get_context)
{
    struct xen_domctl *op = domctl(XEN_DOMCTL_getvcpucontext, 1);
    struct vcpu_guest_context *c = (void *)(arena + 4096);

    op->u.vcpucontext.ctxt.p = c;
    ck_assert_int_eq(DOMCTL(op), 0);
    ck_assert_uint_eq(c->user_regs.rip, 0x1000);
    ck_assert_uint_eq(c->flags, VGCF_online);
    op->u.vcpucontext.vcpu = ~0u;
    ck_assert_int_eq(DOMCTL(op), -XEN_EINVAL);
    op->u.vcpucontext.vcpu = 1;
    ck_assert_int_eq(DOMCTL(op), 0);
    ck_assert_uint_eq(c->flags, 0);
    guest->vcpu[1]->initialised = false;
    ck_assert_int_eq(DOMCTL(op), -XEN_ENODATA);
    op->u.vcpucontext.vcpu = 0;
    op->u.vcpucontext.ctxt.p = (void *)BAD_ADDRESS;
    ck_assert_int_eq(DOMCTL(op), -XEN_EFAULT);
    fake_alloc_fail(1);
    ck_assert_int_eq(DOMCTL(op), -XEN_ENOMEM);
}
END_TEST

START_TEST(vcpu_info)
{
    struct xen_domctl *op = domctl(XEN_DOMCTL_getvcpuinfo, 1);

    ck_assert_int_eq(DOMCTL(op), 0);
    ck_assert(op->u.getvcpuinfo.online && !op->u.getvcpuinfo.blocked && !op->u.getvcpuinfo.running);
    ck_assert_uint_eq(op->u.getvcpuinfo.cpu_time, 100);
    op->u.getvcpuinfo.vcpu = 1;
    ck_assert_int_eq(DOMCTL(op), 0);
    ck_assert(!op->u.getvcpuinfo.online);
    op->u.getvcpuinfo.vcpu = 2;
    ck_assert_int_eq(DOMCTL(op), -XEN_EINVAL);
    op = domctl(XEN_DOMCTL_sendtrigger, 1);
    ck_assert_int_eq(DOMCTL(op), 0);
    ck_assert(guest->vcpu[0]->nmi_pending);
    op->u.sendtrigger.trigger = XEN_DOMCTL_SENDTRIGGER_POWER;
    ck_assert_int_eq(DOMCTL(op), -XEN_EINVAL);
    op->u.sendtrigger.vcpu = 9;
    ck_assert_int_eq(DOMCTL(op), -XEN_ESRCH);
}
END_TEST

START_TEST(ext_context)
{
    struct xen_domctl *op = domctl(XEN_DOMCTL_set_ext_vcpucontext, 1);
    struct xen_domctl_ext_vcpucontext *e = &op->u.ext_vcpucontext;

    ck_assert_int_eq(DOMCTL(op), -XEN_EINVAL);          /* size 0 */
    *e = (struct xen_domctl_ext_vcpucontext){ .size = sizeof(*e), .syscall32_callback_eip = 0x8000000000000000 };
    ck_assert_int_eq(DOMCTL(op), -XEN_EINVAL);
    *e = (struct xen_domctl_ext_vcpucontext){ .size = sizeof(*e), .syscall32_callback_eip = 0xffffffff81000000,
                                              .syscall32_disables_events = 1 };
    ck_assert_int_eq(DOMCTL(op), 0);
    op = domctl(XEN_DOMCTL_get_ext_vcpucontext, 1);
    e->sysenter_callback_eip = 5;
    ck_assert_int_eq(DOMCTL(op), 0);
    ck_assert_uint_eq(e->syscall32_callback_eip, 0xffffffff81000000);
    ck_assert_uint_eq(e->sysenter_callback_eip, 0);
    ck_assert(e->syscall32_disables_events == 1 && e->sysenter_disables_events == 0);
    ck_assert_uint_eq(e->size, sizeof(*e));
    e->vcpu = 7;
    ck_assert_int_eq(DOMCTL(op), -XEN_ESRCH);
}
END_TEST

START_TEST(extended_state)
{
    struct xen_domctl *op = domctl(XEN_DOMCTL_getvcpuextstate, 1);
    struct xen_domctl_vcpuextstate *e = &op->u.vcpuextstate;
    uint64_t *buf = (void *)(arena + 4096);
    struct vcpu *v = guest->vcpu[0];

    ck_assert_int_eq(DOMCTL(op), 0);
    ck_assert_uint_eq(e->size, 16 + 832);
    ck_assert_uint_eq(e->xfeature_mask, 7);
    memset(v->fpu, 0x5a, 512);
    memset((uint8_t *)v->fpu + 24, 0, 8);
    ((uint64_t *)v->fpu)[64] = 3;
    e->buffer.p = buf;
    ck_assert_int_eq(DOMCTL(op), 0);
    ck_assert_uint_eq(buf[0], 7);
    ck_assert_uint_eq(buf[1], 7);
    ck_assert_mem_eq(buf + 2, v->fpu, 832);
    e->size--;
    ck_assert_int_eq(DOMCTL(op), -XEN_EINVAL);
    e->size++;
    v->xcr0 = 1;                                        /* SSE ran all the same: what is taken out can be put back */
    e->buffer.p = NULL;
    ck_assert_int_eq(DOMCTL(op), 0);
    e->buffer.p = buf;
    ck_assert_int_eq(DOMCTL(op), 0);
    ck_assert(buf[0] == 1 && buf[1] == 3);
    op->cmd = XEN_DOMCTL_setvcpuextstate;
    ck_assert_int_eq(DOMCTL(op), 0);
    ck_assert_uint_eq(v->xcr0, 1);
    buf[0] = buf[1] = v->xcr0 = 7;
    e->size = 16 + 832;
    buf[2] = 0x77;
    ck_assert_int_eq(DOMCTL(op), 0);
    ck_assert_uint_eq(((uint64_t *)v->fpu)[0], 0x77);
    ck_assert_uint_eq(v->fpu_cpu, NR_CPUS);

#define REFUSED(index, value) \
    do { \
        uint64_t old = buf[index]; \
        buf[index] = (value); \
        ck_assert_int_eq(DOMCTL(op), -XEN_EINVAL); \
        buf[index] = old; \
    } while (0)
    REFUSED(0, 6);                                      /* XCR0 without x87 */
    REFUSED(0, 5);                                      /* AVX without SSE */
    REFUSED(0, 0xf);                                    /* beyond the host's */
    REFUSED(1, 3);                                      /* less than XCR0 */
    REFUSED(2 + 64, 8);                                 /* XSTATE_BV beyond */
    REFUSED(2 + 65, 1UL << 63);                         /* compacted */
    REFUSED(2 + 66, 1);                                 /* reserved */
    REFUSED(2 + 3, 0x1ffff);                            /* MXCSR */
    e->size = 16 + 575;
    ck_assert_int_eq(DOMCTL(op), -XEN_EINVAL);
    e->size = ~0UL;
    ck_assert_int_eq(DOMCTL(op), -XEN_EINVAL);
    e->size = 16 + 832;
    e->buffer.p = (void *)BAD_ADDRESS;
    ck_assert_int_eq(DOMCTL(op), -XEN_EFAULT);
    fake_alloc_fail(1);
    e->buffer.p = buf;
    ck_assert_int_eq(DOMCTL(op), -XEN_ENOMEM);
    e->vcpu = 3;
    ck_assert_int_eq(DOMCTL(op), -XEN_ESRCH);
    ck_assert_uint_eq(((uint64_t *)v->fpu)[0], 0x77);
}
END_TEST

START_TEST(msrs)
{
    struct xen_domctl *op = domctl(XEN_DOMCTL_get_vcpu_msrs, 1);
    struct xen_domctl_vcpu_msr *msr = (void *)(arena + 4096);
    struct vcpu *v = guest->vcpu[0];

    ck_assert_int_eq(DOMCTL(op), 0);
    ck_assert_uint_eq(op->u.vcpu_msrs.msr_count, 3);    /* as many as there can be */
    op->u.vcpu_msrs.msrs.p = msr;
    ck_assert_int_eq(DOMCTL(op), 0);
    ck_assert_uint_eq(op->u.vcpu_msrs.msr_count, 0);    /* all are zero */
    v->spec_ctrl = 2;
    v->tsc_aux = 7;
    op->u.vcpu_msrs.msr_count = 1;
    ck_assert_int_eq(DOMCTL(op), -XEN_ENOBUFS);
    ck_assert_uint_eq(op->u.vcpu_msrs.msr_count, 3);
    ck_assert_int_eq(DOMCTL(op), 0);
    ck_assert_uint_eq(op->u.vcpu_msrs.msr_count, 2);
    ck_assert(msr[0].index == 0x48 && msr[0].value == 2 && msr[1].index == 0xc0000103 && msr[1].value == 7);
    op = domctl(XEN_DOMCTL_set_vcpu_msrs, 1);
    op->u.vcpu_msrs.msrs.p = msr;
    op->u.vcpu_msrs.msr_count = 3;
    msr[0].value = 1;
    msr[2] = (struct xen_domctl_vcpu_msr){ .index = 0x10 };     /* others may be said to be zero */
    ck_assert_int_eq(DOMCTL(op), 0);
    ck_assert(v->spec_ctrl == 1 && v->tsc_aux == 7);
    msr[2].value = 1;
    ck_assert_int_eq(DOMCTL(op), -XEN_EINVAL);
    ck_assert_uint_eq(op->u.vcpu_msrs.msr_count, 2);
    msr[0].reserved = 1;
    ck_assert_int_eq(DOMCTL(op), -XEN_EINVAL);
    ck_assert_uint_eq(op->u.vcpu_msrs.msr_count, 0);
    op->u.vcpu_msrs.msr_count = 65;
    ck_assert_int_eq(DOMCTL(op), -XEN_EINVAL);
    op->u.vcpu_msrs.vcpu = 8;
    ck_assert_int_eq(DOMCTL(op), -XEN_ESRCH);
}
END_TEST

START_TEST(affinity)
{
    struct xen_domctl *op = domctl(XEN_DOMCTL_setvcpuaffinity, 1);
    struct xen_domctl_vcpuaffinity *a = &op->u.vcpuaffinity;
    struct vcpu *v = guest->vcpu[0];
    uint8_t *hard = arena + 4096, *soft = arena + 4200;

    a->cpumap_hard = (struct xenctl_bitmap){ .bitmap = { hard }, .nr_bits = 8 };
    a->cpumap_soft = (struct xenctl_bitmap){ .bitmap = { soft }, .nr_bits = 72 };
    ck_assert_int_eq(DOMCTL(op), -XEN_EINVAL);          /* nothing to set */
    a->flags = 8;
    ck_assert_int_eq(DOMCTL(op), -XEN_EINVAL);
    a->flags = XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT;
    *hard = 0;
    ck_assert_int_eq(DOMCTL(op), -XEN_EINVAL);          /* nowhere */
    *hard = 0xfe;
    *soft = 0xff;
    soft[8] = 0xff;
    ck_assert_int_eq(DOMCTL(op), 0);
    ck_assert_uint_eq(v->sched.hard, 0xfe);
    ck_assert_uint_eq(*hard, 2);                        /* what there is of it */
    ck_assert_uint_eq(*soft, 2);
    ck_assert_uint_eq(soft[8], 0);
    a->flags = XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_FORCE;
    ck_assert_int_eq(DOMCTL(op), 0);
    ck_assert_str_eq(rooms.last, "sched_pin_override");
    op->cmd = XEN_DOMCTL_getvcpuaffinity;
    v->sched.hard = 0xfe;
    a->flags = XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT;
    ck_assert_int_eq(DOMCTL(op), 0);
    ck_assert_uint_eq(*hard, 0xfe);                     /* as it was asked for */
    ck_assert_uint_eq(*soft, 0xff);
    a->flags = 0;
    ck_assert_int_eq(DOMCTL(op), -XEN_EINVAL);
    a->flags = XEN_VCPUAFFINITY_HARD;
    a->cpumap_hard.bitmap.p = (void *)BAD_ADDRESS;
    ck_assert_int_eq(DOMCTL(op), -XEN_EFAULT);
    op->cmd = XEN_DOMCTL_setvcpuaffinity;
    ck_assert_int_eq(DOMCTL(op), -XEN_EFAULT);
    a->vcpu = 9;
    ck_assert_int_eq(DOMCTL(op), -XEN_ESRCH);
}
END_TEST

START_TEST(nodes_and_weights)
{
    struct xen_domctl *op = domctl(XEN_DOMCTL_setnodeaffinity, 1);
    uint8_t *map = arena + 4096;

    ck_assert_int_eq(DOMCTL(op), -XEN_EINVAL);
    op->u.nodeaffinity.nodemap = (struct xenctl_bitmap){ .bitmap = { map }, .nr_bits = 64 };
    *map = 2;
    ck_assert_int_eq(DOMCTL(op), -XEN_EINVAL);
    *map = 3;
    ck_assert_int_eq(DOMCTL(op), 0);
    op->cmd = XEN_DOMCTL_getnodeaffinity;
    ck_assert_int_eq(DOMCTL(op), 0);
    ck_assert_uint_eq(*map, 1);
    op = domctl(XEN_DOMCTL_scheduler_op, 1);
    op->u.scheduler_op.cmd = XEN_DOMCTL_SCHEDOP_getinfo;
    ck_assert_int_eq(DOMCTL(op), 0);
    ck_assert_uint_eq(op->u.scheduler_op.u.credit2.weight, 256);
    rooms.rc = -XEN_EINVAL;
    ck_assert_int_eq(DOMCTL(op), -XEN_EINVAL);
}
END_TEST

TCase *domctl_vcpu_tests(void)
{
    TCase *tc = tcase_create("domctl vcpu");

    tcase_add_test(tc, set_context);
    tcase_add_test(tc, get_context);
    tcase_add_test(tc, vcpu_info);
    tcase_add_test(tc, ext_context);
    tcase_add_test(tc, extended_state);
    tcase_add_test(tc, msrs);
    tcase_add_test(tc, affinity);
    tcase_add_test(tc, nodes_and_weights);
    return tc;
}
