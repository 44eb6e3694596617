/* SPDX-License-Identifier: MIT */
/*
 * cpu/machine: the single instructions that rooms above cpu/ may ask for: ports, MSRs, CPUID, TSC, halting. No state.
 */
#include <hv/cpu.h>

#include "x86.h"

void cpu_halt_forever(void)
{
    for (;;) {
        cli();
        hlt();
    }
}

/*
 * The test and the halt must not be torn apart by an interrupt that raises work: interrupts are off until the one
 * instruction after sti, which is the hlt, so an interrupt that comes between wakes it at once.
 */
void cpu_idle_wait(void)
{
    if (cpu_work_pending())
        return;
    __asm__ __volatile__("sti; hlt; cli" : : : "memory");
}

uint64_t cpu_tsc(void)
{
    return rdtsc();
}

unsigned long cpu_cr2(void)
{
    return read_cr2();
}

uint32_t port_in(uint16_t port, unsigned int size)
{
    switch (size) {
    case 1:  return inb(port);
    case 2:  return inw(port);
    default: return inl(port);
    }
}

void port_out(uint16_t port, uint32_t val, unsigned int size)
{
    switch (size) {
    case 1:  outb(port, (uint8_t)val); break;
    case 2:  outw(port, (uint16_t)val); break;
    default: outl(port, val); break;
    }
}

/* A fault jumps over the instruction that clears `failed`. */
int msr_read_safe(uint32_t msr, uint64_t *val)
{
    uint32_t lo = 0, hi = 0, failed = 1;

    __asm__ __volatile__("1: rdmsr\n\t"
                         "xorl %2, %2\n"
                         "2:\n\t"
                         EX_TABLE(1b, 2b)
                         : "+a"(lo), "+d"(hi), "+r"(failed) : "c"(msr) : "cc");
    if (failed)
        return -XEN_EFAULT;
    *val = lo | (uint64_t)hi << 32;
    return 0;
}

int msr_write_safe(uint32_t msr, uint64_t val)
{
    uint32_t failed = 1;

    __asm__ __volatile__("1: wrmsr\n\t"
                         "xorl %0, %0\n"
                         "2:\n\t"
                         EX_TABLE(1b, 2b)
                         : "+r"(failed) : "c"(msr), "a"((uint32_t)val), "d"((uint32_t)(val >> 32)) : "cc", "memory");
    return failed ? -XEN_EFAULT : 0;
}

struct cpuid_regs cpuid_native(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid_regs r;

    cpuid(leaf, subleaf, &r.a, &r.b, &r.c, &r.d);
    return r;
}
