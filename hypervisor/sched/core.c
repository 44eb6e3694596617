/* SPDX-License-Identifier: MIT */
/* The heart of the scheduler: schedule(), which each CPU runs as exit work when someone has a reason for it to look.
 * Weighted fair: of the waiting vCPUs and the running one, the lowest key (queue.c) gets the CPU for a slice. Before
 * its slice ends, the running vCPU is preempted only by one that lags behind it by WAKE_MARGIN, and not before it
 * ran for the rate limit. A slice timer runs only while another vCPU waits or a cap applies: a CPU with one vCPU has
 * no tick. docs/scheduler.md tells why; private.h has the locks and what is always true. */
#include "private.h"

struct runq runqs[NR_CPUS];
cpumask_t sched_idle_mask, sched_waiting_mask;

static void slice_timer_fn(void *arg)
{
    struct runq *rq = arg;
    WRITE_ONCE(rq->timer_at, 0);    /* a waker that still reads the old value is right: we look now */
    cpu_raise_work(rq->cpu, WORK_SCHED);
}

void sched_init(const char *policy)
{
    pool_init(policy);
    for (unsigned int cpu = 0; cpu < NR_CPUS; cpu++) {
        struct runq *rq = &runqs[cpu];
        spin_lock_init(&rq->lock, RANK_SCHED_CPU);
        list_init(&rq->waiting);
        rq->cpu = cpu;
        rq->pool = &pool_free;
    }
    cpu_register_work(WORK_SCHED, schedule);
    debugkey_register('r', "run queues", sched_debug_dump);
}

void sched_cpu_init(unsigned int cpu)
{
    struct runq *rq = &runqs[cpu];
    struct vcpu *idle = idle_domain->vcpu[cpu];
    nsec_t t = now();
    timer_init(&rq->slice_timer, slice_timer_fn, rq, cpu);
    spin_lock(&rq->lock);
    idle->cpu = cpu;
    idle->sched.hard = BIT(cpu);
    idle->running = true;
    runstate_change(idle, RUNSTATE_running, t);
    rq->idle = rq->curr = idle;
    rq->accounted = rq->slice_start = t;
    spin_unlock(&rq->lock);
    rq->pool = &pools[0];
    mask_set(&pools[0].cpus, cpu);
    mask_set(&sched_idle_mask, cpu);
}

struct vcpu *sched_idle_vcpu(unsigned int cpu) { return runqs[cpu].idle; }

void sched_start_idle(void)
{
    for (;;) {
        cpu_do_work();
        if (mm_scrub())
            cpu_take_interrupts();
        else
            cpu_idle_wait();
    }
}

/* How long v may run while others wait here. Light vCPUs get short slices, so that their turn costs nobody much. */
static nsec_t slice_of(const struct runq *rq, const struct vcpu *v)
{
    nsec_t slice = max_t(nsec_t, SLICE_LATENCY / (rq->nr_waiting + 1), SLICE_MIN);
    slice = min_t(nsec_t, slice, SLICE_MAX);
    if (v->sched.weight < WEIGHT_DEFAULT)
        slice = slice * v->sched.weight / WEIGHT_DEFAULT;
    return max_t(nsec_t, slice, rq->pool->ratelimit);
}

/* prev could stay: does it, with first waiting? */
static bool keeps_cpu(struct runq *rq, struct vcpu *prev, const struct vcpu *first, nsec_t t)
{
    nsec_t ran = t - rq->slice_start;
    if (prev->sched.yielded)
        return false;
    if (ran < rq->pool->ratelimit)
        return true;
    if (ran < slice_of(rq, prev))
        return first->sched.key + WAKE_MARGIN >= prev->sched.key;
    if (prev->sched.key > first->sched.key)
        return false;
    rq->slice_start = t;        /* still the one with most claim: another slice */
    return true;
}

/* The next vCPU to run, off the queue. stay: prev is runnable here. */
static struct vcpu *pick(struct runq *rq, struct vcpu *prev, bool stay, nsec_t t)
{
    for (;;) {
        struct vcpu *first = runq_first(rq);
        bool again = false;
        if (stay && (!first || keeps_cpu(rq, prev, first, t)))
            return prev;
        if (!first && !(first = steal(rq, &again))) {
            if (again)          /* a queue was locked: look once more before we sleep */
                cpu_raise_work(rq->cpu, WORK_SCHED);
            return rq->idle;
        }
        runq_remove(rq, first);
        if (!vcpu_capped(first) || first->sched.budget > 0 || cap_take(first, t))
            return first;
    }
}

/* When this CPU must look again by itself. */
static void program_timer(struct runq *rq, struct vcpu *next, nsec_t t)
{
    nsec_t at = 0;
    if (!is_idle_vcpu(next) && rq->nr_waiting) {
        at = rq->slice_start + slice_of(rq, next);
        if (runq_first(rq)->sched.key + WAKE_MARGIN < next->sched.key)  /* only the rate limit kept it waiting */
            at = min_t(nsec_t, at, rq->slice_start + rq->pool->ratelimit);
    }
    if (!is_idle_vcpu(next) && vcpu_capped(next)) {
        nsec_t end = t + (nsec_t)max_t(int64_t, next->sched.budget, 0);
        at = at ? min_t(nsec_t, at, end) : end;
    }
    if (at == rq->timer_at)
        return;
    WRITE_ONCE(rq->timer_at, at);
    if (at)
        timer_set(&rq->slice_timer, at);
    else
        timer_stop(&rq->slice_timer);
}

static void switch_curr(struct runq *rq, struct vcpu *prev, struct vcpu *next, nsec_t t)
{
    rq->curr = next;
    rq->slice_start = t;
    rq->switches++;
    next->running = true;
    runstate_change(prev, is_idle_vcpu(prev) ? RUNSTATE_runnable : runstate_when_off(prev), t);
    runstate_change(next, RUNSTATE_running, t);
    if (!is_idle_vcpu(prev)) {
        WRITE_ONCE(rq->load, rq->load - prev->sched.weight);
        cap_return(prev);
    }
    if (!is_idle_vcpu(next))
        WRITE_ONCE(rq->load, rq->load + next->sched.weight);
}

/* Both masks tell other CPUs; after setting our bit we look at the other mask again, as they do (kick_idle's callers),
 * so that a vCPU cannot start to wait unseen while we go idle. */
static void publish_idle(struct runq *rq)
{
    bool idle = is_idle_vcpu(rq->curr);
    bool marked = mask_read(&sched_idle_mask) & BIT(rq->cpu);
    if (idle && !marked) {
        mask_set(&sched_idle_mask, rq->cpu);
        if (mask_read(&sched_waiting_mask) & rq->pool->cpus)
            cpu_raise_work(rq->cpu, WORK_SCHED);
    } else if (!idle && marked) {
        mask_clear(&sched_idle_mask, rq->cpu);
    }
}

void schedule(void)
{
    struct runq *rq = &runqs[cpu_id()];
    struct vcpu *prev = current, *next;
    nsec_t t = now();
    bool stay;
    spin_lock(&rq->lock);
    HV_ASSERT(rq->curr == prev);
    runq_account(rq, t);
    stay = !is_idle_vcpu(prev) && vcpu_runnable(prev) && cpu_allowed(prev, rq->cpu);
    if (stay && vcpu_capped(prev) && prev->sched.budget <= 0)
        stay = cap_take(prev, t);
    if (rq->nr_waiting > !stay && t >= rq->balance_at && !rq->pool->null)
        push_waiting(rq, t);    /* now: prev, once queued, cannot move before its state is saved */
    next = pick(rq, prev, stay, t);
    prev->sched.yielded = false;
    if (next != prev) {
        switch_curr(rq, prev, next, t);
        if (stay)
            runq_insert(rq, prev);
    }
    if (rq->nr_waiting && !(mask_read(&sched_waiting_mask) & BIT(rq->cpu)))
        mask_set(&sched_waiting_mask, rq->cpu);
    program_timer(rq, next, t);
    publish_idle(rq);
    spin_unlock(&rq->lock);
    if (next == prev)
        return;
    cpu_event(EVENT_SWITCH, (uint64_t)next->domain->id << 16 | next->id);
    context_switch(prev, next);
}

void sched_context_saved(struct vcpu *prev)
{
    struct runq *rq;
    bool misplaced;
    if (is_idle_vcpu(prev)) {
        WRITE_ONCE(prev->running, false);
        return;
    }
    rq = vcpu_runq_lock(prev);
    __atomic_store_n(&prev->running, false, __ATOMIC_RELEASE);  /* pairs with vcpu_sleep_sync's read */
    if (prev->sched.queued && !cpu_allowed(prev, rq->cpu))
        runq_remove(rq, prev);
    misplaced = !prev->sched.queued && vcpu_runnable(prev);
    if (prev->sched.queued)
        kick_idle(rq, prev);
    spin_unlock(&rq->lock);
    if (misplaced)          /* woken while it was saved, or no more allowed here */
        vcpu_wake(prev);
}

int sched_vcpu_init(struct vcpu *v, unsigned int cpu_hint)
{
    if (cpu_hint >= NR_CPUS)
        return -XEN_EINVAL;
    v->cpu = cpu_hint;
    v->sched.hard = v->sched.soft = ~0ull;
    list_init(&v->sched.link);
    v->sched.key = -(int64_t)WAKE_CREDIT;
    v->sched.adrift = true;
    v->sched.weight = v->domain->sched.weight;
    v->sched.scale = (WEIGHT_DEFAULT << SCALE_SHIFT) / v->sched.weight;
    v->runstate.state = is_idle_vcpu(v) ? RUNSTATE_runnable : RUNSTATE_offline;
    v->runstate.state_entry_time = now();
    if (!is_idle_vcpu(v))
        vcpu_update_allowed(v);
    timer_init(&v->sched.poll_timer, poll_timer_fn, v, cpu_hint);
    return 0;
}

void sched_vcpu_destroy(struct vcpu *v)
{
    HV_ASSERT(!v->running && !v->sched.queued);
    timer_kill(&v->sched.poll_timer);
}

int sched_domain_init(struct domain *d)
{
    int rc = pool_domain_init(d);
    if (rc)
        return rc;
    spin_lock_init(&d->sched.lock, RANK_SCHED_DOM);
    d->sched.weight = WEIGHT_DEFAULT;
    timer_init(&d->sched.cap_timer, cap_timer_fn, d, cpu_id());
    for (unsigned int i = 0; i < ARRAY_SIZE(d->sched.watchdog); i++)
        timer_init(&d->sched.watchdog[i], watchdog_fn, d, cpu_id());
    return 0;
}

/* Its timers look at its vCPUs and its pool. */
void sched_domain_quiet(struct domain *d)
{
    timer_kill(&d->sched.cap_timer);
    for (unsigned int i = 0; i < ARRAY_SIZE(d->sched.watchdog); i++)
        timer_kill(&d->sched.watchdog[i]);
}

void sched_domain_destroy(struct domain *d) { pool_domain_destroy(d); }

/* Debug key 'r': read without locks, so that it works on a machine that hangs: a torn line is possible. */
static void print_vcpu(const char *what, const struct vcpu *v, int64_t vtime)
{
    nsec_t ran = v->sched.ran + (v->runstate.state == RUNSTATE_running ? now() - runqs[v->cpu].accounted : 0);
    console_printf("  %s d%uv%u weight %u lag %ld us flags %x pause %u ran %lu ms hard %lx soft %lx%s\n", what,
                   v->domain->id, v->id, v->sched.weight, (long)(v->sched.key - vtime) / 1000, v->pause_flags,
                   v->pause_count, (unsigned long)ran / 1000000, v->sched.hard, v->sched.soft,
                   v->running ? " running" : "");
}

static void print_runq(const struct runq *rq)
{
    const struct vcpu *v;
    unsigned int left = 32;
    console_printf("CPU%u: waiting %u load %u vtime %ld us offset %ld us timer %lu, "
                   "%lu switches, %lu steals, %lu pushes\n", rq->cpu, rq->nr_waiting, rq->load,
                   (long)rq->vtime / 1000, (long)rq->offset / 1000, rq->timer_at, rq->switches, rq->steals, rq->pushes);
    print_vcpu("runs", rq->curr, rq->vtime);
    list_for_each(v, &rq->waiting, sched.link) {
        if (!left--)
            break;
        print_vcpu("waits", v, rq->vtime);
    }
}

void sched_debug_dump(char key __unused)
{
    const struct sched_pool *pool;
    unsigned int cpu;
    console_printf("now %lu us, idle CPUs %lx, CPUs with waiting vCPUs %lx\n", now() / 1000, sched_idle_mask,
                   sched_waiting_mask);
    for (unsigned int id = 0; id < POOLS_MAX; id++)
        if ((pool = pool_by_id(id)) != NULL)
            console_printf("pool %u: %s, CPUs %lx, %u domains, rate limit %lu us\n", id,
                           pool->null ? "null" : "credit2", pool->cpus, pool->nr_domains, pool->ratelimit / 1000);
    for_each_cpu(cpu, cpu_online_map)
        if (runqs[cpu].idle)
            print_runq(&runqs[cpu]);
}
