/* SPDX-License-Identifier: MIT */
/*
 * Structure offsets for assembly. Compiled to assembly only; the build turns each string "->NAME value" (a form that both
 * compilers' assemblers take) into a #define of hv-offsets.h.
 */
#include <hv/cpu.h>
#include <hv/domain.h>
#include <hv/event.h>
#include <hv/hypercall.h>

#define DEFINE(name, value) __asm__ volatile("\n.ascii \"->" #name " %c0\"" : : "i"(value))

void offsets(void);
void offsets(void)
{
    DEFINE(STACK_BYTES, STACK_SIZE);
    DEFINE(CPUINFO_SIZE, sizeof(struct cpu_info));
    DEFINE(CPUINFO_cpu, offsetof(struct cpu_info, cpu));
    DEFINE(CPUINFO_pending, offsetof(struct cpu_info, pending));
    DEFINE(CPUINFO_curr, offsetof(struct cpu_info, curr));
    DEFINE(CPUINFO_cr3, offsetof(struct cpu_info, cr3));
    DEFINE(REGS_r15, offsetof(struct cpu_user_regs, r15));
    DEFINE(REGS_rbp, offsetof(struct cpu_user_regs, rbp));
    DEFINE(REGS_rax, offsetof(struct cpu_user_regs, rax));
    DEFINE(REGS_rcx, offsetof(struct cpu_user_regs, rcx));
    DEFINE(REGS_r11, offsetof(struct cpu_user_regs, r11));
    DEFINE(REGS_r10, offsetof(struct cpu_user_regs, r10));
    DEFINE(REGS_vector, offsetof(struct cpu_user_regs, entry_vector));
    DEFINE(REGS_error, offsetof(struct cpu_user_regs, error_code));
    DEFINE(REGS_rip, offsetof(struct cpu_user_regs, rip));
    DEFINE(REGS_cs, offsetof(struct cpu_user_regs, cs));
    DEFINE(REGS_rflags, offsetof(struct cpu_user_regs, rflags));
    DEFINE(REGS_rsp, offsetof(struct cpu_user_regs, rsp));
    DEFINE(REGS_ss, offsetof(struct cpu_user_regs, ss));
    DEFINE(REGS_es, offsetof(struct cpu_user_regs, es));
    DEFINE(VCPU_in_kernel, offsetof(struct vcpu, in_kernel));
    DEFINE(VCPU_fast_syscall, offsetof(struct vcpu, fast_syscall));
    DEFINE(VCPU_io_bitmap, offsetof(struct vcpu, io_bitmap));
    DEFINE(VCPU_kernel_sp, offsetof(struct vcpu, kernel_sp));
    DEFINE(VCPU_syscall_cb, offsetof(struct vcpu, syscall_cb));
    DEFINE(VCPU_iopl, offsetof(struct vcpu, iopl));
    DEFINE(VCPU_nmi_masked, offsetof(struct vcpu, nmi_masked));
    DEFINE(CPUINFO_iomap, offsetof(struct cpu_info, tss_iomap_base));
    DEFINE(CPUINFO_tlb_stamp, offsetof(struct cpu_info, tlb_stamp));
    DEFINE(IRET_rax, offsetof(struct iret_context, rax));
    DEFINE(IRET_r11, offsetof(struct iret_context, r11));
    DEFINE(IRET_rcx, offsetof(struct iret_context, rcx));
    DEFINE(IRET_flags, offsetof(struct iret_context, flags));
    DEFINE(IRET_rip, offsetof(struct iret_context, rip));
    DEFINE(IRET_cs, offsetof(struct iret_context, cs));
    DEFINE(IRET_rflags, offsetof(struct iret_context, rflags));
    DEFINE(IRET_rsp, offsetof(struct iret_context, rsp));
    DEFINE(IRET_ss, offsetof(struct iret_context, ss));
    DEFINE(VCPU_info, offsetof(struct vcpu, info));
    DEFINE(VCPU_cr3_kernel, offsetof(struct vcpu, cr3_kernel));
    DEFINE(VCPU_cr3_user, offsetof(struct vcpu, cr3_user));
    DEFINE(INFO_pending, offsetof(struct vcpu_info, evtchn_upcall_pending));
    DEFINE(INFO_mask, offsetof(struct vcpu_info, evtchn_upcall_mask));
    DEFINE(HYPERCALLS, NR_HYPERCALLS);
}
