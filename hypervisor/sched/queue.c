/* SPDX-License-Identifier: MIT */
/* Run queues and virtual time: who has how much claim to a CPU. Lock and invariants: private.h. A vCPU's key grows
 * with its run time, slower the more weight it has; the lowest key has the most claim. A queue's vtime follows its
 * lowest key. A vCPU that joins is kept within bounds of it: one that slept long comes at most WAKE_CREDIT before
 * the others, so that it runs soon but cannot make up for all its sleep. */
#include "private.h"

struct runq *vcpu_runq_lock(struct vcpu *v)
{
    for (;;) {
        unsigned int cpu = READ_ONCE(v->cpu);
        struct runq *rq = &runqs[cpu];
        spin_lock(&rq->lock);
        if (likely(READ_ONCE(v->cpu) == cpu))
            return rq;
        spin_unlock(&rq->lock);
    }
}

/* Hogs go near the tail, wakers near the head: looking from both ends finds the place in a few steps. */
static struct list *insert_before(struct runq *rq, int64_t key)
{
    struct list *head = &rq->waiting, *f = head->next, *b = head->prev;
    for (;;) {
        if (f == head || list_entry(f, struct vcpu, sched.link)->sched.key > key)
            return f;
        if (b == head || list_entry(b, struct vcpu, sched.link)->sched.key <= key)
            return b->next;
        f = f->next;
        b = b->prev;
    }
}

void runq_insert(struct runq *rq, struct vcpu *v)
{
    HV_ASSERT(!v->sched.queued && v->cpu == rq->cpu && !is_idle_vcpu(v) && v != rq->curr);
    list_add_tail(&v->sched.link, insert_before(rq, v->sched.key));
    v->sched.queued = true;
    WRITE_ONCE(rq->nr_waiting, rq->nr_waiting + 1);
    WRITE_ONCE(rq->load, rq->load + v->sched.weight);
}

void runq_remove(struct runq *rq, struct vcpu *v)
{
    HV_ASSERT(v->sched.queued && v->cpu == rq->cpu);
    list_del(&v->sched.link);
    v->sched.queued = false;
    WRITE_ONCE(rq->nr_waiting, rq->nr_waiting - 1);
    WRITE_ONCE(rq->load, rq->load - v->sched.weight);
    if (!rq->nr_waiting && (mask_read(&sched_waiting_mask) & BIT(rq->cpu)))
        mask_clear(&sched_waiting_mask, rq->cpu);
}

void runq_update_low(struct runq *rq)
{
    const struct vcpu *first = runq_first(rq);
    int64_t low = first ? first->sched.key : INT64_MAX;
    if (!is_idle_vcpu(rq->curr) && rq->curr->sched.key < low)
        low = rq->curr->sched.key;
    if (low == INT64_MAX)
        return;
    WRITE_ONCE(rq->low, low);
    rq->vtime = max(rq->vtime, low);
}

void runq_shift(struct runq *rq, int64_t by)
{
    struct vcpu *v;
    list_for_each(v, &rq->waiting, sched.link)
        v->sched.key += by;
    if (!is_idle_vcpu(rq->curr))
        rq->curr->sched.key += by;
    WRITE_ONCE(rq->offset, rq->offset - (uint64_t)by);
}

void runq_account(struct runq *rq, nsec_t t)
{
    struct vcpu *v = rq->curr;
    nsec_t ran = t > rq->accounted ? t - rq->accounted : 0;
    WRITE_ONCE(rq->accounted, t);
    if (is_idle_vcpu(v) || !ran)
        return;
    v->sched.ran += ran;
    v->sched.key += to_virtual(v, ran);
    if (vcpu_capped(v))
        v->sched.budget -= (int64_t)ran;
    runq_update_low(rq);
    if (unlikely(rq->vtime >= KEY_MAX)) {   /* after a year of one vCPU of weight 1 */
        runq_shift(rq, -KEY_MAX);
        rq->vtime -= KEY_MAX;
        runq_update_low(rq);
    }
}

void runq_join(struct runq *rq, struct vcpu *v)
{
    int64_t lag = v->sched.adrift ? v->sched.key : v->sched.key - rq->vtime;
    if (unlikely(lag > KEY_MAX / 2))    /* it slept while the queue's keys started again */
        lag -= KEY_MAX;
    lag = max_t(int64_t, lag, -(int64_t)WAKE_CREDIT);
    lag = min_t(int64_t, lag, LAG_MAX);
    v->sched.key = rq->vtime + lag;
    v->sched.adrift = false;
}

void vcpu_leave(struct runq *rq, struct vcpu *v, unsigned int cpu)
{
    HV_ASSERT(!v->sched.queued && rq->curr != v && v->cpu == rq->cpu);
    if (!v->sched.adrift) {
        v->sched.key -= rq->vtime;
        v->sched.adrift = true;
    }
    WRITE_ONCE(v->cpu, cpu);
}

void vcpu_set_weight(struct vcpu *v, uint16_t weight)
{
    struct runq *rq = vcpu_runq_lock(v);
    if (rq->curr == v)
        runq_account(rq, now());
    if (rq->curr == v || v->sched.queued)
        WRITE_ONCE(rq->load, rq->load + weight - v->sched.weight);
    v->sched.weight = weight;
    v->sched.scale = (WEIGHT_DEFAULT << SCALE_SHIFT) / weight;
    spin_unlock(&rq->lock);
}

int runstate_when_off(const struct vcpu *v)
{
    uint32_t flags = READ_ONCE(v->pause_flags);
    if (flags & (BIT(VPF_BLOCKED) | BIT(VPF_POLLING)))
        return RUNSTATE_blocked;
    /* Parked by its cap: it wants to run and may not, which is what a guest counts as stolen time. */
    if ((flags & ~(uint32_t)BIT(VPF_PARKED)) || READ_ONCE(v->pause_count))
        return RUNSTATE_offline;
    return RUNSTATE_runnable;
}

void runstate_change(struct vcpu *v, int state, nsec_t t)
{
    struct vcpu_runstate_info *rs = &v->runstate;
    if (rs->state == state)
        return;
    if (t > rs->state_entry_time) {     /* CPUs' clocks may differ by a little */
        rs->time[rs->state] += t - rs->state_entry_time;
        rs->state_entry_time = t;
    }
    rs->state = state;
}

void vcpu_runstate_get(struct vcpu *v, struct vcpu_runstate_info *out)
{
    struct runq *rq = vcpu_runq_lock(v);
    nsec_t t = now();
    *out = v->runstate;
    spin_unlock(&rq->lock);
    if (t > out->state_entry_time)
        out->time[out->state] += t - out->state_entry_time;
}

uint64_t sched_cpu_idle_time(unsigned int cpu)
{
    struct vcpu_runstate_info rs;
    if (cpu >= NR_CPUS || !runqs[cpu].idle)
        return 0;
    vcpu_runstate_get(runqs[cpu].idle, &rs);
    return rs.time[RUNSTATE_running];
}
