/* SPDX-License-Identifier: MIT */
/* Wake-ups and sleeps, and the choice of a CPU. Lock and invariants: private.h. Whoever changes a vCPU's pause_count
 * or pause_flags does so first (atomically) and then calls vcpu_wake or vcpu_sleep_*: these look at the flags under
 * the queue's lock, as schedule() does, so the last one to look sees the final state. */
#include "private.h"

bool vcpu_runnable(const struct vcpu *v) { return !READ_ONCE(v->pause_flags) && !READ_ONCE(v->pause_count); }

static unsigned int pick_from(cpumask_t mask, unsigned int near)
{
    cpumask_t above = near < NR_CPUS - 1 ? mask & (~0ull << (near + 1)) : 0;
    return ffs64(above ? above : mask);
}

/* The CPU of mask (not empty) with the least weight to serve; near, when it is as good as the best. */
static unsigned int least_loaded(cpumask_t mask, unsigned int near)
{
    unsigned int cpu, best = ffs64(mask);
    uint32_t low = UINT32_MAX;
    for_each_cpu(cpu, mask) {
        uint32_t load = READ_ONCE(runqs[cpu].load);
        if (load < low || (load == low && cpu == near)) {
            low = load;
            best = cpu;
        }
    }
    return best;
}

/* Where v, neither queued nor running, should run: idle CPUs before busy ones, soft affinity before the rest, its
 * last CPU before others. */
static unsigned int choose_cpu(const struct vcpu *v)
{
    cpumask_t allowed = v->sched.allowed, soft = allowed & v->sched.soft;
    cpumask_t idle = mask_read(&sched_idle_mask) & allowed;
    unsigned int last = v->cpu;
    if (runqs[last].pool->null && (allowed & BIT(last)))
        return last;
    if (!soft)
        soft = allowed;
    if (idle & soft)
        idle &= soft;
    if (idle)
        return idle & BIT(last) ? last : pick_from(idle, last);
    return least_loaded(soft, last);
}

/* v waits in rq: an idle CPU, if any, that may run it is to take it. */
void kick_idle(const struct runq *rq, const struct vcpu *v)
{
    cpumask_t idle = mask_read(&sched_idle_mask) & v->sched.allowed;
    if (idle && !rq->pool->null) {
        unsigned int cpu = pick_from(idle, cpu_id());
        mask_clear(&sched_idle_mask, cpu);  /* the next one that starts to wait sends another CPU */
        cpu_raise_work(cpu, WORK_SCHED);
    }
}

/* v was inserted in rq, which is accounted up to t. An idle CPU is sent for it and no more counts as idle. A busy one
 * looks when v may preempt, or to start the slice's clock when nobody waited; another, idle CPU may take v over. */
void runq_preempt_check(struct runq *rq, struct vcpu *v, nsec_t t)
{
    const struct vcpu *curr = rq->curr;
    if (is_idle_vcpu(curr) || v->sched.key + WAKE_MARGIN < curr->sched.key || !rq->timer_at ||
        rq->timer_at > t + SLICE_MAX)
        cpu_raise_work(rq->cpu, WORK_SCHED);
    if (is_idle_vcpu(curr) && (mask_read(&sched_idle_mask) & BIT(rq->cpu))) {
        mask_clear(&sched_idle_mask, rq->cpu);
        return;
    }
    if (!(mask_read(&sched_waiting_mask) & BIT(rq->cpu)))
        mask_set(&sched_waiting_mask, rq->cpu);
    kick_idle(rq, v);               /* after the mask: pairs with publish_idle */
}

void vcpu_wake(struct vcpu *v)
{
    struct runq *rq;
    for (unsigned int moves = 0; ; moves++) {
        unsigned int cpu;
        nsec_t t;
        rq = vcpu_runq_lock(v);
        t = now();
        cpu = rq->cpu;
        if (!vcpu_runnable(v)) {    /* one reason to sleep less, but not the last */
            if (rq->curr != v)
                runstate_change(v, runstate_when_off(v), t);
            break;
        }
        if (rq->curr == v || v->sched.queued)
            break;
        runstate_change(v, RUNSTATE_runnable, t);
        vcpu_update_allowed(v);
        runq_account(rq, t);        /* a CPU with one vCPU may not have looked for seconds: vtime is old */
        if (!v->running && (moves < 2 || !cpu_allowed(v, cpu)))
            cpu = choose_cpu(v);
        if (cpu == rq->cpu) {
            if (!v->running || cpu_allowed(v, cpu)) {   /* else sched_context_saved finds it a place */
                runq_join(rq, v);
                runq_insert(rq, v);
                runq_preempt_check(rq, v, t);
            }
            break;
        }
        vcpu_leave(rq, v, cpu);     /* and look again under its new queue's lock */
        spin_unlock(&rq->lock);
    }
    spin_unlock(&rq->lock);
}

void vcpu_sleep_nosync(struct vcpu *v)
{
    struct runq *rq = vcpu_runq_lock(v);
    if (!vcpu_runnable(v)) {
        if (v->sched.queued)
            runq_remove(rq, v);
        if (rq->curr == v)
            cpu_raise_work(rq->cpu, WORK_SCHED);
        else
            runstate_change(v, runstate_when_off(v), now());
    }
    spin_unlock(&rq->lock);
}

void vcpu_sleep_sync(struct vcpu *v)
{
    vcpu_sleep_nosync(v);
    while (__atomic_load_n(&v->running, __ATOMIC_ACQUIRE) && !vcpu_runnable(v)) {
        cpu_poll_requests();
        cpu_relax();
    }
}

/* The poll mask before the flag: sched_poll sets them the other way round, so that whatever meets, a vCPU whose
 * VPF_POLLING stays set is in the mask too, where senders look. One left over in the mask costs a look at the flags. */
void vcpu_unblock(struct vcpu *v)
{
    uint32_t both = BIT(VPF_BLOCKED) | BIT(VPF_POLLING), flags = READ_ONCE(v->pause_flags);
    if (flags & BIT(VPF_POLLING))
        clear_bit(v->id, v->domain->poll_mask);
    if ((flags & both) && (__atomic_fetch_and(&v->pause_flags, ~both, __ATOMIC_SEQ_CST) & both))
        vcpu_wake(v);
}

void vcpu_update_allowed(struct vcpu *v)
{
    cpumask_t cpus = READ_ONCE(v->domain->sched.pool->cpus);
    cpumask_t allowed = v->sched.hard & cpus;
    v->sched.allowed = allowed ? allowed : cpus;
}

/* v's queue is locked; it is unlocked when this returns. */
static void apply_affinity(struct runq *rq, struct vcpu *v)
{
    bool homeless = false;
    vcpu_update_allowed(v);
    if (cpu_allowed(v, rq->cpu)) {
        if (v->sched.queued)
            kick_idle(rq, v);
    } else if (rq->curr == v) {
        cpu_raise_work(rq->cpu, WORK_SCHED);
    } else if (v->sched.queued) {
        runq_remove(rq, v);
        homeless = true;
    }
    spin_unlock(&rq->lock);
    if (homeless)
        vcpu_wake(v);
}

void vcpu_affinity_changed(struct vcpu *v) { apply_affinity(vcpu_runq_lock(v), v); }

int sched_set_affinity(struct vcpu *v, const cpumask_t *hard, const cpumask_t *soft)
{
    struct runq *rq;
    if (hard && !(*hard & READ_ONCE(v->domain->sched.pool->cpus)))
        return -XEN_EINVAL;
    rq = vcpu_runq_lock(v);
    if (hard && v->sched.hard_overridden) {
        spin_unlock(&rq->lock);
        return -XEN_EBUSY;
    }
    v->sched.hard = hard ? *hard : v->sched.hard;
    v->sched.soft = soft ? *soft : v->sched.soft;
    apply_affinity(rq, v);
    return 0;
}

int sched_pin_override(struct vcpu *v, int pcpu)
{
    struct runq *rq;
    if (pcpu >= (int)NR_CPUS || (pcpu >= 0 && !(READ_ONCE(v->domain->sched.pool->cpus) & BIT(pcpu))))
        return -XEN_EINVAL;
    rq = vcpu_runq_lock(v);
    if (pcpu >= 0 && v->sched.hard_overridden) {
        spin_unlock(&rq->lock);
        return -XEN_EBUSY;
    }
    if (pcpu >= 0) {
        v->sched.hard_saved = v->sched.hard;
        v->sched.hard = BIT(pcpu);
        v->sched.hard_overridden = true;
    } else if (v->sched.hard_overridden) {
        v->sched.hard = v->sched.hard_saved;
        v->sched.hard_overridden = false;
    }
    apply_affinity(rq, v);
    return 0;
}
