/* SPDX-License-Identifier: MIT */
/* event/channel: the table of ports, and the hot paths: send, pending, unmask. Locks: private.h. 2-level delivery:
 * the port's bit in the shared info page, then the selector bit of its 64-bit word in the vCPU's vcpu_info, then the
 * upcall. Each step is done only if the one before changed something, as the ABI asks. */
#include "private.h"

_Static_assert(sizeof(struct evtchn) == 24, "a port costs 24 bytes");
_Static_assert(NR_GROUPS * GROUP_PORTS == EVTCHN_FIFO_NR_CHANNELS, "the directory covers all ports of the FIFO ABI");

/* One more bucket at the end. Lock held. */
static int table_grow(struct evtchn_domain *ed)
{
    uint32_t bucket = ed->nr_ports / BUCKET_PORTS;
    struct evtchn_bucket ***group = &ed->group[bucket / GROUP_BUCKETS], *b;
    if (!*group && !(*group = hv_alloc(GROUP_BUCKETS * sizeof(b))))
        return -XEN_ENOMEM;
    if (!(b = hv_alloc(sizeof(*b))))
        return -XEN_ENOMEM;
    for (unsigned int i = 0; i < BUCKET_PORTS; i++)
        b->port[i].priority = b->port[i].last_priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
    b->used = bucket == 0;      /* port 0 is never given out */
    (*group)[bucket % GROUP_BUCKETS] = b;
    __atomic_store_n(&ed->nr_ports, ed->nr_ports + BUCKET_PORTS, __ATOMIC_RELEASE);
    return 0;
}

static struct evtchn_bucket *port_bucket(struct evtchn_domain *ed, uint32_t port)
{
    return ed->group[port / GROUP_PORTS][port / BUCKET_PORTS % GROUP_BUCKETS];
}

/* The lowest free port, as the toolstack expects xenstore's and the console's to be the first two. */
int port_alloc(struct domain *d, uint32_t *port)
{
    struct evtchn_domain *ed = d->evtchn;
    uint32_t limit = min(ed->fifo ? EVTCHN_FIFO_NR_CHANNELS : EVTCHN_2L_NR_CHANNELS, ed->max_port + 1);
    uint32_t p = ROUND_DOWN(ed->first_free, BUCKET_PORTS);
    if (d->dying)
        return -XEN_EINVAL;
    for (; p < limit; p += BUCKET_PORTS) {
        struct evtchn_bucket *b;
        uint32_t i;
        if (p >= ed->nr_ports && table_grow(ed))
            return -XEN_ENOMEM;
        b = port_bucket(ed, p);
        if (b->used == ~0u)
            continue;
        i = (uint32_t)__builtin_ctz(~b->used);
        if (p + i >= limit)
            break;
        b->used |= 1u << i;
        ed->first_free = p + i + 1;
        *port = p + i;
        channel_set_state(&b->port[i], STATE_RESERVED);
        return 0;
    }
    return -XEN_ENOSPC;
}

/* The next user of the port starts clean. */
void port_free(struct domain *d, uint32_t port)
{
    struct evtchn_domain *ed = d->evtchn;
    struct evtchn_bucket *b = port_bucket(ed, port);
    struct evtchn *ch = &b->port[port % BUCKET_PORTS];
    channel_set_state(ch, EVTCHNSTAT_closed);
    ch->vcpu = 0;
    ch->priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
    ch->fifo_early = 0;
    ch->arg = 0;
    if (ed->fifo)
        fifo_clear_pending(ed->fifo, port);
    else if (port < EVTCHN_2L_NR_CHANNELS)
        clear_bit(port, d->shared_info->evtchn_pending);
    b->used &= ~(1u << port % BUCKET_PORTS);
    ed->first_free = min(ed->first_free, port);
}

/* Selects the port's word and raises the upcall. v may be NULL: no such vCPU yet, the bit alone has to do. */
static void notify_2l(struct vcpu *v, uint32_t port)
{
    if (v && !test_and_set_bit(port / 64, &v->info->evtchn_pending_sel))
        vcpu_mark_events_pending(v);
}

static bool set_pending_2l(struct domain *d, uint32_t port, struct vcpu *v)
{
    struct shared_info *s = d->shared_info;
    /* the limit is for a sender that came too late: the domain has left FIFO mode */
    if (port >= EVTCHN_2L_NR_CHANNELS || test_and_set_bit(port, s->evtchn_pending))
        return false;
    if (!test_bit(port, s->evtchn_mask))
        notify_2l(v, port);
    return true;
}

static void wake_pollers(struct domain *d, uint32_t port)
{
    struct vcpu *v;
    /* Pairs with SCHEDOP_poll, which sets its bit in poll_mask and then looks at the ports. Here the pending bit was
     * set by an atomic read-modify-write, which on x86 keeps the reads below behind it. */
    barrier();
    for (unsigned int w = 0; w < ARRAY_SIZE(d->poll_mask); w++)
        for (uint64_t m = READ_ONCE(d->poll_mask[w]); unlikely(m); m &= m - 1)
            if ((v = domain_vcpu(d, w * 64 + ffs64(m))) && (v->poll_port == 0 || v->poll_port == port))
                vcpu_unblock(v);
}

void port_set_pending(struct domain *d, uint32_t port, struct evtchn *ch)
{
    struct evtchn_fifo *f = __atomic_load_n(&d->evtchn->fifo, __ATOMIC_ACQUIRE);
    struct vcpu *v = domain_vcpu(d, READ_ONCE(ch->vcpu));
    if (f ? fifo_set_pending(d, f, port, ch, v) : set_pending_2l(d, port, v))
        wake_pollers(d, port);
}

bool port_test(const struct domain *d, uint32_t port, unsigned int bit)
{
    struct evtchn_fifo *f = __atomic_load_n(&d->evtchn->fifo, __ATOMIC_ACQUIRE);
    if (f)
        return fifo_test(f, port, bit);
    return port < EVTCHN_2L_NR_CHANNELS && test_bit(port, bit == EVTCHN_FIFO_PENDING ? d->shared_info->evtchn_pending
                                                                                     : d->shared_info->evtchn_mask);
}

/* -XEN_EINVAL: no such port. */
EVTCHN_OP(unmask)
{
    uint32_t port = a->unmask.port;
    struct evtchn *ch = port_channel(d->evtchn, port);
    struct evtchn_fifo *f = __atomic_load_n(&d->evtchn->fifo, __ATOMIC_ACQUIRE);
    struct vcpu *v;
    if (!ch)
        return -XEN_EINVAL;
    v = domain_vcpu(d, READ_ONCE(ch->vcpu));
    if (f)
        fifo_unmask(d, f, port, ch, v);
    else if (port < EVTCHN_2L_NR_CHANNELS && test_and_clear_bit(port, d->shared_info->evtchn_mask) &&
             test_bit(port, d->shared_info->evtchn_pending))
        notify_2l(v, port);
    return 0;
}

/* An unbound port swallows the event, as the ABI allows a front end to start first. */
int evtchn_send(struct domain *d, uint32_t port)
{
    struct evtchn *ch = port_channel(d->evtchn, port), *rch;
    struct domain *rd;
    uint32_t rport;
    switch (ch ? channel_state(ch) : EVTCHNSTAT_closed) {
    case EVTCHNSTAT_interdomain:
        rd = READ_ONCE(ch->remote);
        rport = READ_ONCE(ch->arg);
        rch = port_channel(rd->evtchn, rport);
        /* Between reading our end and now the channel may have been closed: then the other end no longer names us. */
        if (rch && channel_state(rch) == EVTCHNSTAT_interdomain && READ_ONCE(rch->remote) == d &&
            READ_ONCE(rch->arg) == port)
            port_set_pending(rd, rport, rch);
        return 0;
    case EVTCHNSTAT_ipi:
        port_set_pending(d, port, ch);
        return 0;
    case EVTCHNSTAT_unbound:
        return 0;
    default:
        return -XEN_EINVAL;
    }
}

int evtchn_send_from_hv(struct domain *d, uint32_t port) { return d->evtchn ? evtchn_send(d, port) : -XEN_EINVAL; }

int evtchn_is_pending(struct domain *d, uint32_t port)
{
    return d->evtchn && port_channel(d->evtchn, port) ? port_test(d, port, EVTCHN_FIFO_PENDING) : -XEN_EINVAL;
}

int evtchn_domain_init(struct domain *d, unsigned int max_port)
{
    struct evtchn_domain *ed = hv_alloc(sizeof(*ed));
    if (!ed)
        return -XEN_ENOMEM;
    spin_lock_init(&ed->lock, RANK_EVENT);
    ed->max_port = min_t(uint32_t, max_port, EVTCHN_FIFO_NR_CHANNELS - 1);
    ed->first_free = 1;
    d->evtchn = ed;
    return 0;
}

void evtchn_domain_free(struct domain *d)
{
    struct evtchn_domain *ed = d->evtchn;
    if (!ed)
        return;
    for (uint32_t p = 0; p < ed->nr_ports; p += BUCKET_PORTS)
        hv_free(port_bucket(ed, p));
    for (unsigned int i = 0; i < NR_GROUPS; i++)
        hv_free(ed->group[i]);
    hv_free(ed->pirq_port);
    hv_free(ed);
    d->evtchn = NULL;
}

int evtchn_vcpu_init(struct vcpu *v)
{
    memset(v->virq_port, 0, sizeof(v->virq_port));
    v->evtchn = NULL;       /* made by EVTCHNOP_init_control */
    return 0;
}

void evtchn_vcpu_destroy(struct vcpu *v)
{
    hv_free(v->evtchn);
    v->evtchn = NULL;
}

/* The selector of the old place is lost with it, so the guest has to look at every word once. */
void evtchn_vcpu_info_moved(struct vcpu *v)
{
    if (!v->domain->evtchn)
        return;
    if (!v->domain->evtchn->fifo)
        __atomic_store_n(&v->info->evtchn_pending_sel, ~0UL, __ATOMIC_SEQ_CST);
    vcpu_mark_events_pending(v);
}
