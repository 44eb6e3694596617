/* SPDX-License-Identifier: MIT */
/* sched_op (xen/sched.h): decode, check, call sched/ and domain/. */
#include "private.h"

#define POLL_PORTS_MAX 128

#define SCHED(name, type) SUBOP_HANDLER(name, void, ctx, struct sched_##type)

SUBOP_HANDLER(yield, void, ctx, void)
{
    sched_yield();
    return 0;
}

SUBOP_HANDLER(block, void, ctx, void)
{
    sched_block();
    return 0;
}

SCHED(shutdown, shutdown)
{
    if (op->reason > SHUTDOWN_MAX)
        return -XEN_EINVAL;
    domain_shutdown(current->domain, (uint8_t)op->reason);
    return 0;
}

SCHED(shutdown_code, shutdown)
{
    struct domain *d = current->domain;
    if (op->reason > SHUTDOWN_MAX)
        return -XEN_EINVAL;
    if (!READ_ONCE(d->shutting_down))
        WRITE_ONCE(d->shutdown_code, op->reason);
    return 0;
}

SCHED(poll, poll)
{
    uint32_t ports[POLL_PORTS_MAX];
    if (op->nr_ports > POLL_PORTS_MAX)
        return -XEN_EINVAL;
    if (op->nr_ports && copy_handle_offset(ports, op->ports, 0, op->nr_ports))
        return -XEN_EFAULT;
    return sched_poll(op, ports);
}

SCHED(remote_shutdown, remote_shutdown)
{
    if (op->reason > SHUTDOWN_MAX)
        return -XEN_EINVAL;
    struct domain *d = domain_find(op->domain_id);
    if (!d || d == current->domain)
        return d ? -XEN_EPERM : -XEN_ESRCH;
    domain_shutdown(d, (uint8_t)op->reason);
    return 0;
}

SCHED(watchdog, watchdog)         { return sched_watchdog(current->domain, op->id, op->timeout); }
SCHED(pin_override, pin_override) { return sched_pin_override(current, op->pcpu); }

#define ROW(name, type, fl) [SCHEDOP_##name] = SUBOP(name, sizeof(struct sched_##type), .flags = (fl))
#define SINGLE(name)        [SCHEDOP_##name] = SUBOP(name, 0)
static const struct subop ops[] = {
    SINGLE(yield), SINGLE(block), ROW(shutdown, shutdown, 0), ROW(shutdown_code, shutdown, 0), ROW(poll, poll, 0),
    ROW(remote_shutdown, remote_shutdown, SUB_PRIV), ROW(watchdog, watchdog, 0),
    ROW(pin_override, pin_override, SUB_PRIV),
};

HYPERCALL(sched_op) { return SUBOP_CALL(ops, a1, a2); }
