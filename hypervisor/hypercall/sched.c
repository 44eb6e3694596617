/* SPDX-License-Identifier: MIT */
/*
 * sched_op (xen/sched.h): decode, check, call sched/ and domain/. sched_op_compat, the form of before interface
 * 0x00030101, is not offered.
 */
#include <hv/domain.h>
#include <hv/hypercall.h>
#include <hv/mm.h>
#include <hv/sched.h>

#define POLL_PORTS_MAX 128

static long op_yield(void *arg __unused)
{
    sched_yield();
    return 0;
}

static long op_block(void *arg __unused)
{
    sched_block();
    return 0;
}

static long op_shutdown(void *arg)
{
    struct sched_shutdown op;

    if (copy_from_guest(&op, arg, sizeof(op)))
        return -XEN_EFAULT;
    if (op.reason > SHUTDOWN_MAX)
        return -XEN_EINVAL;
    domain_shutdown(current->domain, (uint8_t)op.reason);
    return 0;
}

static long op_shutdown_code(void *arg)
{
    struct domain *d = current->domain;
    struct sched_shutdown op;

    if (copy_from_guest(&op, arg, sizeof(op)))
        return -XEN_EFAULT;
    if (op.reason > SHUTDOWN_MAX)
        return -XEN_EINVAL;
    if (!READ_ONCE(d->shutting_down))
        WRITE_ONCE(d->shutdown_code, op.reason);
    return 0;
}

static long op_poll(void *arg)
{
    uint32_t ports[POLL_PORTS_MAX];
    struct sched_poll op;

    if (copy_from_guest(&op, arg, sizeof(op)))
        return -XEN_EFAULT;
    if (op.nr_ports > POLL_PORTS_MAX)
        return -XEN_EINVAL;
    if (op.nr_ports && copy_handle_offset(ports, op.ports, 0, op.nr_ports))
        return -XEN_EFAULT;
    return sched_poll(&op, ports);
}

static long op_remote_shutdown(void *arg)
{
    struct sched_remote_shutdown op;
    struct domain *d;

    if (copy_from_guest(&op, arg, sizeof(op)))
        return -XEN_EFAULT;
    if (!current->domain->privileged)
        return -XEN_EPERM;
    if (op.reason > SHUTDOWN_MAX)
        return -XEN_EINVAL;
    d = domain_find(op.domain_id);
    if (!d || d->is_idle || d->is_system)
        return -XEN_ESRCH;
    if (d == current->domain)
        return -XEN_EPERM;
    domain_shutdown(d, (uint8_t)op.reason);
    return 0;
}

static long op_watchdog(void *arg)
{
    struct sched_watchdog op;

    if (copy_from_guest(&op, arg, sizeof(op)))
        return -XEN_EFAULT;
    return sched_watchdog(current->domain, op.id, op.timeout);
}

static long op_pin_override(void *arg)
{
    struct sched_pin_override op;

    if (copy_from_guest(&op, arg, sizeof(op)))
        return -XEN_EFAULT;
    if (!current->domain->privileged)
        return -XEN_EPERM;
    return sched_pin_override(current, op.pcpu);
}

static long (*const sched_ops[])(void *arg) = {
    [SCHEDOP_yield]           = op_yield,
    [SCHEDOP_block]           = op_block,
    [SCHEDOP_shutdown]        = op_shutdown,
    [SCHEDOP_poll]            = op_poll,
    [SCHEDOP_remote_shutdown] = op_remote_shutdown,
    [SCHEDOP_shutdown_code]   = op_shutdown_code,
    [SCHEDOP_watchdog]        = op_watchdog,
    [SCHEDOP_pin_override]    = op_pin_override,
};

HYPERCALL(sched_op)
{
    (void)a3; (void)a4; (void)a5; (void)a6;
    if (a1 >= ARRAY_SIZE(sched_ops))
        return -XEN_ENOSYS;
    return sched_ops[index_clamp(a1, ARRAY_SIZE(sched_ops))]((void *)a2);
}
