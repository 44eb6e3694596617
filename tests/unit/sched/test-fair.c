/* SPDX-License-Identifier: MIT */
/* Shares, sleepers, latency, ticks. */
#include "sim.h"

/* --- fairness --------------------------------------------------------------------------------- */
START_TEST(fair_by_weight_one_cpu)
{
    static const uint16_t w[] = { 256, 512, 128, 1024, 16, 2560 };
    struct domain *d[ARRAY_SIZE(w)];
    double sum = 0;

    sim_start(1, "credit2");
    for (unsigned int i = 0; i < ARRAY_SIZE(w); i++) {
        d[i] = hog(i, 1, w[i], 0);
        sum += w[i];
    }
    sim_run(SECONDS(10));
    for (unsigned int i = 0; i < ARRAY_SIZE(w); i++)
        expect_share(sim_domain_ran(d[i]), SECONDS(10), w[i] * 100 / sum, 2);
    sim_stop();
}
END_TEST

/* Hogs of equal weight that CPUs cannot be divided among without moving: n on m. */
static void fair_equal(unsigned int cpus, unsigned int hogs)
{
    struct domain *d[16];

    sim_start(cpus, "credit2");
    for (unsigned int i = 0; i < hogs; i++)
        d[i] = hog(i, 1, 256, 0);
    sim_run(SECONDS(1));
    sim_reset_stats();
    sim_run(SECONDS(10));
    for (unsigned int i = 0; i < hogs; i++)
        expect_share(sim_domain_ran(d[i]), SECONDS(10), 100.0 * cpus / hogs, 2);
    sim_stop();
}

START_TEST(fair_equal_many_cpus)
{
    fair_equal(2, 3);
    fair_equal(2, 5);
    fair_equal(4, 5);
    fair_equal(4, 6);
    fair_equal(3, 7);
    fair_equal(8, 11);
}
END_TEST

START_TEST(fair_by_weight_many_cpus)
{
    static const uint16_t w[] = { 512, 256, 256, 768, 512, 256, 128, 384 };     /* sum 3072; most for one: a quarter */
    struct domain *d[ARRAY_SIZE(w)];

    sim_start(4, "credit2");
    for (unsigned int i = 0; i < ARRAY_SIZE(w); i++)
        d[i] = hog(i, 1, w[i], 0);
    sim_run(SECONDS(1));
    sim_reset_stats();
    sim_run(SECONDS(15));
    for (unsigned int i = 0; i < ARRAY_SIZE(w); i++)
        expect_share(sim_domain_ran(d[i]), SECONDS(15), w[i] * 400.0 / 3072, 2);
    sim_stop();
}
END_TEST

/* A weight that asks for more than a CPU gets one CPU; the others share the rest. */
START_TEST(weight_beyond_a_cpu)
{
    struct domain *d[4];

    sim_start(2, "credit2");
    d[0] = hog(0, 1, 20000, 0);
    for (unsigned int i = 1; i < 4; i++)
        d[i] = hog(i, 1, 256, 0);
    sim_run(SECONDS(1));
    sim_reset_stats();
    sim_run(SECONDS(10));
    expect_share(sim_domain_ran(d[0]), SECONDS(10), 100, 2);
    for (unsigned int i = 1; i < 4; i++)
        expect_share(sim_domain_ran(d[i]), SECONDS(10), 33.3, 3);
    sim_stop();
}
END_TEST

START_TEST(weight_changes_while_running)
{
    struct xen_domctl_scheduler_op op = { .sched_id = XEN_SCHEDULER_CREDIT2, .cmd = XEN_DOMCTL_SCHEDOP_putinfo };
    struct domain *a, *b;

    sim_start(1, "credit2");
    a = hog(0, 1, 256, 0);
    b = hog(1, 1, 256, 0);
    sim_run(SECONDS(2));
    op.u.credit2.weight = 768;
    ck_assert_int_eq(sched_domctl(b, &op), 0);
    sim_reset_stats();
    sim_run(SECONDS(10));
    expect_share(sim_domain_ran(a), SECONDS(10), 25, 2);
    expect_share(sim_domain_ran(b), SECONDS(10), 75, 2);
    sim_stop();
}
END_TEST

/* One that blocks often gets its share too, and a hog is not starved by many that wake. */
START_TEST(sleepers_and_hogs)
{
    struct domain *h, *s[8];
    nsec_t asleep = 0;

    sim_start(1, "credit2");
    h = hog(0, 1, 256, 0);
    for (unsigned int i = 0; i < 8; i++) {
        s[i] = sim_domain(i + 1, 1, 256, 0);
        sim_program(sim_vcpu(s[i], 0), MICROSECS(300), MILLISECS(1), SIM_BLOCK, true);
        sim_go(s[i]);
    }
    sim_run(SECONDS(10));
    for (unsigned int i = 0; i < 8; i++)
        asleep += sim_domain_ran(s[i]);
    expect_share(sim_domain_ran(h) + asleep, SECONDS(10), 100, 0.1);
    ck_assert_msg(PERCENT(sim_domain_ran(h), SECONDS(10)) > 9.5, "the hog got %.1f %%",
                  PERCENT(sim_domain_ran(h), SECONDS(10)));
    sim_stop();
}
END_TEST

/* A queue's virtual time starts again before it overflows, and nobody gains or loses by it. */
START_TEST(virtual_time_starts_again)
{
    struct domain *d[3], *s;

    sim_start(2, "credit2");
    pools[0].ratelimit = MICROSECS(100);    /* the limit is what bounds a waker's wait */
    runqs[0].vtime = KEY_MAX - (int64_t)SECONDS(1);
    runqs[1].vtime = KEY_MAX - (int64_t)SECONDS(2);
    runqs[1].offset = ~0ull - (uint64_t)KEY_MAX;
    for (unsigned int i = 0; i < 3; i++)
        d[i] = hog(i, 1, 256, 0);
    s = sim_domain(3, 1, 256, 0);
    sim_program(sim_vcpu(s, 0), MICROSECS(50), MILLISECS(50), SIM_BLOCK, true);
    sim_go(s);
    sim_run(MILLISECS(100));
    sim_reset_stats();
    sim_run(SECONDS(10));
    for (unsigned int i = 0; i < 3; i++)
        expect_share(sim_domain_ran(d[i]), SECONDS(10), 66.6, 2);
    ck_assert(runqs[0].vtime < KEY_MAX / 2 && runqs[1].vtime < KEY_MAX / 2);
    ck_assert_uint_le(sim_vcpu(s, 0)->latency_max, MICROSECS(100));
    sim_stop();
}
END_TEST

/* Who slept long runs soon, but cannot make up for it at the cost of others. */
START_TEST(long_sleep_is_no_treasure)
{
    struct domain *h, *s;

    sim_start(1, "credit2");
    h = hog(0, 1, 256, 0);
    s = sim_domain(1, 1, 256, 0);
    sim_program(sim_vcpu(s, 0), MICROSECS(10), SECONDS(20), SIM_BLOCK, false);
    sim_go(s);
    sim_run(SECONDS(20));
    sim_program(sim_vcpu(s, 0), 0, 0, SIM_BLOCK, false);
    sim_reset_stats();
    sim_run(SECONDS(1));
    expect_share(sim_domain_ran(h), SECONDS(1), 50, 1.5);
    sim_stop();
}
END_TEST

/* --- latency ---------------------------------------------------------------------------------- */
START_TEST(waker_latency_against_hogs)
{
    struct domain *d;
    struct sim_vcpu *s;

    sim_start(2, "credit2");
    pools[0].ratelimit = MICROSECS(100);
    for (unsigned int i = 0; i < 8; i++)
        hog(i, 1, 256, 0);
    d = sim_domain(10, 1, 256, 0);
    s = sim_vcpu(d, 0);
    sim_program(s, MICROSECS(50), MILLISECS(2), SIM_BLOCK, true);
    sim_go(d);
    sim_run(SECONDS(10));
    ck_assert_uint_gt(s->runs, 4000);
    ck_assert_msg(s->latency_max <= MICROSECS(100), "worst wake-up %lu us", s->latency_max / 1000);
    ck_assert_msg(s->latency_sum / s->runs < MICROSECS(5), "mean wake-up %lu ns", s->latency_sum / s->runs);
    sim_stop();
}
END_TEST

START_TEST(waker_latency_idle_machine)
{
    struct domain *d;

    sim_start(4, "credit2");
    d = sim_domain(0, 4, 256, 0);
    for (unsigned int i = 0; i < 4; i++)
        sim_program(sim_vcpu(d, i), MICROSECS(500), MICROSECS(500), SIM_BLOCK, true);
    sim_go(d);
    sim_run(SECONDS(2));
    for (unsigned int i = 0; i < 4; i++)
        ck_assert_uint_eq(sim_vcpu(d, i)->latency_max, 0);
    sim_stop();
}
END_TEST

/* A CPU with one vCPU takes no tick; an idle machine neither. */
START_TEST(no_tick_when_alone)
{
    sim_start(2, "credit2");
    hog(0, 1, 256, 0);
    sim_run(SECONDS(5));
    ck_assert_uint_eq(sim_timer_fires, 0);
    hog(1, 1, 256, 0);
    sim_run(SECONDS(5));
    ck_assert_uint_eq(sim_timer_fires, 0);
    sim_stop();
}
END_TEST

START_TEST(yield_lets_others_go)
{
    struct domain *a, *b;

    sim_start(1, "credit2");
    a = sim_domain(0, 1, 256, 0);
    sim_program(sim_vcpu(a, 0), MICROSECS(10), 0, SIM_YIELD, false);
    sim_go(a);
    b = hog(1, 1, 256, 0);
    sim_run(SECONDS(1));
    ck_assert_msg(sim_domain_ran(a) < SECONDS(1) / 4, "who yields ran %lu ms", sim_domain_ran(a) / 1000000);
    ck_assert(sim_domain_ran(a) > 0);
    expect_share(sim_domain_ran(a) + sim_domain_ran(b), SECONDS(1), 100, 0.1);
    sim_stop();
}
END_TEST

void fair_tests(TCase *t)
{
    tcase_add_test(t, fair_by_weight_one_cpu);
    tcase_add_test(t, fair_equal_many_cpus);
    tcase_add_test(t, fair_by_weight_many_cpus);
    tcase_add_test(t, weight_beyond_a_cpu);
    tcase_add_test(t, weight_changes_while_running);
    tcase_add_test(t, sleepers_and_hogs);
    tcase_add_test(t, virtual_time_starts_again);
    tcase_add_test(t, long_sleep_is_no_treasure);
    tcase_add_test(t, waker_latency_against_hogs);
    tcase_add_test(t, waker_latency_idle_machine);
    tcase_add_test(t, no_tick_when_alone);
    tcase_add_test(t, yield_lets_others_go);
}
