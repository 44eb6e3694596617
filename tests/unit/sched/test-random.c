/* SPDX-License-Identifier: MIT */
/* Anything in any order, with the invariants checked after every step. */
#include "sim.h"

static void random_step(struct domain **d, unsigned int n, unsigned int *paused)
{
    struct xen_domctl_scheduler_op op = { .sched_id = XEN_SCHEDULER_CREDIT2, .cmd = XEN_DOMCTL_SCHEDOP_putinfo };
    unsigned int i = sim_rand(n), k = sim_rand(d[i]->max_vcpus);
    struct vcpu *v = d[i]->vcpu[k];
    cpumask_t m;

    fake_cpu_set(sim_rand(cpu_count));
    switch (sim_rand(12)) {
    case 10:
        POOL(ADDCPU, sim_rand(3), sim_rand(cpu_count));
        break;
    case 11:
        if (sim_rand(2))
            POOL(RMCPU, sim_rand(3), sim_rand(cpu_count));
        else
            POOL(MOVEDOMAIN, sim_rand(3), i);
        break;
    case 0:
        sim_pause(v);
        paused[i * 8 + k]++;
        break;
    case 1:
    case 2:
        if (paused[i * 8 + k]) {
            paused[i * 8 + k]--;
            sim_unpause(v);
        }
        break;
    case 3:
        m = sim_rand(1u << cpu_count);
        ck_assert_int_eq(sched_set_affinity(v, &m, NULL), !(m & d[i]->sched.pool->cpus) ? -XEN_EINVAL :
                                                          v->sched.hard_overridden ? -XEN_EBUSY : 0);
        break;
    case 4:
        m = sim_rand(1u << cpu_count);
        sched_set_affinity(v, NULL, &m);
        break;
    case 5:
        op.u.credit2.weight = (uint16_t)(1 + sim_rand(2000));
        op.u.credit2.cap = (uint16_t)(sim_rand(2) ? 0 : sim_rand(300));
        ck_assert_int_eq(sched_domctl(d[i], &op), d[i]->sched.pool->null ? -XEN_EINVAL : 0);
        break;
    case 6:
        sched_pin_override(v, (int)sim_rand(cpu_count + 1) - 1);
        break;
    default:
        sim_wake(sim_vcpu(d[i], k));
    }
    if (sim_rand(2))
        sim_settle();           /* else several at once */
}

static void random_sequence(unsigned int seed)
{
    struct domain *d[4];
    unsigned int paused[4 * 8] = { 0 };

    sim_start(1 + seed % 5, "credit2");
    for (unsigned int i = 0; i < seed; i++)
        sim_rand(2);
    sim_defer_saves = true;
    if (seed & 1) {
        POOL(CREATE, 1, XEN_SCHEDULER_CREDIT2);
        POOL(CREATE, 2, XEN_SCHEDULER_NULL);
    }
    for (unsigned int i = 0; i < 4; i++) {
        d[i] = sim_domain(i, 1 + sim_rand(4), (uint16_t)(1 + sim_rand(1000)), 0);
        for (unsigned int k = 0; k < d[i]->max_vcpus; k++)
            sim_program(sim_vcpu(d[i], k), sim_rand(4) ? MICROSECS(1 + sim_rand(3000)) : 0, MICROSECS(sim_rand(3000)),
                        (enum sim_act)sim_rand(3), true);
        sim_go(d[i]);
    }
    for (unsigned int i = 0; i < 700; i++) {
        random_step(d, 4, paused);
        if (!sim_rand(3))
            sim_run(MICROSECS(sim_rand(2000)));
    }
    sim_stop();
}

START_TEST(random_sequences)
{
    for (unsigned int seed = 0; seed < 200; seed++)
        random_sequence(seed);
}
END_TEST

void random_tests(TCase *t)
{
    tcase_add_test(t, random_sequences);
}
