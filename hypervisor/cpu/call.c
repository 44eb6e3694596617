/* SPDX-License-Identifier: MIT */
/* cpu/call: what CPUs ask of each other.
 * cpu_call: each CPU has one slot for the call it makes and waits for, and one word with a bit for each CPU that has a
 * call for it. No lock: a caller sets its bit in the targets' words; a target takes its word at once, runs those slots'
 * functions, and clears its bit in each slot. A waiting caller serves others. The functions called never call cpu_call
 * themselves.
 * Exit work: a word of WORK_* bits in each cpu_info. A zero word means that the CPU may be in its guest or halted and
 * needs an IPI; the bits of a non-zero one will be looked at before the CPU gets there.
 * Quiescence: quiesce_lock (RANK_QUIESCE) guards the list of waiting callbacks. Each waits until every CPU online at
 * its start has run exit work once: there no CPU holds pointers that it found without a lock. */
#include "private.h"

struct call_slot {
    void (*fn)(void *arg);
    void *arg;
    cpumask_t pending;                  /* targets that have not run it yet */
} __aligned(64);
static struct call_slot call_slot[NR_CPUS];     /* by caller */
static struct { cpumask_t from; } __aligned(64) call_inbox[NR_CPUS];    /* by target */

static void (*work_fn[WORK_MAX])(void);

static spinlock_t quiesce_lock = SPINLOCK_INIT(RANK_QUIESCE);
static struct quiesce *quiesce_list;

void cpu_poll_requests(void)
{
    unsigned int me = cpu_id(), c;
    if (likely(READ_ONCE(call_inbox[me].from) == 0))
        return;
    /* Acquire: pairs with the release in cpu_call, so that fn and arg of each slot are seen. */
    cpumask_t from = __atomic_exchange_n(&call_inbox[me].from, 0, __ATOMIC_ACQUIRE);
    for_each_cpu(c, from) {
        struct call_slot *s = &call_slot[c];
        s->fn(s->arg);
        /* Release: what fn did is seen by the caller once it sees the bit gone. */
        __atomic_fetch_and(&s->pending, ~BIT(me), __ATOMIC_RELEASE);
    }
}

void cpu_call(cpumask_t mask, void (*fn)(void *arg), void *arg)
{
    unsigned int me = cpu_id(), c;
    struct call_slot *s = &call_slot[me];
    cpumask_t others = mask & cpu_online_map & ~BIT(me);
    if (others) {
        *s = (struct call_slot){ fn, arg, others };
        for_each_cpu(c, others) {
            /* A non-empty inbox was announced by an IPI that its owner has yet to answer. */
            if (__atomic_fetch_or(&call_inbox[c].from, BIT(me), __ATOMIC_ACQ_REL) == 0)
                apic_send_ipi(c, VECTOR_CALL);
        }
    }
    if (mask & BIT(me))
        fn(arg);
    while (others && __atomic_load_n(&s->pending, __ATOMIC_ACQUIRE)) {
        cpu_poll_requests();
        cpu_relax();
    }
}

void cpu_register_work(unsigned int work, void (*fn)(void)) { work_fn[work] = fn; }

void cpu_raise_work(unsigned int cpu, unsigned int work)
{
    struct cpu_info *ci = cpu_info_of[cpu];
    if (__atomic_fetch_or(&ci->pending, 1u << work, __ATOMIC_SEQ_CST) == 0 && cpu != cpu_id())
        apic_send_ipi(cpu, VECTOR_WORK);
}

/* One bit at a time, WORK_SCHED (bit 0) last: schedule() may switch to another vCPU and not return, and the bits still
 * set are then looked at on that vCPU's way out. */
void cpu_do_work(void)
{
    struct cpu_info *ci = cpu_info();
    unsigned int pending;
    while ((pending = READ_ONCE(ci->pending)) != 0) {
        unsigned int work = 31u - (unsigned int)__builtin_clz(pending);
        __atomic_fetch_and(&ci->pending, ~(1u << work), __ATOMIC_SEQ_CST);
        if (work < WORK_MAX && work_fn[work])
            work_fn[work]();
    }
}

void cpu_after_quiesce(struct quiesce *q, void (*fn)(void *arg), void *arg)
{
    cpumask_t online = cpu_online_map;
    unsigned int c;
    spin_lock(&quiesce_lock);
    *q = (struct quiesce){ quiesce_list, fn, arg, online };
    quiesce_list = q;
    spin_unlock(&quiesce_lock);
    for_each_cpu(c, online)
        cpu_raise_work(c, WORK_QUIESCE);
}

/* WORK_QUIESCE: this CPU holds nothing now. The last CPU of a callback runs it. */
static void quiesce_work(void)
{
    struct quiesce *done = NULL, **pp, *q;
    cpumask_t me = BIT(cpu_id());
    spin_lock(&quiesce_lock);
    for (pp = &quiesce_list; (q = *pp) != NULL;) {
        q->waiting &= ~me;
        if (q->waiting) {
            pp = &q->next;
        } else {
            *pp = q->next;
            q->next = done;
            done = q;
        }
    }
    spin_unlock(&quiesce_lock);
    while ((q = done) != NULL) {
        done = q->next;         /* before fn, which may free q */
        q->fn(q->arg);
    }
}

void call_init(void) { cpu_register_work(WORK_QUIESCE, quiesce_work); }
