/* SPDX-License-Identifier: MIT */
/* The domains by their id, and their life. The table is a hash with chains (domain.next), read without a lock; writers
 * hold domlist_lock (RANK_DOMLIST).
 *
 * A domain is found from its creation until its last reference is gone; it is freed after every CPU has left the
 * hypervisor once. References: one of its own until domain_kill is through, one while it owns frames, one for each use
 * of a shared page of it by others, and those of domain_get. */
#include "private.h"

#define BUCKETS 512

static struct domain *table[BUCKETS];
static unsigned long used_ids[DOMID_COUNT / 64 + 1];    /* also of domains not in the table yet */
static domid_t last_id;
static spinlock_t domlist_lock = SPINLOCK_INIT(RANK_DOMLIST);
struct domain *dom0, *dom_xen, *dom_io, *idle_domain;

struct domain *domain_any(domid_t id)
{
    if (unlikely(id >= DOMID_COUNT))
        return id == DOMID_XEN ? dom_xen : id == DOMID_IO ? dom_io : NULL;
    struct domain *d = __atomic_load_n(&table[id % BUCKETS], __ATOMIC_ACQUIRE);
    while (d && d->id != id)
        d = READ_ONCE(d->next);
    return d;
}

struct domain *domain_find(domid_t id)
{
    struct domain *d = id < DOMID_COUNT ? domain_any(id) : NULL;
    return d && !READ_ONCE(d->dead) ? d : NULL;
}

/* *p += by while it is in [low, high); false: it is not, and stays. */
static bool count_within(uint32_t *p, uint32_t by, uint32_t low, uint32_t high)
{
    uint32_t n = READ_ONCE(*p);
    do {
        if (n < low || n >= high)
            return false;
    } while (!__atomic_compare_exchange_n(p, &n, n + by, true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
    return true;
}

/* A big guest can map its shared pages as often as the limit says. */
bool domain_ref(struct domain *d) { return count_within(&d->refcount, 1, 1, UINT32_MAX / 2 + 1); }

void domain_hold(struct domain *d) { __atomic_add_fetch(&d->refcount, 1, __ATOMIC_SEQ_CST); }

struct domain *domain_get(domid_t id)
{
    struct domain *d = domain_find(id);
    return d && domain_ref(d) ? d : NULL;
}

int domain_target(domid_t id, struct domain **d)
{
    struct domain *self = current->domain;
    if (id == DOMID_SELF || id == self->id) {
        *d = self;
        return 0;
    }
    if (!self->privileged)
        return -XEN_EPERM;
    *d = domain_find(id);
    return *d ? 0 : -XEN_ESRCH;
}

int domain_target_alive(domid_t id, struct domain **d)
{
    int rc = domain_target(id, d);
    return rc ? rc : unlikely(READ_ONCE((*d)->dying)) && *d != current->domain ? -XEN_ESRCH : 0;
}

struct domain *domain_next(unsigned int from)
{
    struct domain *d = NULL;
    while (!d && (from = (unsigned int)find_next_bit(used_ids, DOMID_COUNT, from)) < DOMID_COUNT)
        d = domain_any((domid_t)from++);
    return d;
}

/* Gives d the id, or a free one for DOMID_INVALID. */
static int reserve_id(struct domain *d, unsigned long id)
{
    int rc = 0;
    spin_lock(&domlist_lock);
    if (id == DOMID_INVALID) {
        id = find_next_zero_bit(used_ids, DOMID_COUNT, last_id + 1u);
        if (id >= DOMID_COUNT)
            id = find_next_zero_bit(used_ids, DOMID_COUNT, 1);
    }
    if (id >= DOMID_COUNT) {
        rc = -XEN_ENOSPC;
    } else if (test_and_set_bit(id, used_ids)) {
        rc = -XEN_EEXIST;
    } else {
        d->id = (domid_t)id;
        last_id = id ? d->id : last_id;
    }
    spin_unlock(&domlist_lock);
    return rc;
}

static void publish(struct domain *d)
{
    struct domain **head = &table[d->id % BUCKETS];
    spin_lock(&domlist_lock);
    d->next = *head;
    __atomic_store_n(head, d, __ATOMIC_RELEASE);
    spin_unlock(&domlist_lock);
}

/* Takes d out of its chain, where it need not be yet; who is just reading it finds its way on. */
static void forget(struct domain *d)
{
    struct domain **link = &table[d->id % BUCKETS];
    spin_lock(&domlist_lock);
    while (*link && *link != d)
        link = &(*link)->next;
    if (*link)
        WRITE_ONCE(*link, d->next);
    clear_bit(d->id, used_ids);
    spin_unlock(&domlist_lock);
}

static void locks_init(struct domain *d)
{
    spin_lock_init(&d->ctl_lock, RANK_DOMCTL);
    spin_lock_init(&d->page_lock, RANK_PAGE_ALLOC);
    spin_lock_init(&d->rights_lock, RANK_RIGHTS);
    spin_lock_init(&d->hvc_lock, RANK_NONE);
    d->frames = d->relinquished = NIL_LINK;
    d->deferred_put = INVALID_MFN;
    d->shutdown_code = SHUTDOWN_NONE;
    d->refcount = 1;
}

static struct domain *make_system(domid_t id)
{
    struct domain *d = hv_alloc(sizeof(*d));
    if (!d)
        panic("no memory for system domain %#x", id);
    locks_init(d);
    d->id = id;
    d->is_system = id != DOMID_IDLE;
    d->is_idle = id == DOMID_IDLE;
    return d;
}

void domain_init(void)
{
    dom_xen = make_system(DOMID_XEN);
    dom_io = make_system(DOMID_IO);
    idle_domain = make_system(DOMID_IDLE);
    idle_domain->max_vcpus = cpu_count;
    idle_domain->vcpu = hv_alloc(cpu_count * sizeof(idle_domain->vcpu[0]));
    for (unsigned int i = 0; i < cpu_count; i++) {
        if (!idle_domain->vcpu || !vcpu_create(idle_domain, i))
            panic("no memory for idle vCPU %u", i);
    }
    cpu_info()->curr = idle_domain->vcpu[0];
}

static unsigned int limit(int32_t asked, unsigned int def) { return asked < 0 ? def : (unsigned int)asked; }

/* The parts that other rooms own, in the order they need each other. */
static int make_parts(struct domain *d, const struct xen_domctl_createdomain *c)
{
    d->iomem = rangeset_new();
    d->ioports = rangeset_new();
    d->irqs = rangeset_new();
    d->shared_info = hv_pages_alloc(0);
    d->vcpu = hv_alloc(max(d->max_vcpus, 1u) * sizeof(d->vcpu[0]));
    if (!d->iomem || !d->ioports || !d->irqs || !d->shared_info || !d->vcpu)
        return -XEN_ENOMEM;
    frame_share_with(d->shared_info, d);
    int rc = evtchn_domain_init(d, c->max_evtchn_port);
    if (!rc)
        rc = grant_domain_init(d, limit(c->max_grant_frames, boot_options.gnttab_max_frames),
                               limit(c->max_maptrack_frames, boot_options.gnttab_max_maptrack_frames),
                               c->grant_opts ? XEN_DOMCTL_GRANT_version(c->grant_opts) : 2);
    if (!rc)
        rc = policy_domain_init(d);
    if (!rc)
        rc = pirq_domain_init(d, d->privileged ? irq_gsi_count() + 256 : 32);
    return rc ? rc : sched_domain_init(d);
}

static void free_parts(struct domain *d)
{
    struct vcpu *v;
    sched_domain_quiet(d);
    for_each_vcpu (d, v)
        vcpu_free(v);
    sched_domain_destroy(d);
    pirq_domain_destroy(d);
    policy_domain_destroy(d);
    if (d->grant)
        grant_domain_destroy(d);
    if (d->evtchn)
        evtchn_domain_free(d);
    if (d->shared_info && frame_unshare(d->shared_info))
        hv_pages_free(d->shared_info, 0);
    rangeset_free(d->iomem);
    rangeset_free(d->ioports);
    rangeset_free(d->irqs);
    hv_pages_free(d->io_bitmap, 1);
    hv_free(d->e820);
    hv_free(d->vcpu);
    hv_free(d);
}

int domain_create(domid_t id, const struct xen_domctl_createdomain *config, bool privileged, struct domain **out)
{
    if (!config->max_vcpus || config->max_vcpus > MAX_VCPUS)
        return -XEN_EINVAL;
    struct domain *d = hv_alloc(sizeof(*d));
    if (!d)
        return -XEN_ENOMEM;
    locks_init(d);
    int rc = reserve_id(d, id);
    if (rc) {
        hv_free(d);
        return rc;
    }
    d->config = *config;
    d->privileged = privileged;
    d->max_vcpus = config->max_vcpus;
    memcpy(d->uuid, config->handle, sizeof(d->uuid));
    d->control_pause = 1;                   /* the builder unpauses it */
    rc = make_parts(d, config);
    if (rc) {
        forget(d);
        free_parts(d);
        return rc;
    }
    time_update_domain_wallclock(d);
    publish(d);
    *out = d;
    return 0;
}

static void free_at_last(void *arg)
{
    struct domain *d = arg;
    free_parts(d);
    virq_send_global(VIRQ_DOM_EXC);
}

void domain_put(struct domain *d)
{
    if (__atomic_sub_fetch(&d->refcount, 1, __ATOMIC_SEQ_CST) || d->is_system)
        return;
    forget(d);
    cpu_after_quiesce(&d->quiesce, free_at_last, d);
}

static void kill_alone(void *arg)
{
    struct domain *d = arg;
    __atomic_store_n(&d->kill_alone, true, __ATOMIC_RELEASE);
}

static int kill_stop(struct domain *d)
{
    spin_lock(&d->page_lock);
    d->dying = true;                        /* no more frames are given to it */
    d->kill_alone = d->tot_pages == 0;      /* nobody works on its tables */
    spin_unlock(&d->page_lock);
    if (!d->kill_alone)
        cpu_after_quiesce(&d->quiesce, kill_alone, d);
    domain_pause(d);
    cpu_call(cpu_online_map, leave_lazy, d);
    mm_claim(d, 0);
    return 0;
}

/* Until the hypercalls that found it alive have ended: else one could stop half way through a table, or pin one, after
 * frames_relinquish has passed it. */
static int kill_wait(struct domain *d) { return __atomic_load_n(&d->kill_alone, __ATOMIC_ACQUIRE) ? 0 : -XEN_ERESTART; }

static int kill_events(struct domain *d)
{
    int rc = evtchn_domain_destroy(d);
    if (!rc)
        physdev_domain_release(d);
    return rc;
}

static int kill_vcpus(struct domain *d)
{
    struct vcpu *v;
    for_each_vcpu (d, v) {
        if (vcpu_release(v))
            return -XEN_ERESTART;
    }
    return 0;
}

/* One call at a time a domain (ctl_lock); d->kill_stage says where the last one stopped. */
int domain_kill(struct domain *d)
{
    static int (*const stages[])(struct domain *d) = {
        kill_stop, kill_wait, kill_events, grant_release_mappings, kill_vcpus, frames_relinquish,
    };
    int rc = 0;
    if (d == dom0 || d->is_system || d->is_idle)
        return -XEN_EINVAL;
    spin_lock(&d->ctl_lock);
    for (; !rc && d->kill_stage < ARRAY_SIZE(stages); d->kill_stage += !rc)
        rc = stages[d->kill_stage](d);
    bool died = !rc && !d->dead;
    d->dead |= died;
    spin_unlock(&d->ctl_lock);
    if (died) {
        virq_send_global(VIRQ_DOM_EXC);
        domain_put(d);
    }
    return rc;
}

/* Each gets a pause more. Does not wait. */
static void stop_vcpus(struct domain *d)
{
    struct vcpu *v;
    for_each_vcpu (d, v) {
        __atomic_add_fetch(&v->pause_count, 1, __ATOMIC_SEQ_CST);
        vcpu_sleep_nosync(v);
    }
}

void domain_shutdown(struct domain *d, uint8_t reason)
{
    if (d == dom0)
        dom0_shutdown(reason);              /* does not return */
    spin_lock(&d->page_lock);
    bool again = d->shutting_down;
    d->shutting_down = true;
    if (d->shutdown_code == SHUTDOWN_NONE)      /* else the guest said before (SCHEDOP_shutdown_code) */
        d->shutdown_code = reason;
    spin_unlock(&d->page_lock);
    if (again)
        return;
    stop_vcpus(d);
    __atomic_store_n(&d->shut_down, true, __ATOMIC_RELEASE);    /* only now it can be resumed */
    if (d->suspend_evtchn)
        evtchn_send_from_hv(d, d->suspend_evtchn);
    else
        virq_send_global(VIRQ_DOM_EXC);
}

void domain_resume(struct domain *d)
{
    domain_pause(d);
    spin_lock(&d->page_lock);
    bool was = __atomic_load_n(&d->shut_down, __ATOMIC_ACQUIRE);
    if (was) {
        d->shutting_down = d->shut_down = false;
        d->shutdown_code = SHUTDOWN_NONE;
    }
    spin_unlock(&d->page_lock);
    if (was)
        domain_unpause(d);              /* of the shutdown's pause */
    domain_unpause(d);
}

void domain_crash(struct domain *d, const char *fmt, ...)
{
    if (d->shutting_down)
        return;
    char why[160];
    va_list ap;
    va_start(ap, fmt);
    hv_vsnprintf(why, sizeof(why), fmt, ap);
    va_end(ap);
    log_err("d%u crashed: %s\n", d->id, why);
    if (current->domain == d)
        dump_guest_state(current);
    domain_shutdown(d, SHUTDOWN_crash);
}

void domain_pause(struct domain *d)
{
    struct vcpu *v;
    stop_vcpus(d);
    for_each_vcpu (d, v) {
        if (v != current)
            vcpu_sleep_sync(v);
    }
}

void domain_unpause(struct domain *d)
{
    struct vcpu *v;
    for_each_vcpu (d, v) {
        if (__atomic_sub_fetch(&v->pause_count, 1, __ATOMIC_SEQ_CST) == 0)
            vcpu_wake(v);
    }
}

int domain_pause_by_control(struct domain *d)
{
    if (!count_within(&d->control_pause, 1, 0, UINT32_MAX))
        return -XEN_EOVERFLOW;
    domain_pause(d);
    return 0;
}

int domain_unpause_by_control(struct domain *d)
{
    if (!count_within(&d->control_pause, -1u, 1, UINT32_MAX))
        return -XEN_EINVAL;
    if (!d->created) {                          /* the builder has cleared the shared page, or taken another machine's */
        struct vcpu *v;
        time_update_domain_wallclock(d);
        for_each_vcpu (d, v)
            time_update_vcpu(v);
    }
    d->created = true;
    domain_unpause(d);
    return 0;
}
