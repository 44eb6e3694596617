/* SPDX-License-Identifier: MIT */
/* event/: every EVTCHNOP with every error, the 2-level ABI, VIRQs, PIRQs, copy faults, and random sequences. */
#include "hv-event-domains.h"
#include "run-suite.h"

struct domain *d0, *d1, *d2;
static unsigned long objects_before;

static void setup(void)
{
    fake_reset(2);
    objects_before = fake_live_objects;
    d0 = new_domain(0, true, 2, 4095);
    d1 = new_domain(1, false, 3, 1023);
    d2 = new_domain(2, false, 1, 40);
}

static void teardown(void)
{
    check_all();
    free_domain(d2);
    free_domain(d1);
    free_domain(d0);
    ck_assert_uint_eq(fake_live_objects, objects_before);
    ck_assert_uint_eq(fake_used_frames, 0);
}

START_TEST(unknown_ops)
{
    uint64_t arg[8] = { 0 };

    ck_assert_int_eq(call(d1, 14, arg), -XEN_ENOSYS);
    ck_assert_int_eq(call(d1, -1, arg), -XEN_ENOSYS);
    ck_assert_int_eq(call(d1, 1 << 30, arg), -XEN_ENOSYS);
    for (int cmd = 0; cmd < 14; cmd++)
        ck_assert_int_eq(call(d1, cmd, NULL), -XEN_EFAULT);
    ck_assert_int_eq(call(d1, EVTCHNOP_send, fake_bad_page + PAGE_SIZE - 2), -XEN_EFAULT);
}
END_TEST

START_TEST(unbound)
{
    uint32_t p;

    for (uint32_t i = 1; i <= 200; i++) {
        ck_assert_int_eq(do_unbound(d1, DOMID_SELF, 0, &p), 0);
        ck_assert_uint_eq(p, i);
    }
    ck_assert_int_eq(do_close(d1, 7), 0);
    ck_assert_int_eq(do_close(d1, 150), 0);
    ck_assert_int_eq(do_unbound(d1, 1, 0, &p), 0);      /* the own id is the same */
    ck_assert_uint_eq(p, 7);
    ck_assert_int_eq(do_unbound(d1, DOMID_SELF, 0, &p), 0);
    ck_assert_uint_eq(p, 150);
    ck_assert_int_eq(do_unbound(d0, 1, 0, &p), 0);      /* dom0 for d1 */
    ck_assert_uint_eq(p, 201);
    ck_assert_int_eq(do_unbound(d1, 2, 1, &p), -XEN_EPERM);
    ck_assert_int_eq(do_unbound(d0, 9, 0, &p), -XEN_ESRCH);
    ck_assert_int_eq(do_unbound(d0, DOMID_IO, 0, &p), -XEN_ESRCH);
}
END_TEST

START_TEST(limits)
{
    uint32_t p;

    for (uint32_t i = 1; i <= 40; i++)
        ck_assert_int_eq(do_unbound(d2, DOMID_SELF, 0, &p), 0);
    ck_assert_uint_eq(p, 40);
    ck_assert_int_eq(do_unbound(d2, DOMID_SELF, 0, &p), -XEN_ENOSPC);
    ck_assert_int_eq(do_close(d2, 3), 0);
    ck_assert_int_eq(do_unbound(d2, DOMID_SELF, 0, &p), 0);
    ck_assert_uint_eq(p, 3);
    /* The 2-level ABI ends at 4095, whatever the domain may have. */
    for (uint32_t i = 1; i < 4096; i++)
        ck_assert_int_eq(evtchn_alloc_unbound(d0, 1, &p), 0);
    ck_assert_uint_eq(p, 4095);
    ck_assert_int_eq(do_unbound(d0, DOMID_SELF, 0, &p), -XEN_ENOSPC);
    ck_assert_int_eq(do_unmask(d0, 4095), 0);
    ck_assert_int_eq(do_unmask(d0, 4096), -XEN_EINVAL);
}
END_TEST

/* Out of memory at each allocation in turn: -XEN_ENOMEM, nothing lost, and it works the next time. */
START_TEST(no_memory)
{
    uint32_t p;

    for (uint32_t i = 1; i < 300; i++) {
        if (i % 32 == 0 || i == 1) {
            fake_alloc_fail(1);
            ck_assert_int_eq(do_unbound(d1, DOMID_SELF, 0, &p), -XEN_ENOMEM);
            if (i == 1) {                       /* the group of buckets, and then the bucket */
                fake_alloc_fail(2);
                ck_assert_int_eq(do_unbound(d1, DOMID_SELF, 0, &p), -XEN_ENOMEM);
            }
            fake_alloc_fail(0);
        }
        ck_assert_int_eq(do_unbound(d1, DOMID_SELF, 0, &p), 0);
        ck_assert_uint_eq(p, i);
    }
    fake_pirq_map(d1, 5);
    fake_alloc_fail(1);
    ck_assert_int_eq(do_pirq(d1, 5, 0, &p), -XEN_ENOMEM);
    fake_alloc_fail(0);
    ck_assert_int_eq(do_pirq(d1, 5, 0, &p), 0);
    ck_assert_uint_eq(p, 300);
}
END_TEST

START_TEST(interdomain)
{
    uint32_t p1, p0, q;

    ck_assert_int_eq(do_unbound(d1, DOMID_SELF, 0, &p1), 0);
    ck_assert_int_eq(do_send(d1, p1), 0);               /* nobody there yet: swallowed */
    ck_assert_int_eq(do_interdomain(d2, 1, p1, &q), -XEN_EINVAL);   /* not for d2 */
    ck_assert_int_eq(do_interdomain(d0, 1, p1 + 1, &q), -XEN_EINVAL);
    ck_assert_int_eq(do_interdomain(d0, 1, 0, &q), -XEN_EINVAL);
    ck_assert_int_eq(do_interdomain(d0, 1, ~0u, &q), -XEN_EINVAL);
    ck_assert_int_eq(do_interdomain(d0, 9, p1, &q), -XEN_ESRCH);
    ck_assert_int_eq(do_interdomain(d0, 1, p1, &p0), 0);
    ck_assert(pending(d0, p0));                         /* as the ABI says: always pending once */
    ck_assert(!pending(d1, p1));
    ck_assert_uint_eq(upcall(d0->vcpu[0]), 1);
    ck_assert_int_eq(do_interdomain(d0, 1, p1, &q), -XEN_EINVAL);   /* taken */

    ck_assert_int_eq(do_send(d0, p0), 0);
    ck_assert(pending(d1, p1));
    ck_assert_uint_eq(d1->vcpu[0]->info->evtchn_pending_sel, 1);
    ck_assert_uint_eq(d1->vcpu[0]->info->evtchn_upcall_pending, 1);
    ck_assert_int_eq(do_send(d1, p1), 0);
    ck_assert(pending(d0, p0));

    /* One end closes: the other waits for the same domain again. */
    ck_assert_int_eq(do_close(d0, p0), 0);
    ck_assert(!pending(d0, p0));
    ck_assert_int_eq(do_send(d0, p0), -XEN_EINVAL);
    ck_assert_int_eq(do_send(d1, p1), 0);
    ck_assert(!pending(d0, p0));
    ck_assert_int_eq(do_interdomain(d2, 1, p1, &q), -XEN_EINVAL);
    ck_assert_int_eq(do_interdomain(d0, 1, p1, &p0), 0);
    ck_assert_int_eq(do_close(d1, p1), 0);              /* the other side this time */
    ck_assert_int_eq(do_close(d1, p1), -XEN_EINVAL);
    ck_assert_int_eq(do_send(d0, p0), 0);               /* unbound now */
}
END_TEST

START_TEST(loopback)
{
    uint32_t a, b;

    ck_assert_int_eq(do_unbound(d1, DOMID_SELF, DOMID_SELF, &a), 0);
    ck_assert_int_eq(do_interdomain(d1, DOMID_SELF, a, &b), 0);
    ck_assert_int_eq(do_send(d1, a), 0);
    ck_assert(pending(d1, b));
    ck_assert_int_eq(do_send(d1, b), 0);
    ck_assert(pending(d1, a));
    ck_assert_int_eq(do_close(d1, a), 0);
    ck_assert_int_eq(do_close(d1, b), 0);
}
END_TEST

START_TEST(virqs)
{
    uint32_t p, q;

    ck_assert_int_eq(do_virq(d1, NR_VIRQS, 0, &p), -XEN_EINVAL);
    ck_assert_int_eq(do_virq(d1, ~0u, 0, &p), -XEN_EINVAL);
    ck_assert_int_eq(do_virq(d1, VIRQ_TIMER, 3, &p), -XEN_ENOENT);
    ck_assert_int_eq(do_virq(d1, VIRQ_TIMER, ~0u, &p), -XEN_ENOENT);
    ck_assert_int_eq(do_virq(d1, VIRQ_DOM_EXC, 1, &p), -XEN_EINVAL);
    ck_assert_int_eq(do_virq(d1, VIRQ_TIMER, 2, &p), 0);
    ck_assert_int_eq(do_virq(d1, VIRQ_TIMER, 2, &q), -XEN_EEXIST);
    ck_assert_int_eq(do_virq(d1, VIRQ_TIMER, 1, &q), 0);
    ck_assert_int_eq(do_bind_vcpu(d1, p, 0), -XEN_EINVAL);      /* fixed */

    virq_send_vcpu(d1->vcpu[0], VIRQ_TIMER);                    /* not bound there */
    ck_assert(!pending(d1, p) && !pending(d1, q));
    virq_send_vcpu(d1->vcpu[2], VIRQ_TIMER);
    ck_assert(pending(d1, p) && !pending(d1, q));
    ck_assert_uint_eq(d1->vcpu[2]->info->evtchn_upcall_pending, 1);
    ck_assert_uint_eq(d1->vcpu[0]->info->evtchn_upcall_pending, 0);
    ck_assert_int_eq(do_send(d1, p), -XEN_EINVAL);              /* a guest cannot send VIRQs */
    ck_assert_int_eq(do_close(d1, p), 0);
    virq_send_vcpu(d1->vcpu[2], VIRQ_TIMER);
    ck_assert(!pending(d1, p));
    ck_assert_int_eq(do_virq(d1, VIRQ_TIMER, 2, &p), 0);        /* free again */
}
END_TEST

START_TEST(global_virqs)
{
    uint32_t p0, p1;

    ck_assert_int_eq(do_virq(d0, VIRQ_DOM_EXC, 0, &p0), 0);
    ck_assert_int_eq(do_virq(d1, VIRQ_DOM_EXC, 0, &p1), 0);
    virq_send_global(VIRQ_DOM_EXC);
    ck_assert(pending(d0, p0) && !pending(d1, p1));
    upcall(d0->vcpu[0]);
    ck_assert_int_eq(do_bind_vcpu(d0, p0, 1), 0);
    virq_send_global(VIRQ_DOM_EXC);
    ck_assert_uint_eq(d0->vcpu[1]->info->evtchn_upcall_pending, 1);
    ck_assert_uint_eq(upcall(d0->vcpu[1]), 1);

    ck_assert_int_eq(virq_set_handler(d1, VIRQ_TIMER), -XEN_EINVAL);
    ck_assert_int_eq(virq_set_handler(d1, NR_VIRQS), -XEN_EINVAL);
    ck_assert_int_eq(virq_set_handler(d1, VIRQ_DOM_EXC), 0);
    virq_send_global(VIRQ_DOM_EXC);
    ck_assert(!pending(d0, p0) && pending(d1, p1));
    d1->dying = true;
    ck_assert_int_eq(evtchn_domain_destroy(d1), 0);              /* back to dom0 */
    ck_assert_int_eq(virq_set_handler(d1, VIRQ_DOM_EXC), -XEN_ESRCH);
    virq_send_global(VIRQ_DOM_EXC);
    ck_assert(pending(d0, p0));
    virq_send_global(VIRQ_ENOMEM);                              /* bound nowhere */
    ck_assert_int_eq(do_close(d0, p0), 0);
    ck_assert_uint_eq(d0->vcpu[0]->virq_port[VIRQ_DOM_EXC], 0);
}
END_TEST

START_TEST(ipis)
{
    uint32_t p;

    ck_assert_int_eq(do_ipi(d1, 3, &p), -XEN_ENOENT);
    ck_assert_int_eq(do_ipi(d1, 2, &p), 0);
    ck_assert_int_eq(do_send(d1, p), 0);
    ck_assert_uint_eq(upcall(d1->vcpu[2]), 1);
    ck_assert_int_eq(do_bind_vcpu(d1, p, 1), -XEN_EINVAL);
    ck_assert_int_eq(do_close(d1, p), 0);
}
END_TEST

START_TEST(bind_vcpu)
{
    uint32_t p1, p0;

    ck_assert_int_eq(do_unbound(d1, DOMID_SELF, 0, &p1), 0);
    ck_assert_int_eq(do_bind_vcpu(d1, p1, 3), -XEN_ENOENT);
    ck_assert_int_eq(do_bind_vcpu(d1, p1 + 1, 0), -XEN_EINVAL);
    ck_assert_int_eq(do_bind_vcpu(d1, 0, 0), -XEN_EINVAL);
    ck_assert_int_eq(do_bind_vcpu(d1, 5000, 0), -XEN_EINVAL);
    ck_assert_int_eq(do_bind_vcpu(d1, p1, 2), 0);
    ck_assert_int_eq(do_interdomain(d0, 1, p1, &p0), 0);        /* keeps its vCPU */
    ck_assert_int_eq(do_send(d0, p0), 0);
    ck_assert_uint_eq(upcall(d1->vcpu[2]), 1);
    ck_assert_int_eq(do_bind_vcpu(d1, p1, 1), 0);
    ck_assert_int_eq(do_send(d0, p0), 0);
    ck_assert_uint_eq(upcall(d1->vcpu[1]), 1);
    ck_assert_int_eq(do_close(d1, p1), 0);
    ck_assert_int_eq(do_unbound(d1, DOMID_SELF, 0, &p1), 0);    /* a new port starts at vCPU 0 */
    ck_assert_uint_eq(port_channel(d1->evtchn, p1)->vcpu, 0);
}
END_TEST

START_TEST(pirqs)
{
    uint32_t p, q;

    ck_assert_int_eq(do_pirq(d0, 9, 0, &p), -XEN_EINVAL);       /* not mapped */
    ck_assert_int_eq(do_pirq(d0, ~0u, 0, &p), -XEN_EINVAL);
    ck_assert_int_eq(do_pirq(d0, NR_PIRQS, 0, &p), -XEN_EINVAL);
    fake_pirq_map(d0, 9);
    fake_pirq_bind_error = -XEN_EBUSY;
    ck_assert_int_eq(do_pirq(d0, 9, 0, &p), -XEN_EBUSY);        /* leaves no port behind */
    ck_assert_uint_eq(d0->evtchn->first_free, 1);
    fake_pirq_bind_error = 0;
    ck_assert_int_eq(do_pirq(d0, 9, BIND_PIRQ__WILL_SHARE, &p), 0);
    ck_assert_uint_eq(p, 1);
    ck_assert(fake_pirqs[0][9].shared);
    ck_assert_int_eq(do_pirq(d0, 9, 0, &q), -XEN_EEXIST);

    pirq_event_send(d0, 9);
    ck_assert(pending(d0, p));
    pirq_event_send(d0, 10);
    pirq_event_send(d0, -1);
    pirq_event_send(d0, 100000);
    pirq_event_send(d1, 9);
    ck_assert_uint_eq(upcall(d0->vcpu[0]), 1);
    ck_assert_int_eq(do_bind_vcpu(d0, p, 1), 0);
    ck_assert_uint_eq(fake_pirqs[0][9].cpu, d0->vcpu[1]->cpu);
    pirq_event_send(d0, 9);
    ck_assert_uint_eq(upcall(d0->vcpu[1]), 1);
    ck_assert_int_eq(do_close(d0, p), 0);
    ck_assert(!fake_pirqs[0][9].bound);
    pirq_event_send(d0, 9);
    ck_assert(!pending(d0, p));
    ck_assert_int_eq(do_pirq(d0, 9, 0, &p), 0);                 /* destroyed bound, by teardown */
}
END_TEST

START_TEST(status)
{
    uint32_t u, i, p0, v, q;
    struct evtchn_status st;
    long rc;

    fake_pirq_map(d1, 30);
    ck_assert_int_eq(do_unbound(d1, DOMID_SELF, 2, &u), 0);
    ck_assert_int_eq(do_unbound(d1, DOMID_SELF, 0, &i), 0);
    ck_assert_int_eq(do_interdomain(d0, 1, i, &p0), 0);
    ck_assert_int_eq(do_virq(d1, VIRQ_DEBUG, 1, &v), 0);
    ck_assert_int_eq(do_pirq(d1, 30, 0, &q), 0);
    st = do_status(d1, DOMID_SELF, u, &rc);
    ck_assert(rc == 0 && st.status == EVTCHNSTAT_unbound && st.u.unbound.dom == 2);
    st = do_status(d0, 1, i, &rc);
    ck_assert(rc == 0 && st.status == EVTCHNSTAT_interdomain);
    ck_assert(st.u.interdomain.dom == 0 && st.u.interdomain.port == p0);
    st = do_status(d1, 1, v, &rc);
    ck_assert(rc == 0 && st.status == EVTCHNSTAT_virq && st.u.virq == VIRQ_DEBUG && st.vcpu == 1);
    st = do_status(d1, DOMID_SELF, q, &rc);
    ck_assert(rc == 0 && st.status == EVTCHNSTAT_pirq && st.u.pirq == 30);
    st = do_status(d1, DOMID_SELF, 20, &rc);
    ck_assert(rc == 0 && st.status == EVTCHNSTAT_closed);
    st = do_status(d1, DOMID_SELF, 0, &rc);
    ck_assert(rc == 0 && st.status == EVTCHNSTAT_closed);
    do_status(d1, DOMID_SELF, 1000, &rc);
    ck_assert_int_eq(rc, -XEN_EINVAL);
    do_status(d1, 0, 1, &rc);
    ck_assert_int_eq(rc, -XEN_EPERM);
    do_status(d0, 9, 1, &rc);
    ck_assert_int_eq(rc, -XEN_ESRCH);
}
END_TEST

START_TEST(masks)
{
    uint32_t p;
    struct vcpu *v = d1->vcpu[1];

    ck_assert_int_eq(do_ipi(d1, 1, &p), 0);
    set_bit(p, d1->shared_info->evtchn_mask);
    ck_assert_int_eq(do_send(d1, p), 0);
    ck_assert(pending(d1, p));
    ck_assert_uint_eq(v->info->evtchn_upcall_pending, 0);
    ck_assert_uint_eq(v->info->evtchn_pending_sel, 0);
    ck_assert_int_eq(do_unmask(d1, p), 0);
    ck_assert_uint_eq(v->info->evtchn_upcall_pending, 1);
    ck_assert_uint_eq(upcall(v), 1);
    ck_assert_int_eq(do_unmask(d1, p), 0);              /* neither masked nor pending */
    ck_assert_uint_eq(v->info->evtchn_upcall_pending, 0);
    set_bit(p, d1->shared_info->evtchn_pending);        /* pending, not masked: the ABI signals only what was masked */
    ck_assert_int_eq(do_unmask(d1, p), 0);
    ck_assert_uint_eq(v->info->evtchn_upcall_pending, 0);
    ck_assert_int_eq(do_unmask(d1, 0), -XEN_EINVAL);
    ck_assert_int_eq(do_unmask(d1, ~0u), -XEN_EINVAL);
}
END_TEST

START_TEST(polling)
{
    uint32_t p, q;
    struct vcpu *v = d1->vcpu[2];

    ck_assert_int_eq(do_ipi(d1, 0, &p), 0);
    ck_assert_int_eq(do_ipi(d1, 0, &q), 0);
    ck_assert_int_eq(evtchn_is_pending(d1, p), 0);
    ck_assert_int_eq(evtchn_is_pending(d1, 0), -XEN_EINVAL);
    ck_assert_int_eq(evtchn_is_pending(d1, 99), -XEN_EINVAL);
    set_bit(p, d1->shared_info->evtchn_mask);           /* polled ports usually are masked */
    set_bit(v->id, d1->poll_mask);
    v->poll_port = p;
    v->pause_flags = 1u << VPF_POLLING;
    ck_assert_int_eq(do_send(d1, q), 0);
    ck_assert(vcpu_polling(v));
    ck_assert_int_eq(do_send(d1, p), 0);
    ck_assert(!vcpu_polling(v) && v->pause_flags == 0);
    ck_assert_int_eq(evtchn_is_pending(d1, p), 1);
    set_bit(v->id, d1->poll_mask);                                  /* several ports: any event wakes it to look */
    v->poll_port = 0;
    upcall(d1->vcpu[0]);
    ck_assert_int_eq(do_send(d1, q), 0);
    ck_assert(!vcpu_polling(v));
}
END_TEST

START_TEST(reset)
{
    uint32_t p0, p1, n = 0;
    long rc;

    for (int i = 0; i < 500; i++) {
        ck_assert_int_eq(evtchn_alloc_unbound(d1, 0, &p1), 0);
        if (i % 3 == 0)
            ck_assert_int_eq(evtchn_bind_interdomain(d0, 1, p1, &p0), 0);
    }
    ck_assert_int_eq(do_reset(d1, 0), -XEN_EPERM);
    ck_assert_int_eq(do_reset(d0, 9), -XEN_ESRCH);
    fake_preempt = true;
    while ((rc = do_reset(d1, DOMID_SELF)) == FAKE_CONTINUED)
        n++;
    ck_assert_int_eq(rc, 0);
    ck_assert_uint_ge(n, 7);
    fake_preempt = false;
    for (uint32_t p = 1; p < 500; p++)
        ck_assert_int_eq(port_channel(d1->evtchn, p)->state, EVTCHNSTAT_closed);
    ck_assert_int_eq(port_channel(d0->evtchn, 1)->state, EVTCHNSTAT_unbound);   /* peers wait */
    ck_assert_int_eq(do_unbound(d1, DOMID_SELF, 0, &p1), 0);
    ck_assert_uint_eq(p1, 1);
    ck_assert_int_eq(do_reset(d0, 1), 0);
    ck_assert_int_eq(port_channel(d1->evtchn, 1)->state, EVTCHNSTAT_closed);
}
END_TEST

/* An operation whose result cannot be written back has not happened. */
START_TEST(copy_out_faults)
{
    uint32_t p1;
    union { struct evtchn_alloc_unbound u; struct evtchn_bind_interdomain i; struct evtchn_bind_virq v;
            struct evtchn_bind_ipi c; struct evtchn_bind_pirq p; struct evtchn_status s; } a;

    fake_pirq_map(d0, 3);
    ck_assert_int_eq(do_unbound(d1, DOMID_SELF, 0, &p1), 0);
    a.u = (struct evtchn_alloc_unbound){ .dom = 1, .remote_dom = 0 };
    fake_copy_fail(2);
    ck_assert_int_eq(call(d0, EVTCHNOP_alloc_unbound, &a), -XEN_EFAULT);
    ck_assert_uint_eq(d1->evtchn->first_free, 2);
    a.i = (struct evtchn_bind_interdomain){ .remote_dom = 1, .remote_port = p1 };
    fake_copy_fail(2);
    ck_assert_int_eq(call(d0, EVTCHNOP_bind_interdomain, &a), -XEN_EFAULT);
    ck_assert_int_eq(port_channel(d1->evtchn, p1)->state, EVTCHNSTAT_unbound);
    ck_assert_uint_eq(port_channel(d1->evtchn, p1)->remote_id, 0);
    a.v = (struct evtchn_bind_virq){ .virq = VIRQ_TIMER };
    fake_copy_fail(2);
    ck_assert_int_eq(call(d0, EVTCHNOP_bind_virq, &a), -XEN_EFAULT);
    a.c = (struct evtchn_bind_ipi){ .vcpu = 0 };
    fake_copy_fail(2);
    ck_assert_int_eq(call(d0, EVTCHNOP_bind_ipi, &a), -XEN_EFAULT);
    a.p = (struct evtchn_bind_pirq){ .pirq = 3 };
    fake_copy_fail(2);
    ck_assert_int_eq(call(d0, EVTCHNOP_bind_pirq, &a), -XEN_EFAULT);
    ck_assert(!fake_pirqs[0][3].bound);
    a.s = (struct evtchn_status){ .dom = DOMID_SELF, .port = 1 };
    fake_copy_fail(2);
    ck_assert_int_eq(call(d0, EVTCHNOP_status, &a), -XEN_EFAULT);
    ck_assert_uint_eq(d0->evtchn->first_free, 1);
}
END_TEST

/* Random operations of three domains; check_all runs after each. */
START_TEST(random_ops)
{
    struct domain *doms[3] = { d0, d1, d2 };
    uint32_t p;

    srandom(1 + _i);
    for (int i = 0; i < 256; i++)
        fake_pirq_map(d0, i);
    for (int n = 0; n < 4000; n++) {
        struct domain *d = doms[random() % 3];
        uint32_t port = (uint32_t)random() % 48, x = (uint32_t)random();

        switch (random() % 12) {
        case 0: do_unbound(d, x % 4 == 3 ? DOMID_SELF : x % 4, x / 4 % 4, &p); break;
        case 1: case 2: do_interdomain(d, x % 4 == 3 ? DOMID_SELF : x % 4, port, &p); break;
        case 3: do_virq(d, x % 26, x / 32 % 4, &p); break;
        case 4: do_ipi(d, x % 4, &p); break;
        case 5: do_pirq(d, x % 32, x >> 8, &p); break;
        case 6: do_bind_vcpu(d, port, x % 4); break;
        case 7: do_close(d, port); break;
        case 8: case 9: do_send(d, port); break;
        case 10: do_unmask(d, port); break;
        case 11: if (x % 64 == 0) do_reset(d, x / 64 % 4); break;
        }
    }
}
END_TEST

/* Two CPUs: one sends through d0's ports, the other closes and binds them again. Nothing may crash or stay locked. */
static void *sender(void *stop)
{
    fake_cpu_set(1);
    fake_run(d0->vcpu[1]);
    while (!__atomic_load_n((bool *)stop, __ATOMIC_RELAXED))
        for (uint32_t p = 1; p < 12; p++)
            evtchn_send(d0, p);
    ck_assert_uint_eq(fake_locks_held(), 0);
    return NULL;
}

START_TEST(send_against_close)
{
    bool stop = false;
    pthread_t t;
    uint32_t p1, p0;

    pthread_create(&t, NULL, sender, &stop);
    for (int n = 0; n < 20000; n++) {
        if (evtchn_alloc_unbound(d1, 0, &p1) == 0)
            evtchn_bind_interdomain(d0, 1, p1, &p0);
        if (n % 3 == 0)
            evtchn_close(d0, (uint32_t)n % 11 + 1);
        if (n % 2 == 0)
            evtchn_close(d1, (uint32_t)n % 17 + 1);
        upcall(d1->vcpu[0]);
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    pthread_join(t, NULL);
    check_all();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("hv-event");
    TCase *t = tcase_create("2-level");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, unknown_ops);
    tcase_add_test(t, unbound);
    tcase_add_test(t, limits);
    tcase_add_test(t, no_memory);
    tcase_add_test(t, interdomain);
    tcase_add_test(t, loopback);
    tcase_add_test(t, virqs);
    tcase_add_test(t, global_virqs);
    tcase_add_test(t, ipis);
    tcase_add_test(t, bind_vcpu);
    tcase_add_test(t, pirqs);
    tcase_add_test(t, status);
    tcase_add_test(t, masks);
    tcase_add_test(t, polling);
    tcase_add_test(t, reset);
    tcase_add_test(t, copy_out_faults);
    add_domain_tests(t);
    tcase_add_loop_test(t, random_ops, 0, 5);
    tcase_add_test(t, send_against_close);
    suite_add_tcase(s, t);
    return run_suite(s);
}
