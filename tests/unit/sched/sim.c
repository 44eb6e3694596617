/* SPDX-License-Identifier: MIT */
#include "sim.h"

#define DOMAINS   64
#define VCPUS     32
#define IDLE_ID   63
#define NEVER     (~(nsec_t)0)
#define MAX_TIMERS 1024
#define WAIT_BESIDE_IDLE (BALANCE_EVERY + SLICE_MAX)    /* how long a vCPU may wait while a CPU it may use idles */

static struct sim_vcpu sims[DOMAINS][VCPUS];
static nsec_t clock_ns;
static struct timer *timers[MAX_TIMERS];
static unsigned int nr_timers;
static struct vcpu *unsaved[NR_CPUS];
static jmp_buf back;
static uint32_t seed;
bool sim_defer_saves, sim_conserve;
uint64_t sim_timer_fires;
uint8_t sim_shutdown_reason;

uint32_t sim_rand(uint32_t n)
{
    seed = seed * 1664525u + 1013904223u;
    return (uint32_t)(((uint64_t)seed * n) >> 32);
}

/* --- what the machine gives the scheduler ----------------------------------------------------- */
nsec_t now(void) { return clock_ns; }

void timer_init(struct timer *t, void (*fn)(void *arg), void *arg, unsigned int cpu)
{
    *t = (struct timer){ .fn = fn, .arg = arg, .cpu = cpu };
}

void timer_stop(struct timer *t)
{
    for (unsigned int i = 0; i < nr_timers; i++)
        if (timers[i] == t) {
            timers[i] = timers[--nr_timers];
            break;
        }
    t->active = false;
}

void timer_set(struct timer *t, nsec_t expires)
{
    timer_stop(t);
    SIM_ASSERT(!t->killed && nr_timers < MAX_TIMERS);
    t->node.key = expires;
    t->active = true;
    timers[nr_timers++] = t;
}

void timer_kill(struct timer *t)
{
    timer_stop(t);
    t->killed = true;
}

static nsec_t next_timer(void)
{
    nsec_t at = NEVER;

    for (unsigned int i = 0; i < nr_timers; i++)
        at = min(at, timers[i]->node.key);
    return at;
}

static void fire_timers(void)
{
    for (unsigned int i = 0; i < nr_timers; ) {
        struct timer *t = timers[i];

        if (t->node.key > clock_ns) {
            i++;
            continue;
        }
        timer_stop(t);
        sim_timer_fires++;
        fake_cpu_set(t->cpu);
        t->fn(t->arg);
        i = 0;
    }
}

static struct sim_vcpu *sim_of(const struct vcpu *v)
{
    return &sims[v->domain->id][v->id];
}

static void save(unsigned int cpu)
{
    struct vcpu *prev = unsaved[cpu];

    unsaved[cpu] = NULL;
    fake_cpu_set(cpu);
    sched_context_saved(prev);
}

void context_switch(struct vcpu *prev, struct vcpu *next)
{
    unsigned int cpu = cpu_id();
    struct sim_vcpu *s = sim_of(next);

    SIM_ASSERT(fake_locks_held() == 0);
    SIM_ASSERT(current == prev);
    fake_run(next);
    unsaved[cpu] = prev;
    if (!next->domain->is_idle && s->woken_at != NEVER) {
        s->latency_max = max(s->latency_max, clock_ns - s->woken_at);
        s->latency_sum += clock_ns - s->woken_at;
        s->runs++;
        s->woken_at = NEVER;
    }
    if (!sim_defer_saves || sim_rand(2))
        save(cpu);
    longjmp(back, 1);
}

int evtchn_is_pending(struct domain *d, uint32_t port)
{
    return port >= 1024 ? -XEN_EINVAL : test_bit(port, d->shared_info->evtchn_pending);
}

void domain_shutdown(struct domain *d, uint8_t reason)
{
    struct vcpu *v;

    sim_shutdown_reason = reason;
    for_each_vcpu(d, v)
        sim_pause(v);
}

/* --- invariants ------------------------------------------------------------------------------- */
static void check_runq(unsigned int cpu)
{
    struct runq *rq = &runqs[cpu];
    unsigned int n = 0;
    uint32_t load = is_idle_vcpu(rq->curr) ? 0 : rq->curr->sched.weight;
    int64_t last = INT64_MIN;
    struct vcpu *v;

    SIM_ASSERT(!spin_is_locked(&rq->lock));
    SIM_ASSERT(rq->curr == fake_cpus[cpu].curr);
    SIM_ASSERT(rq->curr->running && !rq->curr->sched.queued && rq->curr->cpu == cpu);
    list_for_each(v, &rq->waiting, sched.link) {
        SIM_ASSERT(v->sched.queued && v->cpu == cpu && v != rq->curr && !is_idle_vcpu(v));
        SIM_ASSERT(!v->sched.adrift && v->sched.key >= last && vcpu_runnable(v));
        SIM_ASSERT(cpu_allowed(v, cpu) || v->running);
        SIM_ASSERT(!v->running || unsaved[cpu] == v);
        last = v->sched.key;
        load += v->sched.weight;
        n++;
    }
    SIM_ASSERT(n == rq->nr_waiting);
    SIM_ASSERT(load == rq->load);
}

static void check_vcpu(struct vcpu *v)
{
    unsigned int runs = 0, saving = 0, cpu;

    for_each_cpu(cpu, cpu_online_map) {
        runs += fake_cpus[cpu].curr == v;
        saving += unsaved[cpu] == v;
    }
    SIM_ASSERT(runs + saving <= 1);
    SIM_ASSERT(v->running == (runs + saving > 0));
    SIM_ASSERT(v->runstate.state == RUNSTATE_running ? runs == 1 : runs == 0);
    if (!runs)
        SIM_ASSERT(v->runstate.state == runstate_when_off(v));
    SIM_ASSERT(v->sched.allowed && !(v->sched.allowed & ~v->domain->sched.pool->cpus));
    if (vcpu_runnable(v))       /* it has a place: no wake-up was lost */
        SIM_ASSERT(runs || saving || v->sched.queued);
    else
        SIM_ASSERT(!v->sched.queued);
}

/* With all exit work done: those that run may; those that wait have a reason and a time limit. */
static void check_settled(void)
{
    unsigned int cpu, c;
    struct vcpu *v;

    for_each_cpu(cpu, cpu_online_map) {
        struct runq *rq = &runqs[cpu];
        bool idle = is_idle_vcpu(rq->curr);

        SIM_ASSERT(fake_cpus[cpu].pending == 0);
        SIM_ASSERT(idle || (vcpu_runnable(rq->curr) && cpu_allowed(rq->curr, cpu)));
        SIM_ASSERT(!!(sched_idle_mask & BIT(cpu)) == idle);
        SIM_ASSERT(!!(sched_waiting_mask & BIT(cpu)) == (rq->nr_waiting > 0));
        SIM_ASSERT(!idle || !rq->nr_waiting);
        if (rq->nr_waiting)
            SIM_ASSERT(rq->timer_at && rq->slice_timer.active && rq->slice_timer.node.key == rq->timer_at);
        if (!sim_conserve)
            continue;
        list_for_each(v, &rq->waiting, sched.link)
            for_each_cpu(c, sched_idle_mask)
                SIM_ASSERT(!cpu_allowed(v, c) || rq->pool->null ||
                          clock_ns - v->runstate.state_entry_time <= WAIT_BESIDE_IDLE ||
                          clock_ns - runqs[c].idle->runstate.state_entry_time <= WAIT_BESIDE_IDLE);
    }
}

void sim_check(void)
{
    struct domain *d;
    struct vcpu *v;
    unsigned int cpu;

    for_each_cpu(cpu, cpu_online_map)
        check_runq(cpu);
    for_each_domain(d)
        if (!d->is_idle)
            for_each_vcpu(d, v)
                check_vcpu(v);
}

/* --- running ---------------------------------------------------------------------------------- */
static void do_work(unsigned int cpu)
{
    fake_cpu_set(cpu);
    if (unsaved[cpu])
        save(cpu);
    else if (!setjmp(back))
        cpu_do_work();
    SIM_ASSERT(fake_locks_held() == 0);
}

/* Now and then an event arrives for a vCPU whose state is just being saved. */
static void wake_unsaved(void)
{
    unsigned int cpu = sim_rand(cpu_count);
    struct vcpu *v = unsaved[cpu];

    if (!v || is_idle_vcpu(v) || sim_rand(4))
        return;
    fake_cpu_set(sim_rand(cpu_count));
    sim_wake(sim_of(v));
}

void sim_settle(void)
{
    for (unsigned int rounds = 0; ; rounds++) {
        cpumask_t busy = 0;
        unsigned int cpu, n;

        for_each_cpu(cpu, cpu_online_map)
            if (fake_cpus[cpu].pending || unsaved[cpu])
                busy |= BIT(cpu);
        if (!busy)
            break;
        if (sim_defer_saves)
            wake_unsaved();
        SIM_ASSERT(rounds < 1000); /* else: exit work without end */
        n = sim_rand(hweight64(busy));      /* in any order */
        for_each_cpu(cpu, busy)
            if (!n--)
                break;
        do_work(cpu);
        sim_check();
    }
    check_settled();
}

static void new_burst(struct sim_vcpu *s)
{
    if (!s->burst)
        s->left = NEVER;
    else
        s->left = s->jitter ? 1 + sim_rand((uint32_t)(2 * s->burst)) : s->burst;
}

static void burst_end(struct sim_vcpu *s)
{
    static const struct sched_poll no_ports;
    nsec_t pause = s->jitter && s->pause ? sim_rand((uint32_t)(2 * s->pause)) : s->pause;

    fake_cpu_set(s->v->cpu);
    SIM_ASSERT(current == s->v);
    new_burst(s);
    if (s->act == SIM_YIELD) {
        sched_yield();
        return;
    }
    s->wake_at = clock_ns + pause;
    WRITE_ONCE(s->v->info->evtchn_upcall_pending, 0);
    if (s->act == SIM_BLOCK)
        sched_block();
    else
        SIM_ASSERT(sched_poll(&no_ports, NULL) == 0);
}

void sim_wake(struct sim_vcpu *s)
{
    struct vcpu *v = s->v;

    s->wake_at = NEVER;
    WRITE_ONCE(v->info->evtchn_upcall_pending, 1);
    if (!v->running && s->woken_at == NEVER && !v->pause_count)
        s->woken_at = clock_ns;
    vcpu_unblock(v);
}

static void advance(nsec_t t)
{
    unsigned int cpu;

    for_each_cpu(cpu, cpu_online_map) {
        struct vcpu *v = fake_cpus[cpu].curr;

        if (is_idle_vcpu(v))
            continue;
        sim_of(v)->ran += t - clock_ns;
        if (sim_of(v)->left != NEVER)
            sim_of(v)->left -= t - clock_ns;
    }
    clock_ns = t;
}

static nsec_t next_event(nsec_t end)
{
    nsec_t at = min(end, next_timer());
    struct domain *d;
    struct vcpu *v;
    unsigned int cpu;

    for_each_cpu(cpu, cpu_online_map) {
        v = fake_cpus[cpu].curr;
        if (!is_idle_vcpu(v) && sim_of(v)->left != NEVER)
            at = min(at, clock_ns + sim_of(v)->left);
    }
    for_each_domain(d)
        if (!d->is_idle)
            for_each_vcpu(d, v)
                at = min(at, sim_of(v)->wake_at);
    return max(at, clock_ns);
}

void sim_run(nsec_t ns)
{
    nsec_t end = clock_ns + ns;
    struct domain *d;
    struct vcpu *v;
    unsigned int cpu;

    sim_settle();
    while (clock_ns < end) {
        advance(next_event(end));
        fire_timers();
        for_each_domain(d)
            if (!d->is_idle)
                for_each_vcpu(d, v)
                    if (sim_of(v)->wake_at <= clock_ns) {
                        fake_cpu_set(ffs64(cpu_online_map) + sim_rand(cpu_count));
                        sim_wake(sim_of(v));
                    }
        for_each_cpu(cpu, cpu_online_map) {
            v = fake_cpus[cpu].curr;
            if (!is_idle_vcpu(v) && !sim_of(v)->left)
                burst_end(sim_of(v));
        }
        sim_settle();
    }
}

/* --- making and ending ------------------------------------------------------------------------ */
void sim_start(unsigned int cpus, const char *policy)
{
    fake_reset(cpus);
    memset(sims, 0, sizeof(sims));
    memset(unsaved, 0, sizeof(unsaved));
    nr_timers = 0;
    clock_ns = SECONDS(1);
    seed = 1;
    sim_defer_saves = false;
    sim_conserve = true;
    sim_timer_fires = 0;
    sim_shutdown_reason = 0xff;
    memset(runqs, 0, sizeof(runqs));
    memset(pools, 0, sizeof(pools));
    sched_idle_mask = sched_waiting_mask = 0;
    sched_init(policy);
    idle_domain = fake_domain_new(IDLE_ID, false, cpus);
    idle_domain->is_idle = true;
    SIM_ASSERT(sched_domain_init(idle_domain) == 0);
    for (unsigned int cpu = 0; cpu < cpus; cpu++) {
        fake_cpu_set(cpu);
        SIM_ASSERT(sched_vcpu_init(idle_domain->vcpu[cpu], cpu) == 0);
        fake_run(idle_domain->vcpu[cpu]);
        sched_cpu_init(cpu);
    }
    fake_cpu_set(0);
}

void sim_stop(void)
{
    for (unsigned int id = 0; id < IDLE_ID; id++)
        if (domain_find((domid_t)id))
            sim_domain_gone(domain_find((domid_t)id));
    for (unsigned int i = 0; i < nr_timers; i++)
        SIM_ASSERT(timers[i] == NULL); /* else: a timer of a dead domain is left */
    fake_reset(1);
}

struct domain *sim_domain(unsigned int id, unsigned int vcpus, uint16_t weight, uint16_t cap)
{
    struct xen_domctl_scheduler_op op = { .sched_id = sched_id(), .cmd = XEN_DOMCTL_SCHEDOP_putinfo,
                                          .u.credit2 = { weight, cap } };
    struct domain *d = fake_domain_new((domid_t)id, false, vcpus);
    struct vcpu *v;

    SIM_ASSERT(vcpus <= VCPUS);
    SIM_ASSERT(sched_domain_init(d) == 0);
    for_each_vcpu(d, v) {
        v->pause_flags = BIT(VPF_DOWN);
        SIM_ASSERT(sched_vcpu_init(v, v->id % cpu_count) == 0);
        *sim_of(v) = (struct sim_vcpu){ .v = v, .left = NEVER, .wake_at = NEVER, .woken_at = NEVER };
    }
    if (!pools[0].null)
        SIM_ASSERT(sched_domctl(d, &op) == 0);
    return d;
}

struct sim_vcpu *sim_vcpu(struct domain *d, unsigned int id) { return &sims[d->id][id]; }

void sim_program(struct sim_vcpu *s, nsec_t burst, nsec_t pause, enum sim_act act, bool jitter)
{
    s->burst = burst;
    s->pause = pause;
    s->act = act;
    s->jitter = jitter;
    new_burst(s);
}

void sim_go(struct domain *d)
{
    struct vcpu *v;

    for_each_vcpu(d, v) {
        clear_bit(VPF_DOWN, &v->pause_flags);
        vcpu_wake(v);
    }
    sim_settle();
}

void sim_pause(struct vcpu *v)
{
    __atomic_fetch_add(&v->pause_count, 1, __ATOMIC_SEQ_CST);
    sim_of(v)->woken_at = NEVER;
    vcpu_sleep_nosync(v);
}

void sim_unpause(struct vcpu *v)
{
    if (__atomic_sub_fetch(&v->pause_count, 1, __ATOMIC_SEQ_CST) == 0)
        vcpu_wake(v);
}

void sim_domain_gone(struct domain *d)
{
    struct vcpu *v;

    for_each_vcpu(d, v)
        sim_pause(v);
    sim_settle();
    for_each_vcpu(d, v) {
        vcpu_sleep_sync(v);
        sched_vcpu_destroy(v);
    }
    sched_domain_quiet(d);
    sched_domain_destroy(d);
    fake_domain_free(d);
}

nsec_t sim_domain_ran(struct domain *d)
{
    nsec_t sum = 0;
    struct vcpu *v;

    for_each_vcpu(d, v)
        sum += sim_of(v)->ran;
    return sum;
}

void sim_reset_stats(void)
{
    struct domain *d;
    struct vcpu *v;

    for_each_domain(d)
        if (!d->is_idle)
            for_each_vcpu(d, v) {
                struct sim_vcpu *s = sim_of(v);

                s->ran = s->latency_max = s->latency_sum = s->runs = 0;
            }
    sim_timer_fires = 0;
}
