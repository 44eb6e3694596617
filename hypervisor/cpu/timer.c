/* SPDX-License-Identifier: MIT */
/* cpu/timer: per-CPU one-shot timers. Each CPU has a min-heap of its timers and one hardware deadline.
 * Lock: the CPU's timer_cpu.lock (RANK_TIMER) guards its heap and each struct timer that belongs to the CPU. Only its
 * own CPU touches a CPU's hardware timer; another that makes the earliest expiry earlier raises WORK_TIMER there.
 * Invariants: `deadline` is what the hardware is set to (NEVER: nothing), and never later than the earliest timer,
 * except while WORK_TIMER is pending or running, which sets it right at its end. It may be earlier: stopping or putting
 * off the earliest timer leaves the hardware alone, which costs at most one interrupt that finds nothing to do. */
#include "private.h"

#define NEVER UINT64_MAX

struct timer_cpu {
    spinlock_t lock;
    struct heap heap;
    struct timer *running;              /* its fn runs now */
    nsec_t deadline;
    bool in_work;                       /* timer_work will set the hardware when it ends */
} __aligned(64);
static struct timer_cpu timer_cpu[NR_CPUS];

static void dequeue(struct timer_cpu *tc, struct timer *t)
{
    if (t->active)
        heap_remove(&tc->heap, &t->node);
    t->active = false;
}

/* Locks the CPU that t belongs to; it may change until the lock is held. */
static struct timer_cpu *lock_timer(struct timer *t)
{
    for (;;) {
        struct timer_cpu *tc = &timer_cpu[READ_ONCE(t->cpu)];
        spin_lock(&tc->lock);
        if (tc == &timer_cpu[t->cpu])
            return tc;
        spin_unlock(&tc->lock);
    }
}

/* Queues t on tc. Returns the CPU that has to be told to wake earlier than it would, or NR_CPUS. */
static unsigned int enqueue(struct timer_cpu *tc, struct timer *t)
{
    unsigned int cpu = (unsigned int)(tc - timer_cpu);
    t->active = true;
    heap_insert(&tc->heap, &t->node);
    if (t->node.key >= tc->deadline || tc->in_work)
        return NR_CPUS;
    if (cpu != cpu_id())
        return cpu;
    tc->deadline = t->node.key;
    apic_timer_set(time_to_tsc(t->node.key));
    return NR_CPUS;
}

static void tell(unsigned int cpu)
{
    if (cpu != NR_CPUS)
        cpu_raise_work(cpu, WORK_TIMER);
}

void timer_init(struct timer *t, void (*fn)(void *arg), void *arg, unsigned int cpu)
{
    *t = (struct timer){ .fn = fn, .arg = arg, .cpu = cpu };
}

void timer_set(struct timer *t, nsec_t expires)
{
    struct timer_cpu *tc = lock_timer(t);
    unsigned int cpu = NR_CPUS;
    if (!t->killed) {
        dequeue(tc, t);
        t->node.key = expires;
        cpu = enqueue(tc, t);
    }
    spin_unlock(&tc->lock);
    tell(cpu);
}

void timer_stop(struct timer *t)
{
    struct timer_cpu *tc = lock_timer(t);
    dequeue(tc, t);
    spin_unlock(&tc->lock);
}

void timer_kill(struct timer *t)
{
    struct timer_cpu *tc = lock_timer(t);
    t->killed = true;
    dequeue(tc, t);
    spin_unlock(&tc->lock);
    /* A migration may have left fn running on another CPU. On this one it may be fn that calls. */
    unsigned int c;
    for_each_cpu(c, cpu_online_map & ~BIT(cpu_id())) {
        while (__atomic_load_n(&timer_cpu[c].running, __ATOMIC_ACQUIRE) == t) {
            cpu_poll_requests();
            cpu_relax();
        }
    }
}

void timer_migrate(struct timer *t, unsigned int cpu)
{
    for (;;) {
        struct timer_cpu *from = &timer_cpu[READ_ONCE(t->cpu)], *to = &timer_cpu[cpu];
        unsigned int wake = NR_CPUS;
        if (from == to)
            return;
        spin_lock_two(&from->lock, &to->lock);
        bool ours = from == &timer_cpu[t->cpu];
        if (ours) {
            bool active = t->active;
            dequeue(from, t);
            WRITE_ONCE(t->cpu, cpu);
            if (active)
                wake = enqueue(to, t);
        }
        spin_unlock_two(&from->lock, &to->lock);
        tell(wake);
        if (ours)
            return;
    }
}

/* WORK_TIMER: runs what has expired, then sets the hardware. Time is read again only when that may change anything. */
static void timer_work(void)
{
    struct timer_cpu *tc = &timer_cpu[cpu_id()];
    nsec_t t_now = now();
    struct heap_node *n;
    spin_lock(&tc->lock);
    tc->in_work = true;
    while ((n = heap_min(&tc->heap)) != NULL) {
        struct timer *t = container_of(n, struct timer, node);
        if (n->key > t_now && n->key > (t_now = now()))
            break;
        void (*fn)(void *arg) = t->fn;
        void *arg = t->arg;
        dequeue(tc, t);
        tc->running = t;
        spin_unlock(&tc->lock);
        fn(arg);                /* t may be freed by now */
        spin_lock(&tc->lock);
        /* Release: pairs with timer_kill's acquire. */
        __atomic_store_n(&tc->running, NULL, __ATOMIC_RELEASE);
    }
    tc->in_work = false;
    nsec_t next = n ? n->key : NEVER;
    if (next != tc->deadline) {
        if (next != NEVER)
            apic_timer_set(time_to_tsc(next));
        tc->deadline = next;    /* a later interrupt than needed is never left: an old earlier one is harmless */
    }
    spin_unlock(&tc->lock);
}

/* The timer interrupt: the hardware is one-shot, so nothing is set any more. */
void timer_interrupt(void)
{
    struct timer_cpu *tc = &timer_cpu[cpu_id()];
    /* No lock: this CPU is in no timer function, and others read it only to decide on raising WORK_TIMER. */
    WRITE_ONCE(tc->deadline, NEVER);
    cpu_raise_work(cpu_id(), WORK_TIMER);
}

void timers_init(void)
{
    for (unsigned int c = 0; c < NR_CPUS; c++) {
        spin_lock_init(&timer_cpu[c].lock, RANK_TIMER);
        timer_cpu[c].deadline = NEVER;
    }
    cpu_register_work(WORK_TIMER, timer_work);
}
