/* SPDX-License-Identifier: MIT */
/*
 * The unit tests' machine: stands in for cpu/ and, where a test does not link the real room, for mm/, domain/, sched/,
 * console/ and cpu/irq. Every symbol is weak: a test that links the real file gets the real one.
 *
 * One thread is one CPU (fake_cpu_set); most tests use a single thread and hop between CPUs. Include libc and Check
 * headers before this one.
 */
#ifndef FAKE_H
#define FAKE_H

#include <hv/console.h>
#include <hv/cpu.h>
#include <hv/domain.h>
#include <hv/irq.h>
#include <hv/lib.h>
#include <hv/lock.h>
#include <hv/mm.h>
#include <hv/time.h>
#include <hv/types.h>

#define FAKE_FRAMES 4096u       /* 16 MiB of machine memory; frame 0 is never given out */

/* Everything back to the start: `cpus` CPUs online, this thread CPU 0 with no vCPU, time 1 s, RAM free, no domains. */
void fake_reset(unsigned int cpus);


/* --- CPUs (fake-cpu.c) */
extern struct cpu_info fake_cpus[NR_CPUS];
extern unsigned int fake_ipis[NR_CPUS];     /* work IPIs sent to each CPU by another */
extern bool fake_preempt;                   /* what hypercall_preempt_check() answers */
/* What hypercall_continue was last called with, and how often; it returns FAKE_CONTINUED. */
#define FAKE_CONTINUED 0x7fffcccc
extern struct fake_continuation { unsigned int nr, count; unsigned long arg[6]; } fake_continued;
void fake_cpu_set(unsigned int cpu);        /* the calling thread is this CPU from now on */
void fake_run(struct vcpu *v);              /* v is current on this CPU (NULL: nothing) */
void fake_quiesce(void);                    /* runs what cpu_after_quiesce put off */

/* --- time (fake-time.c): now() moves only by these; timers that fall due run in order of expiry, on their CPU */
void fake_time_set(nsec_t t);
void fake_time_advance(nsec_t ns);
nsec_t fake_timer_next(void);               /* expiry of the earliest timer; ~0: none */
void fake_time_reset(void);

/* --- locks (fake-lock.c): double lock, wrong rank, unlock of what is not held: a message and abort() */
unsigned int fake_locks_held(void);         /* by this thread; 0 after every operation */
bool spin_is_locked(const spinlock_t *l);   /* by anyone */

/* --- memory (fake-mm.c) */
void fake_mm_reset(void);
extern unsigned long fake_live_objects, fake_live_bytes;    /* hv_alloc'ed and not freed */
extern unsigned long fake_used_frames;
void fake_alloc_fail(long nth);             /* the nth allocation from now on (1: the next) fails once; 0: none does */

/* --- guest copy (fake-guestcopy.c): guest addresses are host addresses; those below 64 KiB and fake_bad_page fault */
extern char *fake_bad_page;                 /* one page that no guest can access */
void fake_copy_fail(long nth);              /* the nth guest copy from now on faults once; 0: none does */

/* --- domains (fake-domain.c): a table of plain domains. shared_info is a page of fake RAM, shared with the domain */
struct domain *fake_domain_new(domid_t id, bool privileged, unsigned int vcpus);
void fake_domain_free(struct domain *d);    /* the test has destroyed module state before */
void fake_domains_reset(void);
extern unsigned int fake_kicks, fake_crashes;   /* vcpu_kick calls; domain_crash calls */

/* --- PIRQs (fake-irq.c) */
struct fake_pirq { bool mapped, bound, shared; unsigned int cpu; };
extern struct fake_pirq fake_pirqs[16][256];    /* [domid][pirq] */
extern int fake_pirq_bind_error;                /* what pirq_bind returns; 0: as it is */
void fake_pirq_map(const struct domain *d, int pirq);
void fake_irq_reset(void);

/* --- console (fake-console.c) */
extern unsigned int fake_log_lines;         /* log_msg, log_guest and console_printf calls */
extern bool fake_verbose;                   /* print them (environment variable FAKE_VERBOSE) */

extern bool fake_stores_bytes_slowly;       /* as QEMU's emulator does */
#endif
