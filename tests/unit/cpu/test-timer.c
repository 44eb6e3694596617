/* SPDX-License-Identifier: MIT */
/*
 * Timers (hypervisor/cpu/timer.c) on a made-up APIC timer: one-shot, one for each CPU, which fires when the test's
 * clock passes it. The clock is fake_time_set(); system time and TSC are the same.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include "fake.h"

#include "private.h"
#include "../run-suite.h"

#define CPUS  4u
#define NEVER UINT64_MAX

static uint64_t hw[NR_CPUS];            /* each CPU's deadline */
static unsigned int hw_writes;

void apic_timer_set(uint64_t deadline)
{
    hw[cpu_id()] = deadline ? deadline : NEVER;
    hw_writes++;
}

uint64_t time_to_tsc(nsec_t t) { return t; }
const char *symbol_of(unsigned long addr, char *buf, size_t size)
{
    hv_snprintf(buf, size, "%lx", addr);
    return buf;
}
void debugkey_register(char key, const char *desc, void (*fn)(char key))
{
    (void)key;
    (void)desc;
    fn(key);                            /* printing works with nothing set */
}

static void setup(void)
{
    fake_reset(CPUS);
    memset(hw, 0xff, sizeof(hw));
    timers_init();
    hw_writes = 0;
}

/* Lets interrupts and exit work happen on every CPU until nothing is due. */
static void settle(void)
{
    for (bool more = true; more;) {
        more = false;
        for (unsigned int c = 0; c < CPUS; c++) {
            fake_cpu_set(c);
            if (hw[c] <= now()) {
                hw[c] = NEVER;
                timer_interrupt();
            }
            if (cpu_work_pending()) {
                cpu_do_work();
                more = true;
            }
            ck_assert_uint_eq(fake_locks_held(), 0);
        }
    }
    fake_cpu_set(0);
}

/* Moves the clock to t by way of every hardware deadline before it. */
static void run_to(nsec_t t)
{
    for (;;) {
        nsec_t next = t;

        settle();
        for (unsigned int c = 0; c < CPUS; c++)
            next = min(next, hw[c]);
        fake_time_set(next);
        if (next == t)
            break;
    }
    settle();
}

struct probe { struct timer t; unsigned int fired; nsec_t when; unsigned int cpu; };

static void fire(void *arg)
{
    struct probe *p = arg;

    ck_assert_uint_eq(fake_locks_held(), 0);
    p->fired++;
    p->when = now();
    p->cpu = cpu_id();
}

START_TEST(test_one)
{
    struct probe p = { .fired = 0 };
    nsec_t t0 = now();

    timer_init(&p.t, fire, &p, 0);
    timer_set(&p.t, t0 + 1000);
    run_to(t0 + 999);
    ck_assert_uint_eq(p.fired, 0);
    run_to(t0 + 1000);
    ck_assert_uint_eq(p.fired, 1);
    run_to(t0 + 100000);
    ck_assert_uint_eq(p.fired, 1);      /* one-shot */
    timer_set(&p.t, 1);                 /* the past: at once */
    settle();
    ck_assert_uint_eq(p.fired, 2);
    timer_set(&p.t, now() + 10);
    timer_stop(&p.t);
    timer_stop(&p.t);
    run_to(now() + 1000);
    ck_assert_uint_eq(p.fired, 2);
    timer_set(&p.t, now() + 10);
    timer_kill(&p.t);
    timer_set(&p.t, now() + 10);
    run_to(now() + 1000);
    ck_assert_uint_eq(p.fired, 2);
    ck_assert(!p.t.active);
}
END_TEST

/* The hardware is written only when the earliest expiry gets earlier. */
START_TEST(test_lazy_hardware)
{
    struct probe p[3] = { { .fired = 0 } };
    nsec_t t0 = now();

    for (unsigned int i = 0; i < 3; i++)
        timer_init(&p[i].t, fire, &p[i], 0);
    timer_set(&p[0].t, t0 + 5000);
    ck_assert_uint_eq(hw_writes, 1);
    timer_set(&p[1].t, t0 + 6000);
    ck_assert_uint_eq(hw_writes, 1);
    timer_set(&p[2].t, t0 + 4000);
    ck_assert_uint_eq(hw_writes, 2);
    timer_stop(&p[2].t);
    timer_set(&p[0].t, t0 + 7000);
    ck_assert_uint_eq(hw_writes, 2);
    run_to(t0 + 4000);                  /* for nothing, and set to what is next */
    ck_assert_uint_eq(p[0].fired + p[1].fired + p[2].fired, 0);
    ck_assert_uint_eq(hw[0], t0 + 6000);
    run_to(t0 + 7000);
    ck_assert(p[0].when == t0 + 7000 && p[1].when == t0 + 6000 && !p[2].fired);
}
END_TEST

START_TEST(test_other_cpu)
{
    struct probe p = { .fired = 0 };
    nsec_t t0 = now();

    timer_init(&p.t, fire, &p, 2);
    timer_set(&p.t, t0 + 1000);         /* from CPU 0: CPU 2 is told */
    ck_assert_uint_eq(fake_ipis[2], 1);
    ck_assert_uint_eq(hw[2], NEVER);
    settle();
    ck_assert_uint_eq(hw[2], t0 + 1000);
    timer_set(&p.t, t0 + 2000);         /* later: not told */
    ck_assert_uint_eq(fake_ipis[2], 1);
    timer_migrate(&p.t, 3);
    ck_assert_uint_eq(fake_ipis[3], 1);
    run_to(t0 + 1999);
    ck_assert_uint_eq(p.fired, 0);
    run_to(t0 + 2000);
    ck_assert(p.fired == 1 && p.cpu == 3);
    timer_migrate(&p.t, 1);             /* not active: only belongs elsewhere */
    timer_set(&p.t, t0 + 3000);
    run_to(t0 + 3000);
    ck_assert(p.fired == 2 && p.cpu == 1);
}
END_TEST

static void rearm(void *arg)
{
    struct probe *p = arg;

    fire(p);
    timer_set(&p->t, now() + 100);
}

static void kill_self(void *arg)
{
    struct probe *p = arg;

    fire(p);
    timer_kill(&p->t);
    free(p);
}

START_TEST(test_from_handler)
{
    struct probe p = { .fired = 0 }, *gone = calloc(1, sizeof(*gone));
    nsec_t t0 = now();

    timer_init(&p.t, rearm, &p, 1);
    timer_set(&p.t, t0 + 100);
    run_to(t0 + 1000);
    ck_assert_uint_eq(p.fired, 10);
    timer_init(&gone->t, kill_self, gone, 0);
    timer_set(&gone->t, now() + 5);
    run_to(now() + 10);
}
END_TEST

/* Random operations on many timers against the obvious: a timer fires at its time, once, on its CPU. */
#define MANY 300u
struct model { struct probe p; bool set; nsec_t at; unsigned int fired; } m[MANY];

static void model_fire(void *arg)
{
    struct model *x = arg;

    fire(&x->p);
    ck_assert(x->set && x->at <= now());
    ck_assert_uint_eq(cpu_id(), x->p.t.cpu);
    x->set = false;
}

static void random_step(unsigned int *seed)
{
    struct model *x = &m[(unsigned int)rand_r(seed) % MANY];
    nsec_t at = now() + (unsigned int)rand_r(seed) % 20000;

    fake_cpu_set((unsigned int)rand_r(seed) % CPUS);
    switch (rand_r(seed) % 8) {
    case 0:
        timer_stop(&x->p.t);
        x->set = false;
        break;
    case 1:
        timer_migrate(&x->p.t, (unsigned int)rand_r(seed) % CPUS);
        break;
    case 2:
        fake_cpu_set(0);
        run_to(now() + (unsigned int)rand_r(seed) % 500);
        break;
    default:
        timer_set(&x->p.t, at);
        x->set = true;
        x->at = at;
    }
    fake_cpu_set(0);
}

START_TEST(test_random)
{
    unsigned int seed = 1;

    for (unsigned int i = 0; i < MANY; i++) {
        memset(&m[i], 0, sizeof(m[i]));
        timer_init(&m[i].p.t, model_fire, &m[i], i % CPUS);
    }
    for (unsigned int i = 0; i < 30000; i++) {
        random_step(&seed);
        if (i % 64 == 0) {
            settle();
            for (unsigned int k = 0; k < MANY; k++)
                ck_assert(m[k].set == m[k].p.t.active && (!m[k].set || m[k].at > now()));
        }
    }
    run_to(now() + 100000);
    for (unsigned int k = 0; k < MANY; k++) {
        ck_assert(!m[k].set);
        timer_kill(&m[k].p.t);
    }
}
END_TEST


int main(void)
{
    Suite *s = suite_create("timer");
    TCase *t = tcase_create("timers");

    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, setup, NULL);
    suite_add_tcase(s, t);
    tcase_add_test(t, test_one);
    tcase_add_test(t, test_lazy_hardware);
    tcase_add_test(t, test_other_cpu);
    tcase_add_test(t, test_from_handler);
    tcase_add_test(t, test_random);
    return run_suite(s);
}
