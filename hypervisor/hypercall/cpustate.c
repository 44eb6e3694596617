/* SPDX-License-Identifier: MIT */
/* What a guest kernel sets of its virtual CPU: trap table, callbacks, stack, segment bases, FPU trap, debug registers,
 * timer, assists; and iret (arch-x86/xen.h, callback.h). */
#include "private.h"

#include <xen/callback.h>

HYPERCALL(set_trap_table)
{
    struct vcpu *v = current;
    struct trap_info t;
    if (!a1)
        memset(v->traps, 0, 256 * sizeof(v->traps[0]));
    for (unsigned int i = 0; a1 && i < 256; i++) {
        if (copy_from_guest(&t, (struct trap_info *)a1 + i, sizeof(t)))
            return -XEN_EFAULT;
        if (!t.address)
            break;
        if (!is_canonical(t.address))
            return -XEN_EINVAL;
        t.cs |= 3;
        v->traps[t.vector] = t;
    }
    return 0;
}

HYPERCALL(set_callbacks)
{
    struct vcpu *v = current;
    if (!is_canonical(a1) || !is_canonical(a2) || !is_canonical(a3))
        return -XEN_EINVAL;
    v->event_cb = a1;
    v->failsafe_cb = a2;
    v->syscall_cb = a3;
    vcpu_check_fast_syscall(v);
    return 0;
}

static long callback_set(uint16_t type, unsigned long address, bool mask)
{
    struct vcpu *v = current;
    const struct { unsigned long *address; uint32_t flag; } callback[] = {
        [CALLBACKTYPE_event] = { &v->event_cb, 0 },
        [CALLBACKTYPE_failsafe] = { &v->failsafe_cb, VCPU_FAILSAFE_DISABLES },
        [CALLBACKTYPE_syscall] = { &v->syscall_cb, VCPU_SYSCALL_DISABLES },
        [CALLBACKTYPE_nmi] = { &v->nmi_cb, 0 },
        [CALLBACKTYPE_sysenter] = { &v->sysenter_cb, VCPU_SYSENTER_DISABLES },
        [CALLBACKTYPE_syscall32] = { &v->syscall32_cb, VCPU_SYSCALL32_DISABLES },
    };
    const size_t i = index_clamp(type, ARRAY_SIZE(callback));
    if (!is_canonical(address))
        return -XEN_EINVAL;
    if (type >= ARRAY_SIZE(callback) || !callback[i].address)
        return -XEN_ENOSYS;
    *callback[i].address = address;
    v->callback_flags = (v->callback_flags & ~callback[i].flag) | (mask ? callback[i].flag : 0);
    vcpu_check_fast_syscall(v);
    return 0;
}

SUBOP_HANDLER(callback_register, void, ctx, struct callback_register)
{
    return callback_set(op->type, op->address, op->flags & CALLBACKF_mask_events);
}

SUBOP_HANDLER(callback_unregister, void, ctx, struct callback_unregister)
{
    if (op->type == CALLBACKTYPE_event || op->type == CALLBACKTYPE_failsafe || op->type == CALLBACKTYPE_syscall)
        return -XEN_EINVAL;             /* a 64-bit guest cannot be without */
    return callback_set(op->type, 0, false);
}

HYPERCALL(callback_op)
{
    static const struct subop ops[] = {
        [CALLBACKOP_register] = SUBOP(callback_register, sizeof(struct callback_register)),
        [CALLBACKOP_unregister] = SUBOP(callback_unregister, sizeof(struct callback_unregister)),
    };
    return SUBOP_CALL(ops, a1, a2);
}

HYPERCALL(stack_switch)
{
    struct vcpu *v = current;
    v->kernel_ss = (uint16_t)(a1 | 3);
    v->kernel_sp = a2;
    /* only addresses next to our slots can make a difference */
    if (unlikely(!v->fast_syscall) || unlikely(a2 >> 43 == 0x1ffff0 || a2 >> 43 == 0x1ffff1))
        vcpu_check_fast_syscall(v);
    return 0;
}

/* The CPU holds the bases while the vCPU runs; a switch saves them. */
HYPERCALL(set_segment_base)
{
    if (a1 == SEGBASE_GS_USER_SEL)
        return cpu_load_gs_user((uint16_t)a2);
    if (!is_canonical(a2))
        return -XEN_EINVAL;
    switch (a1) {
    case SEGBASE_FS: cpu_set_fs_base(a2); break;
    case SEGBASE_GS_USER: cpu_set_gs_shadow(a2); break;
    case SEGBASE_GS_KERNEL: cpu_set_gs_base(a2); break;
    default: return -XEN_EINVAL;
    }
    return 0;
}

HYPERCALL(fpu_taskswitch)
{
    current->cr0_ts = a1 != 0;
    fpu_set_ts(a1 != 0);
    return 0;
}

/* 4 and 5 are old names of 6 and 7. */
static unsigned int debugreg(unsigned long n) { return (unsigned int)(n == 4 || n == 5 ? n + 2 : n); }

HYPERCALL(set_debugreg) { return a1 > 7 ? -XEN_EINVAL : vcpu_set_debugreg(current, debugreg(a1), a2); }

HYPERCALL(get_debugreg) { return a1 > 7 ? -XEN_EINVAL : (long)current->dr[debugreg(index_clamp(a1, 8))]; }

HYPERCALL(set_timer_op)
{
    struct vcpu *v = current;
    if (a1)
        vcpu_set_singleshot(v, a1);
    else
        timer_stop(&v->singleshot);
    return 0;
}

HYPERCALL(vm_assist)
{
    if (a2 >= 64 || !(VM_ASSISTS >> a2 & 1))
        return -XEN_EINVAL;
    if (a1 == VMASST_CMD_enable)
        set_bit(a2, &current->domain->vm_assist);
    else if (a1 == VMASST_CMD_disable)
        clear_bit(a2, &current->domain->vm_assist);
    else
        return -XEN_ENOSYS;
    return 0;
}

/* Returns to user mode (cs has privilege 3) or within the kernel, by a struct iret_context on the kernel's stack. */
HYPERCALL(iret)
{
    struct vcpu *v = current;
    struct cpu_user_regs *r = &cpu_info()->guest_regs;
    struct iret_context f;
    if (unlikely(copy_from_guest(&f, (void *)r->rsp, sizeof(f)))) {
        domain_crash(v->domain, "vcpu%u: iret frame at %#lx cannot be read", v->id, (unsigned long)r->rsp);
        return 0;
    }
    if ((f.cs & 3) == 3) {
        if (unlikely(!v->cr3_user)) {
            domain_crash(v->domain, "vcpu%u: iret to user mode without user page tables", v->id);
            return 0;
        }
        cpu_enter_guest_user(v);
    }
    r->rip = f.rip;
    r->cs = (uint16_t)(f.cs | 3);
    r->rflags = (f.rflags & GUEST_FLAGS_ALLOWED) | FLAGS_IF | FLAGS_ONE;
    r->rsp = f.rsp;
    r->ss = (uint16_t)(f.ss | 3);
    if (f.flags & VGCF_in_syscall) {
        r->entry_vector = TRAP_SYSCALL;
        r->cs = FLAT_USER_CS64;
        r->ss = FLAT_USER_SS64;
    } else {
        r->entry_vector = 0;
        r->r11 = f.r11;
        r->rcx = f.rcx;
    }
    WRITE_ONCE(v->info->evtchn_upcall_mask, !(f.rflags & FLAGS_IF));
    v->nmi_masked = false;
    return (long)f.rax;
}
