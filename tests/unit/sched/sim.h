/* SPDX-License-Identifier: MIT */
/*
 * A simulated machine of many CPUs with virtual time that runs the real sched/: one thread hops between CPUs, events
 * happen in order of their time, and after each the invariants of sched/private.h are checked.
 *
 * A vCPU is a program: it computes for `burst` ns (0: for ever), then does `act`, and is woken `pause` ns later.
 */
#ifndef SIM_H
#define SIM_H

#include <check.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include "fake.h"
#include "../../../hypervisor/sched/private.h"

/* ck_assert without its notes to the parent process, which cost more than what is tested. */
#define SIM_ASSERT(c) do { if (!(c)) ck_abort_msg("%s:%d: %s", __FILE__, __LINE__, #c); } while (0)

enum sim_act { SIM_BLOCK, SIM_YIELD, SIM_POLL };

struct sim_vcpu {
    struct vcpu *v;
    nsec_t burst, pause;        /* the program; jitter: each is drawn from 0 .. twice the value */
    enum sim_act act;
    bool jitter;
    nsec_t left;                /* of this burst; ~0: no end */
    nsec_t wake_at;             /* ~0: nobody will */
    nsec_t woken_at;            /* made runnable, not run since; ~0: no */
    nsec_t ran;                 /* all its time on CPUs */
    nsec_t latency_max, latency_sum;
    uint64_t runs;
};

extern bool sim_defer_saves;    /* contexts are saved some steps after the switch */
extern bool sim_conserve;       /* check that no CPU idles while a vCPU waits that may run there */
extern uint64_t sim_timer_fires;
extern uint8_t sim_shutdown_reason;     /* of the last domain_shutdown; 0xff: none */

void sim_start(unsigned int cpus, const char *policy);
void sim_stop(void);
struct domain *sim_domain(unsigned int id, unsigned int vcpus, uint16_t weight, uint16_t cap);
void sim_domain_gone(struct domain *d);     /* pauses, destroys, frees */
struct sim_vcpu *sim_vcpu(struct domain *d, unsigned int id);
void sim_program(struct sim_vcpu *s, nsec_t burst, nsec_t pause, enum sim_act act, bool jitter);
void sim_go(struct domain *d);              /* its vCPUs come up */
void sim_wake(struct sim_vcpu *s);          /* an event arrives */
void sim_pause(struct vcpu *v);
void sim_unpause(struct vcpu *v);
void sim_settle(void);                      /* all exit work is done */
void sim_run(nsec_t ns);
uint32_t sim_rand(uint32_t n);              /* 0 .. n - 1 */
nsec_t sim_domain_ran(struct domain *d);
void sim_reset_stats(void);
void sim_check(void);

#define PERCENT(part, whole) ((double)(part) * 100.0 / (double)(whole))
/* part is `percent` of whole, give or take `tolerance` percent of itself. */
void expect_share(nsec_t part, nsec_t whole, double percent, double tolerance);
struct domain *hog(unsigned int id, unsigned int vcpus, uint16_t weight, uint16_t cap);     /* runs whenever it can */
void set_affinity(struct vcpu *v, cpumask_t hard, cpumask_t soft);
/* XEN_SYSCTL_cpupool_op; arg is what the operation takes beside the pool's id. */
int pool_op(uint32_t op, uint32_t id, uint32_t arg);
#define POOL(op, id, arg) pool_op(XEN_SYSCTL_CPUPOOL_OP_##op, id, arg)

/* The test files. */
void fair_tests(TCase *t);
void cap_tests(TCase *t);
void place_tests(TCase *t);
void ops_tests(TCase *t);
void random_tests(TCase *t);

#endif
