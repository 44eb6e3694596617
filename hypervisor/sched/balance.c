/* SPDX-License-Identifier: MIT */
/* Between CPUs: an idle CPU takes a waiting vCPU from another (steal), and a CPU where vCPUs wait sends one to a CPU
 * whose vCPUs get on faster (push). Both hold this CPU's queue lock and only try the other's: no order is needed.
 * Fairness across CPUs: key + offset of its queue is a vCPU's position, the virtual run time it has had. One that
 * waits BALANCE_LAG behind the last one of another CPU changes over, keeping its position: three hogs on two CPUs
 * get two thirds of a CPU each. A difference that no move can cure (pinned vCPUs, more weight than a CPU can serve)
 * is forgotten beyond a bound by changing the offset, lest it become a privilege later. CPUs without waiting vCPUs
 * take no tick. */
#include "private.h"

/* The first waiting vCPU there that may run on cpu (soft: and likes to). */
static struct vcpu *find_movable(struct runq *from, unsigned int cpu, bool soft)
{
    struct vcpu *v;
    list_for_each(v, &from->waiting, sched.link)
        if (cpu_allowed(v, cpu) && !READ_ONCE(v->running) && (!soft || (v->sched.soft & BIT(cpu))))
            return v;
    return NULL;
}

struct vcpu *steal(struct runq *rq, bool *again)
{
    cpumask_t mask = rq->pool->null ? 0 : mask_read(&sched_waiting_mask) & rq->pool->cpus & ~BIT(rq->cpu);
    unsigned int cpu;
    for_each_cpu(cpu, mask) {
        struct runq *from = &runqs[cpu];
        struct vcpu *v;
        if (!READ_ONCE(from->nr_waiting))
            continue;
        if (!spin_trylock(&from->lock)) {
            *again = true;
            continue;
        }
        v = find_movable(from, rq->cpu, true) ?: find_movable(from, rq->cpu, false);
        if (v) {
            runq_account(from, now());
            runq_remove(from, v);
            vcpu_leave(from, v, rq->cpu);
            spin_unlock(&from->lock);
            runq_join(rq, v);
            runq_insert(rq, v);
            rq->steals++;
            return v;
        }
        spin_unlock(&from->lock);
    }
    return NULL;
}

/* The busy CPU that is furthest ahead, by the position of the last of its vCPUs; NULL: none. Without the locks this
 * is good only for a choice. */
static struct runq *furthest_ahead(const struct runq *rq, nsec_t t)
{
    struct runq *best = NULL;
    uint64_t ahead = 0;
    unsigned int cpu;
    for_each_cpu(cpu, rq->pool->cpus & ~BIT(rq->cpu)) {
        struct runq *other = &runqs[cpu];
        const struct vcpu *curr = READ_ONCE(other->curr);   /* not freed before this CPU has left the hypervisor */
        int64_t low = READ_ONCE(other->low);
        if (!READ_ONCE(other->load))
            continue;
        if (!READ_ONCE(other->nr_waiting) && !is_idle_vcpu(curr))
            low = key_at(other, curr, t);
        if (!best || (int64_t)(position(other, low) - ahead) > 0) {
            ahead = position(other, low);
            best = other;
        }
    }
    return best;
}

/* Both locked: v, waiting here, goes to `to` and keeps its position. When that is far behind the others there, they
 * move forward rather than v back: those who wake come a little before vtime, and need not wait until v has caught
 * up. */
static void push_to(struct runq *rq, struct runq *to, struct vcpu *v, nsec_t t)
{
    int64_t key = (int64_t)(position(rq, v->sched.key) - to->offset);
    int64_t low = to->vtime - WAKE_CREDIT + WAKE_MARGIN;
    runq_remove(rq, v);
    vcpu_leave(rq, v, to->cpu);
    if (key < low) {
        runq_shift(to, low - key);
        key = low;
    }
    v->sched.key = key;
    v->sched.adrift = false;
    runq_insert(to, v);
    runq_update_low(to);
    runq_preempt_check(to, v, t);
    rq->pushes++;
}

void push_waiting(struct runq *rq, nsec_t t)
{
    struct runq *to = furthest_ahead(rq, t);
    int64_t ahead, bounded;
    struct vcpu *v;
    rq->balance_at = t + BALANCE_EVERY;
    if (mask_read(&sched_idle_mask))    /* a CPU that was sent for one vCPU may have taken another, so that one waits */
        list_for_each(v, &rq->waiting, sched.link)
            if (mask_read(&sched_idle_mask) & v->sched.allowed) {
                kick_idle(rq, v);
                break;
            }
    if (!to || !spin_trylock(&to->lock))
        return;
    runq_account(to, t);
    if (to->load) {
        runq_update_low(rq);
        ahead = (int64_t)(position(to, to->low) - position(rq, rq->low));
        bounded = max_t(int64_t, min_t(int64_t, ahead, 2 * (int64_t)BALANCE_LAG), -(int64_t)BALANCE_LAG);
        WRITE_ONCE(rq->offset, rq->offset + (uint64_t)(ahead - bounded));
        v = find_movable(rq, to->cpu, true);
        if (v && (int64_t)(position(to, to->low) - position(rq, v->sched.key)) >= BALANCE_LAG)
            push_to(rq, to, v, t);
    }
    spin_unlock(&to->lock);
}
