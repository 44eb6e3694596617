/* SPDX-License-Identifier: MIT */
/* vcpu_op (xen/vcpu.h): a domain brings its vCPUs up and down (VPF_DOWN in the pause flags), and registers where it
 * wants their state. A vCPU never waits for its own domain's ctl_lock: who holds it may be waiting for this very vCPU
 * to stand still (domain_pause). It tries, and makes the call again (-XEN_ERESTART) when its CPU has done that. */
#include "private.h"

void vcpu_set_down(struct vcpu *v, bool down)
{
    if (!down && test_and_clear_bit(VPF_DOWN, &v->pause_flags))
        vcpu_wake(v);
    else if (down && !test_and_set_bit(VPF_DOWN, &v->pause_flags))
        vcpu_sleep_nosync(v);
}

long vcpu_context_load(struct vcpu *v, unsigned long garg, bool again)
{
    struct vcpu_guest_context *c = hv_alloc(sizeof(*c));
    if (!c)
        return -XEN_ENOMEM;
    long rc = copy_from_guest(c, (const void *)garg, sizeof(*c));
    if (!rc)
        rc = v->initialised && !again ? -XEN_EEXIST : vcpu_set_context(v, c);
    if (!rc)
        vcpu_set_down(v, !(c->flags & VGCF_online));
    hv_free(c);
    return rc;
}

/* Without a structure to copy, the handler gets the guest address itself. */
#define VCPU_HANDLER(name, type) SUBOP_HANDLER(name, struct vcpu, v, type)

VCPU_HANDLER(initialise, const unsigned long)
{
    if (!spin_trylock(&v->domain->ctl_lock))
        return -XEN_ERESTART;
    long rc = vcpu_context_load(v, *op, false);
    spin_unlock(&v->domain->ctl_lock);
    return rc;
}

VCPU_HANDLER(up, void)
{
    if (!v->initialised)
        return -XEN_EINVAL;
    vcpu_set_down(v, false);
    return 0;
}

/* With its last vCPU a domain powers itself off: nothing of it could ever run again. */
VCPU_HANDLER(down, void)
{
    struct vcpu *other;
    for_each_vcpu(v->domain, other) {
        if (other != v && !test_bit(VPF_DOWN, &other->pause_flags)) {
            vcpu_set_down(v, true);
            return 0;
        }
    }
    domain_shutdown(v->domain, SHUTDOWN_poweroff);
    return 0;
}

VCPU_HANDLER(is_up, void) { return !test_bit(VPF_DOWN, &v->pause_flags); }

VCPU_HANDLER(get_runstate_info, struct vcpu_runstate_info)
{
    vcpu_runstate_get(v, op);
    return 0;
}

VCPU_HANDLER(register_runstate_memory_area, struct vcpu_register_runstate_memory_area)
{
    struct vcpu_runstate_info now;
    if (!guest_range_ok(op->addr.v, sizeof(now)))
        return -XEN_EFAULT;
    vcpu_runstate_get(v, &now);
    WRITE_ONCE(v->runstate_area, (unsigned long)op->addr.v);
    /* An area that is not mapped in this address space is filled when its vCPU is next switched to. */
    (void)copy_to_guest(op->addr.v, &now, sizeof(now));
    return 0;
}

VCPU_HANDLER(register_vcpu_time_memory_area, struct vcpu_register_time_memory_area)
{
    if (!guest_range_ok(op->addr.v, sizeof(struct vcpu_time_info)))
        return -XEN_EFAULT;
    WRITE_ONCE(v->time_area, (unsigned long)op->addr.v);
    if (v == current)
        time_update_vcpu(v);
    return 0;
}

/* Moves v's vcpu_info to the frame, which it keeps; senders of events may use the old place for a moment. */
static long move_info(struct vcpu *v, mfn_t m, uint32_t offset)
{
    if (!get_frame_as(m, v->domain, TYPE_WRITABLE))
        return -XEN_EINVAL;
    struct vcpu_info *info = (struct vcpu_info *)((char *)mfn_to_virt(m) + offset);
    memcpy(info, v->info, sizeof(*info));
    v->info_mfn = m;
    __atomic_store_n(&v->info, info, __ATOMIC_SEQ_CST);
    /* The bit of an event that was set in the old place after the copy is in the shared info: all selectors find it. */
    evtchn_vcpu_info_moved(v);
    return 0;
}

VCPU_HANDLER(register_vcpu_info, struct vcpu_register_vcpu_info)
{
    if (op->offset > PAGE_SIZE - sizeof(struct vcpu_info) || op->offset % sizeof(unsigned long))
        return -XEN_ENXIO;
    if (v != current && !test_bit(VPF_DOWN, &v->pause_flags))
        return -XEN_EINVAL;
    if (!spin_trylock(&v->domain->ctl_lock))
        return -XEN_ERESTART;
    long rc = v->info_mfn == INVALID_MFN ? move_info(v, op->mfn, op->offset) : -XEN_EINVAL;
    spin_unlock(&v->domain->ctl_lock);
    return rc;
}

VCPU_HANDLER(set_periodic_timer, struct vcpu_set_periodic_timer)
{
    if (op->period_ns < MILLISECS(1) || op->period_ns > INT64_MAX / 2)
        return -XEN_EINVAL;
    WRITE_ONCE(v->period, op->period_ns);
    timer_set(&v->periodic, now() + op->period_ns);
    return 0;
}

VCPU_HANDLER(stop_periodic_timer, void)
{
    WRITE_ONCE(v->period, 0);   /* before the stop: a run in progress does not arm it again */
    timer_stop(&v->periodic);
    return 0;
}

/* Hot: nearly every time a guest goes idle. */
VCPU_HANDLER(set_singleshot_timer, struct vcpu_set_singleshot_timer)
{
    if ((op->flags & VCPU_SSHOTTMR_future) && op->timeout_abs_ns < now())
        return -XEN_ETIME;
    vcpu_set_singleshot(v, op->timeout_abs_ns);
    return 0;
}

VCPU_HANDLER(stop_singleshot_timer, void)
{
    timer_stop(&v->singleshot);
    return 0;
}

void vcpu_send_nmi(struct vcpu *v)
{
    if (!__atomic_exchange_n(&v->nmi_pending, true, __ATOMIC_SEQ_CST))
        vcpu_kick(v);
}

VCPU_HANDLER(send_nmi, void)
{
    vcpu_send_nmi(v);
    return 0;
}

VCPU_HANDLER(get_physid, struct vcpu_get_physid)
{
    unsigned int cpu = ffs64(v->sched.hard & cpu_online_map);
    if (!v->domain->privileged || hweight64(v->sched.hard & cpu_online_map) != 1)
        return -XEN_EINVAL;
    op->phys_id = cpu_apicid(cpu) | (uint64_t)cpu_acpi_id(cpu) << 32;
    return 0;
}

#define ROW(name, type, fl) [VCPUOP_##name] = SUBOP(name, sizeof(struct vcpu_##type), .flags = (fl))
#define SINGLE(name, fl)    [VCPUOP_##name] = SUBOP(name, 0, .flags = (fl))
static const struct subop ops[] = {
    SINGLE(initialise, 0), SINGLE(up, 0), SINGLE(down, 0), SINGLE(is_up, 0), SINGLE(send_nmi, 0),
    ROW(get_runstate_info, runstate_info, SUB_OUT), ROW(get_physid, get_physid, SUB_OUT),
    ROW(register_runstate_memory_area, register_runstate_memory_area, 0),
    ROW(register_vcpu_time_memory_area, register_time_memory_area, 0),
    ROW(register_vcpu_info, register_vcpu_info, 0),
    ROW(set_periodic_timer, set_periodic_timer, 0), SINGLE(stop_periodic_timer, 0),
    ROW(set_singleshot_timer, set_singleshot_timer, SUB_SELF), SINGLE(stop_singleshot_timer, SUB_SELF),
};

HYPERCALL(vcpu_op)
{
    struct vcpu *v = domain_vcpu(current->domain, (uint32_t)a2);
    long rc;
    if (!v)
        return -XEN_ENOENT;
    const struct subop *row = subop_find(ops, ARRAY_SIZE(ops), (unsigned int)a1, &rc);
    if (!row)
        return rc;
    if ((row->flags & SUB_SELF) && v != current)
        return -XEN_EINVAL;
    rc = row->size ? subop_run(row, v, a3) : row->fn(v, &a3);
    return rc == -XEN_ERESTART ? hypercall_continue(__HYPERVISOR_vcpu_op, 3, a1, a2, a3) : rc;
}
