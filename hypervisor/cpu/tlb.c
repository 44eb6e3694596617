/* SPDX-License-Identifier: MIT */
/* TLB flushes, local and by request, and the clock that tells which CPUs have flushed since a frame was let go:
 * tlb_now() moves a shared counter on and returns what it was; a flush notes what the counter is just before it. So a
 * CPU whose note is above a frame's stamp began its flush after the frame's mappings were gone (on x86, who sees the
 * counter's new value sees all stores before it). Flushes, which are many, only read the counter. It has 32 bits: all
 * CPUs flush each 2^30 frames, so a signed difference tells earlier from later. Each CPU writes its own flushed[]. */
#include <hv/guest.h>
#include "private.h"

static struct { uint32_t at; unsigned char pad[60]; } flushed[NR_CPUS] __aligned(64);
uint32_t tlb_clock __aligned(64) = 1;           /* read by entry.S too */
unsigned long idle_cr3;

uint32_t *tlb_stamp_of(unsigned int cpu) { return &flushed[cpu].at; }
/* Before the flush: it counts as done at an earlier time. */
static void note_flush(unsigned int cpu) { WRITE_ONCE(flushed[cpu].at, READ_ONCE(tlb_clock)); }

void cpu_write_cr3(unsigned long cr3)
{
    struct cpu_info *ci = cpu_info();
    note_flush(ci->cpu);
    ci->cr3 = cr3;
    write_cr3(cr3);
}

void tlb_flush_local(void) { cpu_write_cr3(cpu_info()->cr3); }

void tlb_flush_local_global(void)
{
    unsigned long cr4 = read_cr4();
    note_flush(cpu_id());
    write_cr4(cr4 & ~CR4_PGE);
    write_cr4(cr4);
}

void tlb_flush_va_local(unsigned long va) { invlpg(va); }

static void flush_all_fn(void *arg __unused) { tlb_flush_local(); }
static void flush_va_fn(void *va) { invlpg((unsigned long)va); }
static void wbinvd_fn(void *arg __unused) { wbinvd(); }

void tlb_flush_mask(cpumask_t mask) { cpu_call(mask, flush_all_fn, NULL); }
void tlb_flush_va_mask(cpumask_t mask, unsigned long va) { cpu_call(mask, flush_va_fn, (void *)va); }
void wbinvd_local(void) { wbinvd(); }
void wbinvd_all(void) { cpu_call(cpu_online_map, wbinvd_fn, NULL); }

cpumask_t tlb_stale(cpumask_t mask, uint32_t stamp)
{
    cpumask_t stale = 0;
    unsigned int cpu;
    for_each_cpu(cpu, mask & cpu_online_map)
        if ((int32_t)(READ_ONCE(flushed[cpu].at) - stamp) <= 0)
            stale |= BIT(cpu);
    return stale;
}

uint32_t tlb_now(void)
{
    uint32_t t = __atomic_fetch_add(&tlb_clock, 1, __ATOMIC_SEQ_CST);
    if (unlikely(t % BIT(30) == 0))
        tlb_flush_mask(cpu_online_map);
    return t;
}
