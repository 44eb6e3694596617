/* SPDX-License-Identifier: MIT */
/* What the emulator and the policies see of a CPU, in tests: registers that are variables, ports and MSRs that are
 * arrays, cpuid from a recorded table, guest memory that is exactly the buffers a test declares. */
#ifndef POLICY_MACHINE_H
#define POLICY_MACHINE_H

#include "fake.h"
#include <hv/policy.h>

struct machine {
    unsigned long fs_base, gs_base, gs_shadow;
    uint64_t xcr0;
    bool ts;
    bool trap_tsc;
    unsigned int ts_writes, blocks, flushes, invalidated, debug_loads;
    unsigned long invalidated_va;
    unsigned int exceptions; unsigned int vector; uint32_t error;   /* injected */
    unsigned long cr2;
    struct { uint16_t port; uint8_t size; bool out; uint32_t val; } io[8192];
    unsigned int nr_io;
    uint32_t port_value;            /* what reads give, plus the port's number */
    struct { uint32_t msr; uint64_t val; } msr[32];
    unsigned int nr_msr;
    struct { uint8_t bus, devfn; uint16_t reg; uint32_t val; unsigned int size; bool write; } pci;
    unsigned int nr_pci;
};
extern struct machine m;

/* Recorded raw CPUID of two CPUs. */
struct cpu_record { const char *name; uint64_t xcr0; unsigned int count; const struct xen_cpuid_leaf *leaf; };
extern const struct cpu_record record_amd, record_intel;

/* A machine with that CPU, its policies made, domain 0 (privileged) and 1 with two vCPUs each, rights set up, vCPU 0 of
 * domain `id` running in kernel mode. */
struct vcpu *machine_start(const struct cpu_record *cpu, domid_t id);
void machine_stop(void);            /* checks that nothing leaked */
void machine_msr(uint32_t msr, uint64_t val);

/* Guest memory: only these ranges can be copied from and to. None given: all but low addresses. */
void guest_memory_reset(void);
void guest_memory_add(const void *p, size_t n);

#endif
