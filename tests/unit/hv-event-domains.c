/* SPDX-License-Identifier: MIT */
/* Event channels through their domains' lives: before there are vCPUs, what an idle domain takes, suspend, the end. */
#include "hv-event-domains.h"

START_TEST(dying)
{
    uint32_t p1, p0, q;

    ck_assert_int_eq(do_unbound(d1, DOMID_SELF, 0, &p1), 0);
    ck_assert_int_eq(do_unbound(d1, DOMID_SELF, 0, &q), 0);
    ck_assert_int_eq(do_interdomain(d0, 1, p1, &p0), 0);
    d1->dying = true;
    ck_assert_int_eq(do_unbound(d0, 1, 0, &p1), -XEN_EINVAL);
    ck_assert_int_eq(do_interdomain(d0, 1, q, &p1), -XEN_EINVAL);
    ck_assert_int_eq(evtchn_domain_destroy(d1), 0);
    check_all();
    ck_assert_int_eq(port_channel(d0->evtchn, p0)->state, EVTCHNSTAT_unbound);
    ck_assert_int_eq(do_send(d0, p0), 0);
}
END_TEST

/* A domain with many ports is closed piece by piece, whatever a reset of its own left half done. */
START_TEST(destroy_stops)
{
    uint32_t p;
    int stops = 0;

    for (unsigned int i = 0; i < 500; i++)
        ck_assert_int_eq(evtchn_bind_ipi(d1, 0, &p), 0);
    d1->dying = true;
    fake_preempt = true;
    while (evtchn_domain_destroy(d1) == -XEN_ERESTART)
        stops++;
    fake_preempt = false;
    ck_assert_int_eq(stops, 8);
    for (p = 1; p < d1->evtchn->nr_ports; p++)
        ck_assert_uint_eq(port_channel(d1->evtchn, p)->state, EVTCHNSTAT_closed);
    ck_assert_int_eq(evtchn_domain_destroy(d1), 0);             /* again does no harm */
    check_all();
}
END_TEST

START_TEST(vcpu_info_moved)
{
    struct vcpu_info elsewhere = { 0 };
    struct vcpu *v = d1->vcpu[0];

    v->info = &elsewhere;
    evtchn_vcpu_info_moved(v);
    ck_assert_uint_eq(elsewhere.evtchn_pending_sel, ~0UL);
    ck_assert_uint_eq(elsewhere.evtchn_upcall_pending, 1);
    v->info = &d1->shared_info->vcpu_info[0];
}
END_TEST

START_TEST(no_vcpu_yet)
{
    struct domain *d = fake_domain_new(5, false, 0);
    uint32_t p, p0;

    ck_assert_int_eq(evtchn_domain_init(d, 1023), 0);
    ck_assert_int_eq(do_unbound(d0, 5, 0, &p), 0);      /* as the toolstack does before vCPUs exist */
    ck_assert_int_eq(do_interdomain(d0, 5, p, &p0), 0);
    ck_assert_int_eq(do_send(d0, p0), 0);
    ck_assert(pending(d, p));
    ck_assert_int_eq(virq_set_handler(d, VIRQ_ENOMEM), 0);
    virq_send_global(VIRQ_ENOMEM);
    free_domain(d);
}
END_TEST

START_TEST(idle_memory)
{
    unsigned long before = fake_live_bytes;
    struct domain *d = new_domain(6, false, 1, 1023);
    uint32_t p;

    ck_assert_int_eq(do_unbound(d0, 6, 0, &p), 0);      /* xenstore */
    ck_assert_int_eq(do_unbound(d0, 6, 0, &p), 0);      /* console */
    ck_assert_uint_le(fake_live_bytes - before, 2048);
    free_domain(d);
}
END_TEST

START_TEST(suspend_and_debug)
{
    uint32_t p1, p0;

    ck_assert_int_eq(do_unbound(d1, DOMID_SELF, 0, &p1), 0);
    ck_assert_int_eq(do_interdomain(d0, 1, p1, &p0), 0);
    upcall(d0->vcpu[0]);
    ck_assert_int_eq(evtchn_send_from_hv(d1, p1), 0);
    ck_assert(pending(d0, p0));
    ck_assert_int_eq(evtchn_send_from_hv(d1, 77), -XEN_EINVAL);
    fake_log_lines = 0;
    evtchn_debug_dump(d0);
    ck_assert_uint_ge(fake_log_lines, 2);
    evtchn_init();
}
END_TEST

void add_domain_tests(TCase *t)
{
    tcase_add_test(t, dying);
    tcase_add_test(t, destroy_stops);
    tcase_add_test(t, vcpu_info_moved);
    tcase_add_test(t, no_vcpu_yet);
    tcase_add_test(t, idle_memory);
    tcase_add_test(t, suspend_and_debug);
}
