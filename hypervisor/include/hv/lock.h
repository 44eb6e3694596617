/* SPDX-License-Identifier: MIT */
/* Spin locks. The hypervisor runs with interrupts off from entry to exit and is never preempted, so a plain lock is
 * enough everywhere. A CPU that spins answers TLB-flush requests of others (cpu_poll_requests()), so a shoot-down
 * may be asked for and awaited with locks held. Debug builds check ranks: a CPU may only take a lock of a higher
 * rank than all it holds. docs/locking.md is the table of all ranks. */
#pragma once
#include <hv/cpu.h>

enum lock_rank {            /* the order in which locks may be taken; low first */
    RANK_NONE = 0,          /* not checked */
    RANK_DOMCTL,            /* one life-cycle operation at a time per domain (domain->ctl_lock) */
    RANK_DOMLIST,           /* the table of all domains (writers) */
    RANK_CPUPOOL, RANK_PCI,
    RANK_GRANT,             /* a domain's grant table */
    RANK_MAPTRACK,
    RANK_PAGE_ALLOC,        /* a domain's list of frames and its totals */
    RANK_PIRQ,              /* a domain's pirq table */
    RANK_EVENT,             /* a domain's event ports */
    RANK_IRQ,               /* interrupt descriptors */
    RANK_EVENT_QUEUE,       /* a vCPU's FIFO event queues */
    RANK_SCHED_DOM,         /* a domain's scheduling parameters */
    RANK_SCHED_CPU,         /* a run queue */
    RANK_TIMER,
    RANK_RIGHTS,            /* a domain's range sets of ports, device memory and interrupts */
    RANK_HEAP,              /* the frame allocator */
    RANK_XHEAP,             /* the small-object allocator */
    RANK_REGISTERS,         /* index/data register pairs: an IO-APIC's, the PCI configuration ports */
    RANK_QUIESCE,           /* callbacks that wait for all CPUs to leave the hypervisor */
    RANK_CONSOLE,           /* console ring and UART: last, so that anything may log */
    RANK_MAX
};

typedef struct spinlock {
    uint32_t next_serving;  /* ticket << 16 | owner: see lock.c */
    uint16_t rank;
    uint16_t holder;        /* CPU, for diagnosis */
} spinlock_t;

#define SPINLOCK_INIT(r) { 0, (r), 0xffff }
void spin_lock_init(spinlock_t *l, enum lock_rank rank);
void spin_lock(spinlock_t *l);
bool spin_trylock(spinlock_t *l);
void spin_unlock(spinlock_t *l);
/* Two locks of one rank, in address order; a == b takes it once. */
void spin_lock_two(spinlock_t *a, spinlock_t *b);
void spin_unlock_two(spinlock_t *a, spinlock_t *b);
