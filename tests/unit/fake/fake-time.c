/* SPDX-License-Identifier: MIT */
/* The fake cpu/time: a clock that moves only when told to, and timers in one list. */
#include <pthread.h>
#include "fake.h"

static nsec_t clock_ns;
static uint64_t wall_sec = 1000000000;
static uint32_t wall_nsec;

/* Active timers: an array is enough for tests. */
#define MAX_TIMERS 1024
static struct timer *active[MAX_TIMERS];
static unsigned int nr_active;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

void fake_time_reset(void)
{
    clock_ns = SECONDS(1);
    nr_active = 0;
}

__weak_sym nsec_t now(void) { return READ_ONCE(clock_ns); }
__weak_sym uint64_t time_tsc_hz(void) { return 1000000000; }
__weak_sym uint64_t cpu_tsc(void) { return now(); }
bool fake_stores_bytes_slowly;
__weak_sym bool cpu_stores_bytes_fast(void) { return !fake_stores_bytes_slowly; }
__weak_sym nsec_t time_from_tsc(uint64_t tsc) { return tsc; }
__weak_sym void time_scale(uint32_t *mul, int8_t *shift) { *mul = 0x80000000u; *shift = 1; }
__weak_sym void wallclock_get(uint64_t *sec, uint32_t *nsec) { *sec = wall_sec; *nsec = wall_nsec; }
__weak_sym void wallclock_set(uint64_t sec, uint32_t nsec) { wall_sec = sec; wall_nsec = nsec; }

__weak_sym void timer_init(struct timer *t, void (*fn)(void *arg), void *arg, unsigned int cpu)
{
    *t = (struct timer){ .fn = fn, .arg = arg, .cpu = cpu };
}

static void remove_locked(struct timer *t)
{
    for (unsigned int i = 0; i < nr_active; i++)
        if (active[i] == t) {
            active[i] = active[--nr_active];
            break;
        }
    t->active = false;
}

__weak_sym void timer_set(struct timer *t, nsec_t expires)
{
    pthread_mutex_lock(&mutex);
    if (!t->killed) {
        remove_locked(t);
        HV_BUG_ON(nr_active == MAX_TIMERS || !t->fn);
        t->node.key = expires;
        t->active = true;
        active[nr_active++] = t;
    }
    pthread_mutex_unlock(&mutex);
}

__weak_sym void timer_stop(struct timer *t)
{
    pthread_mutex_lock(&mutex);
    remove_locked(t);
    pthread_mutex_unlock(&mutex);
}

__weak_sym void timer_kill(struct timer *t)
{
    timer_stop(t);
    t->killed = true;
}

__weak_sym void timer_migrate(struct timer *t, unsigned int cpu) { t->cpu = cpu; }

static struct timer *earliest(void)
{
    struct timer *best = NULL;

    for (unsigned int i = 0; i < nr_active; i++)
        if (!best || active[i]->node.key < best->node.key)
            best = active[i];
    return best;
}

nsec_t fake_timer_next(void)
{
    struct timer *t = earliest();

    return t ? t->node.key : ~0UL;
}

void fake_time_set(nsec_t target)
{
    struct timer *t;
    unsigned int me = cpu_id();

    while ((t = earliest()) && t->node.key <= target) {
        if (t->node.key > clock_ns)
            clock_ns = t->node.key;
        timer_stop(t);
        fake_cpu_set(t->cpu);
        t->fn(t->arg);
        fake_cpu_set(me);
    }
    if (target > clock_ns)
        clock_ns = target;
}

void fake_time_advance(nsec_t ns) { fake_time_set(clock_ns + ns); }
