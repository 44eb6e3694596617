/* SPDX-License-Identifier: MIT */
/* Caps: a domain gets at most cap % of one CPU, over periods of CAP_PERIOD, for all its vCPUs together. The domain's
 * budget is an atomic count of ns. A vCPU takes a piece when it gets a CPU, runs it down there (queue.c), takes the
 * next, and returns the rest when it leaves; the slice timer ends the piece. What a late timer lets it overrun is
 * charged against the budget, so the mean is exact. Without budget a vCPU is parked (VPF_PARKED) until the cap timer
 * fills it up. The timer runs only while the budget is not full: an idle domain has none. No lock: a vCPU sets
 * VPF_PARKED, then looks at the budget again; the timer adds to the budget, then clears the bits. */
#include "private.h"

/* Refills from `at` on, unless they go on already. */
static void cap_arm(struct domain *d, nsec_t at)
{
    if ((READ_ONCE(d->sched.cap_armed) & 1) || test_and_set_bit(0, &d->sched.cap_armed))
        return;
    d->sched.cap_refill_at = at;
    timer_set(&d->sched.cap_timer, at);
}

static void cap_unpark(struct domain *d)
{
    struct vcpu *v;
    for_each_vcpu(d, v)
        if ((READ_ONCE(v->pause_flags) & BIT(VPF_PARKED)) && test_and_clear_bit(VPF_PARKED, &v->pause_flags))
            vcpu_wake(v);
}

void cap_timer_fn(void *arg)
{
    struct domain *d = arg;
    int64_t quota = READ_ONCE(d->sched.cap_quota);
    int64_t left = __atomic_add_fetch(&d->sched.cap_budget, quota, __ATOMIC_SEQ_CST);
    nsec_t t = now(), next = d->sched.cap_refill_at + CAP_PERIOD;
    if (left > quota)   /* not all was used: it does not add up */
        __atomic_fetch_sub(&d->sched.cap_budget, left - quota, __ATOMIC_SEQ_CST);
    if (next + 4 * (nsec_t)CAP_PERIOD < t)  /* a little late: the next comes the sooner. Very late: that time is gone */
        next = t + CAP_PERIOD;
    clear_bit(0, &d->sched.cap_armed);
    if (quota && left < 2 * quota)          /* some was used: go on */
        cap_arm(d, next);
    cap_unpark(d);
}

/* Takes at most `want` ns; what it got, 0: nothing left. */
static int64_t budget_take(struct domain *d, int64_t want)
{
    int64_t have = __atomic_load_n(&d->sched.cap_budget, __ATOMIC_SEQ_CST);
    while (have > 0 && !__atomic_compare_exchange_n(&d->sched.cap_budget, &have, have - min(have, want), false,
                                                    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        ;
    return have > 0 ? min(have, want) : 0;
}

bool cap_take(struct vcpu *v, nsec_t t)
{
    struct domain *d = v->domain;
    int64_t want = max_t(int64_t, READ_ONCE(d->sched.cap_quota) / 4, MICROSECS(250));
    if (v->sched.budget < 0)
        cap_return(v);          /* an overrun: out of the domain's budget */
    for (;;) {
        int64_t got = budget_take(d, want);
        cap_arm(d, t + CAP_PERIOD);
        if (got > 0) {
            v->sched.budget += got;
            return true;
        }
        set_bit(VPF_PARKED, &v->pause_flags);
        if ((__atomic_load_n(&d->sched.cap_budget, __ATOMIC_SEQ_CST) <= 0 && vcpu_capped(v)) ||
            !test_and_clear_bit(VPF_PARKED, &v->pause_flags))
            return false;       /* parked, or the timer was faster: it wakes v */
        if (!vcpu_capped(v))
            return true;
    }
}

void cap_return(struct vcpu *v)
{
    if (v->sched.budget && vcpu_capped(v))
        __atomic_fetch_add(&v->domain->sched.cap_budget, v->sched.budget, __ATOMIC_SEQ_CST);
    v->sched.budget = 0;
}

void cap_set(struct domain *d, uint16_t cap)
{
    int64_t quota = (int64_t)cap * CAP_PERIOD / 100;
    struct vcpu *v;
    d->sched.cap = cap;
    if (quota == d->sched.cap_quota)
        return;
    for_each_vcpu(d, v) {       /* what they ran so far is not to be charged */
        struct runq *rq = vcpu_runq_lock(v);
        if (rq->curr == v)
            runq_account(rq, now());
        v->sched.budget = 0;
        spin_unlock(&rq->lock);
    }
    __atomic_store_n(&d->sched.cap_budget, quota, __ATOMIC_SEQ_CST);
    WRITE_ONCE(d->sched.cap_quota, quota);
    cap_unpark(d);
    for_each_vcpu(d, v)         /* those that run start to count, or stop */
        if (READ_ONCE(v->running))
            cpu_raise_work(READ_ONCE(v->cpu), WORK_SCHED);
}
