/* SPDX-License-Identifier: MIT */
/*
 * Descriptor tables and the system registers each CPU needs. Owns the IDT (one for all CPUs), and for each CPU its window
 * (hv/config.h) with the GDT - 14 pages of the running guest's, then a page of ours -, the TSS with the I/O bitmap behind it,
 * and the LDT. No locks: a CPU changes only its own window.
 *
 * The guest's descriptor frames are mapped for the supervisor only; mm/ keeps them unwritable by guests while they are in use.
 */
#include <hv/boot.h>
#include <hv/console.h>
#include <hv/domain.h>
#include <hv/guest.h>
#include <hv/mm.h>

#include "paging.h"
#include "x86.h"

struct tss {
    uint32_t reserved0;
    uint64_t rsp[3], reserved1, ist[7], reserved2;
    uint16_t reserved3, iomap_base;
} __packed;
_Static_assert(sizeof(struct tss) == 104, "SDM 3A 7.7");

struct idt_gate { uint16_t offset0, selector; uint8_t ist, type; uint16_t offset1; uint32_t offset2, reserved; };
_Static_assert(sizeof(struct idt_gate) == 16, "SDM 3A 6.14.1");

#define GATE_INTERRUPT 0x8e
#define GATE_DPL3      0x60
#define IST_NMI 1
#define IST_DF  2
#define IST_MC  3
#define IST_DB  4

#define WINDOW_TSS      0x10000                 /* the page before the bitmap's two; the TSS sits at its end */
#define TSS_OFFSET      (PAGE_SIZE - sizeof(struct tss))
#define IO_BITMAP_BYTES 8192
#define TSS_LIMIT       (sizeof(struct tss) + IO_BITMAP_BYTES)      /* one byte of ones follows the bitmap */
_Static_assert(TSS_IOMAP_ON == sizeof(struct tss), "the bitmap follows the TSS");

static struct idt_gate idt[256] __aligned(16);
static struct {
    uint64_t *gdt_page;                         /* our page of the GDT, in the direct map */
    struct tss *tss;
    unsigned long *pte;                         /* the window's L1 entries */
    mfn_t gdt_mapped[FIRST_RESERVED_GDT_PAGE];
    unsigned int ldt_mapped;
    const unsigned long *bitmap;
} desc[NR_CPUS];

extern char syscall_stubs[], syscall32_stubs[], sysenter_entry[], interrupt_stubs[];
extern struct { unsigned long saved_rsp, stack, pad[6]; } syscall_cpu[NR_CPUS];

#define DECLARE_EXCEPTION(n) extern char exception_##n[];
DECLARE_EXCEPTION(0) DECLARE_EXCEPTION(1) DECLARE_EXCEPTION(2) DECLARE_EXCEPTION(3) DECLARE_EXCEPTION(4) DECLARE_EXCEPTION(5)
DECLARE_EXCEPTION(6) DECLARE_EXCEPTION(7) DECLARE_EXCEPTION(8) DECLARE_EXCEPTION(10) DECLARE_EXCEPTION(11) DECLARE_EXCEPTION(12)
DECLARE_EXCEPTION(13) DECLARE_EXCEPTION(14) DECLARE_EXCEPTION(16) DECLARE_EXCEPTION(17) DECLARE_EXCEPTION(18)
DECLARE_EXCEPTION(19) DECLARE_EXCEPTION(21) DECLARE_EXCEPTION(128) DECLARE_EXCEPTION(130)

static void idt_set(unsigned int vector, const void *entry, unsigned int ist, uint8_t type)
{
    unsigned long a = (unsigned long)entry;

    idt[vector] = (struct idt_gate){ .offset0 = (uint16_t)a, .selector = SEL_HV_CS, .ist = (uint8_t)ist, .type = type,
                                     .offset1 = (uint16_t)(a >> 16), .offset2 = (uint32_t)(a >> 32) };
}

static void idt_build(void)
{
    static const struct { uint8_t vector; uint8_t ist; const char *entry; } exceptions[] = {
        { 0, 0, exception_0 }, { 1, IST_DB, exception_1 }, { 2, IST_NMI, exception_2 }, { 5, 0, exception_5 }, { 6, 0, exception_6 },
        { 7, 0, exception_7 }, { 8, IST_DF, exception_8 }, { 10, 0, exception_10 }, { 11, 0, exception_11 },
        { 12, 0, exception_12 }, { 13, 0, exception_13 }, { 14, 0, exception_14 }, { 16, 0, exception_16 },
        { 17, 0, exception_17 }, { 18, IST_MC, exception_18 }, { 19, 0, exception_19 }, { 21, 0, exception_21 },
    };
    for (unsigned int v = 32; v < 256; v++)
        idt_set(v, interrupt_stubs + 16 * (v - 32), 0, GATE_INTERRUPT);
    for (unsigned int i = 0; i < ARRAY_SIZE(exceptions); i++)
        idt_set(exceptions[i].vector, exceptions[i].entry, exceptions[i].ist, GATE_INTERRUPT);
    /* what user code may raise itself: int3, into, and Linux's int $0x80 */
    idt_set(3, exception_3, 0, GATE_INTERRUPT | GATE_DPL3);
    idt_set(4, exception_4, 0, GATE_INTERRUPT | GATE_DPL3);
    idt_set(0x80, exception_128, 0, GATE_INTERRUPT | GATE_DPL3);
}

static void gdt_fill(uint64_t *page)
{
    page[(SEL_HV_CS & 0xfff) / 8] = 0x00af9b000000ffff;             /* 64-bit code, ring 0 */
    page[(SEL_HV_DS & 0xfff) / 8] = 0x00cf93000000ffff;
    page[(FLAT_RING3_CS32 & 0xfff) / 8] = 0x00cffb000000ffff;
    page[(FLAT_RING3_SS32 & 0xfff) / 8] = 0x00cff3000000ffff;
    page[(FLAT_RING3_CS64 & 0xfff) / 8] = 0x00affb000000ffff;
}

static void system_descriptor(uint64_t *page, uint16_t sel, unsigned long base, uint32_t limit, uint8_t type)
{
    uint64_t *d = &page[(sel & 0xfff) / 8];

    d[0] = (limit & 0xffff) | (base & 0xffffff) << 16 | (uint64_t)(0x80 | type) << 40 | (uint64_t)(limit >> 16) << 48 |
           (base >> 24 & 0xff) << 56;
    d[1] = base >> 32;
}

/* Before memory is managed: a GDT of our page only, based so that its selectors are the final ones. */
void desc_init_boot(void)
{
    static uint64_t page[PAGE_SIZE / 8] __aligned(4096);
    struct x86_descriptor_ptr gdt = { FIRST_RESERVED_GDT_BYTE + PAGE_SIZE - 1, (unsigned long)page - FIRST_RESERVED_GDT_BYTE };
    struct x86_descriptor_ptr idtr = { sizeof(idt) - 1, (unsigned long)idt };

    gdt_fill(page);
    lgdt(&gdt);
    __asm__ __volatile__("push %0; lea 1f(%%rip), %%rax; push %%rax; lretq; 1: mov %1, %%ss"
                         : : "i"((long)SEL_HV_CS), "r"((long)SEL_HV_DS) : "rax", "memory");
    idt_build();
    lidt(&idtr);
}

static unsigned long window(unsigned int cpu) { return CPU_WINDOW_VIRT + (unsigned long)cpu * CPU_WINDOW_SIZE; }

static void window_build(unsigned int cpu)
{
    void *gdt = hv_pages_alloc(0), *tss = hv_pages_alloc(0);
    uint8_t *tail = hv_pages_alloc(0);
    unsigned long *pte;

    if (!gdt || !tss || !tail)
        panic("CPU %u: no memory for its descriptor tables", cpu);
    pte = paging_window_ptes(window(cpu), CPU_WINDOW_SIZE / PAGE_SIZE);
    desc[cpu].pte = pte;
    desc[cpu].gdt_page = gdt;
    desc[cpu].tss = (struct tss *)((char *)tss + TSS_OFFSET);
    memset(tail, 0xff, PAGE_SIZE);
    pte[GDT_HV_PAGE] = MFN_TO_PADDR(virt_to_mfn(gdt)) | PTE_HV_RW;
    pte[WINDOW_TSS / PAGE_SIZE] = MFN_TO_PADDR(virt_to_mfn(tss)) | PTE_HV_RW;
    for (unsigned int i = 1; i <= 3; i++)           /* no port allowed, until a guest with a bitmap runs */
        pte[WINDOW_TSS / PAGE_SIZE + i] = MFN_TO_PADDR(virt_to_mfn(tail)) | PTE_HV_RO;
    for (unsigned int i = 0; i < FIRST_RESERVED_GDT_PAGE; i++)
        desc[cpu].gdt_mapped[i] = INVALID_MFN;
}

static void syscall_init(unsigned int cpu, struct cpu_info *ci)
{
    syscall_cpu[cpu].stack = (unsigned long)&ci->guest_regs.es;
    wrmsr(MSR_STAR, (uint64_t)FLAT_RING3_CS32 << 48 | (uint64_t)SEL_HV_CS << 32);
    wrmsr(MSR_LSTAR, (unsigned long)syscall_stubs + 32 * cpu);
    wrmsr(MSR_CSTAR, (unsigned long)syscall32_stubs + 32 * cpu);
    wrmsr(MSR_FMASK, RFLAGS_IF | RFLAGS_TF | RFLAGS_DF | RFLAGS_NT | RFLAGS_AC | RFLAGS_RF | RFLAGS_VM | RFLAGS_IOPL);
    wrmsr(MSR_SYSENTER_CS, SEL_HV_CS);
    wrmsr(MSR_SYSENTER_ESP, (unsigned long)&ci->guest_regs.es);
    wrmsr(MSR_SYSENTER_EIP, (unsigned long)sysenter_entry);
}

void desc_init_cpu(void)
{
    struct cpu_info *ci = cpu_info();
    unsigned int cpu = ci->cpu;
    unsigned long base = window(cpu), stack = ((unsigned long)ci) & ~(STACK_SIZE - 1);
    struct x86_descriptor_ptr gdt = { FIRST_RESERVED_GDT_BYTE + PAGE_SIZE - 1, base };
    struct x86_descriptor_ptr idtr = { sizeof(idt) - 1, (unsigned long)idt };
    unsigned long tss_va = base + WINDOW_TSS + TSS_OFFSET;
    struct tss *tss;

    window_build(cpu);
    tss = desc[cpu].tss;
    tss->rsp[0] = (unsigned long)&ci->guest_regs.es;
    tss->ist[IST_NMI - 1] = stack + PAGE_SIZE;
    tss->ist[IST_DF - 1] = stack + 2 * PAGE_SIZE;
    tss->ist[IST_MC - 1] = stack + 3 * PAGE_SIZE;
    tss->ist[IST_DB - 1] = stack + 4 * PAGE_SIZE;
    tss->iomap_base = TSS_IOMAP_OFF;
    ci->tlb_stamp = tlb_stamp_of(cpu);
    ci->tss_iomap_base = (uint16_t *)((char *)tss + offsetof(struct tss, iomap_base));
    gdt_fill(desc[cpu].gdt_page);
    system_descriptor(desc[cpu].gdt_page, SEL_TSS, tss_va, TSS_LIMIT, 9);
    lgdt(&gdt);
    lidt(&idtr);
    __asm__ __volatile__("push %0; lea 1f(%%rip), %%rax; push %%rax; lretq; 1: mov %1, %%ss"
                         : : "i"((long)SEL_HV_CS), "r"((long)SEL_HV_DS) : "rax", "memory");
    ltr(SEL_TSS);
    lldt(0);
    syscall_init(cpu, ci);
}

/* CR4, EFER and PAT; SMEP, UMIP and FSGSBASE where the CPU has them. The guest's accesses are by its own addresses with AC unused:
 * SMAP is not switched on, as a PV guest's kernel pages are user pages and every copy would have to toggle it. */
void cpu_features_init(void)
{
    uint32_t a, b, c, d;
    unsigned long cr4 = CR4_PAE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_MCE | CR4_DE;

    cpuid(1, 0, &a, &b, &c, &d);
    if ((c & CPUID1_ECX_XSAVE) && boot_options.xsave)
        cr4 |= CR4_OSXSAVE;
    cpuid(0, 0, &a, &b, &c, &d);
    if (a >= 7) {
        cpuid(7, 0, &a, &b, &c, &d);
        if ((b & BIT(7)) && boot_options.smep)
            cr4 |= CR4_SMEP;
        if (b & BIT(0))
            cr4 |= CR4_FSGSBASE;
        if (c & BIT(2))
            cr4 |= CR4_UMIP;
    }
    write_cr4(cr4);
    wrmsr(MSR_PAT, PAT_XEN);
    cpuid(0x80000001, 0, &a, &b, &c, &d);
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE | (d & BIT(20) ? EFER_NXE : 0));
    write_cr0(CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_PG);
}

/* --- the running guest's tables ---------------------------------------------------------------------------------------- */

void cpu_load_gdt(struct vcpu *v)
{
    unsigned int cpu = cpu_id(), pages = (v->gdt_entries + 511) / 512;

    for (unsigned int i = 0; i < FIRST_RESERVED_GDT_PAGE; i++) {
        mfn_t m = i < pages ? v->gdt_mfn[i] : INVALID_MFN;
        if (desc[cpu].gdt_mapped[i] == m) {
            if (m == INVALID_MFN)
                break;                          /* none mapped beyond the first gap */
            continue;
        }
        desc[cpu].gdt_mapped[i] = m;
        desc[cpu].pte[i] = m == INVALID_MFN ? 0 : MFN_TO_PADDR(m) | PTE_HV_RW;
        invlpg(window(cpu) + i * PAGE_SIZE);
    }
}

void cpu_load_ldt(struct vcpu *v)
{
    unsigned int cpu = cpu_id(), pages = (v->ldt_entries + 511) / 512;

    if (!pages && !desc[cpu].ldt_mapped)
        return;
    lldt(0);
    for (unsigned int i = 0; i < max(pages, desc[cpu].ldt_mapped); i++) {
        unsigned int p = CPU_WINDOW_LDT / PAGE_SIZE + i;
        desc[cpu].pte[p] = i < pages && v->ldt_mfn[i] != INVALID_MFN ? MFN_TO_PADDR(v->ldt_mfn[i]) | PTE_HV_RW : 0;
        invlpg(window(cpu) + p * PAGE_SIZE);
    }
    desc[cpu].ldt_mapped = pages;
    if (pages) {
        system_descriptor(desc[cpu].gdt_page, SEL_LDT, window(cpu) + CPU_WINDOW_LDT, v->ldt_entries * 8 - 1, 2);
        lldt(SEL_LDT);
    }
}

void cpu_load_io_bitmap(struct vcpu *v)
{
    unsigned int cpu = cpu_id();
    const unsigned long *map = v->domain->io_bitmap;

    if (map && map != desc[cpu].bitmap) {
        for (unsigned int i = 0; i < 2; i++) {
            unsigned int p = WINDOW_TSS / PAGE_SIZE + 1 + i;
            desc[cpu].pte[p] = MFN_TO_PADDR(virt_to_mfn(map) + i) | PTE_HV_RO;
            invlpg(window(cpu) + p * PAGE_SIZE);
        }
        desc[cpu].bitmap = map;
    }
    v->io_bitmap = map != NULL;
    *cpu_info()->tss_iomap_base = map && v->in_kernel ? TSS_IOMAP_ON : TSS_IOMAP_OFF;
}

void cpu_enter_guest_kernel(struct vcpu *v)
{
    v->in_kernel = true;
    swapgs();
    if (v->io_bitmap)
        *cpu_info()->tss_iomap_base = TSS_IOMAP_ON;
    cpu_write_cr3(v->cr3_kernel);
}

void cpu_enter_guest_user(struct vcpu *v)
{
    v->in_kernel = false;
    swapgs();
    if (v->io_bitmap)
        *cpu_info()->tss_iomap_base = TSS_IOMAP_OFF;
    cpu_write_cr3(v->cr3_user);
}
