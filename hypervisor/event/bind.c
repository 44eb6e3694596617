/* SPDX-License-Identifier: MIT */
/* event/bind: the slow operations: allocate, bind, move, close, ask. ABI: xen/event_channel.h.
 *
 * Lock: the domain's evtchn->lock; an interdomain channel is made and broken under both ends' locks. A PIRQ's line
 * is bound and unbound with no lock held (it takes RANK_PIRQ, which is lower), the port being STATE_RESERVED
 * meanwhile. */
#include <hv/hypercall.h>
#include <hv/irq.h>
#include "private.h"

static void lock_two(struct domain *a, struct domain *b) { spin_lock_two(&a->evtchn->lock, &b->evtchn->lock); }
static void unlock_two(struct domain *a, struct domain *b) { spin_unlock_two(&a->evtchn->lock, &b->evtchn->lock); }

/* Takes a free port for a channel of that kind. */
static int bind_simple(struct domain *d, uint8_t state, uint32_t vcpu, domid_t remote, uint32_t *port)
{
    struct evtchn_domain *ed = d->evtchn;
    int rc;
    spin_lock(&ed->lock);
    rc = port_alloc(d, port);
    if (rc == 0) {
        struct evtchn *ch = port_channel(ed, *port);
        ch->vcpu = (uint16_t)vcpu;
        ch->remote_id = remote;
        channel_set_state(ch, state);
    }
    spin_unlock(&ed->lock);
    return rc;
}

/* remote: who may bind to it; need not exist yet. */
int evtchn_alloc_unbound(struct domain *d, domid_t remote, uint32_t *port)
{
    return bind_simple(d, EVTCHNSTAT_unbound, 0, remote, port);
}

/* -XEN_ENOENT: no such vCPU. */
int evtchn_bind_ipi(struct domain *d, uint32_t vcpu, uint32_t *port)
{
    return domain_vcpu(d, vcpu) ? bind_simple(d, EVTCHNSTAT_ipi, vcpu, 0, port) : -XEN_ENOENT;
}

static void connect(struct evtchn *ch, struct domain *rd, uint32_t rport)
{
    ch->remote = rd;
    ch->remote_id = rd->id;
    ch->arg = rport;
    channel_set_state(ch, EVTCHNSTAT_interdomain);
}

/* -XEN_ESRCH: no such domain; -XEN_EINVAL: its port is not open for d. */
int evtchn_bind_interdomain(struct domain *d, domid_t remote, uint32_t remote_port, uint32_t *port)
{
    struct domain *rd = remote == DOMID_SELF ? d : domain_find(remote);
    struct evtchn *ch, *rch;
    int rc = -XEN_EINVAL;
    if (!rd || !rd->evtchn)
        return -XEN_ESRCH;
    lock_two(d, rd);
    rch = port_channel(rd->evtchn, remote_port);
    if (!rd->dying && rch && rch->state == EVTCHNSTAT_unbound && rch->remote_id == d->id) {
        rc = port_alloc(d, port);
        if (rc == 0) {
            ch = port_channel(d->evtchn, *port);
            connect(ch, rd, remote_port);
            connect(rch, d, *port);
            /* The other end may have sent before there was anyone to hear. */
            port_set_pending(d, *port, ch);
        }
    }
    unlock_two(d, rd);
    return rc;
}

/* -XEN_EINVAL: no such VIRQ, or a global one not on vCPU 0; -XEN_ENOENT: no such vCPU; -XEN_EEXIST: bound before. */
int evtchn_bind_virq(struct domain *d, uint32_t virq, uint32_t vcpu, uint32_t *port)
{
    struct evtchn_domain *ed = d->evtchn;
    struct vcpu *v;
    int rc;
    if (virq >= NR_VIRQS || (virq_is_global(virq) && vcpu != 0))
        return -XEN_EINVAL;
    virq = (uint32_t)index_clamp(virq, NR_VIRQS);
    if (!(v = domain_vcpu(d, vcpu)))
        return -XEN_ENOENT;
    spin_lock(&ed->lock);
    rc = v->virq_port[virq] ? -XEN_EEXIST : port_alloc(d, port);
    if (rc == 0) {
        struct evtchn *ch = port_channel(ed, *port);
        ch->arg = virq;
        ch->vcpu = (uint16_t)v->id;
        channel_set_state(ch, EVTCHNSTAT_virq);
        WRITE_ONCE(v->virq_port[virq], *port);
    }
    spin_unlock(&ed->lock);
    return rc;
}

/* Takes the port off the PIRQ and gives the line back. Lock held on entry and exit, dropped between; port is
 * RESERVED. */
static void pirq_release(struct domain *d, uint32_t pirq)
{
    struct evtchn_domain *ed = d->evtchn;
    spin_unlock(&ed->lock);
    pirq_unbind(d, (int)pirq);
    spin_lock(&ed->lock);
    pirq_port_set(ed, pirq, 0);     /* last: until now another bind of this PIRQ finds it busy */
}

/* -XEN_EINVAL: no such PIRQ; -XEN_EEXIST: bound before; and pirq_bind's errors. */
int evtchn_bind_pirq(struct domain *d, uint32_t pirq, bool will_share, uint32_t *port)
{
    struct evtchn_domain *ed = d->evtchn;
    struct vcpu *v = domain_vcpu(d, 0);
    struct evtchn *ch;
    int rc;
    if (pirq >= PIRQ_BUCKET * PIRQ_BUCKETS || !pirq_is_mapped(d, (int)pirq))
        return -XEN_EINVAL;
    if (!v)
        return -XEN_ENOENT;
    spin_lock(&ed->lock);
    rc = pirq_port(ed, pirq) ? -XEN_EEXIST : port_alloc(d, port);
    if (rc) {
        spin_unlock(&ed->lock);
        return rc;
    }
    ch = port_channel(ed, *port);
    ch->arg = pirq;
    rc = pirq_port_set(ed, pirq, *port);
    spin_unlock(&ed->lock);

    if (rc == 0)
        rc = pirq_bind(v, (int)pirq, will_share);

    spin_lock(&ed->lock);
    if (rc == 0 && d->dying) {          /* evtchn_domain_destroy has passed this port by */
        pirq_release(d, pirq);
        rc = -XEN_EINVAL;
    }
    if (rc == 0) {
        channel_set_state(ch, EVTCHNSTAT_pirq);
    } else {
        if (pirq_port(ed, pirq) == *port)
            pirq_port_set(ed, pirq, 0);
        port_free(d, *port);
    }
    spin_unlock(&ed->lock);
    return rc;
}

/* -XEN_ENOENT: no such vCPU; -XEN_EINVAL: no such port, or one whose vCPU is fixed. */
int evtchn_bind_vcpu(struct domain *d, uint32_t port, uint32_t vcpu)
{
    struct evtchn_domain *ed = d->evtchn;
    struct vcpu *v = domain_vcpu(d, vcpu);
    struct evtchn *ch = port_channel(ed, port);
    int pirq = -1;
    bool ok;
    if (!v || !ch)
        return v ? -XEN_EINVAL : -XEN_ENOENT;
    spin_lock(&ed->lock);
    ok = ch->state == EVTCHNSTAT_unbound || ch->state == EVTCHNSTAT_interdomain || ch->state == EVTCHNSTAT_pirq ||
         (ch->state == EVTCHNSTAT_virq && virq_is_global(ch->arg));
    if (ok)
        WRITE_ONCE(ch->vcpu, (uint16_t)vcpu);
    if (ch->state == EVTCHNSTAT_pirq)
        pirq = (int)ch->arg;
    spin_unlock(&ed->lock);
    if (pirq >= 0)
        pirq_set_affinity(d, pirq, v->cpu);
    return ok ? 0 : -XEN_EINVAL;
}

/* Breaks a connection; both locks held. The peer waits for a new one from the same domain. */
static void disconnect(struct domain *d, uint32_t port, struct evtchn *ch)
{
    struct evtchn *rch = port_channel(ch->remote->evtchn, ch->arg);
    if (rch != ch)                      /* a port cannot be its own peer, but do not rely on it */
        channel_set_state(rch, EVTCHNSTAT_unbound);
    port_free(d, port);
}

/* Closes a port that is not connected. Lock held. */
static int close_single(struct domain *d, uint32_t port, struct evtchn *ch)
{
    struct vcpu *v;
    uint32_t pirq;
    switch (ch->state) {
    case EVTCHNSTAT_virq:
        v = domain_vcpu(d, virq_is_global(ch->arg) ? 0 : ch->vcpu);
        if (v)
            WRITE_ONCE(v->virq_port[ch->arg], 0);
        break;
    case EVTCHNSTAT_pirq:
        pirq = ch->arg;
        channel_set_state(ch, STATE_RESERVED);
        pirq_release(d, pirq);
        break;
    case EVTCHNSTAT_unbound:
    case EVTCHNSTAT_ipi:
        break;
    default:
        return -XEN_EINVAL;
    }
    port_free(d, port);
    return 0;
}

/* -XEN_EINVAL: no such port, or not in use. */
int evtchn_close(struct domain *d, uint32_t port)
{
    struct evtchn *ch = port_channel(d->evtchn, port);
    struct domain *rd;
    int rc;
    if (!ch)
        return -XEN_EINVAL;
    for (;;) {
        /* Which locks are needed is known only once they are held: guess, take, look again. */
        rd = channel_state(ch) == EVTCHNSTAT_interdomain ? READ_ONCE(ch->remote) : d;
        lock_two(d, rd);
        if (ch->state != EVTCHNSTAT_interdomain || ch->remote == rd)
            break;
        unlock_two(d, rd);
    }
    if (ch->state == EVTCHNSTAT_interdomain) {
        disconnect(d, port, ch);
        unlock_two(d, rd);
        return 0;
    }
    if (rd != d)                        /* the peer went away meanwhile: it is ours alone now */
        spin_unlock(&rd->evtchn->lock);
    rc = close_single(d, port, ch);
    spin_unlock(&d->evtchn->lock);
    return rc;
}

/* st->port names it; port 0 is a closed one, so that a listing can start there. -XEN_EINVAL: no such port. */
int evtchn_status(struct domain *d, struct evtchn_status *st)
{
    struct evtchn_domain *ed = d->evtchn;
    struct evtchn *ch = port_channel(ed, st->port);
    if (st->port == 0) {
        st->status = EVTCHNSTAT_closed;
        st->vcpu = 0;
        return 0;
    }
    if (!ch)
        return -XEN_EINVAL;
    spin_lock(&ed->lock);
    st->status = ch->state == STATE_RESERVED ? EVTCHNSTAT_closed : ch->state;
    st->vcpu = ch->vcpu;
    switch (ch->state) {
    case EVTCHNSTAT_unbound:
        st->u.unbound.dom = ch->remote_id;
        break;
    case EVTCHNSTAT_interdomain:
        st->u.interdomain.dom = ch->remote_id;
        st->u.interdomain.port = ch->arg;
        break;
    case EVTCHNSTAT_pirq:
        st->u.pirq = ch->arg;
        break;
    case EVTCHNSTAT_virq:
        st->u.virq = ch->arg;
        break;
    }
    spin_unlock(&ed->lock);
    return 0;
}

/* Closes all ports once, from *next on, which is where the last call stopped. -XEN_ERESTART: there are more. */
static int close_all(struct domain *d, uint32_t *next)
{
    for (uint32_t p = READ_ONCE(*next); p < READ_ONCE(d->evtchn->nr_ports); p++) {
        evtchn_close(d, p);
        if (p % 64 == 63 && hypercall_preempt_check()) {
            WRITE_ONCE(*next, p + 1);
            return -XEN_ERESTART;
        }
    }
    return 0;
}

/* A domain that resets itself goes back to the 2-level ABI. */
int evtchn_reset(struct domain *d)
{
    struct evtchn_domain *ed = d->evtchn;
    if (close_all(d, &ed->next_reset))
        return -XEN_ERESTART;
    spin_lock(&ed->lock);
    ed->next_reset = 0;
    if (d == current->domain)
        fifo_retire(d);
    spin_unlock(&ed->lock);
    return 0;
}

/* d is dying, so that no port is allocated any more. */
int evtchn_domain_destroy(struct domain *d)
{
    struct evtchn_domain *ed = d->evtchn;
    if (!ed)
        return 0;
    virq_forget_handler(d);
    if (close_all(d, &ed->next_destroy))
        return -XEN_ERESTART;
    spin_lock(&ed->lock);
    fifo_retire(d);
    spin_unlock(&ed->lock);
    return 0;
}
