/* SPDX-License-Identifier: MIT */
/* event/ops: EVTCHNOP_*, one row each. One loop-free path copies in, finds the domain, acts, copies out. */
#include <hv/hypercall.h>
#include "private.h"

union evtchn_arg {
    domid_t dom;                /* of those that name a domain: their first field */
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

/* d: the domain that the operation names, else the caller's. */
#define OP(name, call) static int op_##name(struct domain *d, union evtchn_arg *a) { return call; }
OP(bind_interdomain, evtchn_bind_interdomain(d, a->bind_interdomain.remote_dom, a->bind_interdomain.remote_port,
                                             &a->bind_interdomain.local_port))
OP(bind_virq, evtchn_bind_virq(d, a->bind_virq.virq, a->bind_virq.vcpu, &a->bind_virq.port))
OP(bind_ipi, evtchn_bind_ipi(d, a->bind_ipi.vcpu, &a->bind_ipi.port))
OP(bind_pirq, evtchn_bind_pirq(d, a->bind_pirq.pirq, a->bind_pirq.flags & BIND_PIRQ__WILL_SHARE, &a->bind_pirq.port))
OP(bind_vcpu, evtchn_bind_vcpu(d, a->bind_vcpu.port, a->bind_vcpu.vcpu))
OP(close, evtchn_close(d, a->close.port))
OP(send, evtchn_send(d, a->send.port))
OP(unmask, port_unmask(d, a->unmask.port))
OP(status, evtchn_status(d, &a->status))
OP(init_control, fifo_init_control(d, &a->init_control))
OP(expand_array, fifo_expand_array(d, a->expand_array.array_gfn))
OP(set_priority, fifo_set_priority(d, a->set_priority.port, a->set_priority.priority))
static int op_reset(struct domain *d, union evtchn_arg *a __unused) { return evtchn_reset(d); }
static int op_alloc_unbound(struct domain *d, union evtchn_arg *a)
{
    domid_t remote = a->alloc_unbound.remote_dom;
    return evtchn_alloc_unbound(d, remote == DOMID_SELF ? current->domain->id : remote, &a->alloc_unbound.port);
}

/* new_port: where the result has a port that is closed again when the result cannot be written to the guest. (For
 * bind_interdomain that leaves the other end as it was: unbound, waiting for us.) */
static const struct evtchn_row {
    int (*op)(struct domain *d, union evtchn_arg *a);
    uint8_t size, new_port;
    bool named, out;            /* names a domain; goes back to the guest */
} rows[] = {
#define ROW(name, ...) [EVTCHNOP_##name] = { .op = op_##name, .size = sizeof(struct evtchn_##name), __VA_ARGS__ }
#define PORT(name, field) .out = true, .new_port = offsetof(struct evtchn_##name, field)
    ROW(bind_interdomain, PORT(bind_interdomain, local_port)),
    ROW(bind_virq, PORT(bind_virq, port)),
    ROW(bind_pirq, PORT(bind_pirq, port)),
    ROW(bind_ipi, PORT(bind_ipi, port)),
    ROW(alloc_unbound, PORT(alloc_unbound, port), .named = true),
    ROW(status, .out = true, .named = true),
    ROW(init_control, .out = true),
    ROW(reset, .named = true),
    ROW(close), ROW(send), ROW(bind_vcpu), ROW(unmask), ROW(expand_array), ROW(set_priority),
};

long evtchn_op(int cmd, XEN_GUEST_HANDLE(void) arg)
{
    struct domain *d = current->domain;
    const struct evtchn_row *row;
    union evtchn_arg a;
    int rc = 0;
    if ((unsigned int)cmd >= ARRAY_SIZE(rows))
        return -XEN_ENOSYS;
    row = &rows[index_clamp((unsigned int)cmd, ARRAY_SIZE(rows))];
    if (copy_from_guest(&a, arg.p, row->size))
        return -XEN_EFAULT;
    if (row->named)
        rc = domain_target(a.dom, &d);
    if (rc == 0)
        rc = d->evtchn ? row->op(d, &a) : -XEN_ESRCH;
    if (rc == 0 && row->out && copy_to_guest(arg.p, &a, row->size)) {
        if (row->new_port)
            evtchn_close(d, *(uint32_t *)((char *)&a + row->new_port));
        rc = -XEN_EFAULT;
    }
    return rc;
}
