/* SPDX-License-Identifier: MIT */
/* cpu/: the parts of CPU state that belong to the guest which runs on this CPU: address space, segment bases and
 * selectors, descriptor tables, debug registers. domain/ calls these; all act on this CPU. */
#pragma once
#include <hv/cpu.h>

#define SEL_HV_CS       0xe008
#define SEL_HV_DS       0xe010
#define SEL_TSS         0xe040
#define SEL_LDT         0xe050
#define GDT_HV_PAGE     14              /* FIRST_RESERVED_GDT_PAGE: ours in every GDT */
#define TRAP_SYSCALL    0x100           /* cpu_user_regs.entry_vector: leave by sysret */

/* From guest user to guest kernel mode or back: GS bases change sides, the I/O bitmap goes on or off, CR3 follows. */
void cpu_enter_guest_kernel(struct vcpu *v);
void cpu_enter_guest_user(struct vcpu *v);      /* v->cr3_user is not 0 */
void cpu_write_cr3(unsigned long cr3);          /* loads it always (flushes) */
extern unsigned long idle_cr3;                  /* the hypervisor's own page tables */
void cpu_set_fs_base(unsigned long base);
void cpu_set_gs_base(unsigned long base);
void cpu_set_gs_shadow(unsigned long base);
unsigned long cpu_get_fs_base(void);
unsigned long cpu_get_gs_base(void);
unsigned long cpu_get_gs_shadow(void);
/* The selector, with the base its descriptor says, into the GS of user mode, from kernel mode. -XEN_EFAULT: null. */
long cpu_load_gs_user(uint16_t sel);

/* At a switch between vCPUs: what prev has is stored in it, what next needs is loaded. */
void cpu_save_segments(struct vcpu *prev);
void cpu_load_segments(struct vcpu *next);
/* This CPU's windows on v's GDT frames and LDT frames (v->gdt_mfn, v->ldt_mfn), after those changed or at a switch. */
void cpu_load_gdt(struct vcpu *v);
void cpu_load_ldt(struct vcpu *v);
void cpu_load_io_bitmap(struct vcpu *v);
void cpu_load_debug(struct vcpu *v);
void cpu_save_debug(struct vcpu *v);
void cpu_set_debug(unsigned int reg, unsigned long val);
void cpu_trap_tsc(bool on);         /* the guest's rdtsc and rdtscp fault (CR4.TSD) */

/* Runs cpu_info()->curr from its guest_regs; run fn on an emptied stack. */
void resume_guest(struct cpu_info *ci) __noreturn;
void run_on_fresh_stack(struct cpu_info *ci, void (*fn)(void)) __noreturn;

/* Called by entry code; in domain/inject.c. */
void deliver_event(struct vcpu *v);
void bounce_syscall(struct vcpu *v, struct cpu_user_regs *r);
void bounce_syscall32(struct vcpu *v, struct cpu_user_regs *r);
void bounce_sysenter(struct vcpu *v, struct cpu_user_regs *r);
void syscall_frame_fault(struct vcpu *v);
void iret_fault(void);
/* domain/ptwrite.c: a guest kernel's write to va faulted. True: it was to one of its page tables and is done. */
bool ptwrite_fault(struct vcpu *v, struct cpu_user_regs *r, unsigned long va);

void desc_init_boot(void);          /* IDT and the boot CPU's early GDT: exceptions are caught from here on */
void desc_init_cpu(void);           /* GDT window, TSS, syscall MSRs; after mm_init */
void cpu_features_init(void);       /* CR4, EFER, PAT as boot_options and the CPU have it; each CPU */
uint32_t *tlb_stamp_of(unsigned int cpu);
void dump_guest_state(struct vcpu *v);      /* registers, page-table walk of cr2/rip, stack */
