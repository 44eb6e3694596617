/* SPDX-License-Identifier: MIT */
/* Control operations. CPU pools (XEN_SYSCTL_cpupool_op, xen/sysctl.h): each CPU is in one pool or free, each domain
 * in one pool, whose CPUs it uses. Pool 0 has all CPUs at boot, dom0, and every domain that asks for no other. Lock:
 * pool_lock (RANK_CPUPOOL) for every change. A change of CPUs is published in pool->cpus and then applied to each
 * vCPU of the pool; a vCPU that is not known yet picks it up when it is woken (vcpu_update_allowed). Always true: a
 * pool with domains has a CPU. */
#include "private.h"

struct sched_pool pools[POOLS_MAX];
struct sched_pool pool_free = { .null = true, .ratelimit = RATELIMIT };
static spinlock_t pool_lock = SPINLOCK_INIT(RANK_CPUPOOL);

void pool_init(const char *policy)
{
    if (policy && *policy && strcmp(policy, "credit2") && strcmp(policy, "null"))
        log_warn("sched: no policy \"%s\", using credit2\n", policy);
    pools[0] = (struct sched_pool){ .used = true, .null = policy && !strcmp(policy, "null"), .ratelimit = RATELIMIT };
}

struct sched_pool *pool_by_id(uint32_t id)
{
    struct sched_pool *p = id < POOLS_MAX ? &pools[index_clamp(id, POOLS_MAX)] : NULL;
    return p && READ_ONCE(p->used) ? p : NULL;
}

static uint32_t id_of(const struct sched_pool *p) { return p->null ? XEN_SCHEDULER_NULL : XEN_SCHEDULER_CREDIT2; }
uint32_t sched_id(void) { return id_of(&pools[0]); }

int pool_domain_init(struct domain *d)
{
    struct sched_pool *p;
    int rc;
    if (d->is_idle || d->is_system) {
        d->sched.pool = &pool_free;
        return 0;
    }
    spin_lock(&pool_lock);
    p = pool_by_id(d->config.cpupool_id);
    rc = !p ? -XEN_ESRCH : !p->cpus ? -XEN_EINVAL : 0;
    if (rc == 0) {
        d->sched.pool = p;
        d->cpupool = d->config.cpupool_id;
        p->nr_domains++;
    }
    spin_unlock(&pool_lock);
    return rc;
}

/* Also for a domain whose making failed before it had a pool. */
void pool_domain_destroy(struct domain *d)
{
    spin_lock(&pool_lock);
    if (d->sched.pool)
        d->sched.pool->nr_domains--;
    d->sched.pool = NULL;
    spin_unlock(&pool_lock);
}

#define for_each_pool_vcpu(d, v, p) for_each_domain(d) if ((d)->sched.pool == (p)) for_each_vcpu(d, v)

/* p->cpus has changed. */
static void pool_apply(struct sched_pool *p)
{
    struct domain *d;
    struct vcpu *v;
    for_each_pool_vcpu(d, v, p)
        vcpu_affinity_changed(v);
}

static int op_create(struct xen_sysctl_cpupool_op *op)
{
    uint32_t id = op->cpupool_id;
    if (op->sched_id != XEN_SCHEDULER_CREDIT2 && op->sched_id != XEN_SCHEDULER_NULL)
        return -XEN_EINVAL;
    if (id == XEN_SYSCTL_CPUPOOL_PAR_ANY)
        for (id = 0; id < POOLS_MAX && pools[id].used; id++)
            ;
    if (id >= POOLS_MAX)
        return op->cpupool_id == XEN_SYSCTL_CPUPOOL_PAR_ANY ? -XEN_ENOSPC : -XEN_EINVAL;
    if (pools[id].used)
        return -XEN_EEXIST;
    pools[id] = (struct sched_pool){ .used = true, .null = op->sched_id == XEN_SCHEDULER_NULL, .ratelimit = RATELIMIT };
    op->cpupool_id = id;
    return 0;
}

static int op_destroy(struct sched_pool *p)
{
    WRITE_ONCE(p->used, p->nr_domains || p->cpus || p == &pools[0]);
    return p->used ? -XEN_EBUSY : 0;
}

static cpumask_t free_cpus(void)
{
    cpumask_t cpus = cpu_online_map;
    for (unsigned int id = 0; id < POOLS_MAX; id++)
        if (pools[id].used)
            cpus &= ~pools[id].cpus;
    return cpus;
}

static void cpu_set_pool(unsigned int cpu, struct sched_pool *p)
{
    spin_lock(&runqs[cpu].lock);
    runqs[cpu].pool = p;
    spin_unlock(&runqs[cpu].lock);
}

/* One of `from`; any: that one. -XEN_ENODEV: it is not among them. */
static int check_cpu(uint32_t *cpu, cpumask_t from, unsigned int any)
{
    if (*cpu == XEN_SYSCTL_CPUPOOL_PAR_ANY) {
        *cpu = any;
        return from ? 0 : -XEN_ENODEV;
    }
    if (*cpu >= NR_CPUS || !(cpu_online_map & BIT(*cpu)))
        return -XEN_EINVAL;
    return from & BIT(*cpu) ? 0 : -XEN_ENODEV;
}

static int op_add_cpu(struct sched_pool *p, uint32_t cpu)
{
    cpumask_t avail = free_cpus();
    int rc = check_cpu(&cpu, avail, ffs64(avail));
    if (rc)
        return rc;
    cpu_set_pool(cpu, p);
    mask_set(&p->cpus, cpu);
    pool_apply(p);
    return 0;
}

static int op_remove_cpu(struct sched_pool *p, uint32_t cpu)
{
    int rc = check_cpu(&cpu, p->cpus, p->cpus ? 63 - (unsigned int)__builtin_clzll(p->cpus) : 0);
    struct domain *d;
    struct vcpu *v;
    if (rc)
        return rc;
    if (p->nr_domains && p->cpus == BIT(cpu))
        return -XEN_EBUSY;
    for_each_pool_vcpu(d, v, p)
        if (v->sched.hard_overridden && (v->sched.hard & BIT(cpu)))
            return -XEN_EADDRINUSE;
    mask_clear(&p->cpus, cpu);
    pool_apply(p);              /* what ran there leaves at that CPU's next exit, at once by IPI */
    cpu_set_pool(cpu, &pool_free);
    return 0;
}

static int op_move_domain(struct sched_pool *p, uint32_t domid)
{
    struct domain *d = domid < DOMID_COUNT ? domain_get((domid_t)domid) : NULL;
    struct vcpu *v;
    int rc = 0;
    if (!d)
        return -XEN_EINVAL;
    if (!d->sched.pool || d->sched.pool == &pool_free || (d == dom0 && p != &pools[0]) || !p->cpus) {
        rc = -XEN_EINVAL;
    } else if (d->sched.pool != p) {
        d->sched.pool->nr_domains--;
        p->nr_domains++;
        WRITE_ONCE(d->sched.pool, p);
        d->cpupool = (unsigned int)(p - pools);
        for_each_vcpu(d, v) {   /* affinity was to CPUs that it has no more */
            cpumask_t all = ~0ull;
            sched_pin_override(v, -1);
            sched_set_affinity(v, &all, &all);
        }
    }
    domain_put(d);
    return rc;
}

/* Finds the first pool with an id of at least op->cpupool_id (PAR_ANY: the first at all), as tools list pools by it. */
static int op_info(struct xen_sysctl_cpupool_op *op, cpumask_t *cpumap)
{
    uint32_t id = op->cpupool_id == XEN_SYSCTL_CPUPOOL_PAR_ANY ? 0 : op->cpupool_id;
    while (id < POOLS_MAX && !pools[id].used)
        id++;
    if (id >= POOLS_MAX)
        return -XEN_ENOENT;
    op->cpupool_id = id;
    op->sched_id = id_of(&pools[id]);
    op->n_dom = pools[id].nr_domains;
    *cpumap = pools[id].cpus & cpu_online_map;
    return 0;
}

static int pool_op(struct xen_sysctl_cpupool_op *op, cpumask_t *cpumap)
{
    struct sched_pool *p = pool_by_id(op->cpupool_id);
    switch (op->op) {
    case XEN_SYSCTL_CPUPOOL_OP_CREATE: return op_create(op);
    case XEN_SYSCTL_CPUPOOL_OP_INFO: return op_info(op, cpumap);
    case XEN_SYSCTL_CPUPOOL_OP_FREEINFO:
        *cpumap = free_cpus();
        return 0;
    case XEN_SYSCTL_CPUPOOL_OP_DESTROY: return p ? op_destroy(p) : -XEN_ENOENT;
    case XEN_SYSCTL_CPUPOOL_OP_ADDCPU: return p ? op_add_cpu(p, op->cpu) : -XEN_ENOENT;
    case XEN_SYSCTL_CPUPOOL_OP_RMCPU: return p ? op_remove_cpu(p, op->cpu) : -XEN_ENOENT;
    case XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN: return p ? op_move_domain(p, op->domid) : -XEN_ENOENT;
    default: return -XEN_ENOSYS;
    }
}

int sched_cpupool(struct xen_sysctl_cpupool_op *op, cpumask_t *cpumap)
{
    int rc;
    spin_lock(&pool_lock);
    rc = pool_op(op, cpumap);
    spin_unlock(&pool_lock);
    return rc;
}

/* A domain's weight and cap (XEN_DOMCTL_scheduler_op), a pool's rate limit (XEN_SYSCTL_scheduler_op) */

/* Weight 0 leaves it as it is; cap 0 is no cap. -XEN_EINVAL: another scheduler's parameters, or a vCPU's. */
int sched_domctl(struct domain *d, struct xen_domctl_scheduler_op *op)
{
    uint16_t weight = op->u.credit2.weight;
    struct vcpu *v;
    if (op->sched_id != XEN_SCHEDULER_CREDIT2 || READ_ONCE(d->sched.pool)->null)
        return -XEN_EINVAL;
    if (op->cmd == XEN_DOMCTL_SCHEDOP_getinfo) {
        op->u.credit2.weight = d->sched.weight;
        op->u.credit2.cap = d->sched.cap;
        return 0;
    }
    if (op->cmd != XEN_DOMCTL_SCHEDOP_putinfo)
        return -XEN_EINVAL;
    spin_lock(&d->sched.lock);
    if (weight && weight != d->sched.weight) {
        d->sched.weight = weight;
        for_each_vcpu(d, v)
            vcpu_set_weight(v, weight);
    }
    cap_set(d, op->u.credit2.cap);
    spin_unlock(&d->sched.lock);
    return 0;
}

/* -XEN_ESRCH: no such pool. -XEN_EINVAL: another scheduler, or a rate limit neither 0 nor in the ABI's range. */
int sched_sysctl(struct xen_sysctl_scheduler_op *op)
{
    struct sched_pool *pool = pool_by_id(op->cpupool_id);
    uint32_t us = op->u.sched_credit2.ratelimit_us;
    if (!pool)
        return -XEN_ESRCH;
    if (op->sched_id != XEN_SCHEDULER_CREDIT2 || pool->null)
        return -XEN_EINVAL;
    if (op->cmd == XEN_SYSCTL_SCHEDOP_getinfo) {
        op->u.sched_credit2.ratelimit_us = (uint32_t)(READ_ONCE(pool->ratelimit) / 1000);
        return 0;
    }
    if (op->cmd != XEN_SYSCTL_SCHEDOP_putinfo ||
        (us && (us < XEN_SYSCTL_SCHED_RATELIMIT_MIN || us > XEN_SYSCTL_SCHED_RATELIMIT_MAX)))
        return -XEN_EINVAL;
    WRITE_ONCE(pool->ratelimit, MICROSECS(us));
    return 0;
}
