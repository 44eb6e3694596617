/* SPDX-License-Identifier: MIT */
/* sched/: which vCPU runs where. Per-CPU run queues, each with its lock (RANK_SCHED_CPU); a vCPU is on one queue or
 * none, and runnable when pause_count and pause_flags are 0. The room never reads guest memory. */
#pragma once
#include <hv/lock.h>
#include <hv/time.h>
#include <xen/domctl.h>
#include <xen/sched.h>
#include <xen/sysctl.h>
#include <xen/vcpu.h>

struct sched_vcpu {                 /* embedded in struct vcpu; guarded by the lock of v->cpu's run queue */
    struct list link;               /* its run queue's list while queued */
    bool queued;
    bool adrift;                    /* key is a lag: distance from the virtual time of the queue it will join */
    bool yielded;
    int64_t key;                    /* virtual run time, ns at weight 256: the queue's order */
    uint32_t weight, scale;         /* the domain's; (256 << 16) / weight */
    nsec_t ran;                     /* total run time, ns */
    int64_t budget;                 /* of the domain's cap: run time it took from it and has not used yet, ns */
    cpumask_t hard, soft;           /* affinity, as set */
    cpumask_t allowed;              /* hard within its pool's CPUs; when that is none, all of those */
    cpumask_t hard_saved; bool hard_overridden; /* SCHEDOP_pin_override */
    struct timer poll_timer; nsec_t poll_deadline; /* SCHEDOP_poll's time-out; its owner is the polling vCPU */
};
struct sched_pool;
struct sched_domain {               /* embedded in struct domain */
    struct sched_pool *pool;        /* changes under the lock of pools (RANK_CPUPOOL) */
    uint16_t weight, cap;           /* credit2: 1..65535 (256), cap in % of one CPU (0: none); under lock */
    int64_t cap_quota, cap_budget;  /* ns a period; ns left in this one, atomic, negative: overdrawn */
    uint32_t cap_armed;             /* bit 0: cap_timer runs; atomic */
    nsec_t cap_refill_at;           /* when it fires next; written by who set the bit */
    struct timer cap_timer;
    struct timer watchdog[2]; bool watchdog_on[2];
    spinlock_t lock;                /* RANK_SCHED_DOM: parameters and watchdogs */
};

void sched_init(const char *policy);        /* "credit2" (default), "null"; unknown ones are logged and credit2 used */
void sched_cpu_init(unsigned int cpu);      /* before that CPU schedules; makes its idle vCPU's queue */
int sched_domain_init(struct domain *d);    /* to pool d->config.cpupool_id: -XEN_ESRCH, -XEN_EINVAL (it has no CPU) */
void sched_domain_quiet(struct domain *d);      /* before its vCPUs are freed */
void sched_domain_destroy(struct domain *d);
int sched_vcpu_init(struct vcpu *v, unsigned int cpu_hint);
void sched_vcpu_destroy(struct vcpu *v);    /* v is not runnable and not running */

/* After pause_count or pause_flags changed: wake puts a runnable vCPU on a queue and makes a CPU look; sleep takes
 * it off, and makes its CPU reschedule when it runs. sleep_sync waits until it is off its CPU. */
void vcpu_wake(struct vcpu *v);
void vcpu_sleep_nosync(struct vcpu *v);
void vcpu_sleep_sync(struct vcpu *v);
bool vcpu_runnable(const struct vcpu *v);
void vcpu_unblock(struct vcpu *v);          /* clears VPF_BLOCKED and VPF_POLLING and wakes */

/* Exit work WORK_SCHED: accounts the running vCPU, picks the next; when they differ calls context_switch and does not
 * return. */
void schedule(void);
void sched_start_idle(void) __noreturn;     /* this CPU's idle loop, from boot */
struct vcpu *sched_idle_vcpu(unsigned int cpu);
void sched_context_saved(struct vcpu *prev);    /* by context_switch, on next's side: prev may now run elsewhere */

/* SCHEDOP_* of the running vCPU; the hypercall file decodes. */
#ifdef HV_FAKE_CPU
#define sched_yield hv_sched_yield          /* libc has one of another type */
#endif
void sched_block(void);
void sched_yield(void);
int sched_poll(const struct sched_poll *poll, const uint32_t *ports);   /* ports copied in by the caller, <= 128 */
int sched_watchdog(struct domain *d, uint32_t id, uint32_t timeout_s);  /* id 0: a new one; returns its id */
int sched_pin_override(struct vcpu *v, int pcpu);
/* Affinity (domctl), NULL: unchanged. -XEN_EINVAL: hard has no CPU of the domain's pool; -XEN_EBUSY: hard while
 * pin_override holds (sched_pin_override(v, -1) lifts it). The vCPU leaves a CPU that it may no longer use at once. */
int sched_set_affinity(struct vcpu *v, const cpumask_t *hard, const cpumask_t *soft);
/* DOMCTL_scheduler_op, SYSCTL_scheduler_op, SYSCTL_cpupool_op: already copied in; results in place. */
int sched_domctl(struct domain *d, struct xen_domctl_scheduler_op *op);
int sched_sysctl(struct xen_sysctl_scheduler_op *op);
int sched_cpupool(struct xen_sysctl_cpupool_op *op, cpumask_t *cpumap);     /* cpumap: result of INFO and FREEINFO */
uint32_t sched_id(void);                    /* XEN_SCHEDULER_* of pool 0 */
void vcpu_runstate_get(struct vcpu *v, struct vcpu_runstate_info *rs);
uint64_t sched_cpu_idle_time(unsigned int cpu);     /* ns */
void sched_debug_dump(char key);            /* debug key 'r' */
