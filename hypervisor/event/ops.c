/* SPDX-License-Identifier: MIT */
/*
 * event/ops: EVTCHNOP_*, one row each: how many bytes the argument has, whether it goes back to the guest, what
 * undoes the operation when it cannot. One loop-free path copies in, acts, copies out.
 */
#include <hv/hypercall.h>
#include "private.h"

union evtchn_arg {
    struct evtchn_alloc_unbound alloc_unbound;
    struct evtchn_bind_interdomain bind_interdomain;
    struct evtchn_bind_virq bind_virq;
    struct evtchn_bind_ipi bind_ipi;
    struct evtchn_bind_pirq bind_pirq;
    struct evtchn_bind_vcpu bind_vcpu;
    struct evtchn_close close;
    struct evtchn_send send;
    struct evtchn_status status;
    struct evtchn_unmask unmask;
    struct evtchn_reset reset;
    struct evtchn_init_control init_control;
    struct evtchn_expand_array expand_array;
    struct evtchn_set_priority set_priority;
};

#define SELF (current->domain)

/* The domain an operation names; it must have event channels. */
static int op_target(domid_t id, struct domain **d)
{
    int rc = domain_target(id, d);

    return rc ? rc : (*d)->evtchn ? 0 : -XEN_ESRCH;
}

static int op_alloc_unbound(union evtchn_arg *a)
{
    domid_t remote = a->alloc_unbound.remote_dom;
    struct domain *d;
    int rc = op_target(a->alloc_unbound.dom, &d);

    if (rc)
        return rc;
    return evtchn_alloc_unbound(d, remote == DOMID_SELF ? SELF->id : remote, &a->alloc_unbound.port);
}

static void undo_alloc_unbound(const union evtchn_arg *a)
{
    struct domain *d;

    if (op_target(a->alloc_unbound.dom, &d) == 0)
        evtchn_close(d, a->alloc_unbound.port);
}

static int op_bind_interdomain(union evtchn_arg *a)
{
    struct evtchn_bind_interdomain *b = &a->bind_interdomain;

    return evtchn_bind_interdomain(SELF, b->remote_dom, b->remote_port, &b->local_port);
}
/* Closing our end leaves the other one as it was: unbound, waiting for us. */
static void undo_bind_interdomain(const union evtchn_arg *a) { evtchn_close(SELF, a->bind_interdomain.local_port); }

static int op_bind_virq(union evtchn_arg *a)
{
    return evtchn_bind_virq(SELF, a->bind_virq.virq, a->bind_virq.vcpu, &a->bind_virq.port);
}
static void undo_bind_virq(const union evtchn_arg *a) { evtchn_close(SELF, a->bind_virq.port); }

static int op_bind_ipi(union evtchn_arg *a) { return evtchn_bind_ipi(SELF, a->bind_ipi.vcpu, &a->bind_ipi.port); }
static void undo_bind_ipi(const union evtchn_arg *a) { evtchn_close(SELF, a->bind_ipi.port); }

static int op_bind_pirq(union evtchn_arg *a)
{
    return evtchn_bind_pirq(SELF, a->bind_pirq.pirq, a->bind_pirq.flags & BIND_PIRQ__WILL_SHARE, &a->bind_pirq.port);
}
static void undo_bind_pirq(const union evtchn_arg *a) { evtchn_close(SELF, a->bind_pirq.port); }

static int op_bind_vcpu(union evtchn_arg *a) { return evtchn_bind_vcpu(SELF, a->bind_vcpu.port, a->bind_vcpu.vcpu); }
static int op_close(union evtchn_arg *a) { return evtchn_close(SELF, a->close.port); }
static int op_send(union evtchn_arg *a) { return evtchn_send(SELF, a->send.port); }
static int op_unmask(union evtchn_arg *a) { return port_unmask(SELF, a->unmask.port); }

static int op_status(union evtchn_arg *a)
{
    struct domain *d;
    int rc = op_target(a->status.dom, &d);

    return rc ? rc : evtchn_status(d, &a->status);
}

static int op_reset(union evtchn_arg *a)
{
    struct domain *d;
    int rc = op_target(a->reset.dom, &d);

    return rc ? rc : evtchn_reset(d);
}

static int op_init_control(union evtchn_arg *a) { return fifo_init_control(SELF, &a->init_control); }
static int op_expand_array(union evtchn_arg *a) { return fifo_expand_array(SELF, a->expand_array.array_gfn); }
static int op_set_priority(union evtchn_arg *a)
{
    return fifo_set_priority(SELF, a->set_priority.port, a->set_priority.priority);
}

struct evtchn_row {
    int (*op)(union evtchn_arg *a);
    void (*undo)(const union evtchn_arg *a);    /* when the result cannot be written to the guest */
    uint8_t size;
    bool out;
};

#define ROW(name, ...) [EVTCHNOP_##name] = { .op = op_##name, .size = sizeof(struct evtchn_##name), __VA_ARGS__ }
static const struct evtchn_row rows[] = {
    ROW(bind_interdomain, .out = true, .undo = undo_bind_interdomain),
    ROW(bind_virq, .out = true, .undo = undo_bind_virq),
    ROW(bind_pirq, .out = true, .undo = undo_bind_pirq),
    ROW(close),
    ROW(send),
    ROW(status, .out = true),
    ROW(alloc_unbound, .out = true, .undo = undo_alloc_unbound),
    ROW(bind_ipi, .out = true, .undo = undo_bind_ipi),
    ROW(bind_vcpu),
    ROW(unmask),
    ROW(reset),
    ROW(init_control, .out = true),
    ROW(expand_array),
    ROW(set_priority),
};

long evtchn_op(int cmd, XEN_GUEST_HANDLE(void) arg)
{
    const struct evtchn_row *row;
    union evtchn_arg a;
    int rc;

    if ((unsigned int)cmd >= ARRAY_SIZE(rows))
        return -XEN_ENOSYS;
    row = &rows[index_clamp((unsigned int)cmd, ARRAY_SIZE(rows))];
    if (copy_from_guest(&a, arg.p, row->size))
        return -XEN_EFAULT;
    rc = row->op(&a);
    if (rc == 0 && row->out && copy_to_guest(arg.p, &a, row->size)) {
        if (row->undo)
            row->undo(&a);
        rc = -XEN_EFAULT;
    }
    return rc;
}
