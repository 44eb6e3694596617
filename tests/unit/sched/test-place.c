/* SPDX-License-Identifier: MIT */
/* Which CPU: affinity, stealing, policy "null", pools. */
#include "sim.h"

/* --- affinity --------------------------------------------------------------------------------- */
START_TEST(hard_affinity_moves_at_once)
{
    struct domain *a, *b;
    cpumask_t none = BIT(7), all = ~0ull;

    sim_start(4, "credit2");
    a = hog(0, 1, 256, 0);
    b = hog(1, 1, 256, 0);
    for (unsigned int i = 0; i < 40; i++) {
        unsigned int cpu = sim_rand(4);

        set_affinity(a->vcpu[0], BIT(cpu), all);
        set_affinity(b->vcpu[0], BIT(cpu), all);
        sim_settle();
        ck_assert_uint_eq(a->vcpu[0]->cpu, cpu);
        ck_assert_uint_eq(b->vcpu[0]->cpu, cpu);
        sim_run(MILLISECS(20));
    }
    expect_share(sim_domain_ran(a), MILLISECS(800), 50, 5);
    ck_assert_int_eq(sched_set_affinity(a->vcpu[0], &none, NULL), -XEN_EINVAL);
    sim_stop();
}
END_TEST

START_TEST(soft_affinity_is_preferred)
{
    struct domain *d;
    cpumask_t all = ~0ull;

    sim_start(4, "credit2");
    d = sim_domain(0, 1, 256, 0);
    set_affinity(d->vcpu[0], all, BIT(2) | BIT(3));
    sim_program(sim_vcpu(d, 0), MICROSECS(100), MICROSECS(100), SIM_BLOCK, true);
    sim_go(d);
    for (unsigned int i = 0; i < 50; i++) {
        sim_run(MILLISECS(1));
        ck_assert_uint_ge(d->vcpu[0]->cpu, 2);
    }
    for (unsigned int i = 1; i < 3; i++) {      /* they are taken: it runs elsewhere rather than wait */
        struct domain *h = sim_domain(i, 1, 256, 0);

        set_affinity(h->vcpu[0], BIT(1 + i), all);
        sim_go(h);
    }
    sim_reset_stats();
    sim_run(SECONDS(1));
    ck_assert_uint_eq(sim_vcpu(d, 0)->latency_max, 0);
    sim_stop();
}
END_TEST

START_TEST(pin_override)
{
    struct domain *d;
    struct vcpu *v;
    cpumask_t m = BIT(0) | BIT(1);

    sim_start(4, "credit2");
    d = hog(0, 1, 256, 0);
    v = d->vcpu[0];
    set_affinity(v, m, m);
    ck_assert_int_eq(sched_pin_override(v, 4), -XEN_EINVAL);
    ck_assert_int_eq(sched_pin_override(v, 3), 0);
    sim_settle();
    ck_assert_uint_eq(v->cpu, 3);
    ck_assert_int_eq(sched_pin_override(v, 2), -XEN_EBUSY);
    ck_assert_int_eq(sched_set_affinity(v, &m, NULL), -XEN_EBUSY);
    ck_assert_int_eq(sched_pin_override(v, -1), 0);
    sim_settle();
    ck_assert(v->cpu < 2 && v->sched.hard == m);
    ck_assert_int_eq(sched_pin_override(v, -1), 0);
    sim_stop();
}
END_TEST

/* A clock that ran away while vCPUs were pinned is no privilege afterwards. */
START_TEST(no_grudge_after_pinning)
{
    struct domain *d[3];
    cpumask_t all = ~0ull;

    sim_start(2, "credit2");
    for (unsigned int i = 0; i < 3; i++) {
        d[i] = sim_domain(i, 1, 256, 0);
        set_affinity(d[i]->vcpu[0], BIT(i > 0), all);
        sim_go(d[i]);
    }
    sim_run(SECONDS(10));
    expect_share(sim_domain_ran(d[0]), SECONDS(10), 100, 1);
    for (unsigned int i = 0; i < 3; i++)
        set_affinity(d[i]->vcpu[0], all, all);
    sim_run(MILLISECS(200));
    sim_reset_stats();
    sim_run(SECONDS(1));
    for (unsigned int i = 0; i < 3; i++)
        expect_share(sim_domain_ran(d[i]), SECONDS(1), 66.7, 4);
    sim_stop();
}
END_TEST

START_TEST(idle_cpus_steal)
{
    struct domain *d[4], *e;

    sim_start(4, "credit2");
    for (unsigned int i = 0; i < 4; i++) {
        d[i] = sim_domain(i, 1, 256, 0);
        set_affinity(d[i]->vcpu[0], BIT(i), ~0ull);
        sim_go(d[i]);
    }
    e = hog(4, 1, 256, 0);              /* waits somewhere */
    sim_run(MILLISECS(1));
    sim_pause(d[2]->vcpu[0]);           /* CPU 2 falls idle and takes it, if it does not run now */
    sim_settle();
    sim_reset_stats();
    sim_run(MILLISECS(50));
    expect_share(sim_domain_ran(e), MILLISECS(50), 100, 25);
    ck_assert_uint_eq(e->vcpu[0]->cpu, 2);
    sim_stop();
}
END_TEST

/* --- policy "null" ---------------------------------------------------------------------------- */
START_TEST(null_policy_stays)
{
    struct domain *d;

    sim_start(2, "null");
    sim_conserve = false;
    d = sim_domain(0, 2, 256, 0);
    sim_program(sim_vcpu(d, 0), MICROSECS(100), MICROSECS(100), SIM_BLOCK, true);
    sim_go(d);
    hog(1, 1, 256, 0);
    for (unsigned int i = 0; i < 50; i++) {
        sim_run(MILLISECS(1));
        ck_assert(d->vcpu[0]->cpu == 0 && d->vcpu[1]->cpu == 1);
    }
    ck_assert_uint_eq(sched_id(), XEN_SCHEDULER_NULL);
    sim_stop();
}
END_TEST

/* --- CPU pools -------------------------------------------------------------------------------- */
START_TEST(cpu_pools)
{
    struct xen_sysctl_cpupool_op info = { .op = XEN_SYSCTL_CPUPOOL_OP_INFO, .cpupool_id = 1 };
    struct domain *a, *b, *c;
    cpumask_t map, m;

    sim_start(4, "credit2");
    a = hog(0, 4, 256, 0);
    b = hog(1, 2, 256, 0);
    ck_assert_int_eq(POOL(ADDCPU, 5, 1), -XEN_ENOENT);
    ck_assert_int_eq(POOL(CREATE, 0, XEN_SCHEDULER_CREDIT2), -XEN_EEXIST);
    ck_assert_int_eq(POOL(CREATE, 5, XEN_SCHEDULER_RTDS), -XEN_EINVAL);
    ck_assert_int_eq(POOL(CREATE, 64, XEN_SCHEDULER_CREDIT2), -XEN_EINVAL);
    ck_assert_int_eq(POOL(CREATE, 5, XEN_SCHEDULER_CREDIT2), 0);
    ck_assert_int_eq(POOL(ADDCPU, 5, 3), -XEN_ENODEV);          /* not free */
    ck_assert_int_eq(POOL(MOVEDOMAIN, 5, 1), -XEN_EINVAL);      /* no CPU there */
    ck_assert_int_eq(POOL(RMCPU, 0, 9), -XEN_EINVAL);
    ck_assert_int_eq(sched_pin_override(a->vcpu[1], 3), 0);
    ck_assert_int_eq(POOL(RMCPU, 0, 3), -XEN_EADDRINUSE);
    ck_assert_int_eq(sched_pin_override(a->vcpu[1], -1), 0);
    ck_assert_int_eq(POOL(RMCPU, 0, 3), 0);
    sim_settle();
    ck_assert_ptr_eq(fake_cpus[3].curr, idle_domain->vcpu[3]);
    ck_assert_int_eq(POOL(RMCPU, 0, 3), -XEN_ENODEV);
    ck_assert_int_eq(POOL(RMCPU, 0, XEN_SYSCTL_CPUPOOL_PAR_ANY), 0);    /* 2 */
    ck_assert_int_eq(POOL(ADDCPU, 5, XEN_SYSCTL_CPUPOOL_PAR_ANY), 0);
    ck_assert_int_eq(POOL(ADDCPU, 5, 3), 0);
    ck_assert_int_eq(POOL(MOVEDOMAIN, 5, 0), -XEN_EINVAL);      /* dom0 stays */
    m = BIT(0);
    ck_assert_int_eq(sched_set_affinity(b->vcpu[0], &m, &m), 0);
    ck_assert_int_eq(POOL(MOVEDOMAIN, 5, 1), 0);
    ck_assert_int_eq(sched_set_affinity(b->vcpu[0], &m, &m), -XEN_EINVAL);
    c = hog(2, 1, 512, 0);
    sim_run(SECONDS(1));
    sim_reset_stats();
    sim_run(SECONDS(5));
    expect_share(sim_domain_ran(b), SECONDS(5), 200, 0.1);
    expect_share(sim_domain_ran(a), SECONDS(5), 200 * 1024.0 / 1536, 3);
    expect_share(sim_domain_ran(c), SECONDS(5), 200 * 512.0 / 1536, 3);
    ck_assert(b->vcpu[0]->cpu >= 2 && b->vcpu[1]->cpu >= 2 && b->cpupool == 5);
    ck_assert_int_eq(sched_cpupool(&info, &map), 0);
    ck_assert(info.cpupool_id == 5 && info.n_dom == 1 && map == 12);
    ck_assert_int_eq(POOL(DESTROY, 5, 0), -XEN_EBUSY);
    ck_assert_int_eq(POOL(RMCPU, 5, 2), 0);
    ck_assert_int_eq(POOL(RMCPU, 5, 3), -XEN_EBUSY);            /* its domain needs one */
    ck_assert_int_eq(POOL(MOVEDOMAIN, 0, 1), 0);
    ck_assert_int_eq(POOL(RMCPU, 5, 3), 0);
    ck_assert_int_eq(POOL(DESTROY, 5, 0), 0);
    ck_assert_int_eq(POOL(DESTROY, 5, 0), -XEN_ENOENT);
    ck_assert_int_eq(POOL(DESTROY, 0, 0), -XEN_EBUSY);
    ck_assert_int_eq(pool_op(77, 0, 0), -XEN_ENOSYS);
    sim_run(MILLISECS(10));
    ck_assert(a->vcpu[0]->cpu < 2 && b->vcpu[0]->cpu < 2);
    sim_stop();
}
END_TEST

void place_tests(TCase *t)
{
    tcase_add_test(t, hard_affinity_moves_at_once);
    tcase_add_test(t, soft_affinity_is_preferred);
    tcase_add_test(t, pin_override);
    tcase_add_test(t, no_grudge_after_pinning);
    tcase_add_test(t, idle_cpus_steal);
    tcase_add_test(t, null_policy_stays);
    tcase_add_test(t, cpu_pools);
}
