/* SPDX-License-Identifier: MIT */
/*
 * vcpu_op (xen/vcpu.h): a domain brings its vCPUs up and down, and registers where it wants their state. A vCPU is down
 * while VPF_DOWN is set in its pause flags; v->down says the same to readers that do not look at pause flags. Both are
 * changed here only, once the domain exists.
 *
 * A vCPU never waits for its own domain's ctl_lock: who holds it may be waiting for this very vCPU to stand still
 * (domain_pause). It tries, and makes the call again (-XEN_ERESTART) after its CPU did what it was asked to.
 */
#include "vcpu.h"

#include "subop.h"

#include <hv/cpu.h>
#include <hv/event.h>
#include <hv/hypercall.h>
#include <hv/mm.h>

void vcpu_set_down(struct vcpu *v, bool down)
{
    WRITE_ONCE(v->down, down);
    if (down) {
        if (!test_and_set_bit(VPF_DOWN, &v->pause_flags))
            vcpu_sleep_nosync(v);
    } else if (test_and_clear_bit(VPF_DOWN, &v->pause_flags)) {
        vcpu_wake(v);
    }
}

struct vcpu_guest_context *vcpu_context_copy(unsigned long garg, long *error)
{
    struct vcpu_guest_context *c = hv_alloc(sizeof(*c));

    *error = -XEN_ENOMEM;
    if (c && copy_from_guest(c, (const void *)garg, sizeof(*c))) {
        hv_free(c);
        c = NULL;
        *error = -XEN_EFAULT;
    }
    return c;
}

/* --- life ------------------------------------------------------------------------------------- */
static long initialise(void *ctx, void *arg)
{
    struct vcpu *v = ctx;
    struct vcpu_guest_context *c;
    long rc;

    c = vcpu_context_copy(*(unsigned long *)arg, &rc);
    if (!c)
        return rc;
    if (!spin_trylock(&v->domain->ctl_lock)) {
        hv_free(c);
        return -XEN_ERESTART;
    }
    rc = v->initialised ? -XEN_EEXIST : vcpu_set_context(v, c);
    if (!rc)
        vcpu_set_down(v, !(c->flags & VGCF_online));
    spin_unlock(&v->domain->ctl_lock);
    hv_free(c);
    return rc;
}

static long up(void *ctx, void *arg __unused)
{
    struct vcpu *v = ctx;

    if (!v->initialised)
        return -XEN_EINVAL;
    vcpu_set_down(v, false);
    return 0;
}

/* With its last vCPU a domain powers itself off: nothing of it could ever run again. */
static long down(void *ctx, void *arg __unused)
{
    struct vcpu *v = ctx, *other;

    for_each_vcpu(v->domain, other) {
        if (other != v && !test_bit(VPF_DOWN, &other->pause_flags)) {
            vcpu_set_down(v, true);
            return 0;
        }
    }
    domain_shutdown(v->domain, SHUTDOWN_poweroff);
    return 0;
}

static long is_up(void *ctx, void *arg __unused)
{
    return !test_bit(VPF_DOWN, &((struct vcpu *)ctx)->pause_flags);
}

/* --- areas in the guest ----------------------------------------------------------------------- */
static long get_runstate_info(void *ctx, void *arg)
{
    vcpu_runstate_get(ctx, arg);
    return 0;
}

static long register_runstate_area(void *ctx, void *arg)
{
    struct vcpu *v = ctx;
    void *area = ((struct vcpu_register_runstate_memory_area *)arg)->addr.v;
    struct vcpu_runstate_info now;

    if (!guest_range_ok(area, sizeof(now)))
        return -XEN_EFAULT;
    vcpu_runstate_get(v, &now);
    WRITE_ONCE(v->runstate_area, (unsigned long)area);
    /* An area that is not mapped in this address space is filled when its vCPU is next switched to. */
    (void)copy_to_guest(area, &now, sizeof(now));
    return 0;
}

static long register_time_area(void *ctx, void *arg)
{
    struct vcpu *v = ctx;
    void *area = ((struct vcpu_register_time_memory_area *)arg)->addr.v;

    if (!guest_range_ok(area, sizeof(struct vcpu_time_info)))
        return -XEN_EFAULT;
    WRITE_ONCE(v->time_area, (unsigned long)area);
    if (v == current)
        time_update_vcpu(v);
    return 0;
}

/* Moves v's vcpu_info to the frame, which it keeps a reference to; senders of events may still use the old place for
 * a moment. */
static long move_info(struct vcpu *v, mfn_t m, uint32_t offset)
{
    struct vcpu_info *info;

    if (!mfn_valid(m) || !frame_get_and_type(mfn_to_frame(m), v->domain, TYPE_WRITABLE))
        return -XEN_EINVAL;
    info = (struct vcpu_info *)((char *)mfn_to_virt(m) + offset);
    memcpy(info, v->info, sizeof(*info));
    v->info_mfn = m;
    __atomic_store_n(&v->info, info, __ATOMIC_SEQ_CST);
    /* An event that was set in the old place after the copy: its bit is in the shared info, so all selectors pending
     * find it. */
    evtchn_vcpu_info_moved(v);
    return 0;
}

static long register_info(void *ctx, void *arg)
{
    struct vcpu *v = ctx;
    const struct vcpu_register_vcpu_info *op = arg;
    long rc = -XEN_EINVAL;

    if (op->offset > PAGE_SIZE - sizeof(struct vcpu_info) || op->offset % sizeof(unsigned long))
        return -XEN_ENXIO;
    if (v != current && !test_bit(VPF_DOWN, &v->pause_flags))
        return -XEN_EINVAL;
    if (!spin_trylock(&v->domain->ctl_lock))
        return -XEN_ERESTART;
    if (v->info_mfn == INVALID_MFN)
        rc = move_info(v, op->mfn, op->offset);
    spin_unlock(&v->domain->ctl_lock);
    return rc;
}

/* --- timers ----------------------------------------------------------------------------------- */
static long set_periodic(void *ctx, void *arg)
{
    struct vcpu *v = ctx;
    uint64_t period = ((struct vcpu_set_periodic_timer *)arg)->period_ns;

    if (period < MILLISECS(1) || period > INT64_MAX / 2)
        return -XEN_EINVAL;
    WRITE_ONCE(v->period, period);
    timer_set(&v->periodic, now() + period);
    return 0;
}

static long stop_periodic(void *ctx, void *arg __unused)
{
    struct vcpu *v = ctx;

    WRITE_ONCE(v->period, 0);   /* before the stop: a run in progress does not arm it again */
    timer_stop(&v->periodic);
    return 0;
}

/* Hot: nearly every time a guest goes idle. */
static long set_singleshot(void *ctx, void *arg)
{
    struct vcpu *v = ctx;
    const struct vcpu_set_singleshot_timer *op = arg;

    if ((op->flags & VCPU_SSHOTTMR_future) && op->timeout_abs_ns < now())
        return -XEN_ETIME;
    if (unlikely(v->singleshot.cpu != cpu_id()))
        timer_migrate(&v->singleshot, cpu_id());
    timer_set(&v->singleshot, op->timeout_abs_ns);
    return 0;
}

static long stop_singleshot(void *ctx, void *arg __unused)
{
    timer_stop(&((struct vcpu *)ctx)->singleshot);
    return 0;
}

/* --- others ----------------------------------------------------------------------------------- */
void vcpu_send_nmi(struct vcpu *v)
{
    if (!__atomic_exchange_n(&v->nmi_pending, true, __ATOMIC_SEQ_CST))
        vcpu_kick(v);
}

static long send_nmi(void *ctx, void *arg __unused)
{
    vcpu_send_nmi(ctx);
    return 0;
}

static long get_physid(void *ctx, void *arg)
{
    const struct vcpu *v = ctx;
    unsigned int cpu;

    if (!v->domain->privileged || hweight64(v->sched.hard & cpu_online_map) != 1)
        return -XEN_EINVAL;
    cpu = ffs64(v->sched.hard & cpu_online_map);
    ((struct vcpu_get_physid *)arg)->phys_id = cpu_apicid(cpu) | (uint64_t)cpu_acpi_id(cpu) << 32;
    return 0;
}

static const struct subop ops[] = {
    [VCPUOP_initialise]             = SUBOP("initialise", initialise, 0, 0),
    [VCPUOP_up]                     = SUBOP("up", up, 0, 0),
    [VCPUOP_down]                   = SUBOP("down", down, 0, 0),
    [VCPUOP_is_up]                  = SUBOP("is_up", is_up, 0, 0),
    [VCPUOP_get_runstate_info]      = SUBOP("get_runstate_info", get_runstate_info, sizeof(struct vcpu_runstate_info),
                                            SUB_OUT),
    [VCPUOP_register_runstate_memory_area] = SUBOP("register_runstate_memory_area", register_runstate_area,
                                                   sizeof(struct vcpu_register_runstate_memory_area), 0),
    [VCPUOP_set_periodic_timer]     = SUBOP("set_periodic_timer", set_periodic,
                                            sizeof(struct vcpu_set_periodic_timer), 0),
    [VCPUOP_stop_periodic_timer]    = SUBOP("stop_periodic_timer", stop_periodic, 0, 0),
    [VCPUOP_set_singleshot_timer]   = SUBOP("set_singleshot_timer", set_singleshot,
                                            sizeof(struct vcpu_set_singleshot_timer), SUB_SELF),
    [VCPUOP_stop_singleshot_timer]  = SUBOP("stop_singleshot_timer", stop_singleshot, 0, SUB_SELF),
    [VCPUOP_register_vcpu_info]     = SUBOP("register_vcpu_info", register_info,
                                            sizeof(struct vcpu_register_vcpu_info), 0),
    [VCPUOP_send_nmi]               = SUBOP("send_nmi", send_nmi, 0, 0),
    [VCPUOP_get_physid]             = SUBOP("get_physid", get_physid, sizeof(struct vcpu_get_physid), SUB_OUT),
    [VCPUOP_register_vcpu_time_memory_area] = SUBOP("register_vcpu_time_memory_area", register_time_area,
                                                    sizeof(struct vcpu_register_time_memory_area), 0),
};

HYPERCALL(vcpu_op)
{
    struct domain *d = current->domain;
    unsigned int id = (unsigned int)a2;
    const struct subop *row;
    struct vcpu *v;
    long rc;

    if (id >= d->max_vcpus || !(v = d->vcpu[index_clamp(id, d->max_vcpus)]))
        return -XEN_ENOENT;
    row = subop_find(ops, ARRAY_SIZE(ops), (unsigned int)a1, &rc);
    if (!row)
        return rc;
    if ((row->flags & SUB_SELF) && v != current)
        return -XEN_EINVAL;
    /* Without a structure to copy, the handler gets the guest address itself. */
    rc = row->size ? subop_run(row, v, a3) : row->fn(v, &a3);
    return rc == -XEN_ERESTART ? hypercall_continue(__HYPERVISOR_vcpu_op, 3, a1, a2, a3) : rc;
}
