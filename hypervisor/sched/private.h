/* SPDX-License-Identifier: MIT */
/* sched/ inside: run queues and what the files of this room share.
 *
 * A run queue belongs to one CPU. Its lock (RANK_SCHED_CPU) guards the queue and the scheduling state of every vCPU v
 * with v->cpu == that CPU, queued or not; v->cpu itself changes only under the lock of the queue it leaves, and never
 * while v is queued or running. A second queue's lock is only ever try-locked. Always true with the lock free:
 *   - v is on at most one queue, that of v->cpu, and the queue's curr is not on it;
 *   - a queued vCPU is runnable or its sleeper waits for this lock; an idle vCPU is never queued;
 *   - v->running from the moment schedule() picks v until context_switch has saved its state. While it is set, v
 *     stays on its CPU's queue or none: no other CPU takes it. */
#pragma once
#include <hv/console.h>
#include <hv/cpu.h>
#include <hv/domain.h>
#include <hv/lock.h>
#include <hv/sched.h>
#include <hv/mm.h>
#include <hv/time.h>

#define WEIGHT_DEFAULT  256u
#define SCALE_SHIFT     16

/* Times in ns. Virtual ones run at real speed for a vCPU of weight 256 that has a CPU to itself. */
enum {
    SLICE_LATENCY = 10000000,   /* all waiting vCPUs of a CPU get a turn in about this time ... */
    SLICE_MAX     = 5000000,    /* ... by slices of at most this */
    SLICE_MIN     = 1000000,    /* ... and, at weight 256 or more, at least this */
    WAKE_CREDIT   = 3000000,    /* virtual: what a waking vCPU may lag behind its queue's virtual time, at most */
    WAKE_MARGIN   = 500000,     /* virtual: who lags behind the running one by this preempts it within its slice */
    LAG_MAX       = 100000000,  /* virtual: most lead over the others that a vCPU keeps */
    BALANCE_LAG   = 20000000,   /* virtual: a waiting vCPU this far behind those of another CPU moves there */
    BALANCE_EVERY = 5000000,    /* between two looks at other CPUs, while some vCPU waits here */
    CAP_PERIOD    = 10000000,
    RATELIMIT     = 2000000,    /* the default: streams through a back-end move in batches (docs/scheduler.md) */
};
#define KEY_MAX ((int64_t)1 << 60)  /* a queue whose vtime gets here goes back by as much */

/* A pool: CPUs, and the domains that run on them and nowhere else. Fields change under pool.c's lock; cpus, null and
 * ratelimit are read without. A pool is never freed, only marked unused, so a late reader meets no foreign memory. */
struct sched_pool {
    bool used;
    bool null;                  /* policy "null": vCPUs stay where they are placed */
    cpumask_t cpus;
    nsec_t ratelimit;           /* a vCPU is not preempted before it ran for this */
    uint32_t nr_domains;
};

struct runq {
    spinlock_t lock;
    unsigned int cpu;
    struct sched_pool *pool;    /* never NULL once the CPU schedules: a free CPU has pool_free */
    struct vcpu *idle, *curr;
    struct list waiting;        /* sched.link, by key, lowest first */
    unsigned int nr_waiting;    /* read without the lock by other CPUs, as are load, low and accounted: hints */
    uint32_t load;              /* sum of weights: curr and waiting */
    int64_t low;                /* the lowest key here; curr's as of `accounted` */
    int64_t vtime;              /* virtual time: as low, but never going back */
    uint64_t offset;            /* key + offset, modulo 2^64: a position, comparable among CPUs (balance.c) */
    nsec_t accounted;           /* curr's run time is accounted up to here */
    nsec_t slice_start;
    nsec_t balance_at;
    nsec_t timer_at;            /* slice_timer's expiry, 0: not armed */
    struct timer slice_timer;
    uint64_t switches, steals, pushes;
} __aligned(64);

extern struct runq runqs[NR_CPUS];
extern cpumask_t sched_idle_mask;       /* CPUs that run their idle vCPU and were not sent work; atomic */
extern cpumask_t sched_waiting_mask;    /* CPUs where vCPUs wait behind a running one; atomic */
#define POOLS_MAX NR_CPUS
extern struct sched_pool pools[POOLS_MAX];  /* index: the pool's id */
extern struct sched_pool pool_free;         /* of CPUs in no pool, and of domains that are no guests */

static inline bool is_idle_vcpu(const struct vcpu *v) { return v->domain->is_idle; }
static inline bool cpu_allowed(const struct vcpu *v, unsigned int cpu) { return v->sched.allowed & BIT(cpu); }
static inline int64_t to_virtual(const struct vcpu *v, nsec_t real)
{
    return (int64_t)((real * v->sched.scale) >> SCALE_SHIFT);
}
static inline int64_t key_at(const struct runq *rq, const struct vcpu *curr, nsec_t t)
{
    nsec_t since = READ_ONCE(rq->accounted);
    return curr->sched.key + (t > since ? to_virtual(curr, t - since) : 0);
}
static inline void mask_set(cpumask_t *m, unsigned int cpu) { __atomic_fetch_or(m, BIT(cpu), __ATOMIC_SEQ_CST); }
static inline void mask_clear(cpumask_t *m, unsigned int cpu) { __atomic_fetch_and(m, ~BIT(cpu), __ATOMIC_SEQ_CST); }
static inline cpumask_t mask_read(const cpumask_t *m) { return __atomic_load_n(m, __ATOMIC_SEQ_CST); }

/* queue.c: all with the queue's lock held */
struct runq *vcpu_runq_lock(struct vcpu *v);    /* locks the queue of v->cpu */
void runq_insert(struct runq *rq, struct vcpu *v);
void runq_remove(struct runq *rq, struct vcpu *v);
static inline struct vcpu *runq_first(const struct runq *rq)
{
    return list_empty(&rq->waiting) ? NULL : list_first(&rq->waiting, struct vcpu, sched.link);
}
void runq_update_low(struct runq *rq);
void runq_shift(struct runq *rq, int64_t by);   /* all keys here move; positions stay */
static inline uint64_t position(const struct runq *rq, int64_t key) { return (uint64_t)key + READ_ONCE(rq->offset); }
void runq_account(struct runq *rq, nsec_t t);   /* curr's run time up to t */
void runq_join(struct runq *rq, struct vcpu *v);   /* v->cpu is this queue: its key gets this queue's time */
void vcpu_leave(struct runq *rq, struct vcpu *v, unsigned int cpu);    /* v->cpu = cpu, its key becomes a lag */
void vcpu_set_weight(struct vcpu *v, uint16_t weight); /* takes the lock itself */
void runstate_change(struct vcpu *v, int state, nsec_t t);
int runstate_when_off(const struct vcpu *v);    /* RUNSTATE_* of a vCPU that does not run */

/* wake.c */
void runq_preempt_check(struct runq *rq, struct vcpu *v, nsec_t t); /* v was just inserted: must rq's CPU look? */
void kick_idle(const struct runq *rq, const struct vcpu *v);
void vcpu_update_allowed(struct vcpu *v);       /* its queue's lock held */
void vcpu_affinity_changed(struct vcpu *v);     /* its affinity or its pool's CPUs: leaves a CPU that it may not use */

/* balance.c: rq is this CPU's, locked */
struct vcpu *steal(struct runq *rq, bool *again);   /* a waiting vCPU of another CPU, now ours and queued; NULL: none */
void push_waiting(struct runq *rq, nsec_t t);

/* pool.c */
void pool_init(const char *policy);
int pool_domain_init(struct domain *d);
void pool_domain_destroy(struct domain *d);
struct sched_pool *pool_by_id(uint32_t id);     /* NULL: none */

/* cap.c */
static inline bool vcpu_capped(const struct vcpu *v) { return READ_ONCE(v->domain->sched.cap_quota) != 0; }
bool cap_take(struct vcpu *v, nsec_t t);        /* gets v some budget to run with; false: v is parked now */
void cap_return(struct vcpu *v);                /* v leaves its CPU: what it did not use goes back */
void cap_timer_fn(void *domain);
void cap_set(struct domain *d, uint16_t cap);   /* d->sched.lock held */

/* block.c */
void poll_timer_fn(void *vcpu);
void watchdog_fn(void *domain);
