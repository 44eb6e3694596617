/* SPDX-License-Identifier: MIT */
/* hypercall/: the table and one file a family. Each body: copy in once, check all, act, copy out, publish last. */
#pragma once
#include <hv/types.h>

typedef long (*hypercall_fn)(unsigned long a1, unsigned long a2, unsigned long a3, unsigned long a4, unsigned long a5,
                             unsigned long a6);

/* Total, NR_HYPERCALLS rows, empty ones are hypercall_unknown (-XEN_ENOSYS). Entry code indexes it. */
#define NR_HYPERCALLS 64
extern const hypercall_fn hypercall_table[NR_HYPERCALLS];

/* A long-running hypercall that must let go: arranges that the guest makes call `nr` again with these nargs (at most
 * 6, each an unsigned long) arguments, and returns what the body must return. Works inside multicalls. */
long hypercall_continue(unsigned int nr, unsigned int nargs, ...);
bool hypercall_preempt_check(void);     /* exit work or an interrupt waits: a long operation should stop here */
/* Fills a page with the 64-bit hypercall stubs, 32 bytes each (arch-x86/xen-x86_64.h). */
void hypercall_page_write(void *page);
void physdev_domain_release(struct domain *d);  /* domain_kill, before frames go: drops the PIRQ EOI page */

#define HYPERCALL(name) \
    long hypercall_##name(unsigned long a1 __unused, unsigned long a2 __unused, unsigned long a3 __unused, \
                          unsigned long a4 __unused, unsigned long a5 __unused, unsigned long a6 __unused)
HYPERCALL(set_trap_table); HYPERCALL(mmu_update); HYPERCALL(set_gdt); HYPERCALL(stack_switch); HYPERCALL(set_callbacks);
HYPERCALL(fpu_taskswitch); HYPERCALL(platform_op); HYPERCALL(set_debugreg); HYPERCALL(get_debugreg);
HYPERCALL(update_descriptor); HYPERCALL(memory_op); HYPERCALL(multicall); HYPERCALL(update_va_mapping);
HYPERCALL(set_timer_op); HYPERCALL(xen_version); HYPERCALL(console_io); HYPERCALL(grant_table_op); HYPERCALL(vm_assist);
HYPERCALL(update_va_mapping_otherdomain); HYPERCALL(iret); HYPERCALL(vcpu_op); HYPERCALL(set_segment_base);
HYPERCALL(mmuext_op); HYPERCALL(xsm_op); HYPERCALL(nmi_op); HYPERCALL(sched_op); HYPERCALL(callback_op);
HYPERCALL(event_channel_op); HYPERCALL(physdev_op); HYPERCALL(hvm_op); HYPERCALL(sysctl); HYPERCALL(domctl);
HYPERCALL(kexec_op); HYPERCALL(xenpmu_op); HYPERCALL(hypfs_op); HYPERCALL(mca); HYPERCALL(unknown);
