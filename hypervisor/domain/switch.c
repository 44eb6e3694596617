/* SPDX-License-Identifier: MIT */
/* Context switch. loaded[cpu], written by that CPU alone: the vCPU whose segments, descriptor tables and address space
 * it holds; an idle CPU keeps them, so that a vCPU that sleeps and wakes there costs next to nothing. v->lazy_cpu says
 * which idle CPU holds v so: before v runs elsewhere, or dies, that one lets go (cpu_call). */
#include "private.h"

#define GPR_BYTES offsetof(struct cpu_user_regs, es)    /* what entry code saves; selectors are saved apart */

static struct vcpu *loaded[NR_CPUS];

/* This idle CPU holds nothing of a guest any more. */
static void unload(void)
{
    unsigned int cpu = cpu_id();
    struct vcpu *v = loaded[cpu];
    cpu_write_cr3(idle_cr3);
    cpu_load_gdt(sched_idle_vcpu(cpu));
    cpu_load_ldt(sched_idle_vcpu(cpu));
    __atomic_fetch_and(&v->domain->dirty_cpus, ~BIT(cpu), __ATOMIC_SEQ_CST);
    WRITE_ONCE(v->lazy_cpu, NR_CPUS);
    loaded[cpu] = NULL;
}

/* arg: a domain or a vCPU. */
void leave_lazy(void *arg)
{
    struct vcpu *v = loaded[cpu_id()];
    if (v && (v == arg || v->domain == arg) && current->domain->is_idle)
        unload();
}

void vcpu_unload(struct vcpu *v)
{
    unsigned int lazy = READ_ONCE(v->lazy_cpu);
    if (lazy != NR_CPUS)
        cpu_call(BIT(lazy), leave_lazy, v);
}

static void save(struct vcpu *v)
{
    memcpy(&v->regs, &cpu_info()->guest_regs, GPR_BYTES);
    cpu_save_segments(v);
    cpu_save_debug(v);
    fpu_save(v);
}

static void load_address_space(struct vcpu *v, struct vcpu *old, unsigned int cpu)
{
    if (!(v->domain->dirty_cpus & BIT(cpu)))
        __atomic_fetch_or(&v->domain->dirty_cpus, BIT(cpu), __ATOMIC_SEQ_CST);
    cpu_write_cr3(v->in_kernel ? v->cr3_kernel : v->cr3_user);
    if (old && old->domain != v->domain)        /* the CR3 write has flushed all that was its */
        __atomic_fetch_and(&old->domain->dirty_cpus, ~BIT(cpu), __ATOMIC_SEQ_CST);
    if (policy_branch_barrier && (!old || old->domain != v->domain))
        msr_write_safe(MSR_PRED_CMD, PRED_CMD_IBPB);     /* no guest's branches are predicted by what another has trained */
}

static void load(struct vcpu *v, unsigned int cpu)
{
    struct vcpu *old = loaded[cpu];
    if (old != v) {
        load_address_space(v, old, cpu);
        if (old && old->lazy_cpu == cpu)
            WRITE_ONCE(old->lazy_cpu, NR_CPUS);
        loaded[cpu] = v;
        cpu_load_gdt(v);
        cpu_load_ldt(v);
        cpu_load_segments(v);
    }
    cpu_load_io_bitmap(v);
    cpu_load_debug(v);
    vcpu_msrs_load(v);
    fpu_restore(v);
    WRITE_ONCE(v->lazy_cpu, NR_CPUS);
    memcpy(&cpu_info()->guest_regs, &v->regs, GPR_BYTES);
}

void context_switch(struct vcpu *prev, struct vcpu *next)
{
    struct cpu_info *ci = cpu_info();
    unsigned int cpu = ci->cpu;
    if (!next->domain->is_idle && READ_ONCE(next->lazy_cpu) != cpu)
        vcpu_unload(next);
    if (!prev->domain->is_idle)
        save(prev);
    ci->curr = next;
    if (next->domain->is_idle) {
        WRITE_ONCE(prev->lazy_cpu, cpu);
        sched_context_saved(prev);
        run_on_fresh_stack(ci, sched_start_idle);
    }
    load(next, cpu);
    sched_context_saved(prev);
    time_switched_in(next);
    resume_guest(ci);
}
