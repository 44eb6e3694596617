/* SPDX-License-Identifier: MIT */
/* cpu/pirq: a domain's numbers for machine interrupts. ABI: xen/physdev.h. A pirq is free, reserved (get_free_pirq),
 * mapped (stands for an irq), or bound (mapped, and an event channel hears it). map, bind, unbind, unmap is the
 * sequence; unmap of a bound pirq unbinds it first.
 * Locks: a domain's pirq lock (RANK_PIRQ) guards its table, then irq->lock (RANK_IRQ) the irq's list of guests; the
 * interrupt handler takes only that. struct pirq_domain is freed once every CPU has left the hypervisor: dom0 may be
 * about to map an interrupt for a domain that is being killed, and then finds the table dead.
 * Invariants: a guest entry in irq->guest[] exists exactly while the pirq is bound. A line of a level-triggered irq is
 * unmasked exactly while it has guests and none of them owes an EOI. */
#include <hv/domain.h>
#include <hv/event.h>
#include <xen/physdev.h>
#include "private.h"

#define PIRQS_MAX    (PAGE_SIZE * 8)    /* bits in the EOI page */

struct pirq { struct irq *irq; bool reserved, bound; };

struct pirq_domain {
    spinlock_t lock;
    struct quiesce quiesce;
    unsigned int nr;
    bool dead;                          /* takes no new entries */
    unsigned long *eoi_map;             /* a guest page: bit set: the guest must say EOI */
    struct pirq pirq[];                 /* [nr] */
};

/* Of the locked table; NULL: out of range. */
static struct pirq *lookup(struct pirq_domain *pd, int pirq)
{
    return pirq >= 0 && (unsigned int)pirq < pd->nr ? &pd->pirq[index_clamp((unsigned long)pirq, pd->nr)] : NULL;
}

/* d's table, locked; NULL: it has none. */
static struct pirq_domain *lock_table(const struct domain *d)
{
    struct pirq_domain *pd = READ_ONCE(d->pirq);
    if (pd)
        spin_lock(&pd->lock);
    return pd;
}

/* A mapped pirq in its locked table *pd. NULL: not mapped, and nothing is locked. */
static struct pirq *lock_mapped(const struct domain *d, int pirq, struct pirq_domain **pd)
{
    struct pirq *p = (*pd = lock_table(d)) ? lookup(*pd, pirq) : NULL;
    if (p && p->irq)
        return p;
    if (*pd)
        spin_unlock(&(*pd)->lock);
    return NULL;
}

static bool is_free(const struct pirq *p) { return !p->irq && !p->reserved; }

/* GSIs have the low numbers, which MSIs and others keep clear of while they can. -1: none. */
static int find_free(struct pirq_domain *pd)
{
    unsigned int first = min(irq_gsi_count(), pd->nr);
    for (unsigned int n = 0; n < pd->nr; n++) {
        unsigned int i = (first + n) % pd->nr;
        if (is_free(&pd->pirq[i]) && i >= 16)
            return (int)i;
    }
    return -1;
}

int pirq_domain_init(struct domain *d, unsigned int nr_pirqs)
{
    unsigned int nr = min_t(unsigned int, nr_pirqs, PIRQS_MAX);
    struct pirq_domain *pd = hv_alloc(sizeof(*pd) + nr * sizeof(pd->pirq[0]));
    if (!pd)
        return -XEN_ENOMEM;
    spin_lock_init(&pd->lock, RANK_PIRQ);
    pd->nr = nr;
    d->pirq = pd;
    return 0;
}

static void set_eoi_bit(struct pirq_domain *pd, int pirq, bool needs_eoi)
{
    if (pd->eoi_map)
        (needs_eoi ? set_bit : clear_bit)((unsigned long)pirq, pd->eoi_map);
}

static struct irq_guest *find_guest(struct irq *irq, const struct domain *d, int pirq)
{
    for (unsigned int i = 0; i < irq->nr_guests; i++)
        if (irq->guest[i].d == d && irq->guest[i].pirq == pirq)
            return &irq->guest[i];
    return NULL;
}

/* irq->lock held. This guest owes no EOI any more; the last one lets the line interrupt again. */
static void end_in_flight(struct irq *irq, struct irq_guest *g)
{
    if (!g->in_flight)
        return;
    g->in_flight = false;
    if (--irq->in_flight == 0)
        irq_mask(irq, false);
}

/* A guest that shares a line and does not say EOI would keep the others from their device. */
static void eoi_overdue(void *arg)
{
    struct irq *irq = arg;
    spin_lock(&irq->lock);
    for (unsigned int i = 0; irq->nr_guests > 1 && i < irq->nr_guests; i++)
        end_in_flight(irq, &irq->guest[i]);
    spin_unlock(&irq->lock);
}

static int add_guest(struct irq *irq, struct domain *d, int pirq, unsigned int cpu, bool will_share)
{
    if (irq->handler || irq->nr_guests == IRQ_GUESTS_MAX || (irq->nr_guests && !(irq->shared && will_share)))
        return -XEN_EBUSY;
    if (irq->nr_guests == 0) {
        int rc = irq_route(irq, cpu);
        if (rc)
            return rc;
        irq->shared = will_share && irq->level;
        irq->in_flight = 0;
        timer_init(&irq->eoi_timer, eoi_overdue, irq, irq->cpu);
    }
    irq->guest[irq->nr_guests++] = (struct irq_guest){ d, pirq, false };
    if (irq->in_flight == 0)
        irq_mask(irq, false);
    return 0;
}

static void remove_guest(struct irq *irq, struct irq_guest *g)
{
    end_in_flight(irq, g);
    *g = irq->guest[--irq->nr_guests];
    if (irq->nr_guests == 0) {
        timer_stop(&irq->eoi_timer);
        /* An MSI keeps its vector until it is unmapped: its device may have no way to be masked. */
        if (irq_is_msi(irq))
            irq_mask(irq, true);
        else
            irq_unroute(irq);
    }
}

static void unbind(struct domain *d, struct pirq_domain *pd, struct pirq *p, int pirq)
{
    if (!p->bound)
        return;
    spin_lock(&p->irq->lock);
    struct irq_guest *g = find_guest(p->irq, d, pirq);
    if (g)
        remove_guest(p->irq, g);
    spin_unlock(&p->irq->lock);
    p->bound = false;
    set_eoi_bit(pd, pirq, false);
}

int pirq_bind(struct vcpu *v, int pirq, bool will_share)
{
    struct pirq_domain *pd;
    struct pirq *p = lock_mapped(v->domain, pirq, &pd);
    int rc = -XEN_EEXIST;
    if (!p)
        return -XEN_EINVAL;
    if (!p->bound) {
        spin_lock(&p->irq->lock);
        rc = add_guest(p->irq, v->domain, pirq, v->cpu, will_share);
        if (rc == 0) {
            p->bound = true;
            set_eoi_bit(pd, pirq, p->irq->level);
        }
        spin_unlock(&p->irq->lock);
    }
    spin_unlock(&pd->lock);
    return rc;
}

void pirq_unbind(struct domain *d, int pirq)
{
    struct pirq_domain *pd;
    struct pirq *p = lock_mapped(d, pirq, &pd);
    if (p) {
        unbind(d, pd, p, pirq);
        spin_unlock(&pd->lock);
    }
}

int pirq_setup_gsi(unsigned int gsi, bool level, bool active_low)
{
    struct irq *irq = irq_of_gsi(gsi);
    if (!irq)
        return -XEN_EINVAL;
    spin_lock(&irq->lock);
    bool late = irq->configured || irq->handler || irq->nr_guests;
    if (!late) {
        irq->configured = true;
        irq->level = level;
        irq->active_low = active_low;
    }
    spin_unlock(&irq->lock);
    return late ? -XEN_EEXIST : 0;
}

/* irq becomes *pirq of the domain, which must be free or reserved; for *pirq < 0 `preferred`, else any. Unlocks. */
static int take_number(struct pirq_domain *pd, int preferred, int *pirq, struct irq *irq)
{
    struct pirq *want = lookup(pd, preferred);
    int n = *pirq, rc = 0;
    if (n < 0)
        n = want && is_free(want) ? preferred : find_free(pd);
    want = lookup(pd, n);
    if (pd->dead)
        rc = -XEN_ESRCH;
    else if (!want)
        rc = n < 0 ? -XEN_ENOSPC : -XEN_EINVAL;
    else if (want->irq)
        rc = -XEN_EBUSY;
    if (rc == 0) {
        *want = (struct pirq){ .irq = irq };
        *pirq = n;
    }
    spin_unlock(&pd->lock);
    return rc;
}

int pirq_map_gsi(struct domain *d, int gsi, int *pirq)
{
    struct irq *irq = gsi >= 0 ? irq_of_gsi((unsigned int)gsi) : NULL;
    if (!irq || !READ_ONCE(d->pirq))
        return -XEN_EINVAL;
    if (!irq_access_permitted(current->domain, (unsigned int)gsi))
        return -XEN_EPERM;
    struct pirq_domain *pd = lock_table(d);
    if (!pd)
        return -XEN_EINVAL;
    for (unsigned int old = 0; old < pd->nr; old++) {
        if (pd->pirq[old].irq == irq) {
            spin_unlock(&pd->lock);
            if (*pirq < 0)
                *pirq = (int)old;
            return *pirq == (int)old ? 0 : -XEN_EBUSY;
        }
    }
    return take_number(pd, gsi, pirq, irq);
}

/* The device is programmed before the domain's lock is taken, as RANK_PCI comes before RANK_PIRQ. */
int pirq_map_msi(struct domain *d, const struct pirq_msi *msi, int *pirq)
{
    struct irq *irq;
    int rc = READ_ONCE(d->pirq) ? msi_map(msi, &irq) : -XEN_EINVAL;
    if (rc)
        return rc;
    struct pirq_domain *pd = lock_table(d);
    rc = pd ? take_number(pd, -1, pirq, irq) : -XEN_EINVAL;
    if (rc)
        msi_unmap(irq);
    return rc;
}

int pirq_unmap(struct domain *d, int pirq)
{
    struct pirq_domain *pd = lock_table(d);
    if (!pd)
        return -XEN_EINVAL;
    struct pirq *p = lookup(pd, pirq);
    bool there = p && !is_free(p);
    struct irq *irq = there ? p->irq : NULL;
    if (irq)
        unbind(d, pd, p, pirq);
    if (there)
        *p = (struct pirq){ .irq = NULL };
    spin_unlock(&pd->lock);
    if (irq && irq_is_msi(irq))
        msi_unmap(irq);
    return there ? 0 : -XEN_EINVAL;
}

int pirq_get_free(struct domain *d, int type, int *pirq)
{
    struct pirq_domain *pd = type == MAP_PIRQ_TYPE_GSI || type == MAP_PIRQ_TYPE_MSI ? lock_table(d) : NULL;
    if (!pd)
        return -XEN_EINVAL;
    int n = pd->dead ? -1 : find_free(pd);
    if (n >= 0) {
        pd->pirq[n].reserved = true;
        *pirq = n;
    }
    spin_unlock(&pd->lock);
    return n >= 0 ? 0 : -XEN_ENOSPC;
}

bool pirq_is_mapped(struct domain *d, int pirq)
{
    struct pirq_domain *pd;
    bool mapped = lock_mapped(d, pirq, &pd);
    if (mapped)
        spin_unlock(&pd->lock);
    return mapped;
}

void pirq_domain_destroy(struct domain *d)
{
    struct pirq_domain *pd = lock_table(d);
    if (!pd)
        return;
    pd->dead = true;
    spin_unlock(&pd->lock);
    pirq_set_eoi_map(d, NULL);
    for (unsigned int i = 0; i < pd->nr; i++)
        pirq_unmap(d, (int)i);
    d->pirq = NULL;
    cpu_after_quiesce(&pd->quiesce, hv_free, pd);
}

void pirq_set_affinity(struct domain *d, int pirq, unsigned int cpu)
{
    struct pirq_domain *pd;
    struct pirq *p = lock_mapped(d, pirq, &pd);
    bool again = false;
    if (!p)
        return;
    spin_lock(&p->irq->lock);
    if (p->bound && p->irq->nr_guests == 1 && p->irq->cpu != cpu) {
        irq_route(p->irq, cpu);         /* a shared line stays where its first guest had it */
        again = irq_move_may_lose(p->irq);
    }
    spin_unlock(&p->irq->lock);
    spin_unlock(&pd->lock);
    if (again)
        pirq_event_send(d, pirq);       /* one too many does no harm, one too few hangs a device */
}

int pirq_eoi(struct domain *d, int pirq)
{
    struct pirq_domain *pd;
    struct pirq *p = lock_mapped(d, pirq, &pd);
    if (!p)
        return -XEN_EINVAL;
    spin_lock(&p->irq->lock);
    struct irq_guest *g = find_guest(p->irq, d, pirq);
    if (g)
        end_in_flight(p->irq, g);
    spin_unlock(&p->irq->lock);
    spin_unlock(&pd->lock);
    return 0;
}

int pirq_status(struct domain *d, int pirq)
{
    struct pirq_domain *pd = lock_table(d);
    const struct pirq *p = pd ? lookup(pd, pirq) : NULL;
    int flags = p ? 0 : -XEN_EINVAL;
    if (p && p->irq)
        flags = (p->irq->level ? XENIRQSTAT_needs_eoi : 0) | (p->irq->nr_guests > 1 ? XENIRQSTAT_shared : 0);
    if (pd)
        spin_unlock(&pd->lock);
    return flags;
}

void pirq_set_eoi_map(struct domain *d, unsigned long *map)
{
    struct pirq_domain *pd = lock_table(d);
    if (!pd)
        return;
    pd->eoi_map = map;
    for (unsigned int i = 0; i < pd->nr; i++)
        if (pd->pirq[i].bound && pd->pirq[i].irq->level)
            set_eoi_bit(pd, (int)i, true);
    spin_unlock(&pd->lock);
}
