/* SPDX-License-Identifier: MIT */
/* vCPUs: creation, contexts (struct vcpu_guest_context), release, and telling them of events. */
#include "private.h"

/* Idle vCPUs, and those beyond the shared page until they register one, have theirs where only we see it. */
static struct vcpu_info *first_info(struct vcpu *v)
{
    struct shared_info *shared = v->domain->shared_info;
    return shared && v->id < XEN_LEGACY_MAX_VCPUS ? &shared->vcpu_info[v->id] : &v->own_info;
}

static void nothing(void *arg __unused) { }

static void timer_fired(void *arg) { virq_send_vcpu(arg, VIRQ_TIMER); }

static void periodic_fired(void *arg)
{
    struct vcpu *v = arg;
    nsec_t period = READ_ONCE(v->period);
    virq_send_vcpu(v, VIRQ_TIMER);
    if (period)
        timer_set(&v->periodic, now() + period);
}

int domain_max_vcpus(struct domain *d, unsigned int max)
{
    spin_lock(&d->ctl_lock);
    int rc = d->dying ? -XEN_EINVAL : 0;
    for (unsigned int i = 0; i < max && !rc; i++)
        rc = d->vcpu[i] || vcpu_create(d, i) ? 0 : -XEN_ENOMEM;
    spin_unlock(&d->ctl_lock);
    return rc;
}

struct vcpu *vcpu_create(struct domain *d, unsigned int id)
{
    struct vcpu *v = hv_alloc(sizeof(*v));
    unsigned int cpu = d->is_idle ? id : id % max(hweight64(cpu_online_map), 1u);
    if (!v)
        return NULL;
    *v = (struct vcpu){ .id = id, .domain = d, .cpu = cpu, .info_mfn = INVALID_MFN, .deferred_put = INVALID_MFN,
                        .deferred_cache = INVALID_MFN, .lazy_cpu = NR_CPUS, .in_kernel = true,
                        .dr = { [6] = DR6_FIXED, [7] = DR7_FIXED } };
    v->info = first_info(v);
    v->info->evtchn_upcall_mask = 1;        /* until the guest is ready */
    timer_init(&v->singleshot, timer_fired, v, cpu);
    timer_init(&v->periodic, periodic_fired, v, cpu);
    if (d->is_idle) {
        v->initialised = true;
        d->vcpu[id] = v;
        return v;
    }
    v->pause_flags = 1u << VPF_DOWN;
    v->pause_count = d->control_pause;
    v->traps = hv_pages_alloc(0);
    if (!v->traps || fpu_vcpu_init(v) || evtchn_vcpu_init(v) || sched_vcpu_init(v, cpu)) {
        vcpu_free(v);
        return NULL;
    }
    __atomic_store_n(&d->vcpu[id], v, __ATOMIC_RELEASE);
    time_update_vcpu(v);
    return v;
}

/* Gives back v's frames, once no CPU has its address space loaded. -XEN_ERESTART: its tables are many, call again. */
static int drop_frames(struct vcpu *v)
{
    if (pt_drop_bases(v) || pt_finish_deferred(v))
        return -XEN_ERESTART;
    vcpu_drop_descriptors(v);
    if (v->info_mfn != INVALID_MFN) {
        __atomic_store_n(&v->info, first_info(v), __ATOMIC_SEQ_CST);
        cpu_call(cpu_online_map, nothing, NULL);    /* who sends v an event just now is through with the old place */
        frame_put_and_type(mfn_to_frame(v->info_mfn));
        v->info_mfn = INVALID_MFN;
    }
    return 0;
}

int vcpu_release(struct vcpu *v)
{
    timer_kill(&v->singleshot);
    timer_kill(&v->periodic);
    return drop_frames(v);
}

void vcpu_free(struct vcpu *v)
{
    if (v->sched.link.next)
        sched_vcpu_destroy(v);
    evtchn_vcpu_destroy(v);
    fpu_vcpu_destroy(v);
    hv_pages_free(v->traps, 0);
    hv_free(v);
}

static int check_context(const struct vcpu_guest_context *c)
{
    const unsigned long addr[] = {
        c->user_regs.rip, c->event_callback_eip, c->failsafe_callback_eip, c->syscall_callback_eip, c->fs_base,
        c->gs_base_kernel, c->gs_base_user, c->kernel_sp,
    };
    bool ok = c->gdt_ents <= FIRST_RESERVED_GDT_ENTRY && c->ldt_ents <= 8192;
    if (!(c->flags & VGCF_IN_KERNEL))
        ok &= xen_cr3_to_pfn(c->ctrlreg[1]) != 0;       /* user mode needs user page tables */
    for (unsigned int i = 0; i < ARRAY_SIZE(addr); i++)
        ok &= is_canonical(addr[i]);
    for (unsigned int i = 0; i < 256; i++)
        ok &= is_canonical(c->trap_ctxt[i].address);
    return ok ? 0 : -XEN_EINVAL;
}

static void set_registers(struct vcpu *v, const struct vcpu_guest_context *c)
{
    v->regs = c->user_regs;
    v->regs.cs |= 3;
    v->regs.ss |= 3;
    v->regs.rflags = (c->user_regs.rflags & GUEST_FLAGS_ALLOWED) | FLAGS_IF | FLAGS_ONE;
    v->iopl = c->user_regs.rflags & 0x3000;
    v->regs.entry_vector = 0;
    v->fs_base = c->fs_base;
    v->gs_base_kernel = c->gs_base_kernel;
    v->gs_base_user = c->gs_base_user;
    v->kernel_ss = (uint16_t)(c->kernel_ss | 3);
    v->kernel_sp = c->kernel_sp;
    v->in_kernel = c->flags & VGCF_IN_KERNEL;
    v->event_cb = c->event_callback_eip;
    v->failsafe_cb = c->failsafe_callback_eip;
    v->syscall_cb = c->syscall_callback_eip;
    v->callback_flags = (v->callback_flags & (VCPU_SYSCALL32_DISABLES | VCPU_SYSENTER_DISABLES)) |   /* not in a context */
                        (c->flags & VGCF_failsafe_disables_events ? VCPU_FAILSAFE_DISABLES : 0) |
                        (c->flags & VGCF_syscall_disables_events ? VCPU_SYSCALL_DISABLES : 0);
    vcpu_check_fast_syscall(v);
    memcpy(v->traps, c->trap_ctxt, sizeof(c->trap_ctxt));
    for (unsigned int i = 0; i < 256; i++) {
        v->traps[i].vector = (uint8_t)i;
        v->traps[i].cs |= 3;
    }
    v->cr0_ts = c->ctrlreg[0] & 8 ? 1 : 0;
    if (c->flags & VGCF_I387_VALID)
        fpu_import_legacy(v, &c->fpu_ctxt);
    memset(v->dr, 0, 4 * sizeof(v->dr[0]));
    for (unsigned int i = 0; i < 4; i++)
        vcpu_set_debugreg(v, i, c->debugreg[i]);        /* those that are not allowed stay 0 */
    vcpu_set_debugreg(v, 6, c->debugreg[6]);
    vcpu_set_debugreg(v, 7, 0);             /* breakpoints are set again by the guest */
}

/* Without page tables it must not run, whoever unpauses it. What it holds is given back later, in several calls. */
static void forget_context(struct vcpu *v)
{
    v->initialised = false;
    v->dropping = true;
    set_bit(VPF_DOWN, &v->pause_flags);
}

/* A base that is there already was set before a stop half way; of this context, or else it goes before. */
static int set_base(struct vcpu *v, mfn_t m, bool user)
{
    unsigned long now = user ? v->cr3_user : v->cr3_kernel;
    if (!now)
        return pt_set_base(v, m, user);
    v->dropping = now != MFN_TO_PADDR(m);
    return v->dropping ? -XEN_ERESTART : 0;
}

int vcpu_set_context(struct vcpu *v, const struct vcpu_guest_context *c)
{
    mfn_t kernel = xen_cr3_to_pfn(c->ctrlreg[3]), user = c->ctrlreg[1] ? xen_cr3_to_pfn(c->ctrlreg[1]) : 0;
    int rc = check_context(c);
    if (rc || (rc = pt_finish_deferred(current)))   /* a base that is refused may leave another */
        return rc;
    vcpu_unload(v);                         /* it is to load what follows anew */
    if (v->initialised)
        forget_context(v);
    if (v->dropping && pt_drop_bases(v))
        return -XEN_ERESTART;
    v->dropping = false;
    rc = set_base(v, kernel, false);
    if (!rc && user)
        rc = set_base(v, user, true);
    if (!rc)
        rc = vcpu_set_gdt(v, c->gdt_frames, (unsigned int)c->gdt_ents);
    if (!rc)
        rc = vcpu_set_ldt(v, c->ldt_ents ? c->ldt_base : 0, c->ldt_ents);
    if (rc) {
        v->dropping |= rc != -XEN_ERESTART;
        return rc;
    }
    set_registers(v, c);
    if (v->id == 0)
        v->domain->vm_assist = c->vm_assist & VM_ASSISTS;
    v->initialised = true;
    return 0;
}

void vcpu_get_context(struct vcpu *v, struct vcpu_guest_context *c)
{
    memset(c, 0, sizeof(*c));
    if (v == current) {
        cpu_save_segments(v);
        memcpy(&v->regs, &cpu_info()->guest_regs, offsetof(struct cpu_user_regs, es));
    }
    c->user_regs = v->regs;
    c->user_regs.entry_vector = c->user_regs.error_code = 0;
    c->user_regs.rflags = (v->regs.rflags & ~(FLAGS_IF | 0x3000UL)) | v->iopl |
                          (READ_ONCE(v->info->evtchn_upcall_mask) ? 0 : FLAGS_IF);
    c->flags = VGCF_I387_VALID | (v->in_kernel ? VGCF_IN_KERNEL : 0) |
               (v->callback_flags & VCPU_FAILSAFE_DISABLES ? VGCF_failsafe_disables_events : 0) |
               (v->callback_flags & VCPU_SYSCALL_DISABLES ? VGCF_syscall_disables_events : 0) |
               (test_bit(VPF_DOWN, &v->pause_flags) ? 0 : VGCF_online);
    fpu_export_legacy(v, &c->fpu_ctxt);
    for (unsigned int i = 0; i < 256; i++)
        c->trap_ctxt[i] = v->traps[i].address ? v->traps[i] : (struct trap_info){ 0 };
    c->ldt_base = v->ldt_base;
    c->ldt_ents = v->ldt_entries;
    memcpy(c->gdt_frames, v->gdt_mfn, (v->gdt_entries + 511) / 512 * sizeof(mfn_t));
    c->gdt_ents = v->gdt_entries;
    c->kernel_ss = v->kernel_ss;
    c->kernel_sp = v->kernel_sp;
    c->ctrlreg[0] = 0x80000033 | (v->cr0_ts ? 8 : 0);
    c->ctrlreg[3] = xen_pfn_to_cr3(PADDR_TO_MFN(v->cr3_kernel));
    c->ctrlreg[1] = v->cr3_user ? xen_pfn_to_cr3(PADDR_TO_MFN(v->cr3_user)) : 0;
    c->ctrlreg[4] = v->cr4_guest;
    memcpy(c->debugreg, v->dr, sizeof(c->debugreg));
    c->event_callback_eip = v->event_cb;
    c->failsafe_callback_eip = v->failsafe_cb;
    c->syscall_callback_eip = v->syscall_cb;
    c->vm_assist = v->domain->vm_assist;
    c->fs_base = v->fs_base;
    c->gs_base_kernel = v->gs_base_kernel;
    c->gs_base_user = v->gs_base_user;
}

/* Its timers only stop: it may be initialised again. */
int vcpu_reset(struct vcpu *v)
{
    forget_context(v);
    WRITE_ONCE(v->period, 0);               /* before the stop: a run in progress does not arm it again */
    timer_stop(&v->periodic);
    timer_stop(&v->singleshot);
    vcpu_unload(v);
    if (drop_frames(v))
        return -XEN_ERESTART;
    v->dropping = false;
    v->time_area = v->runstate_area = 0;
    memset(v->traps, 0, 256 * sizeof(v->traps[0]));
    return 0;
}

/* v must look at its events: it wakes if it is blocked, and if it runs on another CPU that CPU is interrupted. */
void vcpu_kick(struct vcpu *v)
{
    vcpu_unblock(v);
    if (READ_ONCE(v->running) && v != current)
        cpu_raise_work(v->cpu, WORK_EVENT_CHECK);
}

/* The pending byte is set before the mask is read: the guest clears its mask before it looks at the byte. */
void vcpu_mark_events_pending(struct vcpu *v)
{
    struct vcpu_info *info = __atomic_load_n(&v->info, __ATOMIC_ACQUIRE);
    if (!__atomic_exchange_n(&info->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST) && !READ_ONCE(info->evtchn_upcall_mask))
        vcpu_kick(v);
}

/* Exit work: an NMI for the guest that is about to run. */
void vcpu_event_work(void)
{
    struct vcpu *v = current;
    if (v->domain->is_idle || !v->nmi_pending || v->nmi_masked || !v->nmi_cb)
        return;
    if (__atomic_exchange_n(&v->nmi_pending, false, __ATOMIC_SEQ_CST)) {
        v->nmi_masked = true;
        inject_nmi(v);
    }
}
