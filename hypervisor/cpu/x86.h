/* SPDX-License-Identifier: MIT */
/* Private to cpu/ and boot/: the local APIC's registers, one-instruction inlines, the exception table. */
#ifndef CPU_X86_H
#define CPU_X86_H

#include <hv/x86.h>

#define TSS_IOMAP_ON                104     /* the I/O bitmap's offset (SDM 3A 7.7): right behind the TSS; none */
#define TSS_IOMAP_OFF               0xffff

#define CPUID1_ECX_X2APIC           0x00200000
#define CPUID1_ECX_TSC_DEADLINE     0x01000000
#define CPUID1_ECX_XSAVE            0x04000000
#define CPUID7_EBX_FSGSBASE         0x00000001
#define CPUID7_EBX_TSC_ADJUST       0x00000002
#define CPUID7_EBX_SMEP             0x00000080
#define CPUID7_EBX_SMAP             0x00100000
#define CPUID7_ECX_UMIP             0x00000004
#define CPUIDX1_EDX_NX              0x00100000
#define CPUIDX1_EDX_1GB_PAGES       0x04000000

#ifndef __ASSEMBLY__
#include <hv/types.h>
#include <xen/xen.h>

/* Local APIC (SDM 3A 11): offsets in the register page; MSR_X2APIC_BASE + offset/16 in x2APIC mode. */
enum { APIC_ID = 0x020, APIC_VERSION = 0x030, APIC_TPR = 0x080, APIC_EOI = 0x0b0, APIC_SVR = 0x0f0,
       APIC_ISR = 0x100, APIC_IRR = 0x200,      /* eight registers of 32 bits each, 0x10 apart */
       APIC_ESR = 0x280, APIC_ICR = 0x300, APIC_ICR_HIGH = 0x310,       /* one 64-bit register in x2APIC mode */
       APIC_LVT_CMCI = 0x2f0, APIC_LVT_TIMER = 0x320, APIC_LVT_THERMAL = 0x330, APIC_LVT_PERF = 0x340,
       APIC_LVT_LINT0 = 0x350, APIC_LVT_LINT1 = 0x360, APIC_LVT_ERROR = 0x370,
       APIC_TIMER_INITIAL = 0x380, APIC_TIMER_CURRENT = 0x390, APIC_TIMER_DIVIDE = 0x3e0 };
#define APIC_VERSION_MAXLVT_SHIFT 16
#define APIC_SVR_ENABLE           0x00000100
#define APIC_ICR_FIXED            0x00000000
#define APIC_ICR_NMI              0x00000400
#define APIC_ICR_INIT             0x00000500
#define APIC_ICR_STARTUP          0x00000600
#define APIC_ICR_PENDING          0x00001000
#define APIC_ICR_ASSERT           0x00004000
#define APIC_LVT_NMI              0x00000400
#define APIC_LVT_MASKED           0x00010000
#define APIC_TIMER_ONESHOT        0x00000000
#define APIC_TIMER_DEADLINE       0x00040000
#define APIC_TIMER_DIVIDE_1       0x0000000b

/* Instructions without operands. */
#define X86_PLAIN(name) static always_inline void name(void) { __asm__ __volatile__(#name : : : "memory"); }
X86_PLAIN(cli) X86_PLAIN(sti) X86_PLAIN(hlt) X86_PLAIN(clts) X86_PLAIN(wbinvd) X86_PLAIN(swapgs)

static always_inline uint64_t rdmsr(uint32_t msr)
{
    uint32_t lo, hi;
    __asm__ __volatile__("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
    return lo | (uint64_t)hi << 32;
}
static always_inline void wrmsr(uint32_t msr, uint64_t v)
{
    __asm__ __volatile__("wrmsr" : : "c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory");
}
static always_inline uint64_t rdtsc(void)
{
    uint32_t lo, hi;
    __asm__ __volatile__("rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
    return lo | (uint64_t)hi << 32;
}
static always_inline void xsetbv(uint32_t i, uint64_t v)
{
    __asm__ __volatile__("xsetbv" : : "c"(i), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory");
}
static always_inline void invlpg(unsigned long va)
{
    __asm__ __volatile__("invlpg %0" : : "m"(*(const char *)va) : "memory");
}

#define X86_PORT(suffix, type)          /* inb and outb, inw and outw, inl and outl */ \
    static always_inline type in##suffix(uint16_t port) \
    { \
        type v; \
        __asm__ __volatile__("in" #suffix " %1, %0" : "=a"(v) : "Nd"(port)); \
        return v; \
    } \
    static always_inline void out##suffix(uint16_t port, type v) \
    { \
        __asm__ __volatile__("out" #suffix " %0, %1" : : "a"(v), "Nd"(port)); \
    }
X86_PORT(b, uint8_t) X86_PORT(w, uint16_t) X86_PORT(l, uint32_t)

#define X86_REGISTER(reg)               /* read_cr0 and write_cr0 and so on */ \
    static always_inline unsigned long read_##reg(void) \
    { \
        unsigned long v; \
        __asm__ __volatile__("mov %%" #reg ", %0" : "=r"(v)); \
        return v; \
    } \
    static always_inline void write_##reg(unsigned long v) \
    { \
        __asm__ __volatile__("mov %0, %%" #reg : : "r"(v) : "memory"); \
    }
X86_REGISTER(cr0) X86_REGISTER(cr2) X86_REGISTER(cr3) X86_REGISTER(cr4)
X86_REGISTER(dr0) X86_REGISTER(dr1) X86_REGISTER(dr2) X86_REGISTER(dr3) X86_REGISTER(dr6) X86_REGISTER(dr7)

struct x86_descriptor_ptr { uint16_t limit; uint64_t base; } __packed;
#define X86_OPERAND(name, type, constraint) \
    static always_inline void name(type v) { __asm__ __volatile__(#name " %0" : : constraint(v) : "memory"); }
X86_OPERAND(lgdt, struct x86_descriptor_ptr, "m") X86_OPERAND(lidt, struct x86_descriptor_ptr, "m")
X86_OPERAND(lldt, uint16_t, "rm") X86_OPERAND(ltr, uint16_t, "rm")

/* hi:lo / d; the quotient must fit 64 bits. (The compiler would call libgcc for it.) */
static always_inline uint64_t div_128_64(uint64_t hi, uint64_t lo, uint64_t d)
{
    uint64_t q, r;
    __asm__("divq %4" : "=a"(q), "=d"(r) : "a"(lo), "d"(hi), "rm"(d) : "cc");
    return q;
}

/* Device registers: one access of that width, in program order. */
static always_inline uint32_t mmio_read32(const void *p) { return *(const volatile uint32_t *)p; }
static always_inline void mmio_write32(void *p, uint32_t v) { *(volatile uint32_t *)p = v; }

/* A faulting instruction at `from` goes on at `to`, nothing else changed: linker-collected for the trap handler. */
#define EX_TABLE(from, to) \
    ".pushsection __ex_table, \"a\"\n\t.balign 8\n\t.quad " #from ", " #to "\n\t.popsection\n\t"

#else /* __ASSEMBLY__ */

.macro EX_TABLE to, from:vararg
    .pushsection __ex_table, "a"
    .balign 8
    .irp insn, \from
    .quad \insn, \to
    .endr
    .popsection
.endm

#endif
#endif
