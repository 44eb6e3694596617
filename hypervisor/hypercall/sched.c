/* SPDX-License-Identifier: MIT */
/* sched_op (xen/sched.h): decode, check, call sched/ and domain/. */
#include <hv/domain.h>
#include <hv/hypercall.h>
#include <hv/mm.h>

#define POLL_PORTS_MAX 128

union sched_arg {
    struct sched_shutdown shutdown;
    struct sched_poll poll;
    struct sched_remote_shutdown remote;
    struct sched_watchdog watchdog;
    struct sched_pin_override pin;
};

static long op_yield(union sched_arg *op __unused)
{
    sched_yield();
    return 0;
}

static long op_block(union sched_arg *op __unused)
{
    sched_block();
    return 0;
}

static long op_shutdown(union sched_arg *op)
{
    if (op->shutdown.reason > SHUTDOWN_MAX)
        return -XEN_EINVAL;
    domain_shutdown(current->domain, (uint8_t)op->shutdown.reason);
    return 0;
}

static long op_shutdown_code(union sched_arg *op)
{
    struct domain *d = current->domain;
    if (op->shutdown.reason > SHUTDOWN_MAX)
        return -XEN_EINVAL;
    if (!READ_ONCE(d->shutting_down))
        WRITE_ONCE(d->shutdown_code, op->shutdown.reason);
    return 0;
}

static long op_poll(union sched_arg *op)
{
    uint32_t ports[POLL_PORTS_MAX];
    if (op->poll.nr_ports > POLL_PORTS_MAX)
        return -XEN_EINVAL;
    if (op->poll.nr_ports && copy_handle_offset(ports, op->poll.ports, 0, op->poll.nr_ports))
        return -XEN_EFAULT;
    return sched_poll(&op->poll, ports);
}

static long op_remote_shutdown(union sched_arg *op)
{
    struct domain *d;
    if (!current->domain->privileged)
        return -XEN_EPERM;
    if (op->remote.reason > SHUTDOWN_MAX)
        return -XEN_EINVAL;
    d = domain_find(op->remote.domain_id);
    if (!d || d->is_idle || d->is_system)
        return -XEN_ESRCH;
    if (d == current->domain)
        return -XEN_EPERM;
    domain_shutdown(d, (uint8_t)op->remote.reason);
    return 0;
}

static long op_watchdog(union sched_arg *op)
{
    return sched_watchdog(current->domain, op->watchdog.id, op->watchdog.timeout);
}

static long op_pin_override(union sched_arg *op)
{
    return current->domain->privileged ? sched_pin_override(current, op->pin.pcpu) : -XEN_EPERM;
}

#define ROW(name, size) [SCHEDOP_##name] = { op_##name, (size) }
static const struct { long (*fn)(union sched_arg *op); size_t size; } ops[] = {
    ROW(yield, 0),
    ROW(block, 0),
    ROW(shutdown, sizeof(struct sched_shutdown)),
    ROW(poll, sizeof(struct sched_poll)),
    ROW(remote_shutdown, sizeof(struct sched_remote_shutdown)),
    ROW(shutdown_code, sizeof(struct sched_shutdown)),
    ROW(watchdog, sizeof(struct sched_watchdog)),
    ROW(pin_override, sizeof(struct sched_pin_override)),
};

HYPERCALL(sched_op)
{
    union sched_arg op;
    if (a1 >= ARRAY_SIZE(ops))
        return -XEN_ENOSYS;
    a1 = index_clamp(a1, ARRAY_SIZE(ops));
    if (ops[a1].size && copy_from_guest(&op, (void *)a2, ops[a1].size))
        return -XEN_EFAULT;
    return ops[a1].fn(&op);
}
