/* SPDX-License-Identifier: MIT */
/* The fake cpu/irq: 256 PIRQs a domain id below 16, mapped by fake_pirq_map; binding is a flag to look at. */
#include "fake.h"

struct fake_pirq fake_pirqs[16][256];
int fake_pirq_bind_error;

void fake_irq_reset(void)
{
    memset(fake_pirqs, 0, sizeof(fake_pirqs));
    fake_pirq_bind_error = 0;
}

static struct fake_pirq *get(const struct domain *d, int pirq)
{
    return d->id < 16 && pirq >= 0 && pirq < 256 ? &fake_pirqs[d->id][pirq] : NULL;
}

void fake_pirq_map(const struct domain *d, int pirq) { get(d, pirq)->mapped = true; }

__weak_sym bool pirq_is_mapped(struct domain *d, int pirq) { return get(d, pirq) && get(d, pirq)->mapped; }

__weak_sym int pirq_bind(struct vcpu *v, int pirq, bool will_share)
{
    struct fake_pirq *p = get(v->domain, pirq);

    if (fake_pirq_bind_error)
        return fake_pirq_bind_error;
    if (!p || !p->mapped)
        return -XEN_EINVAL;
    if (p->bound)
        return -XEN_EBUSY;
    *p = (struct fake_pirq){ .mapped = true, .bound = true, .shared = will_share, .cpu = v->cpu };
    return 0;
}

__weak_sym void pirq_unbind(struct domain *d, int pirq)
{
    struct fake_pirq *p = get(d, pirq);

    HV_BUG_ON(!p || !p->bound);
    p->bound = false;
}

__weak_sym void pirq_set_affinity(struct domain *d, int pirq, unsigned int cpu) { get(d, pirq)->cpu = cpu; }
