/* SPDX-License-Identifier: MIT */
/*
 * Tests of hypercall/: the real files over stand-ins for the rooms below, which record what they were asked and
 * answer what the test set. Guest memory is one arena; every address outside it faults.
 */
#ifndef HARNESS_H
#define HARNESS_H

#include <check.h>
#include <stdint.h>
#include <stdlib.h>

#include "fake.h"

#include <hv/hypercall.h>
#include <hv/irq.h>

#include <xen/domctl.h>
#include <xen/physdev.h>
#include <xen/platform.h>
#include <xen/sysctl.h>

#define ARENA_SIZE 0x20000
extern uint8_t arena[ARENA_SIZE];           /* the guest's memory */
#define BAD_ADDRESS 0x5000UL                /* a guest address that is not mapped */

/* The nth copy to the guest from now on faults (1: the next); 0: none does. */
void fail_copy_out(unsigned int nth);

/* What the rooms were asked since setup(), and what they answer. */
struct rooms {
    unsigned int calls;                     /* of any function below that changes something */
    const char *last;                       /* its name */
    uint64_t arg[8];
    int rc;                                 /* answer of functions that have one, unless told otherwise */
    unsigned int restarts;                  /* so many times vcpu_set_context and domain_kill stop half way */
    unsigned int kills, unmaps, paused;     /* domain_kill completed; pirq_unmap; domains paused now */
    bool interrupt;                         /* one waits at the APIC */
    char console[4096]; size_t console_len; /* what guests wrote */
    const char *console_input;              /* what the administrator types */
    const char *ring;                       /* the log */
    char keys[64];                          /* debug keys handled */
    unsigned int sub_calls[NR_HYPERCALLS];  /* times another room's hypercall ran */
    int (*sub_fn)(unsigned long a1);        /* what mmu_update does */
    cpumask_t pool;
};
extern struct rooms rooms;

/* Two CPUs; dom0 with 2 vCPUs, guest 1 with 2 vCPUs (paused by control), guest 5 with 1; dom0's vCPU 0 is current. */
void setup(void);
/* No lock held, no domain paused by us, no object left. */
void teardown(void);
extern struct domain *guest, *other;
void run_as(struct domain *d, unsigned int vcpu);

/* A hypercall with up to five arguments; a hypercall that continues is made again until it does not. */
long call(unsigned int nr, unsigned long a1, unsigned long a2, unsigned long a3, unsigned long a4, unsigned long a5);
#define CALL1(nr, a)       call(nr, (unsigned long)(a), 0, 0, 0, 0)
#define CALL2(nr, a, b)    call(nr, (unsigned long)(a), (unsigned long)(b), 0, 0, 0)
#define CALL3(nr, a, b, c) call(nr, (unsigned long)(a), (unsigned long)(b), (unsigned long)(c), 0, 0)
extern unsigned int continuations;          /* made by the last call() */

/* Structures at the arena's start, zeroed, with a right version. */
struct xen_domctl *domctl(uint32_t cmd, domid_t domain);
struct xen_sysctl *sysctl(uint32_t cmd);
struct xen_platform_op *platform(uint32_t cmd);
#define DOMCTL(op)   CALL1(__HYPERVISOR_domctl, op)
#define SYSCTL(op)   CALL1(__HYPERVISOR_sysctl, op)
#define PLATFORM(op) CALL1(__HYPERVISOR_platform_op, op)

TCase *entry_tests(void);
TCase *guest_tests(void);
TCase *host_tests(void);
TCase *domctl_tests(void);
TCase *domctl_vcpu_tests(void);
TCase *sweep_tests(void);

#endif
