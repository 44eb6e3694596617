/* SPDX-License-Identifier: MIT */
/*
 * Further vCPUs: started on demand, each with a stack, a timer and an IPI of its own, and then doing what smp_run gives it.
 * Owns `cpus`: a CPU's record is written by itself, but for `fn` and `arg`, which the one who gives it work sets while fn
 * is NULL. Device events come to the first CPU; it wakes those that sleep, since what they wait for may have happened.
 */
#include "hypercall.h"

#include <front/os.h>

#define STACK_PAGES 16U

struct cpu {
    unsigned long id; /* first: cpu_id reads it by gs */
    void (*fn)(void *arg);
    void *arg;
    bool sleeping;
    evtchn_port_t ipi;
};

extern char secondary_start[], event_entry[], failsafe_entry[];

unsigned int smp_cpus = 1;

static struct cpu cpus[SMP_MAX];

void secondary_main(struct cpu *c);

static bool has_work(void *arg) { return __atomic_load_n(&((struct cpu *)arg)->fn, __ATOMIC_ACQUIRE) != NULL; }

static bool has_none(void *arg) { return !has_work(arg); }

void secondary_main(struct cpu *c)
{
    events_on();
    for (;;) {
        os_wait(has_work, c, ~0UL);
        c->fn(c->arg);
        __atomic_store_n(&c->fn, NULL, __ATOMIC_SEQ_CST);
        smp_wake_all();
    }
}

/* Before the condition is asked for the last time; pairs with the fence in smp_wake_all. */
void smp_sleeping(bool sleeping) { __atomic_store_n(&cpus[cpu_id()].sleeping, sleeping, __ATOMIC_SEQ_CST); }

void smp_wake_all(void)
{
    unsigned int self = cpu_id();

    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    for (unsigned int i = 0; i < smp_cpus; i++)
        if (i != self && __atomic_load_n(&cpus[i].sleeping, __ATOMIC_RELAXED))
            event_notify(cpus[i].ipi);
}

static void set_up_cpu(struct cpu *c, unsigned int id)
{
    struct evtchn_bind_ipi ipi = {.vcpu = id};

    c->id = id;
    if (event_op(EVTCHNOP_bind_ipi, &ipi))
        panic("no IPI for vCPU %u", id);
    c->ipi = ipi.port;
    event_bind(ipi.port, event_nothing, NULL);
    if (id)
        event_bind_timer(id);
}

static bool start_cpu(unsigned int id)
{
    static struct vcpu_guest_context context;
    struct cpu *c = &cpus[id];
    char *stack = pages_alloc(STACK_PAGES);
    long rc;

    if (!stack)
        return false;
    memset(&context, 0, sizeof(context));
    context.flags = VGCF_in_kernel;
    context.user_regs.rip = (unsigned long)secondary_start;
    context.user_regs.rsp = (unsigned long)stack + STACK_PAGES * PAGE_SIZE;
    context.user_regs.rdi = (unsigned long)c;
    context.user_regs.rflags = 0x1000;
    context.user_regs.cs = FLAT_KERNEL_CS;
    context.user_regs.ss = FLAT_KERNEL_SS;
    context.kernel_ss = FLAT_KERNEL_SS;
    context.kernel_sp = context.user_regs.rsp;
    context.ctrlreg[3] = va_mfn((void *)start_info->pt_base) << PAGE_SHIFT;
    context.gs_base_kernel = (unsigned long)c;
    context.event_callback_eip = (unsigned long)event_entry;
    context.failsafe_callback_eip = (unsigned long)failsafe_entry;
    memcpy(context.trap_ctxt, traps_table, 32 * sizeof(context.trap_ctxt[0]));
    rc = vcpu_op(VCPUOP_initialise, id, &context);
    if (rc) {
        pages_free(stack, STACK_PAGES);
        return false;
    }
    ACCESS(shared_info->vcpu_info[id].evtchn_upcall_mask) = 1; /* until it is ready */
    set_up_cpu(c, id);
    return true;
}

void smp_start(void)
{
    unsigned int n = 1;

    if (smp_cpus > 1)
        return;
    cpus[0].id = 0;
    HC(set_segment_base, SEGBASE_GS_KERNEL, &cpus[0]);
    set_up_cpu(&cpus[0], 0);
    while (n < SMP_MAX && start_cpu(n))
        n++;
    smp_cpus = n;
    for (unsigned int i = 1; i < n; i++)
        if (vcpu_op(VCPUOP_up, i, NULL))
            panic("vCPU %u does not start", i);
}

void smp_run(unsigned int cpu, void (*fn)(void *arg), void *arg)
{
    smp_wait(cpu);
    cpus[cpu].arg = arg;
    __atomic_store_n(&cpus[cpu].fn, fn, __ATOMIC_SEQ_CST);
    smp_wake_all();
}

void smp_wait(unsigned int cpu) { os_wait(has_none, &cpus[cpu], ~0UL); }
