/* SPDX-License-Identifier: MIT */
/* event/ops: EVTCHNOP_*, one row each. One loop-free path copies in, finds the domain, acts, copies out. */
#include "private.h"

static EVTCHN_OP(close) { return evtchn_close(d, a->close.port); }
static EVTCHN_OP(send) { return evtchn_send(d, a->send.port); }

/* new_port: where the result has a port that is closed again when the result cannot be written to the guest. (For
 * bind_interdomain that leaves the other end as it was: unbound, waiting for us.) */
static const struct evtchn_row {
    int (*op)(struct domain *d, union evtchn_arg *a);
    uint8_t size, new_port;
    bool named, out;            /* names a domain; goes back to the guest */
} rows[] = {
#define ROW(name, ...) [EVTCHNOP_##name] = { .op = evtchn_op_##name, .size = sizeof(struct evtchn_##name), __VA_ARGS__ }
#define PORT(name, field) .out = true, .new_port = offsetof(struct evtchn_##name, field)
    ROW(bind_interdomain, PORT(bind_interdomain, local_port)), ROW(bind_virq, PORT(bind_virq, port)),
    ROW(bind_pirq, PORT(bind_pirq, port)), ROW(bind_ipi, PORT(bind_ipi, port)),
    ROW(alloc_unbound, PORT(alloc_unbound, port), .named = true), ROW(status, .out = true, .named = true),
    ROW(init_control, .out = true), ROW(reset, .named = true),
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
