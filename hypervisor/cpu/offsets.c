/* SPDX-License-Identifier: MIT */
/* Structure offsets for assembly: the build turns each string "->NAME value" of it into a #define of hv-offsets.h. */
#include <hv/cpu.h>
#include <hv/domain.h>
#include <hv/event.h>
#include <hv/hypercall.h>

#define DEFINE(name, value) __asm__ volatile("\n.ascii \"->" #name " %c0\"" : : "i"(value))
#define FIELD(prefix, type, field) DEFINE(prefix##_##field, offsetof(struct type, field))
#define CPUINFO(field) FIELD(CPUINFO, cpu_info, field)
#define REGS(field)    FIELD(REGS, cpu_user_regs, field)
#define VCPU(field)    FIELD(VCPU, vcpu, field)
#define IRET(field)    FIELD(IRET, iret_context, field)

void offsets(void);
void offsets(void)
{
    DEFINE(STACK_BYTES, STACK_SIZE);
    DEFINE(HYPERCALLS, NR_HYPERCALLS);
    DEFINE(EVENT_WRAP_BIT, __builtin_ctz(CPU_EVENTS * sizeof(uint64_t)));
    DEFINE(CPUINFO_SIZE, sizeof(struct cpu_info));
    CPUINFO(pending); CPUINFO(curr); CPUINFO(cr3); CPUINFO(tlb_stamp); CPUINFO(event);
    DEFINE(CPUINFO_iomap, offsetof(struct cpu_info, tss_iomap_base));
    REGS(rax); REGS(rcx); REGS(r11); REGS(rip); REGS(cs); REGS(rflags); REGS(rsp); REGS(ss); REGS(es);
    DEFINE(REGS_vector, offsetof(struct cpu_user_regs, entry_vector));
    VCPU(in_kernel); VCPU(fast_syscall); VCPU(io_bitmap); VCPU(kernel_sp); VCPU(syscall_cb); VCPU(iopl);
    VCPU(nmi_masked); VCPU(info); VCPU(cr3_kernel); VCPU(cr3_user);
    IRET(rax); IRET(r11); IRET(rcx); IRET(flags); IRET(rip); IRET(cs); IRET(rflags); IRET(rsp); IRET(ss);
    DEFINE(INFO_pending, offsetof(struct vcpu_info, evtchn_upcall_pending));
    DEFINE(INFO_mask, offsetof(struct vcpu_info, evtchn_upcall_mask));
}
