/* SPDX-License-Identifier: MIT */
/* Caps. */
#include "sim.h"

START_TEST(cap_of_hogs)
{
    static const struct { unsigned int vcpus; uint16_t cap; } c[] = {
        { 1, 50 }, { 1, 5 }, { 1, 1 }, { 4, 100 }, { 4, 150 }, { 2, 33 }, { 4, 250 }, { 8, 7 }, { 1, 99 }
    };
    for (unsigned int i = 0; i < ARRAY_SIZE(c); i++) {
        struct domain *d;

        sim_start(4, "credit2");
        d = hog(0, c[i].vcpus, 256, c[i].cap);
        sim_run(SECONDS(5));
        expect_share(sim_domain_ran(d), SECONDS(5), c[i].cap, 3);
        sim_stop();
    }
}
END_TEST

START_TEST(cap_among_others)
{
    struct domain *a, *b;

    sim_start(1, "credit2");
    a = hog(0, 2, 1024, 30);
    b = hog(1, 1, 256, 0);
    sim_run(SECONDS(10));
    expect_share(sim_domain_ran(a), SECONDS(10), 30, 3);
    expect_share(sim_domain_ran(b), SECONDS(10), 70, 3);
    sim_stop();
}
END_TEST

/* Within any period after it sat still, a capped domain gets no more than its budget; a mostly idle one is not held
 * up. */
START_TEST(cap_of_sleepers)
{
    struct domain *d;
    struct sim_vcpu *s;

    sim_start(2, "credit2");
    d = sim_domain(0, 2, 256, 40);
    for (unsigned int i = 0; i < 2; i++)
        sim_program(sim_vcpu(d, i), MICROSECS(700), MICROSECS(300), SIM_BLOCK, true);
    sim_go(d);
    sim_run(SECONDS(10));
    expect_share(sim_domain_ran(d), SECONDS(10), 40, 3);
    s = sim_vcpu(d, 0);
    sim_program(s, MICROSECS(10), MILLISECS(1), SIM_BLOCK, true);
    sim_program(sim_vcpu(d, 1), MICROSECS(10), MILLISECS(1), SIM_BLOCK, true);
    sim_run(MILLISECS(100));
    sim_reset_stats();
    sim_run(SECONDS(1));
    ck_assert_uint_eq(s->latency_max, 0);
    sim_stop();
}
END_TEST

/* What a domain leaves of a period is gone. */
START_TEST(cap_does_not_add_up)
{
    struct domain *d;

    sim_start(1, "credit2");
    d = sim_domain(0, 1, 256, 20);
    sim_program(sim_vcpu(d, 0), MICROSECS(10), MILLISECS(1), SIM_BLOCK, false);
    sim_go(d);
    sim_run(SECONDS(2));
    sim_program(sim_vcpu(d, 0), 0, 0, SIM_BLOCK, false);
    sim_wake(sim_vcpu(d, 0));
    sim_reset_stats();
    sim_run(MILLISECS(100));
    ck_assert(sim_domain_ran(d) >= MILLISECS(19) && sim_domain_ran(d) <= MILLISECS(22));
    sim_stop();
}
END_TEST

START_TEST(cap_set_and_lifted)
{
    struct xen_domctl_scheduler_op op = { .sched_id = XEN_SCHEDULER_CREDIT2, .cmd = XEN_DOMCTL_SCHEDOP_putinfo };
    struct domain *d;

    sim_start(2, "credit2");
    d = hog(0, 2, 256, 0);
    sim_run(SECONDS(1));
    op.u.credit2.cap = 60;
    ck_assert_int_eq(sched_domctl(d, &op), 0);
    sim_reset_stats();
    sim_run(SECONDS(5));
    expect_share(sim_domain_ran(d), SECONDS(5), 60, 3);
    op.u.credit2.cap = 0;
    ck_assert_int_eq(sched_domctl(d, &op), 0);
    sim_reset_stats();
    sim_run(SECONDS(1));
    expect_share(sim_domain_ran(d), SECONDS(1), 200, 0.1);
    sim_stop();
}
END_TEST

void cap_tests(TCase *t)
{
    tcase_add_test(t, cap_of_hogs);
    tcase_add_test(t, cap_among_others);
    tcase_add_test(t, cap_of_sleepers);
    tcase_add_test(t, cap_does_not_add_up);
    tcase_add_test(t, cap_set_and_lifted);
}
