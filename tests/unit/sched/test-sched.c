/* SPDX-License-Identifier: MIT */
/* Unit tests of sched/ on the simulated machine of sim.h: what they share, and main. */
#include "sim.h"
#include "../run-suite.h"

void expect_share(nsec_t part, nsec_t whole, double percent, double tolerance)
{
    double got = PERCENT(part, whole);

    ck_assert_msg(got >= percent * (1 - tolerance / 100) && got <= percent * (1 + tolerance / 100),
                  "share %.2f %%, expected %.2f %% within %.1f %% of it", got, percent, tolerance);
}

struct domain *hog(unsigned int id, unsigned int vcpus, uint16_t weight, uint16_t cap)
{
    struct domain *d = sim_domain(id, vcpus, weight, cap);

    sim_go(d);
    return d;
}

void set_affinity(struct vcpu *v, cpumask_t hard, cpumask_t soft)
{
    ck_assert_int_eq(sched_set_affinity(v, &hard, &soft), 0);
}

int pool_op(uint32_t op, uint32_t id, uint32_t arg)
{
    struct xen_sysctl_cpupool_op p = { .op = op, .cpupool_id = id, .sched_id = arg, .domid = arg, .cpu = arg };
    cpumask_t map;

    return sched_cpupool(&p, &map);
}

int main(void)
{
    Suite *s = suite_create("sched");
    TCase *t = tcase_create("sched");

    tcase_set_timeout(t, 120);
    fair_tests(t);
    cap_tests(t);
    place_tests(t);
    ops_tests(t);
    random_tests(t);
    suite_add_tcase(s, t);
    return run_suite(s);
}
