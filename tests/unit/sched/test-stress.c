/* SPDX-License-Identifier: MIT */
/*
 * sched/ on real threads, one a CPU: vCPUs block, poll, yield, wake, pause and move each other as fast as they can.
 * Then all are woken, and each must get to run: no wake-up was lost, no vCPU is in two places.
 */
#include <check.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "fake.h"
#include "../../../hypervisor/sched/private.h"
#include "../run-suite.h"

#define CPUS     4
#define DOMAINS  5
#define VCPUS    3
#define TIMERS   256
#define ROUNDS   60
#define ROUND_MS 20

#define MUST(c) do { if (!(c)) { fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #c); abort(); } } while (0)

static __thread jmp_buf back;
static __thread uint64_t seed;
static struct timer *timers[TIMERS];
static unsigned int nr_timers;
static pthread_mutex_t timer_mutex = PTHREAD_MUTEX_INITIALIZER;
static int phase;                   /* 0: stress, 1: everybody runs, 2: end */
static uint64_t runs[DOMAINS][VCPUS];
static int ports[DOMAINS][VCPUS];           /* pending */
static uint32_t on_cpu[DOMAINS][VCPUS];     /* how many threads run it; more than one is the bug to find */

static uint32_t rnd(uint32_t n)
{
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)((seed >> 33) % n);
}

nsec_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (nsec_t)t.tv_sec * 1000000000u + (nsec_t)t.tv_nsec;
}

void timer_init(struct timer *t, void (*fn)(void *arg), void *arg, unsigned int cpu)
{
    *t = (struct timer){ .fn = fn, .arg = arg, .cpu = cpu };
}

static void timer_off(struct timer *t)
{
    for (unsigned int i = 0; i < nr_timers; i++)
        if (timers[i] == t) {
            timers[i] = timers[--nr_timers];
            break;
        }
}

void timer_stop(struct timer *t)
{
    pthread_mutex_lock(&timer_mutex);
    timer_off(t);
    pthread_mutex_unlock(&timer_mutex);
}

void timer_set(struct timer *t, nsec_t expires)
{
    pthread_mutex_lock(&timer_mutex);
    timer_off(t);
    t->node.key = expires;
    MUST(nr_timers < TIMERS);
    timers[nr_timers++] = t;
    pthread_mutex_unlock(&timer_mutex);
}

void timer_kill(struct timer *t) { timer_stop(t); }

void timer_migrate(struct timer *t, unsigned int cpu)
{
    pthread_mutex_lock(&timer_mutex);
    t->cpu = cpu;
    pthread_mutex_unlock(&timer_mutex);
}

static void fire_timers(unsigned int cpu)
{
    nsec_t t = now();
    struct timer *due;

    do {
        due = NULL;
        pthread_mutex_lock(&timer_mutex);
        for (unsigned int i = 0; i < nr_timers && !due; i++)
            if (timers[i]->cpu == cpu && timers[i]->node.key <= t)
                due = timers[i];
        if (due)
            timer_off(due);
        pthread_mutex_unlock(&timer_mutex);
        if (due)
            due->fn(due->arg);
    } while (due);
}

static void dawdle(unsigned int n)
{
    for (volatile unsigned int i = 0; i < n; i++)
        continue;
}

void context_switch(struct vcpu *prev, struct vcpu *next)
{
    fake_run(next);
    if (!prev->domain->is_idle) {
        dawdle(rnd(300));
        MUST(__atomic_sub_fetch(&on_cpu[prev->domain->id][prev->id], 1, __ATOMIC_SEQ_CST) == 0);
    }
    sched_context_saved(prev);
    if (!next->domain->is_idle)
        MUST(__atomic_add_fetch(&on_cpu[next->domain->id][next->id], 1, __ATOMIC_SEQ_CST) == 1);
    longjmp(back, 1);
}

/* Port k + 1 of a domain is its vCPU k's. */
int evtchn_is_pending(struct domain *d, uint32_t port)
{
    return __atomic_load_n(&ports[d->id][port - 1], __ATOMIC_SEQ_CST);
}

void domain_shutdown(struct domain *d, uint8_t reason) { (void)d; (void)reason; }

static struct vcpu *any_vcpu(void)
{
    return domain_find((domid_t)rnd(DOMAINS))->vcpu[rnd(VCPUS)];
}

/* As event/ does it: pending first; pollers are found by the mask alone. */
static void wake(struct vcpu *v)
{
    __atomic_store_n(&ports[v->domain->id][v->id], 1, __ATOMIC_SEQ_CST);
    __atomic_store_n(&v->info->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST);
    if (test_bit(v->id, v->domain->poll_mask) || !test_bit(VPF_POLLING, &v->pause_flags))
        vcpu_unblock(v);
}

static void unpause(struct vcpu *v)
{
    if (__atomic_sub_fetch(&v->pause_count, 1, __ATOMIC_SEQ_CST) == 0)
        vcpu_wake(v);
}

/* What anyone may do to a vCPU. Pauses last until the thread's next turn here. */
static void meddle(struct vcpu **paused)
{
    struct xen_domctl_scheduler_op op = { .sched_id = XEN_SCHEDULER_CREDIT2, .cmd = XEN_DOMCTL_SCHEDOP_putinfo };
    struct vcpu *v = any_vcpu();
    cpumask_t m = 1 + rnd((1u << CPUS) - 1);

    if (*paused) {
        unpause(*paused);
        *paused = NULL;
    }
    switch (rnd(6)) {
    case 0:
        __atomic_fetch_add(&v->pause_count, 1, __ATOMIC_SEQ_CST);
        vcpu_sleep_nosync(v);
        *paused = v;
        break;
    case 1:
        sched_set_affinity(v, &m, NULL);
        break;
    case 2:
        op.u.credit2.weight = (uint16_t)(1 + rnd(1000));
        op.u.credit2.cap = (uint16_t)(rnd(4) ? 0 : 1 + rnd(200));
        sched_domctl(v->domain, &op);
        break;
    default:
        wake(v);
    }
}

static void guest(struct vcpu *v)
{
    struct sched_poll poll = { .nr_ports = 1 };
    uint32_t port = v->id + 1;

    __atomic_fetch_add(&runs[v->domain->id][v->id], 1, __ATOMIC_RELAXED);
    MUST(on_cpu[v->domain->id][v->id] == 1);
    dawdle(rnd(1000));
    if (READ_ONCE(phase)) {
        sched_yield();
        return;
    }
    switch (rnd(8)) {
    case 0:
        sched_yield();
        break;
    case 1:
        __atomic_store_n(&ports[v->domain->id][v->id], 0, __ATOMIC_SEQ_CST);
        __atomic_store_n(&v->info->evtchn_upcall_pending, 0, __ATOMIC_SEQ_CST);
        poll.timeout = rnd(2) ? now() + MICROSECS(rnd(2000)) : 0;
        MUST(sched_poll(&poll, &port) == 0);
        break;
    case 2:
    case 3:
        __atomic_store_n(&v->info->evtchn_upcall_pending, 0, __ATOMIC_SEQ_CST);
        sched_block();
        break;
    default:
        break;
    }
}

static void *cpu_thread(void *arg)
{
    unsigned int cpu = (unsigned int)(uintptr_t)arg;
    struct vcpu *paused = NULL;
    struct timespec nap = { 0, 20000 };

    seed = cpu + 1;
    fake_cpu_set(cpu);
    while (READ_ONCE(phase) < 2) {
        if (!setjmp(back))
            cpu_do_work();
        MUST(fake_locks_held() == 0);
        fire_timers(cpu);
        if (cpu_work_pending())
            continue;
        if (!READ_ONCE(phase) && !rnd(3))
            meddle(&paused);
        else if (READ_ONCE(phase) && paused) {
            unpause(paused);
            paused = NULL;
        }
        if (cpu_work_pending())
            continue;
        if (current->domain->is_idle)
            nanosleep(&nap, NULL);
        else
            guest(current);
    }
    return NULL;
}

static void start(void)
{
    fake_reset(CPUS);
    sched_init("credit2");
    idle_domain = fake_domain_new(63, false, CPUS);
    idle_domain->is_idle = true;
    sched_domain_init(idle_domain);
    for (unsigned int cpu = 0; cpu < CPUS; cpu++) {
        fake_cpu_set(cpu);
        sched_vcpu_init(idle_domain->vcpu[cpu], cpu);
        fake_run(idle_domain->vcpu[cpu]);
        sched_cpu_init(cpu);
    }
    for (unsigned int id = 0; id < DOMAINS; id++) {
        struct domain *d = fake_domain_new((domid_t)id, false, VCPUS);
        struct vcpu *v;

        sched_domain_init(d);
        for_each_vcpu(d, v) {
            sched_vcpu_init(v, v->id);
            vcpu_wake(v);
        }
    }
}

static bool all_ran(void)
{
    for (unsigned int id = 0; id < DOMAINS; id++)
        for (unsigned int k = 0; k < VCPUS; k++)
            if (!READ_ONCE(runs[id][k]))
                return false;
    return true;
}

/* Phase 1: caps and affinity as they are, but all awake. */
static bool wait_for_all(void)
{
    struct timespec nap = { 0, 5000000 };

    fake_cpu_set(0);
    for (unsigned int id = 0; id < DOMAINS; id++)
        for (unsigned int k = 0; k < VCPUS; k++)
            wake(domain_find((domid_t)id)->vcpu[k]);
    nanosleep(&nap, NULL);      /* wakes that other threads have begun end; and only now the counts count */
    for (unsigned int i = 0; i < DOMAINS * VCPUS; i++)
        WRITE_ONCE(runs[i / VCPUS][i % VCPUS], 0);
    for (unsigned int i = 0; i < 4000 && !all_ran(); i++)
        nanosleep(&nap, NULL);
    return all_ran();
}

START_TEST(stress)
{
    struct timespec t = { 0, ROUND_MS * 1000000L };
    pthread_t thread[CPUS];
    uint64_t total = 0;
    bool ok = true;

    start();
    for (uintptr_t i = 0; i < CPUS; i++)
        ck_assert_int_eq(pthread_create(&thread[i], NULL, cpu_thread, (void *)i), 0);
    for (unsigned int round = 0; round < ROUNDS && ok; round++) {
        WRITE_ONCE(phase, 0);
        nanosleep(&t, NULL);
        for (unsigned int i = 0; i < DOMAINS * VCPUS; i++)
            total += READ_ONCE(runs[i / VCPUS][i % VCPUS]);
        WRITE_ONCE(phase, 1);
        ok = wait_for_all();
    }
    WRITE_ONCE(phase, 2);
    for (unsigned int i = 0; i < CPUS; i++)
        pthread_join(thread[i], NULL);
    if (!ok) {
        fake_verbose = true;
        sched_debug_dump('r');
    }
    ck_assert_msg(ok, "a vCPU that was woken does not run");
    ck_assert_uint_gt(total, 100);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("sched-stress");
    TCase *t = tcase_create("threads");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, stress);
    suite_add_tcase(s, t);
    return run_suite(s);
}
