/* SPDX-License-Identifier: MIT */
/*
 * Segment bases, selectors and debug registers of the running guest. FS and GS are never used by the hypervisor, so the
 * registers hold the guest's; GS's other base (kernel's in user mode, user's in kernel mode) is in MSR_KERNEL_GS_BASE.
 */
#include <hv/domain.h>
#include <hv/guest.h>

#include "x86.h"

long load_segment_raw(unsigned int which, unsigned int sel);
long load_gs_user_raw(unsigned int sel);
static uint8_t debug_loaded[NR_CPUS];

void cpu_set_fs_base(unsigned long base) { wrmsr(MSR_FS_BASE, base); }
void cpu_set_gs_base(unsigned long base) { wrmsr(MSR_GS_BASE, base); }
void cpu_set_gs_shadow(unsigned long base) { wrmsr(MSR_KERNEL_GS_BASE, base); }
unsigned long cpu_get_fs_base(void) { return rdmsr(MSR_FS_BASE); }
unsigned long cpu_get_gs_base(void) { return rdmsr(MSR_GS_BASE); }
unsigned long cpu_get_gs_shadow(void) { return rdmsr(MSR_KERNEL_GS_BASE); }
long cpu_load_gs_user(uint16_t sel) { return load_gs_user_raw(sel); }

#define READ_SELECTOR(r) ({ uint16_t s_; __asm__ __volatile__("mov %%" #r ", %0" : "=rm"(s_)); s_; })

void cpu_save_segments(struct vcpu *v)
{
    v->regs.ds = READ_SELECTOR(ds);
    v->regs.es = READ_SELECTOR(es);
    v->regs.fs = READ_SELECTOR(fs);
    v->regs.gs = READ_SELECTOR(gs);
    v->fs_base = rdmsr(MSR_FS_BASE);
    if (v->in_kernel) {
        v->gs_base_kernel = rdmsr(MSR_GS_BASE);
        v->gs_base_user = rdmsr(MSR_KERNEL_GS_BASE);
    } else {
        v->gs_base_user = rdmsr(MSR_GS_BASE);
        v->gs_base_kernel = rdmsr(MSR_KERNEL_GS_BASE);
    }
}

/* Selectors first: loading one sets the base. A selector that does not load any more is null, as after a fault in an IRET. */
void cpu_load_segments(struct vcpu *v)
{
    if (v->regs.ds | READ_SELECTOR(ds))
        load_segment_raw(0, v->regs.ds);
    if (v->regs.es | READ_SELECTOR(es))
        load_segment_raw(1, v->regs.es);
    if (v->regs.fs | READ_SELECTOR(fs))
        load_segment_raw(2, v->regs.fs);
    if (v->regs.gs | READ_SELECTOR(gs))
        load_segment_raw(3, v->regs.gs);
    wrmsr(MSR_FS_BASE, v->fs_base);
    wrmsr(MSR_GS_BASE, v->in_kernel ? v->gs_base_kernel : v->gs_base_user);
    wrmsr(MSR_KERNEL_GS_BASE, v->in_kernel ? v->gs_base_user : v->gs_base_kernel);
}

void cpu_trap_tsc(bool on)
{
    write_cr4(on ? read_cr4() | CR4_TSD : read_cr4() & ~(unsigned long)CR4_TSD);
}

void cpu_save_debug(struct vcpu *v)
{
    if (debug_loaded[cpu_id()]) {
        v->dr[6] = read_dr6();
        write_dr7(DR7_RESET);
        debug_loaded[cpu_id()] = 0;
    }
}

void cpu_load_debug(struct vcpu *v)
{
    if (!(v->dr[7] & DR7_ACTIVE))
        return;
    write_dr0(v->dr[0]);
    write_dr1(v->dr[1]);
    write_dr2(v->dr[2]);
    write_dr3(v->dr[3]);
    write_dr6(v->dr[6]);
    write_dr7(v->dr[7]);
    debug_loaded[cpu_id()] = 1;
}

void cpu_set_debug(unsigned int reg, unsigned long val)
{
    struct vcpu *v = current;

    v->dr[reg] = val;
    if (reg == 7 && !(val & DR7_ACTIVE)) {
        write_dr7(DR7_RESET);
        debug_loaded[cpu_id()] = 0;
    } else {
        cpu_load_debug(v);
    }
}
