/* SPDX-License-Identifier: MIT */
/* Entry into a guest kernel: exceptions, system calls, events, and the failsafe callback (arch-x86/xen-x86_64.h).
 * Everything acts on current and its guest_regs. The frame on the guest's kernel stack, from the handler's rsp up: rcx,
 * r11, [error code], rip, cs | saved upcall mask << 32, rflags, rsp, ss. cs has privilege 0 if the guest kernel was
 * interrupted; rflags.IF is the inverse of the upcall mask. */
#include "private.h"

enum { WITH_ERROR = 1, MASK_EVENTS = 2, WITH_SEGMENTS = 4 };

/* Builds the frame and points the registers at the handler. */
static void enter_kernel(struct vcpu *v, struct cpu_user_regs *r, unsigned long handler, unsigned int how,
                         uint32_t error)
{
    uint8_t *mask = &v->info->evtchn_upcall_mask, masked = READ_ONCE(*mask);
    unsigned long sp = v->in_kernel ? r->rsp : v->kernel_sp, cs = v->in_kernel ? r->cs & ~3UL : r->cs;
    unsigned long frame[12];
    unsigned int n = 0;
    frame[n++] = r->rcx;
    frame[n++] = r->r11;
    if (how & WITH_SEGMENTS) {
        cpu_save_segments(v);
        frame[n++] = v->regs.ds;
        frame[n++] = v->regs.es;
        frame[n++] = v->regs.fs;
        frame[n++] = v->regs.gs;
    }
    if (how & WITH_ERROR)
        frame[n++] = error;
    frame[n++] = r->rip;
    frame[n++] = cs | (unsigned long)masked << 32;
    frame[n++] = (r->rflags & ~(RFLAGS_IF | RFLAGS_IOPL)) | (masked ? 0 : RFLAGS_IF) | v->iopl;
    frame[n++] = r->rsp;
    frame[n++] = r->ss;
    sp = (sp & ~15UL) - n * 8;
    if (!v->in_kernel)
        cpu_enter_guest_kernel(v);
    if (unlikely(!handler || copy_to_guest((void *)sp, frame, n * 8))) {
        domain_crash(v->domain, "vcpu%u: vector %#x at %#lx cannot be delivered: %s", v->id, r->entry_vector & 0xff,
                     (unsigned long)r->rip, handler ? "its kernel stack cannot be written" : "it has no handler");
        return;
    }
    if (how & MASK_EVENTS)
        WRITE_ONCE(*mask, 1);
    r->entry_vector = TRAP_SYSCALL;         /* handlers take rcx and r11 from the frame: sysret will do */
    r->rip = handler;
    r->rsp = sp;
    r->cs = FLAT_KERNEL_CS;
    r->ss = FLAT_KERNEL_SS;
    r->rflags &= ~(RFLAGS_AC | RFLAGS_VM | RFLAGS_RF | RFLAGS_NT | RFLAGS_TF | RFLAGS_IOPL);
    r->rflags |= RFLAGS_IF;
}

/* A callback that may ask for masked events. */
static void enter_callback(struct vcpu *v, struct cpu_user_regs *r, unsigned long handler, uint32_t disables,
                           unsigned int how)
{
    enter_kernel(v, r, handler, how | (v->callback_flags & disables ? MASK_EVENTS : 0), 0);
}

static bool has_error_code(unsigned int vector)
{
    return vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21;
}

void inject_exception(unsigned int vector, uint32_t error_code)
{
    struct vcpu *v = current;
    struct cpu_user_regs *r = &cpu_info()->guest_regs;
    const struct trap_info *t = &v->traps[vector & 0xff];
    unsigned int how = (t->flags & 4 ? MASK_EVENTS : 0) | (has_error_code(vector) ? WITH_ERROR : 0);
    r->entry_vector = vector;
    enter_kernel(v, r, t->address, how, error_code);
}

void inject_page_fault(unsigned long cr2, uint32_t error_code)
{
    current->info->arch.cr2 = cr2;
    inject_exception(14, error_code);
}

void bounce_syscall(struct vcpu *v, struct cpu_user_regs *r)
{
    enter_callback(v, r, v->syscall_cb, VCPU_SYSCALL_DISABLES, 0);
}

/* Entry code's own frame for a system call could not be written. */
void syscall_frame_fault(struct vcpu *v)
{
    domain_crash(v->domain, "vcpu%u: system call at %#lx cannot be delivered: its kernel stack cannot be written",
                 v->id, (unsigned long)cpu_info()->guest_regs.rip);
}

/* The frame of a system call lies in the 64 bytes below kernel_sp. */
void vcpu_check_fast_syscall(struct vcpu *v)
{
    v->fast_syscall = v->syscall_cb && !(v->callback_flags & VCPU_SYSCALL_DISABLES) &&
                      guest_range_ok((void *)(v->kernel_sp - 128), 128);
}

void bounce_syscall32(struct vcpu *v, struct cpu_user_regs *r)
{
    if (v->in_kernel || !v->syscall32_cb) {
        r->rip -= 2;
        r->entry_vector = 0;
        inject_exception(6, 0);
        return;
    }
    enter_callback(v, r, v->syscall32_cb, VCPU_SYSCALL32_DISABLES, 0);
}

void bounce_sysenter(struct vcpu *v, struct cpu_user_regs *r)
{
    r->rflags |= RFLAGS_IF;
    if (v->in_kernel || !v->sysenter_cb) {
        r->entry_vector = 0;
        inject_exception(13, 0);
        return;
    }
    enter_callback(v, r, v->sysenter_cb, VCPU_SYSENTER_DISABLES, 0);
}

/* Return-to-guest path: an event is pending and not masked. */
void deliver_event(struct vcpu *v)
{
    struct cpu_user_regs *r = &cpu_info()->guest_regs;
    r->entry_vector &= 0xff;
    enter_kernel(v, r, v->event_cb, MASK_EVENTS, 0);
}

/* The frame to return to could not be loaded. The failsafe callback gets the segment registers too. */
void iret_fault(void)
{
    struct vcpu *v = current;
    struct cpu_user_regs *r = &cpu_info()->guest_regs;
    if (!v->failsafe_cb) {
        domain_crash(v->domain, "vcpu%u: return to %04x:%016lx faults, and there is no failsafe callback", v->id, r->cs,
                     (unsigned long)r->rip);
        return;
    }
    r->entry_vector = 0;
    enter_callback(v, r, v->failsafe_cb, VCPU_FAILSAFE_DISABLES, WITH_SEGMENTS);
}

void inject_nmi(struct vcpu *v)
{
    struct cpu_user_regs *r = &cpu_info()->guest_regs;
    r->entry_vector = 2;
    enter_kernel(v, r, v->nmi_cb, MASK_EVENTS, 0);
}
