/* SPDX-License-Identifier: MIT */
/* What guests and tools ask: block, poll, watchdogs, run-time accounts, control operations, the hypercall. */
#include "sim.h"

#include <hv/hypercall.h>

/* --- blocking --------------------------------------------------------------------------------- */
START_TEST(block_sees_pending_event)
{
    struct domain *d;
    struct vcpu *v;

    sim_start(1, "credit2");
    d = hog(0, 1, 256, 0);
    v = d->vcpu[0];
    fake_cpu_set(0);
    v->info->evtchn_upcall_pending = 1;
    v->info->evtchn_upcall_mask = 1;
    sched_block();
    ck_assert_uint_eq(v->pause_flags, 0);
    ck_assert_uint_eq(v->info->evtchn_upcall_mask, 0);
    v->info->evtchn_upcall_pending = 0;
    sched_block();
    ck_assert_uint_eq(v->pause_flags, BIT(VPF_BLOCKED));
    vcpu_unblock(v);                    /* before it left the CPU: it stays */
    sim_settle();
    ck_assert_ptr_eq(current, v);
    sched_block();
    sim_settle();
    ck_assert_ptr_eq(current, idle_domain->vcpu[0]);
    ck_assert_int_eq(v->runstate.state, RUNSTATE_blocked);
    vcpu_unblock(v);
    sim_settle();
    ck_assert_ptr_eq(current, v);
    sim_stop();
}
END_TEST

START_TEST(poll_ports_and_timeouts)
{
    struct sched_poll poll = { .nr_ports = 2 };
    uint32_t ports[2] = { 5, 9 };
    struct domain *d;
    struct vcpu *v;

    sim_start(1, "credit2");
    d = hog(0, 1, 256, 0);
    v = d->vcpu[0];
    v->info->evtchn_upcall_mask = 1;
    fake_cpu_set(0);
    set_bit(9, d->shared_info->evtchn_pending);
    ck_assert_int_eq(sched_poll(&poll, ports), 0);          /* pending already */
    ck_assert(!v->pause_flags && !vcpu_polling(v));
    clear_bit(9, d->shared_info->evtchn_pending);
    ports[1] = 5000;
    ck_assert_int_eq(sched_poll(&poll, ports), -XEN_EINVAL);
    ck_assert(!v->pause_flags && !vcpu_polling(v));
    ports[1] = 9;
    poll.timeout = now();                                   /* past */
    ck_assert_int_eq(sched_poll(&poll, ports), 0);
    ck_assert(!v->pause_flags && !vcpu_polling(v));
    poll.timeout = now() + MILLISECS(3);
    ck_assert_int_eq(sched_poll(&poll, ports), 0);
    sim_settle();
    ck_assert_ptr_eq(current, idle_domain->vcpu[0]);
    ck_assert(vcpu_polling(v) && v->runstate.state == RUNSTATE_blocked);
    sim_run(MILLISECS(3) - 1);
    ck_assert(vcpu_polling(v));
    sim_run(1);
    ck_assert(!vcpu_polling(v) && current == v);
    poll.timeout = now() + MILLISECS(3);
    ck_assert_int_eq(sched_poll(&poll, ports), 0);
    sim_settle();
    vcpu_unblock(v);                                        /* the port's event; its time-out is left over */
    sim_settle();
    ck_assert(!vcpu_polling(v) && current == v);
    poll.timeout = 0;
    ck_assert_int_eq(sched_poll(&poll, ports), 0);
    sim_run(MILLISECS(10));
    ck_assert(vcpu_polling(v));                                  /* and does not end this poll */
    poll.nr_ports = 129;
    ck_assert_int_eq(sched_poll(&poll, ports), -XEN_EINVAL);
    sim_stop();
}
END_TEST

START_TEST(watchdogs)
{
    struct domain *d;

    sim_start(1, "credit2");
    d = hog(0, 1, 256, 0);
    ck_assert_int_eq(sched_watchdog(d, 0, 0), -XEN_EINVAL);
    ck_assert_int_eq(sched_watchdog(d, 1, 5), -XEN_EINVAL);
    ck_assert_int_eq(sched_watchdog(d, 3, 5), -XEN_EINVAL);
    ck_assert_int_eq(sched_watchdog(d, ~0u, 5), -XEN_EINVAL);
    ck_assert_int_eq(sched_watchdog(d, 0, 5), 1);
    ck_assert_int_eq(sched_watchdog(d, 0, 9), 2);
    ck_assert_int_eq(sched_watchdog(d, 0, 9), -XEN_ENOSPC);
    sim_run(SECONDS(4));
    ck_assert_int_eq(sched_watchdog(d, 1, 5), 0);
    sim_run(SECONDS(4));
    ck_assert_int_eq(sched_watchdog(d, 1, 0), 0);
    ck_assert_int_eq(sched_watchdog(d, 1, 5), -XEN_EINVAL);
    ck_assert_uint_eq(sim_shutdown_reason, 0xff);
    sim_run(SECONDS(2));
    ck_assert_uint_eq(sim_shutdown_reason, SHUTDOWN_watchdog);
    sim_stop();
}
END_TEST

/* --- time accounts ---------------------------------------------------------------------------- */
START_TEST(runstate_times_add_up)
{
    struct vcpu_runstate_info rs;
    nsec_t start;
    struct domain *d;

    sim_start(2, "credit2");
    start = now();
    d = sim_domain(0, 4, 256, 0);
    for (unsigned int i = 0; i < 4; i++)
        sim_program(sim_vcpu(d, i), MICROSECS(900), MICROSECS(400), i & 1 ? SIM_POLL : SIM_BLOCK, true);
    sim_run(MILLISECS(10));
    sim_go(d);
    sim_run(SECONDS(1));
    sim_pause(d->vcpu[0]);
    sim_run(MILLISECS(100));
    sim_unpause(d->vcpu[0]);
    sim_run(SECONDS(1) + 12345);
    for (unsigned int i = 0; i < 4; i++) {
        vcpu_runstate_get(d->vcpu[i], &rs);
        ck_assert_uint_eq(rs.time[0] + rs.time[1] + rs.time[2] + rs.time[3], now() - start);
        ck_assert_uint_eq(rs.time[RUNSTATE_running], sim_vcpu(d, i)->ran);
        ck_assert_uint_ge(rs.time[RUNSTATE_offline], MILLISECS(i ? 10 : 100));
        ck_assert(rs.time[RUNSTATE_blocked] && rs.time[RUNSTATE_runnable]);
    }
    ck_assert_uint_eq(sched_cpu_idle_time(0) + sched_cpu_idle_time(1) + sim_domain_ran(d), 2 * (now() - start));
    sim_stop();
}
END_TEST

/* --- control operations ----------------------------------------------------------------------- */
START_TEST(control_operations)
{
    struct xen_domctl_scheduler_op op = { .sched_id = XEN_SCHEDULER_CREDIT2, .cmd = XEN_DOMCTL_SCHEDOP_getinfo };
    struct xen_sysctl_scheduler_op sys = { .sched_id = XEN_SCHEDULER_CREDIT2, .cmd = XEN_SYSCTL_SCHEDOP_getinfo };
    struct xen_sysctl_cpupool_op pool = { .op = XEN_SYSCTL_CPUPOOL_OP_INFO, .cpupool_id = XEN_SYSCTL_CPUPOOL_PAR_ANY };
    struct domain *d;
    cpumask_t map;

    sim_start(4, "credit2");
    d = hog(0, 2, 300, 20);
    ck_assert_int_eq(sched_domctl(d, &op), 0);
    ck_assert(op.u.credit2.weight == 300 && op.u.credit2.cap == 20);
    op.cmd = XEN_DOMCTL_SCHEDOP_putinfo;
    op.u.credit2.weight = 0;
    op.u.credit2.cap = 0;
    ck_assert_int_eq(sched_domctl(d, &op), 0);
    ck_assert(d->sched.weight == 300 && d->sched.cap == 0);
    op.cmd = XEN_DOMCTL_SCHEDOP_getvcpuinfo;
    ck_assert_int_eq(sched_domctl(d, &op), -XEN_EINVAL);
    op.sched_id = XEN_SCHEDULER_CREDIT;
    op.cmd = XEN_DOMCTL_SCHEDOP_putinfo;
    op.u.credit.weight = 1;
    ck_assert_int_eq(sched_domctl(d, &op), -XEN_EINVAL);
    ck_assert_uint_eq(d->sched.weight, 300);

    ck_assert_int_eq(sched_sysctl(&sys), 0);
    sys.cmd = XEN_SYSCTL_SCHEDOP_putinfo;
    sys.u.sched_credit2.ratelimit_us = 99;
    ck_assert_int_eq(sched_sysctl(&sys), -XEN_EINVAL);
    sys.u.sched_credit2.ratelimit_us = 500001;
    ck_assert_int_eq(sched_sysctl(&sys), -XEN_EINVAL);
    sys.u.sched_credit2.ratelimit_us = 1000;
    ck_assert_int_eq(sched_sysctl(&sys), 0);
    ck_assert_uint_eq(pools[0].ratelimit, 1000000);
    sys.cpupool_id = 1;
    ck_assert_int_eq(sched_sysctl(&sys), -XEN_ESRCH);
    pools[0].ratelimit = 100000;

    ck_assert_int_eq(sched_cpupool(&pool, &map), 0);
    ck_assert(pool.cpupool_id == 0 && pool.sched_id == XEN_SCHEDULER_CREDIT2 && pool.n_dom == 1 && map == 15);
    pool.cpupool_id = 1;
    ck_assert_int_eq(sched_cpupool(&pool, &map), -XEN_ENOENT);
    pool.op = XEN_SYSCTL_CPUPOOL_OP_FREEINFO;
    ck_assert_int_eq(sched_cpupool(&pool, &map), 0);
    ck_assert_uint_eq(map, 0);
    sched_debug_dump('r');
    sim_stop();
}
END_TEST

/* --- hypercall -------------------------------------------------------------------------------- */
static long sched_op(unsigned long cmd, const void *arg)
{
    return hypercall_sched_op(cmd, (unsigned long)arg, 0, 0, 0, 0);
}

START_TEST(hypercall_checks_everything)
{
    struct sched_shutdown down = { .reason = SHUTDOWN_MAX + 1 };
    struct sched_remote_shutdown remote = { .domain_id = 1, .reason = SHUTDOWN_poweroff };
    struct sched_poll poll = { .nr_ports = 129 };
    struct sched_watchdog dog = { .id = 0, .timeout = 3 };
    struct sched_pin_override pin = { .pcpu = 0 };
    struct domain *d, *e;

    sim_start(1, "credit2");
    d = hog(0, 1, 256, 0);
    e = hog(1, 1, 256, 0);
    fake_run(d->vcpu[0]);
    ck_assert_int_eq(sched_op(8, NULL), -XEN_ENOSYS);
    ck_assert_int_eq(sched_op(~0ul, NULL), -XEN_ENOSYS);
    d->privileged = true;                       /* the argument is looked at after the right */
    for (unsigned long cmd = SCHEDOP_shutdown; cmd <= SCHEDOP_pin_override; cmd++) {
        ck_assert_int_eq(sched_op(cmd, NULL), -XEN_EFAULT);
        ck_assert_int_eq(sched_op(cmd, fake_bad_page), -XEN_EFAULT);
        ck_assert_int_eq(sched_op(cmd, (void *)0xffff830000000000), -XEN_EFAULT);
    }
    d->privileged = false;
    ck_assert_int_eq(sched_op(SCHEDOP_remote_shutdown, NULL), -XEN_EPERM);
    ck_assert_int_eq(sched_op(SCHEDOP_shutdown, &down), -XEN_EINVAL);
    ck_assert_int_eq(sched_op(SCHEDOP_shutdown_code, &down), -XEN_EINVAL);
    ck_assert_int_eq(sched_op(SCHEDOP_poll, &poll), -XEN_EINVAL);
    poll.nr_ports = 1;
    poll.ports.p = (void *)fake_bad_page;
    ck_assert_int_eq(sched_op(SCHEDOP_poll, &poll), -XEN_EFAULT);
    ck_assert_int_eq(sched_op(SCHEDOP_remote_shutdown, &remote), -XEN_EPERM);
    ck_assert_int_eq(sched_op(SCHEDOP_pin_override, &pin), -XEN_EPERM);
    ck_assert_uint_eq(sim_shutdown_reason, 0xff);
    ck_assert(!d->vcpu[0]->pause_flags && !vcpu_polling(d->vcpu[0]) && !d->vcpu[0]->sched.hard_overridden);

    d->privileged = true;
    remote.domain_id = 9;
    ck_assert_int_eq(sched_op(SCHEDOP_remote_shutdown, &remote), -XEN_ESRCH);
    remote.domain_id = 0;
    ck_assert_int_eq(sched_op(SCHEDOP_remote_shutdown, &remote), -XEN_EPERM);
    remote.domain_id = DOMID_SELF;
    ck_assert_int_eq(sched_op(SCHEDOP_remote_shutdown, &remote), -XEN_ESRCH);
    remote = (struct sched_remote_shutdown){ .domain_id = 1, .reason = 6 };
    ck_assert_int_eq(sched_op(SCHEDOP_remote_shutdown, &remote), -XEN_EINVAL);
    remote.reason = SHUTDOWN_reboot;
    ck_assert_int_eq(sched_op(SCHEDOP_remote_shutdown, &remote), 0);
    ck_assert(sim_shutdown_reason == SHUTDOWN_reboot && e->vcpu[0]->pause_count == 1);
    pin.pcpu = 77;
    ck_assert_int_eq(sched_op(SCHEDOP_pin_override, &pin), -XEN_EINVAL);
    pin.pcpu = 0;
    ck_assert_int_eq(sched_op(SCHEDOP_pin_override, &pin), 0);
    pin.pcpu = -1;
    ck_assert_int_eq(sched_op(SCHEDOP_pin_override, &pin), 0);
    ck_assert_int_eq(sched_op(SCHEDOP_watchdog, &dog), 1);
    down.reason = SHUTDOWN_suspend;
    ck_assert_int_eq(sched_op(SCHEDOP_shutdown_code, &down), 0);
    ck_assert_uint_eq(d->shutdown_code, SHUTDOWN_suspend);
    ck_assert_int_eq(sched_op(SCHEDOP_yield, NULL), 0);
    sim_settle();
    sim_stop();
}
END_TEST

void ops_tests(TCase *t)
{
    tcase_add_test(t, block_sees_pending_event);
    tcase_add_test(t, poll_ports_and_timeouts);
    tcase_add_test(t, watchdogs);
    tcase_add_test(t, runstate_times_add_up);
    tcase_add_test(t, control_operations);
    tcase_add_test(t, hypercall_checks_everything);
}
