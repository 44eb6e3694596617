/* SPDX-License-Identifier: MIT */
/*
 * The table of hypercalls. It is total, so that entry code and multicall need no test for an empty row.
 */
#include <hv/hypercall.h>

#define __HYPERVISOR_mca __HYPERVISOR_arch_0

#define HYPERCALLS(ROW, NONE) \
    ROW(set_trap_table) ROW(mmu_update) ROW(set_gdt) ROW(stack_switch) ROW(set_callbacks) ROW(fpu_taskswitch) NONE(6) \
    ROW(platform_op) ROW(set_debugreg) ROW(get_debugreg) ROW(update_descriptor) NONE(11) ROW(memory_op) ROW(multicall) \
    ROW(update_va_mapping) ROW(set_timer_op) NONE(16) ROW(xen_version) ROW(console_io) NONE(19) ROW(grant_table_op) \
    ROW(vm_assist) ROW(update_va_mapping_otherdomain) ROW(iret) ROW(vcpu_op) ROW(set_segment_base) ROW(mmuext_op) \
    ROW(xsm_op) ROW(nmi_op) ROW(sched_op) ROW(callback_op) NONE(31) ROW(event_channel_op) ROW(physdev_op) ROW(hvm_op) \
    ROW(sysctl) ROW(domctl) ROW(kexec_op) NONE(38) NONE(39) ROW(xenpmu_op) NONE(41) ROW(hypfs_op) NONE(43) NONE(44) \
    NONE(45) NONE(46) NONE(47) ROW(mca) NONE(49) NONE(50) NONE(51) NONE(52) NONE(53) NONE(54) NONE(55) NONE(56) \
    NONE(57) NONE(58) NONE(59) NONE(60) NONE(61) NONE(62) NONE(63)

#define FN_ROW(name)   [__HYPERVISOR_##name] = hypercall_##name,
#define FN_NONE(nr)    [nr] = hypercall_unknown,
const hypercall_fn hypercall_table[NR_HYPERCALLS] = { HYPERCALLS(FN_ROW, FN_NONE) };

#define NAME_ROW(name) [__HYPERVISOR_##name] = #name,
#define NAME_NONE(nr)  [nr] = "?",
static const char *const names[NR_HYPERCALLS] = { HYPERCALLS(NAME_ROW, NAME_NONE) };

const char *hypercall_name(unsigned int nr)
{
    return nr < NR_HYPERCALLS ? names[nr] : "?";
}

HYPERCALL(unknown)
{
    return -XEN_ENOSYS;
}
