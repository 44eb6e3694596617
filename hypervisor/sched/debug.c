/* SPDX-License-Identifier: MIT */
/* Debug key 'r': the run queues. Read without locks, so that it works on a machine that hangs: a torn line is
 * possible. */
#include "private.h"

static void print_vcpu(const char *what, const struct vcpu *v, int64_t vtime)
{
    nsec_t ran;

    if (is_idle_vcpu(v)) {
        console_printf("  %s idle\n", what);
        return;
    }
    ran = v->sched.ran + (v->runstate.state == RUNSTATE_running ? now() - runqs[v->cpu].accounted : 0);
    console_printf("  %s d%uv%u weight %u lag %ld us flags %x pause %u ran %lu ms hard %lx soft %lx%s\n",
                   what, v->domain->id,
                   v->id, v->sched.weight, (long)(v->sched.key - vtime) / 1000, v->pause_flags, v->pause_count,
                   (unsigned long)ran / 1000000, v->sched.hard, v->sched.soft, v->running ? " running" : "");
}

static void print_runq(const struct runq *rq)
{
    const struct vcpu *v;
    unsigned int left = 32;

    console_printf("CPU%u: waiting %u load %u vtime %ld us offset %ld us timer %lu, "
                   "%lu switches, %lu steals, %lu pushes\n", rq->cpu, rq->nr_waiting, rq->load,
                   (long)rq->vtime / 1000, (long)rq->offset / 1000, rq->timer_at, rq->switches,
                   rq->steals, rq->pushes);
    print_vcpu("runs", rq->curr, rq->vtime);
    list_for_each(v, &rq->waiting, sched.link) {
        if (!left--)
            break;
        print_vcpu("waits", v, rq->vtime);
    }
}

void sched_debug_dump(void)
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
