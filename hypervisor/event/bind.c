/* SPDX-License-Identifier: MIT */
/* event/bind: the slow operations: allocate, bind, move, close, ask. ABI: xen/event_channel.h. Lock: the domain's
 * evtchn->lock; an interdomain channel is made and broken under both ends' locks. A PIRQ's line is bound and unbound
 * with no lock held (it takes RANK_PIRQ, which is lower), the port being STATE_RESERVED meanwhile. */
#include <hv/hypercall.h>
#include <hv/irq.h>
#include "private.h"

static void lock_two(struct domain *a, struct domain *b) { spin_lock_two(&a->evtchn->lock, &b->evtchn->lock); }
static void unlock_two(struct domain *a, struct domain *b) { spin_unlock_two(&a->evtchn->lock, &b->evtchn->lock); }

/* Takes a free port for a channel of that kind. Lock held. */
static int open_port(struct domain *d, uint8_t state, uint32_t vcpu, uint32_t arg, domid_t remote, uint32_t *port)
{
    int rc = port_alloc(d, port);
    if (rc == 0) {
        struct evtchn *ch = port_channel(d->evtchn, *port);
        ch->vcpu = (uint16_t)vcpu;
        ch->arg = arg;
        ch->remote_id = remote;
        channel_set_state(ch, state);
    }
    return rc;
}

static int bind_simple(struct domain *d, uint8_t state, uint32_t vcpu, domid_t remote, uint32_t *port)
{
    int rc;
    spin_lock(&d->evtchn->lock);
    rc = open_port(d, state, vcpu, 0, remote, port);
    spin_unlock(&d->evtchn->lock);
    return rc;
}

/* remote_dom: who may bind to it; need not exist yet. */
EVTCHN_OP(alloc_unbound)
{
    domid_t remote = a->alloc_unbound.remote_dom;
    return bind_simple(d, EVTCHNSTAT_unbound, 0, remote == DOMID_SELF ? current->domain->id : remote,
                       &a->alloc_unbound.port);
}

/* -XEN_ENOENT: no such vCPU. */
EVTCHN_OP(bind_ipi)
{
    uint32_t vcpu = a->bind_ipi.vcpu;
    return domain_vcpu(d, vcpu) ? bind_simple(d, EVTCHNSTAT_ipi, vcpu, 0, &a->bind_ipi.port) : -XEN_ENOENT;
}

static void connect(struct evtchn *ch, struct domain *rd, uint32_t rport)
{
    ch->remote = rd;
    ch->remote_id = rd->id;
    ch->arg = rport;
    channel_set_state(ch, EVTCHNSTAT_interdomain);
}

/* -XEN_ESRCH: no such domain; -XEN_EINVAL: its port is not open for d. */
EVTCHN_OP(bind_interdomain)
{
    domid_t remote = a->bind_interdomain.remote_dom;
    uint32_t rport = a->bind_interdomain.remote_port, *port = &a->bind_interdomain.local_port;
    struct domain *rd = remote == DOMID_SELF ? d : domain_find(remote);
    struct evtchn *ch, *rch;
    int rc = -XEN_EINVAL;
    if (!rd || !rd->evtchn)
        return -XEN_ESRCH;
    lock_two(d, rd);
    rch = port_channel(rd->evtchn, rport);
    if (!rd->dying && rch && rch->state == EVTCHNSTAT_unbound && rch->remote_id == d->id) {
        rc = port_alloc(d, port);
        if (rc == 0) {
            ch = port_channel(d->evtchn, *port);
            connect(ch, rd, rport);
            connect(rch, d, *port);
            port_set_pending(d, *port, ch);     /* it may have sent before there was anyone to hear */
        }
    }
    unlock_two(d, rd);
    return rc;
}

/* -XEN_EINVAL: no such VIRQ, or a global one not on vCPU 0; -XEN_ENOENT: no such vCPU; -XEN_EEXIST: bound before. */
EVTCHN_OP(bind_virq)
{
    uint32_t virq = (uint32_t)index_clamp(a->bind_virq.virq, NR_VIRQS), *port = &a->bind_virq.port;
    struct vcpu *v = domain_vcpu(d, a->bind_virq.vcpu);
    int rc;
    if (a->bind_virq.virq >= NR_VIRQS || (virq_is_global(virq) && a->bind_virq.vcpu != 0))
        return -XEN_EINVAL;
    if (!v)
        return -XEN_ENOENT;
    spin_lock(&d->evtchn->lock);
    rc = v->virq_port[virq] ? -XEN_EEXIST : open_port(d, EVTCHNSTAT_virq, v->id, virq, 0, port);
    if (rc == 0)
        WRITE_ONCE(v->virq_port[virq], *port);
    spin_unlock(&d->evtchn->lock);
    return rc;
}

/* Takes the port, RESERVED, off the PIRQ and gives the line back. Lock held on entry and exit, dropped between. */
static void pirq_release(struct domain *d, uint32_t pirq)
{
    struct evtchn_domain *ed = d->evtchn;
    spin_unlock(&ed->lock);
    pirq_unbind(d, (int)pirq);
    spin_lock(&ed->lock);
    pirq_port_set(ed, pirq, 0);     /* last: until now another bind of this PIRQ finds it busy */
}

/* -XEN_EINVAL: no such PIRQ; -XEN_EEXIST: bound before; and pirq_bind's errors. */
EVTCHN_OP(bind_pirq)
{
    uint32_t pirq = a->bind_pirq.pirq, *port = &a->bind_pirq.port;
    struct evtchn_domain *ed = d->evtchn;
    struct vcpu *v = domain_vcpu(d, 0);
    struct evtchn *ch = NULL;
    int rc;
    if (pirq >= NR_PIRQS || !pirq_is_mapped(d, (int)pirq))
        return -XEN_EINVAL;
    if (!v)
        return -XEN_ENOENT;
    spin_lock(&ed->lock);
    rc = pirq_port(ed, pirq) ? -XEN_EEXIST : port_alloc(d, port);
    if (rc)
        goto out;
    ch = port_channel(ed, *port);
    ch->arg = pirq;
    rc = pirq_port_set(ed, pirq, *port);
    if (rc)
        goto free;
    spin_unlock(&ed->lock);
    rc = pirq_bind(v, (int)pirq, a->bind_pirq.flags & BIND_PIRQ__WILL_SHARE);
    spin_lock(&ed->lock);
    if (rc == 0 && d->dying) {          /* evtchn_domain_destroy has passed this port by */
        pirq_release(d, pirq);
        rc = -XEN_EINVAL;
    }
    if (rc == 0) {
        channel_set_state(ch, EVTCHNSTAT_pirq);
        goto out;
    }
    pirq_port_set(ed, pirq, 0);
 free:
    port_free(d, *port);
 out:
    spin_unlock(&ed->lock);
    return rc;
}

/* -XEN_ENOENT: no such vCPU; -XEN_EINVAL: no such port, or one whose vCPU is fixed. */
EVTCHN_OP(bind_vcpu)
{
    struct vcpu *v = domain_vcpu(d, a->bind_vcpu.vcpu);
    struct evtchn *ch = port_channel(d->evtchn, a->bind_vcpu.port);
    int pirq = -1, rc = 0;
    if (!v || !ch)
        return v ? -XEN_EINVAL : -XEN_ENOENT;
    spin_lock(&d->evtchn->lock);
    if (ch->state == EVTCHNSTAT_pirq)
        pirq = (int)ch->arg;
    else if (ch->state != EVTCHNSTAT_unbound && ch->state != EVTCHNSTAT_interdomain &&
             !(ch->state == EVTCHNSTAT_virq && virq_is_global(ch->arg)))
        rc = -XEN_EINVAL;
    if (rc == 0)
        WRITE_ONCE(ch->vcpu, (uint16_t)v->id);
    spin_unlock(&d->evtchn->lock);
    if (pirq >= 0)
        pirq_set_affinity(d, pirq, v->cpu);
    return rc;
}

/* Closes a port; lock held, of a connected one both. */
static int close_locked(struct domain *d, uint32_t port, struct evtchn *ch)
{
    struct vcpu *v;
    switch (ch->state) {
    case EVTCHNSTAT_interdomain:        /* the peer waits for a new connection from the same domain */
        channel_set_state(port_channel(ch->remote->evtchn, ch->arg), EVTCHNSTAT_unbound);
        break;
    case EVTCHNSTAT_virq:
        v = domain_vcpu(d, virq_is_global(ch->arg) ? 0 : ch->vcpu);
        if (v)
            WRITE_ONCE(v->virq_port[ch->arg], 0);
        break;
    case EVTCHNSTAT_pirq:
        channel_set_state(ch, STATE_RESERVED);
        pirq_release(d, ch->arg);
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
    if (rd != d && ch->state != EVTCHNSTAT_interdomain) {
        spin_unlock(&rd->evtchn->lock); /* the peer went away meanwhile: it is ours alone now */
        rd = d;
    }
    rc = close_locked(d, port, ch);
    unlock_two(d, rd);
    return rc;
}

/* Port 0 is a closed one, so that a listing can start there. -XEN_EINVAL: no such port. */
EVTCHN_OP(status)
{
    struct evtchn_status *st = &a->status;
    struct evtchn_domain *ed = d->evtchn;
    struct evtchn *ch = port_channel(ed, st->port);
    st->status = EVTCHNSTAT_closed;
    st->vcpu = 0;
    if (!ch)
        return st->port ? -XEN_EINVAL : 0;
    spin_lock(&ed->lock);
    if (ch->state != STATE_RESERVED)
        st->status = ch->state;
    st->vcpu = ch->vcpu;
    if (ch->state == EVTCHNSTAT_unbound || ch->state == EVTCHNSTAT_interdomain)
        st->u.interdomain.dom = ch->remote_id;          /* u.unbound's is at the same place, as virq and pirq are */
    if (ch->state == EVTCHNSTAT_interdomain)
        st->u.interdomain.port = ch->arg;
    if (ch->state == EVTCHNSTAT_pirq || ch->state == EVTCHNSTAT_virq)
        st->u.pirq = ch->arg;
    spin_unlock(&ed->lock);
    return 0;
}

/* Closes all ports once, from *next on, which is where the last call stopped, and then goes back to the 2-level ABI if
 * it should. -XEN_ERESTART: there are more. */
static int close_all(struct domain *d, uint32_t *next, bool retire)
{
    for (uint32_t p = READ_ONCE(*next); p < READ_ONCE(d->evtchn->nr_ports); p++) {
        evtchn_close(d, p);
        if (p % 64 == 63 && hypercall_preempt_check()) {
            WRITE_ONCE(*next, p + 1);
            return -XEN_ERESTART;
        }
    }
    spin_lock(&d->evtchn->lock);
    *next = 0;
    if (retire)
        fifo_retire(d);
    spin_unlock(&d->evtchn->lock);
    return 0;
}

EVTCHN_OP(reset) { return close_all(d, &d->evtchn->next_reset, d == current->domain); }

/* d is dying, so that no port is allocated any more. */
int evtchn_domain_destroy(struct domain *d)
{
    if (!d->evtchn)
        return 0;
    virq_forget_handler(d);
    return close_all(d, &d->evtchn->next_destroy, true);
}
