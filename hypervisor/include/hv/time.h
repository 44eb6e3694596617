/* SPDX-License-Identifier: MIT */
/* cpu/time: system time from the TSC, the wall clock, and per-CPU one-shot timers. */
#pragma once
#include <hv/lib.h>

#define MILLISECS(n) ((nsec_t)(n) * 1000000UL)
#define MICROSECS(n) ((nsec_t)(n) * 1000UL)
#define SECONDS(n)   ((nsec_t)(n) * 1000000000UL)

void time_init(void);               /* boot CPU: TSC against HPET or PM timer; reads the CMOS clock */
void time_init_cpu(void);           /* each CPU: programs its APIC timer (TSC deadline, else one-shot) */
nsec_t now(void);                   /* monotonic on a CPU and across CPUs with synchronous TSCs */
uint64_t time_tsc_hz(void);
uint64_t time_tsc_base(void);       /* the TSC at system time 0 */
nsec_t time_from_tsc(uint64_t tsc);
uint64_t time_to_tsc(nsec_t t);     /* the first TSC value at which now() is at least t; saturates, never 0 */
void time_scale(uint32_t *mul, int8_t *shift);  /* pvclock's: ns = ((tsc << shift) * mul) >> 32 */
void wallclock_get(uint64_t *sec, uint32_t *nsec);  /* at system time 0; dom0 sets it (XENPF_settime) */
void wallclock_set(uint64_t sec_at_boot, uint32_t nsec_at_boot);

/* Timers: each belongs to a CPU's heap, guarded by that CPU's timer lock (RANK_TIMER). fn(arg) runs from exit work on
 * the timer's CPU, with no lock held. */
struct timer {
    struct heap_node node;          /* key: expiry in ns of now() */
    void (*fn)(void *arg);
    void *arg;
    unsigned int cpu;
    bool active, killed;
};
void timer_init(struct timer *t, void (*fn)(void *arg), void *arg, unsigned int cpu);
void timer_set(struct timer *t, nsec_t expires);     /* (re)arms; a time in the past fires at once */
void timer_stop(struct timer *t);
void timer_kill(struct timer *t);                    /* stops it for good and waits until fn does not run any more */
void timer_migrate(struct timer *t, unsigned int cpu);
