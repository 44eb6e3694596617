/* SPDX-License-Identifier: MIT */
/* A table of plain domains, for tests that do not link domain/. */
#include <stdlib.h>
#include "fake.h"
#include <xen/arch-x86/xen.h>

#define MAX_DOMAINS 64
static struct domain *table[MAX_DOMAINS];
unsigned int fake_kicks, fake_crashes;
__weak_sym struct domain *dom0, *dom_xen, *dom_io, *idle_domain;

struct domain *fake_domain_new(domid_t id, bool privileged, unsigned int vcpus)
{
    struct domain *d = calloc(1, sizeof(*d));

    if (!d || id >= MAX_DOMAINS || table[id])
        abort();
    d->id = id;
    d->privileged = privileged;
    d->max_vcpus = vcpus;
    d->max_pages = FAKE_FRAMES;
    d->frames = NIL_LINK;
    d->refcount = 1;
    d->created = true;
    spin_lock_init(&d->ctl_lock, RANK_DOMCTL);
    spin_lock_init(&d->page_lock, RANK_PAGE_ALLOC);
    d->shared_info = hv_pages_alloc(0);
    frame_share_with(d->shared_info, d);
    d->vcpu = calloc(vcpus, sizeof(*d->vcpu));
    for (unsigned int i = 0; i < vcpus; i++) {
        struct vcpu *v = d->vcpu[i] = calloc(1, sizeof(*v));

        v->id = i;
        v->domain = d;
        v->info = &d->shared_info->vcpu_info[i % XEN_LEGACY_MAX_VCPUS];
        v->info_mfn = INVALID_MFN;
        v->initialised = true;
        v->cpu = i % (cpu_count ? cpu_count : 1);
    }
    table[id] = d;
    if (id == 0)
        dom0 = d;
    return d;
}

void fake_domain_free(struct domain *d)
{
    table[d->id] = NULL;
    if (dom0 == d)
        dom0 = NULL;
    for (unsigned int i = 0; i < NR_CPUS; i++)
        if (fake_cpus[i].curr && fake_cpus[i].curr->domain == d)
            fake_cpus[i].curr = NULL;
    for (unsigned int i = 0; i < d->max_vcpus; i++)
        free(d->vcpu[i]);
    if (frame_unshare(d->shared_info))
        hv_pages_free(d->shared_info, 0);
    free(d->vcpu);
    free(d);
}

void fake_domains_reset(void)
{
    for (unsigned int i = 0; i < MAX_DOMAINS; i++)
        if (table[i])
            fake_domain_free(table[i]);
    fake_kicks = fake_crashes = 0;
    dom0 = NULL;
}

__weak_sym struct domain *domain_find(domid_t id) { return id < MAX_DOMAINS ? table[id] : NULL; }

__weak_sym bool domain_ref(struct domain *d)
{
    __atomic_fetch_add(&d->refcount, 1, __ATOMIC_SEQ_CST);
    return true;
}

__weak_sym void domain_hold(struct domain *d) { domain_ref(d); }

__weak_sym struct domain *domain_get(domid_t id)
{
    struct domain *d = domain_find(id);

    if (d)
        domain_ref(d);
    return d;
}

__weak_sym void domain_put(struct domain *d)
{
    if (__atomic_fetch_sub(&d->refcount, 1, __ATOMIC_SEQ_CST) <= 0)
        abort();
}

__weak_sym int domain_target(domid_t id, struct domain **d)
{
    if (id == DOMID_SELF || id == current->domain->id) {
        *d = current->domain;
        return 0;
    }
    if (!current->domain->privileged)
        return -XEN_EPERM;
    return (*d = domain_find(id)) ? 0 : -XEN_ESRCH;
}

__weak_sym int domain_target_alive(domid_t id, struct domain **d)
{
    int rc = domain_target(id, d);
    return rc || *d == current->domain || !(*d)->dying ? rc : -XEN_ESRCH;
}

__weak_sym struct domain *domain_next(unsigned int from)
{
    for (; from < MAX_DOMAINS; from++)
        if (table[from])
            return table[from];
    return NULL;
}

__weak_sym void domain_crash(struct domain *d, const char *fmt, ...)
{
    (void)fmt;
    d->shutting_down = true;
    d->shutdown_code = SHUTDOWN_crash;
    fake_crashes++;
}

__weak_sym void domain_pause(struct domain *d) { (void)d; }
__weak_sym void domain_unpause(struct domain *d) { (void)d; }

__weak_sym void vcpu_kick(struct vcpu *v)
{
    (void)v;
    __atomic_fetch_add(&fake_kicks, 1, __ATOMIC_RELAXED);
}

__weak_sym void vcpu_mark_events_pending(struct vcpu *v)
{
    if (__atomic_exchange_n(&v->info->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST) == 0)
        vcpu_kick(v);
}

__weak_sym bool ioports_access_permitted(const struct domain *d, unsigned int first, unsigned int last)
{
    (void)first;
    (void)last;
    return d->privileged;
}
__weak_sym bool domain_has_device_rights(const struct domain *d) { return d->privileged; }
__weak_sym bool iomem_access_permitted(const struct domain *d, mfn_t first, mfn_t last)
{
    (void)first;
    (void)last;
    return d->privileged;
}
__weak_sym bool irq_access_permitted(const struct domain *d, unsigned int irq)
{
    (void)irq;
    return d->privileged;
}
