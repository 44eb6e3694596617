/* SPDX-License-Identifier: MIT */
/*
 * The processor as its manuals name it: registers with their bits indented below, and one-instruction inlines.
 * Private to cpu/ and boot/. Assembly includes the constants. "SDM": Intel's Software Developer's Manual, "APM": AMD's.
 */
#ifndef CPU_X86_H
#define CPU_X86_H

/* --- control registers (SDM 3A 2.5) ---------------------------------------------------------------------------- */
#define CR0_PE                      0x00000001  /* protected mode */
#define CR0_MP                      0x00000002
#define CR0_EM                      0x00000004
#define CR0_TS                      0x00000008  /* task switched: FPU use faults */
#define CR0_ET                      0x00000010
#define CR0_NE                      0x00000020
#define CR0_WP                      0x00010000
#define CR0_AM                      0x00040000
#define CR0_PG                      0x80000000

#define CR4_TSD                     0x00000004
#define CR4_DE                      0x00000008
#define CR4_PSE                     0x00000010
#define CR4_PAE                     0x00000020
#define CR4_MCE                     0x00000040
#define CR4_PGE                     0x00000080
#define CR4_PCE                     0x00000100
#define CR4_OSFXSR                  0x00000200
#define CR4_OSXMMEXCPT              0x00000400
#define CR4_UMIP                    0x00000800
#define CR4_FSGSBASE                0x00010000
#define CR4_OSXSAVE                 0x00040000
#define CR4_SMEP                    0x00100000


#define XCR0_X87                    0x00000001
#define XCR0_SSE                    0x00000002
#define XCR0_YMM                    0x00000004
#define XCR0_OPMASK                 0x00000020
#define XCR0_ZMM                    0x00000040
#define XCR0_HI_ZMM                 0x00000080

#define RFLAGS_CF                   0x00000001
#define RFLAGS_FIXED                0x00000002  /* always one */
#define RFLAGS_PF                   0x00000004
#define RFLAGS_AF                   0x00000010
#define RFLAGS_ZF                   0x00000040
#define RFLAGS_SF                   0x00000080
#define RFLAGS_TF                   0x00000100
#define RFLAGS_IF                   0x00000200
#define RFLAGS_DF                   0x00000400
#define RFLAGS_OF                   0x00000800
#define RFLAGS_IOPL                 0x00003000
#define RFLAGS_NT                   0x00004000
#define RFLAGS_RF                   0x00010000
#define RFLAGS_VM                   0x00020000
#define RFLAGS_AC                   0x00040000

#define DR6_RESET                   0xffff0ff0
#define DR6_BS                      0x00004000
#define DR7_RESET                   0x00000400
#define DR7_ACTIVE                  0x000000ff  /* any breakpoint enabled */
#define DR7_GD                      0x00002000

/* --- page-table entries (SDM 3A 4.5) ----------------------------------------------------------------------------- */
#define PTE_PRESENT                 0x0000000000000001
#define PTE_WRITE                   0x0000000000000002
#define PTE_USER                    0x0000000000000004
#define PTE_PWT                     0x0000000000000008
#define PTE_PCD                     0x0000000000000010
#define PTE_ACCESSED                0x0000000000000020
#define PTE_DIRTY                   0x0000000000000040
#define PTE_PSE                     0x0000000000000080  /* a 2 MiB or 1 GiB page */
#define PTE_GLOBAL                  0x0000000000000100
#define PTE_NX                      0x8000000000000000
#define PTE_ADDR                    0x000ffffffffff000

/* --- the task-state segment's I/O bitmap offset (SDM 3A 7.7), and the TLB clock: shared with entry.S ------------------- */
#define TSS_IOMAP_ON                104                 /* right behind the TSS */
#define TSS_IOMAP_OFF               0xffff
#define TLB_CLOCK_SHIFT             10

/* --- page-fault error code ----------------------------------------------------------------------------------------- */
#define PFEC_PRESENT                0x0001
#define PFEC_WRITE                  0x0002
#define PFEC_USER                   0x0004

/* --- exceptions ---------------------------------------------------------------------------------------------------- */
#define EXC_DB                      1
#define EXC_BP                      3
#define EXC_OF                      4
#define EXC_UD                      6
#define EXC_NM                      7
#define EXC_GP                      13

/* --- model-specific registers (SDM 4) ------------------------------------------------------------------------------ */
#define MSR_TSC                     0x00000010
#define MSR_PLATFORM_ID             0x00000017
#define MSR_APIC_BASE               0x0000001b
#define   APIC_BASE_BSP             0x0000000000000100
#define   APIC_BASE_EXTD            0x0000000000000400  /* x2APIC mode */
#define   APIC_BASE_ENABLE          0x0000000000000800
#define   APIC_BASE_ADDR            0x000ffffffffff000
#define MSR_TSC_ADJUST              0x0000003b
#define MSR_SPEC_CTRL               0x00000048
#define MSR_PRED_CMD                0x00000049
#define MSR_UCODE_REV               0x0000008b
#define MSR_PLATFORM_INFO           0x000000ce
#define   PLATFORM_INFO_CPUID_FAULT 0x0000000080000000
#define MSR_ARCH_CAPABILITIES       0x0000010a
#define MSR_SYSENTER_CS             0x00000174
#define MSR_SYSENTER_ESP            0x00000175
#define MSR_SYSENTER_EIP            0x00000176
#define MSR_MISC_FEATURES           0x00000140
#define   MISC_FEATURES_CPUID_FAULT 0x0000000000000001
#define MSR_MCG_CAP                 0x00000179
#define   MCG_CAP_COUNT             0x00000000000000ff
#define MSR_MCG_STATUS              0x0000017a
#define MSR_MISC_ENABLE             0x000001a0
#define MSR_PAT                     0x00000277
#define   PAT_XEN                   0x0000050100070406  /* the ABI's: WB WT UC- UC WC WP UC UC */
#define MSR_MC0_CTL                 0x00000400          /* four registers a bank: CTL, STATUS, ADDR, MISC */
#define MSR_MC0_STATUS              0x00000401
#define   MC_STATUS_VAL             0x8000000000000000
#define   MC_STATUS_ADDRV           0x0400000000000000
#define MSR_MC0_ADDR                0x00000402
#define MSR_TSC_DEADLINE            0x000006e0
#define MSR_X2APIC_BASE             0x00000800          /* + register offset / 16 */
#define MSR_EFER                    0xc0000080
#define   EFER_SCE                  0x0001
#define   EFER_LME                  0x0100
#define   EFER_LMA                  0x0400
#define   EFER_NXE                  0x0800
#define MSR_STAR                    0xc0000081
#define MSR_LSTAR                   0xc0000082
#define MSR_CSTAR                   0xc0000083
#define MSR_FMASK                   0xc0000084
#define MSR_FS_BASE                 0xc0000100
#define MSR_GS_BASE                 0xc0000101
#define MSR_KERNEL_GS_BASE          0xc0000102
#define MSR_TSC_AUX                 0xc0000103

/* --- CPUID bits that cpu/ itself looks at --------------------------------------------------------------------------- */
#define CPUID1_ECX_X2APIC           0x00200000
#define CPUID1_ECX_TSC_DEADLINE     0x01000000
#define CPUID1_ECX_XSAVE            0x04000000
#define CPUID1_EDX_APIC             0x00000200

/* --- local APIC (SDM 3A 11): offsets in the register page; MSR_X2APIC_BASE + offset/16 in x2APIC mode ---------------------- */
#define APIC_ID                     0x020
#define APIC_VERSION                0x030
#define   APIC_VERSION_MAXLVT_SHIFT 16
#define APIC_TPR                    0x080
#define APIC_EOI                    0x0b0
#define APIC_SVR                    0x0f0
#define   APIC_SVR_ENABLE           0x00000100
#define APIC_ISR                    0x100               /* eight registers of 32 bits, 0x10 apart; so TMR, IRR */
#define APIC_IRR                    0x200
#define APIC_ESR                    0x280
#define APIC_LVT_CMCI               0x2f0
#define APIC_ICR                    0x300               /* one 64-bit register in x2APIC mode */
#define   APIC_ICR_FIXED            0x00000000
#define   APIC_ICR_NMI              0x00000400
#define   APIC_ICR_INIT             0x00000500
#define   APIC_ICR_STARTUP          0x00000600
#define   APIC_ICR_PENDING          0x00001000
#define   APIC_ICR_ASSERT           0x00004000
#define APIC_ICR_HIGH               0x310
#define APIC_LVT_TIMER              0x320
#define   APIC_TIMER_ONESHOT        0x00000000
#define   APIC_TIMER_DEADLINE       0x00040000
#define APIC_LVT_THERMAL            0x330
#define APIC_LVT_PERF               0x340
#define APIC_LVT_LINT0              0x350
#define APIC_LVT_LINT1              0x360
#define APIC_LVT_ERROR              0x370
#define   APIC_LVT_NMI              0x00000400
#define   APIC_LVT_MASKED           0x00010000
#define APIC_TIMER_INITIAL          0x380
#define APIC_TIMER_CURRENT          0x390
#define APIC_TIMER_DIVIDE           0x3e0
#define   APIC_TIMER_DIVIDE_1       0x0000000b

#ifndef __ASSEMBLY__

#include <hv/types.h>
#include <xen/xen.h>

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
/* Not before all earlier loads and instructions are done. */
static always_inline uint64_t rdtsc_ordered(void)
{
    __asm__ __volatile__("lfence" : : : "memory");
    return rdtsc();
}

static always_inline uint8_t inb(uint16_t port)
{
    uint8_t v;
    __asm__ __volatile__("inb %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}
static always_inline uint16_t inw(uint16_t port)
{
    uint16_t v;
    __asm__ __volatile__("inw %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}
static always_inline uint32_t inl(uint16_t port)
{
    uint32_t v;
    __asm__ __volatile__("inl %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}
static always_inline void outb(uint16_t port, uint8_t v) { __asm__ __volatile__("outb %0, %1" : : "a"(v), "Nd"(port)); }
static always_inline void outw(uint16_t port, uint16_t v) { __asm__ __volatile__("outw %0, %1" : : "a"(v), "Nd"(port)); }
static always_inline void outl(uint16_t port, uint32_t v) { __asm__ __volatile__("outl %0, %1" : : "a"(v), "Nd"(port)); }

#define X86_CR_ACCESS(n) \
    static always_inline unsigned long read_cr##n(void) \
    { \
        unsigned long v; \
        __asm__ __volatile__("mov %%cr" #n ", %0" : "=r"(v)); \
        return v; \
    } \
    static always_inline void write_cr##n(unsigned long v) { __asm__ __volatile__("mov %0, %%cr" #n : : "r"(v) : "memory"); }
X86_CR_ACCESS(0) X86_CR_ACCESS(2) X86_CR_ACCESS(3) X86_CR_ACCESS(4)
#undef X86_CR_ACCESS

#define X86_DR_ACCESS(n) \
    static always_inline unsigned long read_dr##n(void) \
    { \
        unsigned long v; \
        __asm__ __volatile__("mov %%dr" #n ", %0" : "=r"(v)); \
        return v; \
    } \
    static always_inline void write_dr##n(unsigned long v) { __asm__ __volatile__("mov %0, %%dr" #n : : "r"(v)); }
X86_DR_ACCESS(0) X86_DR_ACCESS(1) X86_DR_ACCESS(2) X86_DR_ACCESS(3) X86_DR_ACCESS(6) X86_DR_ACCESS(7)
#undef X86_DR_ACCESS

static always_inline uint64_t xgetbv(uint32_t i)
{
    uint32_t lo, hi;
    __asm__ __volatile__("xgetbv" : "=a"(lo), "=d"(hi) : "c"(i));
    return lo | (uint64_t)hi << 32;
}
static always_inline void xsetbv(uint32_t i, uint64_t v)
{
    __asm__ __volatile__("xsetbv" : : "c"(i), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory");
}

struct x86_descriptor_ptr { uint16_t limit; uint64_t base; } __packed;
static always_inline void lgdt(const struct x86_descriptor_ptr *p) { __asm__ __volatile__("lgdt %0" : : "m"(*p) : "memory"); }
static always_inline void lidt(const struct x86_descriptor_ptr *p) { __asm__ __volatile__("lidt %0" : : "m"(*p) : "memory"); }
static always_inline void sgdt(struct x86_descriptor_ptr *p) { __asm__ __volatile__("sgdt %0" : "=m"(*p)); }
static always_inline void sidt(struct x86_descriptor_ptr *p) { __asm__ __volatile__("sidt %0" : "=m"(*p)); }
static always_inline void lldt(uint16_t sel) { __asm__ __volatile__("lldt %0" : : "rm"(sel) : "memory"); }
static always_inline void ltr(uint16_t sel) { __asm__ __volatile__("ltr %0" : : "rm"(sel) : "memory"); }

static always_inline void cli(void) { __asm__ __volatile__("cli" : : : "memory"); }
static always_inline void sti(void) { __asm__ __volatile__("sti" : : : "memory"); }
static always_inline void hlt(void) { __asm__ __volatile__("hlt" : : : "memory"); }
static always_inline void clts(void) { __asm__ __volatile__("clts"); }
static always_inline void invlpg(unsigned long va) { __asm__ __volatile__("invlpg %0" : : "m"(*(const char *)va) : "memory"); }
static always_inline void wbinvd(void) { __asm__ __volatile__("wbinvd" : : : "memory"); }
static always_inline void swapgs(void) { __asm__ __volatile__("swapgs" : : : "memory"); }

static always_inline void cpuid(uint32_t leaf, uint32_t sub, uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
    __asm__ __volatile__("cpuid" : "=a"(*a), "=b"(*b), "=c"(*c), "=d"(*d) : "a"(leaf), "c"(sub));
}

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

/* A faulting instruction at label `from` goes on at label `to`, nothing else changed: linker-collected for the trap handler. */
#define EX_TABLE(from, to) \
    ".pushsection __ex_table, \"a\"\n\t.balign 8\n\t.quad " #from ", " #to "\n\t.popsection\n\t"

#else /* __ASSEMBLY__ */

.macro EX_TABLE from, to
    .pushsection __ex_table, "a"
    .balign 8
    .quad \from, \to
    .popsection
.endm

#endif
#endif
