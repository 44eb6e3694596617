/* SPDX-License-Identifier: MIT */
/* event/virq: events that the hypervisor itself sends: VIRQs and the PIRQs' interrupts. A vCPU's virq_port[] says
 * which port hears a VIRQ; global VIRQs stand in vCPU 0's, whatever vCPU the port notifies. The senders take no
 * lock; they check that the port still is that VIRQ's or PIRQ's. handler_lock guards virq_handler[], which domain
 * hears each global VIRQ of the machine (NULL: dom0). */
#include <hv/console.h>
#include "private.h"

static spinlock_t handler_lock = SPINLOCK_INIT(RANK_EVENT);
static struct domain *virq_handler[NR_VIRQS];

bool virq_is_global(uint32_t virq)
{
    return virq != VIRQ_TIMER && virq != VIRQ_DEBUG && virq != VIRQ_XENOPROF && virq != VIRQ_XENPMU;
}

/* Sends to the port, if it is that VIRQ's or PIRQ's still. */
static void send_bound(struct domain *d, uint32_t port, uint8_t state, uint32_t arg)
{
    struct evtchn *ch = port_channel(d->evtchn, port);
    if (ch && channel_state(ch) == state && READ_ONCE(ch->arg) == arg)
        port_set_pending(d, port, ch);
}

void virq_send_vcpu(struct vcpu *v, unsigned int virq)
{
    if (v->domain->evtchn)
        send_bound(v->domain, READ_ONCE(v->virq_port[virq]), EVTCHNSTAT_virq, virq);
}

void virq_send_global(unsigned int virq)
{
    struct domain *d = __atomic_load_n(&virq_handler[virq], __ATOMIC_ACQUIRE) ?: dom0;
    struct vcpu *v = d ? domain_vcpu(d, 0) : NULL;
    if (v)
        virq_send_vcpu(v, virq);
}

int virq_set_handler(struct domain *d, unsigned int virq)
{
    int rc = 0;
    if (virq >= NR_VIRQS || !virq_is_global(virq))
        return -XEN_EINVAL;
    spin_lock(&handler_lock);
    if (d->dying)
        rc = -XEN_ESRCH;
    else
        __atomic_store_n(&virq_handler[virq], d, __ATOMIC_RELEASE);
    spin_unlock(&handler_lock);
    return rc;
}

/* d is dying: its VIRQs go to dom0 again. A sender may still use the pointer until it leaves the hypervisor. */
void virq_forget_handler(const struct domain *d)
{
    spin_lock(&handler_lock);
    for (unsigned int i = 0; i < NR_VIRQS; i++)
        if (virq_handler[i] == d)
            WRITE_ONCE(virq_handler[i], NULL);
    spin_unlock(&handler_lock);
}

/* The port that a PIRQ is bound to; 0: none. */
uint32_t pirq_port(const struct evtchn_domain *ed, uint32_t pirq)
{
    const uint32_t *t = __atomic_load_n(&ed->pirq_port, __ATOMIC_ACQUIRE);
    return t && pirq < NR_PIRQS ? READ_ONCE(t[pirq]) : 0;
}

int pirq_port_set(struct evtchn_domain *ed, uint32_t pirq, uint32_t port)
{
    uint32_t *t = ed->pirq_port;
    if (!t && !(t = hv_alloc(NR_PIRQS * sizeof(*t))))
        return -XEN_ENOMEM;
    WRITE_ONCE(t[pirq], port);
    __atomic_store_n(&ed->pirq_port, t, __ATOMIC_RELEASE);
    return 0;
}

void pirq_event_send(struct domain *d, int pirq)
{
    if (d->evtchn && pirq >= 0)
        send_bound(d, pirq_port(d->evtchn, (uint32_t)pirq), EVTCHNSTAT_pirq, (uint32_t)pirq);
}

/* Debug key 'e': every domain's ports, read without locks, as it has to work when something is stuck. */
static void dump_port(const struct domain *d, uint32_t port, const struct evtchn *ch)
{
    static const char *const names[] = {
        [EVTCHNSTAT_unbound] = "unbound", [EVTCHNSTAT_interdomain] = "interdomain", [EVTCHNSTAT_pirq] = "pirq",
        [EVTCHNSTAT_virq] = "virq", [EVTCHNSTAT_ipi] = "ipi",
    };
    uint8_t st = channel_state(ch);
    if (st == EVTCHNSTAT_closed)
        return;
    console_printf("  %4u [%c%c] %-11s vcpu %u, remote d%u, %u\n", port,
                   port_test(d, port, EVTCHN_FIFO_PENDING) ? 'p' : '-',
                   port_test(d, port, EVTCHN_FIFO_MASKED) ? 'm' : '-',
                   st < ARRAY_SIZE(names) && names[st] ? names[st] : "reserved", ch->vcpu, ch->remote_id, ch->arg);
}

void evtchn_debug_dump(struct domain *d)
{
    const struct evtchn_domain *ed = d->evtchn;
    uint32_t n = ed ? READ_ONCE(ed->nr_ports) : 0;
    if (!ed)
        return;
    console_printf("d%u: event channels, %s ABI, ports below %u, [pending, masked]\n", d->id,
                   ed->fifo ? "FIFO" : "2-level", ed->max_port + 1);
    for (uint32_t p = 1; p < n; p++)
        dump_port(d, p, port_channel(ed, p));
}

static void dump_all(char key __unused)
{
    struct domain *d;
    for_each_domain(d)
        evtchn_debug_dump(d);
}

void evtchn_init(void) { debugkey_register('e', "event channels of all domains", dump_all); }
