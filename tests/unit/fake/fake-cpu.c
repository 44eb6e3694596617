/* SPDX-License-Identifier: MIT */
/* The fake cpu/: CPUs are array elements, exit work is a word to look at, TLBs are a clock. */
#include <pthread.h>
#include <stdlib.h>
#include "fake.h"
#include <hv/hypercall.h>

struct cpu_info fake_cpus[NR_CPUS];
unsigned int fake_ipis[NR_CPUS];
bool fake_preempt;
static __thread unsigned int this_cpu;
__weak_sym cpumask_t cpu_online_map;
__weak_sym unsigned int cpu_count;
static void (*work_fn[WORK_MAX])(void);
static struct quiesce *quiesce_list;
static pthread_mutex_t quiesce_mutex = PTHREAD_MUTEX_INITIALIZER;
static uint32_t tlb_clock, tlb_flushed[NR_CPUS];

struct cpu_info *cpu_info(void) { return &fake_cpus[this_cpu]; }

void fake_reset(unsigned int cpus)
{
    memset(fake_cpus, 0, sizeof(fake_cpus));
    memset(fake_ipis, 0, sizeof(fake_ipis));
    memset(work_fn, 0, sizeof(work_fn));
    for (unsigned int i = 0; i < NR_CPUS; i++)
        fake_cpus[i].cpu = i;
    this_cpu = 0;
    cpu_count = cpus;
    cpu_online_map = cpus >= 64 ? ~0UL : (1UL << cpus) - 1;
    fake_preempt = false;
    quiesce_list = NULL;
    fake_time_reset();
    fake_domains_reset();
    fake_mm_reset();
    fake_copy_fail(0);
    fake_irq_reset();
}

void fake_cpu_set(unsigned int cpu) { this_cpu = cpu; }
void fake_run(struct vcpu *v) { cpu_info()->curr = v; }

__weak_sym uint32_t cpu_apicid(unsigned int cpu) { return cpu * 2; }
__weak_sym uint32_t cpu_acpi_id(unsigned int cpu) { return cpu + 1; }

__weak_sym void cpu_raise_work(unsigned int cpu, unsigned int work)
{
    uint32_t old = __atomic_fetch_or(&fake_cpus[cpu].pending, 1u << work, __ATOMIC_SEQ_CST);

    if (cpu != this_cpu && !(old & (1u << work)))
        __atomic_fetch_add(&fake_ipis[cpu], 1, __ATOMIC_RELAXED);
}

__weak_sym void cpu_register_work(unsigned int work, void (*fn)(void)) { work_fn[work] = fn; }

__weak_sym void cpu_do_work(void)
{
    while (READ_ONCE(cpu_info()->pending)) {
        unsigned int bits = __atomic_exchange_n(&cpu_info()->pending, 0, __ATOMIC_SEQ_CST);

        for (unsigned int w = 0; w < WORK_MAX; w++)
            if ((bits & (1u << w)) && work_fn[w])
                work_fn[w]();
    }
}

/* The other CPUs' part runs here, as if on them. */
__weak_sym void cpu_call(cpumask_t mask, void (*fn)(void *arg), void *arg)
{
    unsigned int me = this_cpu, c;

    for_each_cpu(c, mask) {
        this_cpu = c;
        fn(arg);
    }
    this_cpu = me;
}

__weak_sym void cpu_poll_requests(void) { }

__weak_sym void cpu_after_quiesce(struct quiesce *q, void (*fn)(void *arg), void *arg)
{
    q->fn = fn;
    q->arg = arg;
    pthread_mutex_lock(&quiesce_mutex);
    q->next = quiesce_list;
    quiesce_list = q;
    pthread_mutex_unlock(&quiesce_mutex);
}

void fake_quiesce(void)
{
    for (;;) {
        pthread_mutex_lock(&quiesce_mutex);
        struct quiesce *q = quiesce_list;
        if (q)
            quiesce_list = q->next;
        pthread_mutex_unlock(&quiesce_mutex);
        if (!q)
            return;
        q->fn(q->arg);
    }
}

__weak_sym void tlb_flush_mask(cpumask_t mask)
{
    uint32_t t = __atomic_add_fetch(&tlb_clock, 1, __ATOMIC_SEQ_CST);
    unsigned int c;

    for_each_cpu(c, mask) tlb_flushed[c] = t;
}
__weak_sym void tlb_flush_local(void) { tlb_flush_mask(1UL << this_cpu); }
__weak_sym void tlb_flush_local_global(void) { tlb_flush_local(); }
__weak_sym void tlb_flush_va_local(unsigned long va) { (void)va; }
__weak_sym void tlb_flush_va_mask(cpumask_t mask, unsigned long va) { (void)mask; (void)va; }
__weak_sym uint32_t tlb_now(void) { return tlb_clock; }
__weak_sym cpumask_t tlb_stale(cpumask_t mask, uint32_t stamp)
{
    cpumask_t stale = 0;
    unsigned int c;

    for_each_cpu(c, mask)
        if ((int32_t)(tlb_flushed[c] - stamp) <= 0)
            stale |= 1UL << c;
    return stale;
}
__weak_sym void wbinvd_local(void) { }
__weak_sym void wbinvd_all(void) { }

__weak_sym unsigned int fpu_state_size = 576;
__weak_sym uint64_t fpu_features = 7;
__weak_sym int fpu_vcpu_init(struct vcpu *v) { return (v->fpu = hv_alloc(fpu_state_size)) ? 0 : -XEN_ENOMEM; }
__weak_sym void fpu_vcpu_destroy(struct vcpu *v) { hv_free(v->fpu); v->fpu = NULL; }
__weak_sym void fpu_save(struct vcpu *v) { (void)v; }
__weak_sym void fpu_restore(struct vcpu *v) { (void)v; }

__weak_sym bool hypercall_preempt_check(void) { return fake_preempt; }

struct fake_continuation fake_continued;

__weak_sym long hypercall_continue(unsigned int nr, unsigned int nargs, ...)
{
    va_list ap;

    va_start(ap, nargs);
    for (unsigned int i = 0; i < nargs; i++)
        fake_continued.arg[i] = va_arg(ap, unsigned long);
    va_end(ap);
    fake_continued.nr = nr;
    fake_continued.count++;
    return FAKE_CONTINUED;
}

__weak_sym void machine_reboot(void) { abort(); }
__weak_sym void machine_poweroff(void) { abort(); }
__weak_sym void cpu_halt_forever(void) { abort(); }
__weak_sym void cpu_idle_wait(void) { }
__weak_sym void cpu_take_interrupts(void) { }
__weak_sym bool mm_scrub(void) { return false; }
__weak_sym unsigned long cpu_cr2(void) { return 0; }
__weak_sym void cpu_copy(void *dst, const void *src, size_t n) { memcpy(dst, src, n); }
