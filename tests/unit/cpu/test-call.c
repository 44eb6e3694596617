/* SPDX-License-Identifier: MIT */
/*
 * What CPUs ask of each other (hypervisor/cpu/call.c), with a thread for each CPU. An IPI is a flag that the thread
 * looks at when it would have interrupts on; a thread that has none pending and does not poll is deaf, as a CPU in its
 * guest is.
 */
#include <check.h>
#include <pthread.h>
#include <threads.h>
#include <stdlib.h>
#include <string.h>
#include "fake.h"
#include <hv/irq.h>

#include "private.h"
#include "../run-suite.h"

#define CPUS 4u

static uint32_t ipi[NR_CPUS];           /* vectors 0xf0 to 0xff, a bit each */
static bool stop;
struct cpu_info *cpu_info_of[NR_CPUS];

void apic_send_ipi(unsigned int cpu, uint8_t vector)
{
    __atomic_fetch_or(&ipi[cpu], 1u << (vector & 15), __ATOMIC_SEQ_CST);
}

static void take_interrupts(void)
{
    uint32_t v = __atomic_exchange_n(&ipi[cpu_id()], 0, __ATOMIC_SEQ_CST);

    if (v & 1u << (VECTOR_CALL & 15))
        cpu_poll_requests();
    if (v & 1u << (VECTOR_WORK & 15))
        cpu_do_work();
}

/* In the guest for a moment. Nothing is noticed there but by IPI. */
static void guest(void)
{
    take_interrupts();
    thrd_yield();
}

static void setup(void)
{
    fake_reset(CPUS);
    memset(ipi, 0, sizeof(ipi));
    stop = false;
    for (unsigned int i = 0; i < CPUS; i++)
        cpu_info_of[i] = &fake_cpus[i];
    call_init();
}

static void on_all(void *(*fn)(void *), pthread_t *t)
{
    for (unsigned long i = 0; i < CPUS; i++)
        pthread_create(&t[i], NULL, fn, (void *)i);
}

static void join_all(pthread_t *t)
{
    for (unsigned int i = 0; i < CPUS; i++)
        pthread_join(t[i], NULL);
}

/* --- cpu_call: all CPUs at once, each to a mask of its own; the caller's data is on its stack --------------------- */
#define ROUNDS 400u
struct question { uint64_t answered; unsigned int from; };
static unsigned int finished;

static void answer(void *arg)
{
    struct question *q = arg;

    ck_assert_uint_eq(__atomic_fetch_or(&q->answered, BIT(cpu_id()), __ATOMIC_RELAXED) & BIT(cpu_id()), 0);
}

static void *caller(void *arg)
{
    unsigned int me = (unsigned int)(unsigned long)arg, seed = me;

    fake_cpu_set(me);
    for (unsigned int i = 0; i < ROUNDS; i++) {
        struct question q = { 0, me };
        cpumask_t mask = (cpumask_t)rand_r(&seed) & (BIT(CPUS) - 1);

        cpu_call(mask | BIT(CPUS + 3), answer, &q);     /* one that is not online is left out */
        ck_assert_uint_eq(q.answered, mask);
        if (i % 3 == 0)
            guest();
    }
    __atomic_fetch_add(&finished, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&finished, __ATOMIC_SEQ_CST) < CPUS)
        guest();
    return NULL;
}

START_TEST(test_call)
{
    pthread_t t[CPUS];

    finished = 0;
    on_all(caller, t);
    join_all(t);
}
END_TEST

/* --- exit work: what is raised is done, whoever raises it, and no work is left when the raisers are done ---------- */
static uint64_t raised[NR_CPUS], seen[NR_CPUS];

static void note(void)
{
    uint64_t n = __atomic_load_n(&raised[cpu_id()], __ATOMIC_SEQ_CST);

    __atomic_store_n(&seen[cpu_id()], n, __ATOMIC_SEQ_CST);
}

static void *raiser(void *arg)
{
    unsigned int me = (unsigned int)(unsigned long)arg, seed = me + 100;

    fake_cpu_set(me);
    for (unsigned int i = 0; i < ROUNDS; i++) {
        unsigned int to = (unsigned int)rand_r(&seed) % CPUS;

        __atomic_fetch_add(&raised[to], 1, __ATOMIC_SEQ_CST);
        cpu_raise_work(to, WORK_EVENT_CHECK);
        if (i % 4 == 0) {
            cpu_do_work();              /* on the way out */
            guest();
        }
    }
    cpu_do_work();
    __atomic_fetch_add(&finished, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&finished, __ATOMIC_SEQ_CST) < CPUS)
        guest();
    for (unsigned int i = 0; i < 10; i++)
        guest();                        /* the last IPIs */
    return NULL;
}

START_TEST(test_work)
{
    pthread_t t[CPUS];

    finished = 0;
    memset(raised, 0, sizeof(raised));
    memset(seen, 0, sizeof(seen));
    cpu_register_work(WORK_EVENT_CHECK, note);
    on_all(raiser, t);
    join_all(t);
    for (unsigned int c = 0; c < CPUS; c++) {
        ck_assert_uint_eq(seen[c], raised[c]);
        ck_assert_uint_eq(fake_cpus[c].pending, 0);
    }
}
END_TEST

/* schedule() may not return: the bits that are left must still be set then. */
static unsigned int order[3], nr_order;
static void work_sched(void) { order[nr_order++] = WORK_SCHED; }
static void work_timer(void)
{
    order[nr_order++] = WORK_TIMER;
    ck_assert_uint_eq(cpu_info()->pending, 1u << WORK_SCHED);
}
static void work_event(void)
{
    order[nr_order++] = WORK_EVENT_CHECK;
    cpu_raise_work(cpu_id(), WORK_TIMER);
}

START_TEST(test_work_order)
{
    nr_order = 0;
    cpu_register_work(WORK_SCHED, work_sched);
    cpu_register_work(WORK_TIMER, work_timer);
    cpu_register_work(WORK_EVENT_CHECK, work_event);
    cpu_raise_work(0, WORK_SCHED);
    cpu_raise_work(0, WORK_EVENT_CHECK);
    ck_assert_uint_eq(ipi[0], 0);       /* itself */
    cpu_do_work();
    ck_assert_uint_eq(nr_order, 3);
    ck_assert(order[0] == WORK_EVENT_CHECK && order[1] == WORK_TIMER && order[2] == WORK_SCHED);
    cpu_raise_work(2, WORK_SCHED);
    cpu_raise_work(2, WORK_TIMER);      /* it will look anyway: one IPI */
    ck_assert_uint_eq(ipi[2], 1u << (VECTOR_WORK & 15));
}
END_TEST

/* --- quiescence: readers use an object without a lock; it is freed when all have left, and not before ------------- */
struct object { uint64_t magic; struct quiesce q; };
static struct object *shared;
static unsigned long freed;

static void free_object(void *arg)
{
    struct object *o = arg;

    o->magic = 0;
    free(o);
    __atomic_fetch_add(&freed, 1, __ATOMIC_SEQ_CST);
}

static struct object *new_object(void)
{
    struct object *o = calloc(1, sizeof(*o));

    o->magic = 0x1234567890abcdef;
    return o;
}

static void *reader(void *arg)
{
    unsigned int me = (unsigned int)(unsigned long)arg;

    fake_cpu_set(me);
    while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST)) {
        struct object *o = __atomic_load_n(&shared, __ATOMIC_SEQ_CST);

        for (unsigned int i = 0; i < 3; i++) {
            ck_assert_uint_eq(o->magic, 0x1234567890abcdef);
            thrd_yield();
        }
        cpu_do_work();
        guest();
    }
    __atomic_fetch_add(&finished, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&finished, __ATOMIC_SEQ_CST) < CPUS)
        guest();
    for (unsigned int i = 0; i < 10; i++) {
        cpu_do_work();
        guest();
    }
    return NULL;
}

static void *writer(void *arg)
{
    if ((unsigned long)arg != 0)
        return reader(arg);
    fake_cpu_set(0);
    for (unsigned int i = 0; i < 200; i++) {
        struct object *old = __atomic_exchange_n(&shared, new_object(), __ATOMIC_SEQ_CST);

        cpu_after_quiesce(&old->q, free_object, old);
        cpu_do_work();
        guest();
    }
    __atomic_store_n(&stop, true, __ATOMIC_SEQ_CST);
    return reader(arg);
}

START_TEST(test_quiesce)
{
    pthread_t t[CPUS];

    finished = 0;
    freed = 0;
    shared = new_object();
    on_all(writer, t);
    join_all(t);
    ck_assert_uint_eq(freed, 200);
    free(shared);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("call");
    TCase *t = tcase_create("calls");

    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, setup, NULL);
    suite_add_tcase(s, t);
    tcase_add_test(t, test_call);
    tcase_add_test(t, test_work);
    tcase_add_test(t, test_work_order);
    tcase_add_test(t, test_quiesce);
    return run_suite(s);
}
