/* SPDX-License-Identifier: MIT */
/* What a guest asks of the scheduler: block, yield, poll, watchdogs (SCHEDOP_*, xen/sched.h). Lost wake-ups: a vCPU
 * sets its bit in pause_flags and then looks for events; a sender makes the event pending and then looks at the bit
 * (vcpu_unblock). One of them sees the other. */
#include <hv/event.h>
#include "private.h"

void sched_block(void)
{
    struct vcpu *v = current;
    WRITE_ONCE(v->info->evtchn_upcall_mask, 0);
    set_bit(VPF_BLOCKED, &v->pause_flags);      /* a full barrier: pairs with vcpu_unblock's */
    if (vcpu_event_deliverable(v))
        clear_bit(VPF_BLOCKED, &v->pause_flags);
    else
        cpu_raise_work(cpu_id(), WORK_SCHED);
}

void sched_yield(void)
{
    if (!READ_ONCE(runqs[cpu_id()].nr_waiting))
        return;                 /* nobody to yield to */
    current->sched.yielded = true;
    cpu_raise_work(cpu_id(), WORK_SCHED);
}

void poll_timer_fn(void *arg)
{
    struct vcpu *v = arg;
    /* else left over from an earlier poll */
    if ((READ_ONCE(v->pause_flags) & BIT(VPF_POLLING)) && now() >= READ_ONCE(v->sched.poll_deadline))
        vcpu_unblock(v);
}

int sched_poll(const struct sched_poll *poll, const uint32_t *ports)
{
    struct vcpu *v = current;
    struct domain *d = v->domain;
    int rc = 0;
    if (poll->nr_ports > 128)
        return -XEN_EINVAL;
    v->poll_port = poll->nr_ports == 1 ? ports[0] : 0;
    set_bit(VPF_POLLING, &v->pause_flags);
    set_bit(v->id, d->poll_mask);       /* a full barrier: pairs with the sender's, after it set the port pending */
    if (vcpu_event_deliverable(v))
        goto undo;
    for (unsigned int i = 0; i < poll->nr_ports && !rc; i++)
        rc = evtchn_is_pending(d, ports[i]);
    if (rc || (poll->timeout && poll->timeout <= now()))
        goto undo;
    WRITE_ONCE(v->sched.poll_deadline, poll->timeout ? poll->timeout : ~0ull);
    if (poll->timeout) {
        if (v->sched.poll_timer.cpu != cpu_id())
            timer_migrate(&v->sched.poll_timer, cpu_id());
        timer_set(&v->sched.poll_timer, poll->timeout);
    }
    cpu_raise_work(cpu_id(), WORK_SCHED);
    return 0;
 undo:
    clear_bit(v->id, d->poll_mask);
    clear_bit(VPF_POLLING, &v->pause_flags);
    return rc < 0 ? rc : 0;
}

void watchdog_fn(void *arg)
{
    struct domain *d = arg;
    log_guest(LOG_WARN, d, "watchdog expired\n");
    domain_shutdown(d, SHUTDOWN_watchdog);
}

/* Ids are 1 and 2. -XEN_EINVAL: no such watchdog, or a new one without a time; -XEN_ENOSPC: both are in use. */
int sched_watchdog(struct domain *d, uint32_t id, uint32_t timeout_s)
{
    struct sched_domain *s = &d->sched;
    uint32_t n = ARRAY_SIZE(s->watchdog), i = id - 1;
    int rc = 0;
    if (id > n || (!id && !timeout_s))
        return -XEN_EINVAL;
    spin_lock(&s->lock);
    if (!id)
        for (i = 0; i < n && s->watchdog_on[i]; i++)
            ;
    if (i == n || (id && !s->watchdog_on[i])) {
        rc = id ? -XEN_EINVAL : -XEN_ENOSPC;
    } else {
        s->watchdog_on[i] = timeout_s != 0;
        if (timeout_s)
            timer_set(&s->watchdog[i], now() + SECONDS(timeout_s));
        else
            timer_stop(&s->watchdog[i]);
    }
    spin_unlock(&s->lock);
    return rc || id ? rc : (int)i + 1;
}
