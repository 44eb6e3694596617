/* SPDX-License-Identifier: MIT */
/*
 * TLB flushes, local and by request, and the clock that tells which CPUs have flushed since a frame was let go. The clock is the
 * TSC in units of 1024 cycles, 32 bits: it wraps after half an hour or more, so each CPU flushes at least every five minutes
 * (tlb_timer). No locks; each CPU writes its own entry of flushed[].
 */
#include <hv/guest.h>
#include <hv/time.h>

#include "x86.h"

static struct { uint32_t at; unsigned char pad[60]; } flushed[NR_CPUS] __aligned(64);
static struct timer tlb_timers[NR_CPUS];
unsigned long idle_cr3;

uint32_t *tlb_stamp_of(unsigned int cpu) { return &flushed[cpu].at; }

uint32_t tlb_now(void) { return (uint32_t)(rdtsc() >> TLB_CLOCK_SHIFT); }

void cpu_write_cr3(unsigned long cr3)
{
    struct cpu_info *ci = cpu_info();

    WRITE_ONCE(flushed[ci->cpu].at, tlb_now());     /* before the flush: it counts as done at an earlier time */
    ci->cr3 = cr3;
    write_cr3(cr3);
}

void tlb_flush_local(void) { cpu_write_cr3(cpu_info()->cr3); }

void tlb_flush_local_global(void)
{
    unsigned long cr4 = read_cr4();

    WRITE_ONCE(flushed[cpu_id()].at, tlb_now());    /* before, as in cpu_write_cr3 */
    write_cr4(cr4 & ~CR4_PGE);
    write_cr4(cr4);
}

void tlb_flush_va_local(unsigned long va) { invlpg(va); }

static void flush_all_fn(void *arg __unused) { tlb_flush_local(); }
static void flush_va_fn(void *arg) { invlpg((unsigned long)arg); }

void tlb_flush_mask(cpumask_t mask)
{
    cpumask_t self = BIT(cpu_id());

    if (mask & self)
        tlb_flush_local();
    mask &= cpu_online_map & ~self;
    if (mask)
        cpu_call(mask, flush_all_fn, NULL);
}

void tlb_flush_va_mask(cpumask_t mask, unsigned long va)
{
    cpumask_t self = BIT(cpu_id());

    if (mask & self)
        invlpg(va);
    mask &= cpu_online_map & ~self;
    if (mask)
        cpu_call(mask, flush_va_fn, (void *)va);
}

cpumask_t tlb_stale(cpumask_t mask, uint32_t stamp)
{
    cpumask_t stale = 0;
    unsigned int cpu;

    for_each_cpu(cpu, mask & cpu_online_map) {
        if ((int32_t)(READ_ONCE(flushed[cpu].at) - stamp) <= 0)
            stale |= BIT(cpu);
    }
    return stale;
}

static void tlb_tick(void *arg)
{
    struct timer *t = arg;

    tlb_flush_local();
    timer_set(t, now() + SECONDS(300));
}

void tlb_init_cpu(void)
{
    struct timer *t = &tlb_timers[cpu_id()];

    timer_init(t, tlb_tick, t, cpu_id());
    timer_set(t, now() + SECONDS(300));
}

void wbinvd_local(void) { wbinvd(); }
static void wbinvd_fn(void *arg __unused) { wbinvd(); }
void wbinvd_all(void) { cpu_call(cpu_online_map, wbinvd_fn, NULL); }
