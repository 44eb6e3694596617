/* SPDX-License-Identifier: MIT */
/* Descriptor tables, system registers, and the running guest's segments and debug registers. Owns the IDT (one for all
 * CPUs), and for each CPU its window (hv/config.h) with the GDT - 14 pages of the running guest's, a page of ours -,
 * the TSS with the I/O bitmap behind it, and the LDT. No locks: a CPU changes only its own window. Guests' pages in it
 * are for the supervisor only, and mm/ keeps them unwritable. */
#include <hv/boot.h>
#include <hv/domain.h>
#include <hv/guest.h>
#include <hv/pagetable.h>
#include "private.h"

struct tss {
    uint32_t reserved0;
    uint64_t rsp[3], reserved1, ist[7], reserved2;
    uint16_t reserved3, iomap_base;
} __packed;
_Static_assert(sizeof(struct tss) == 104, "SDM 3A 7.7");
_Static_assert(TSS_IOMAP_ON == sizeof(struct tss), "the bitmap follows the TSS");

struct idt_gate { uint16_t offset0, selector; uint8_t ist, type; uint16_t offset1; uint32_t offset2, reserved; };
_Static_assert(sizeof(struct idt_gate) == 16, "SDM 3A 6.14.1");

#define GATE_INTERRUPT  0x8e
#define GATE_DPL3       0x60

#define WINDOW_TSS      0x10000                 /* the page before the bitmap's two; the TSS sits at its end */
#define TSS_OFFSET      (PAGE_SIZE - sizeof(struct tss))
#define TSS_LIMIT       (sizeof(struct tss) + 8192)             /* one byte of ones follows the bitmap */
#define HV_RW           (PT_PRESENT | PT_WRITE | PT_ACCESSED | PT_DIRTY | PT_NX)
#define HV_RO           (PT_PRESENT | PT_ACCESSED | PT_NX)

static struct idt_gate idt[256] __aligned(16);
static struct {
    uint64_t *gdt_page;                         /* our page of the GDT, in the direct map */
    unsigned long *pte;                         /* the window's L1 entries */
    mfn_t gdt_mapped[FIRST_RESERVED_GDT_PAGE];
    unsigned int ldt_mapped;
    const unsigned long *bitmap;
    bool debug_loaded;                          /* DR7 has a guest's breakpoints */
} desc[NR_CPUS];

extern char syscall_stubs[], syscall32_stubs[], sysenter_entry[], vector_stubs[];
extern struct { unsigned long saved_rsp, stack, pad[6]; } syscall_cpu[NR_CPUS];

static void idt_build(void)
{
    static const uint8_t ist[256] = { [2] = 1, [8] = 2, [18] = 3, [1] = 4 };        /* NMI, #DF, #MC, #DB */
    for (unsigned int v = 0; v < 256; v++) {
        unsigned long a = (unsigned long)vector_stubs + 16 * v;
        bool user = v == EXC_BP || v == EXC_OF || v == 0x80;        /* int3, into, Linux's int $0x80 */
        idt[v] = (struct idt_gate){ (uint16_t)a, SEL_HV_CS, ist[v], GATE_INTERRUPT | (user ? GATE_DPL3 : 0),
                                    (uint16_t)(a >> 16), (uint32_t)(a >> 32), 0 };
    }
}

/* Fills our page of a GDT whose base is such that its selectors are the final ones, and loads it and the IDT. */
static void tables_load(uint64_t *page, unsigned long base)
{
    const struct x86_descriptor_ptr gdt = { FIRST_RESERVED_GDT_BYTE + PAGE_SIZE - 1, base },
        idtr = { sizeof(idt) - 1, (unsigned long)idt };
    page[(SEL_HV_CS & 0xfff) / 8] = 0x00af9b000000ffff;             /* 64-bit code, ring 0 */
    page[(SEL_HV_DS & 0xfff) / 8] = 0x00cf93000000ffff;
    page[(FLAT_RING3_CS32 & 0xfff) / 8] = 0x00cffb000000ffff;
    page[(FLAT_RING3_SS32 & 0xfff) / 8] = 0x00cff3000000ffff;
    page[(FLAT_RING3_CS64 & 0xfff) / 8] = 0x00affb000000ffff;
    lgdt(gdt);
    lidt(idtr);
    __asm__ __volatile__("push %0; lea 1f(%%rip), %%rax; push %%rax; lretq; 1: mov %1, %%ss"
                         : : "i"((long)SEL_HV_CS), "r"((long)SEL_HV_DS) : "rax", "memory");
}

static void system_descriptor(uint64_t *page, uint16_t sel, unsigned long base, uint32_t limit, uint8_t type)
{
    uint64_t *d = &page[(sel & 0xfff) / 8];
    d[0] = (limit & 0xffff) | (base & 0xffffff) << 16 | (uint64_t)(0x80 | type) << 40 | (uint64_t)(limit >> 16) << 48 |
           (base >> 24 & 0xff) << 56;
    d[1] = base >> 32;
}

/* Before memory is managed: a GDT of our page only. */
void desc_init_boot(void)
{
    static uint64_t page[PAGE_SIZE / 8] __aligned(4096);
    cpu_events_init(cpu_info());
    idt_build();
    tables_load(page, (unsigned long)page - FIRST_RESERVED_GDT_BYTE);
}

static unsigned long window(unsigned int cpu) { return CPU_WINDOW_VIRT + (unsigned long)cpu * CPU_WINDOW_SIZE; }
static unsigned long entry_of(const void *page, unsigned long flags) { return MFN_TO_PADDR(virt_to_mfn(page)) | flags; }

static struct tss *window_build(unsigned int cpu)
{
    void *gdt = hv_pages_alloc(0), *tss = hv_pages_alloc(0), *tail = hv_pages_alloc(0);
    unsigned long *pte = paging_window_ptes(window(cpu));
    if (!gdt || !tss || !tail)
        panic("CPU %u: no memory for its descriptor tables", cpu);
    desc[cpu].pte = pte;
    desc[cpu].gdt_page = gdt;
    memset(tail, 0xff, PAGE_SIZE);
    pte[GDT_HV_PAGE] = entry_of(gdt, HV_RW);
    pte[WINDOW_TSS / PAGE_SIZE] = entry_of(tss, HV_RW);
    for (unsigned int i = 1; i <= 3; i++)           /* no port allowed, until a guest with a bitmap runs */
        pte[WINDOW_TSS / PAGE_SIZE + i] = entry_of(tail, HV_RO);
    for (unsigned int i = 0; i < FIRST_RESERVED_GDT_PAGE; i++)
        desc[cpu].gdt_mapped[i] = INVALID_MFN;
    return (struct tss *)((char *)tss + TSS_OFFSET);
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
    unsigned long stack = (unsigned long)ci & ~(STACK_SIZE - 1);
    struct tss *tss = window_build(cpu);
    tss->rsp[0] = (unsigned long)&ci->guest_regs.es;
    for (unsigned int i = 0; i < 4; i++)            /* a page each at the bottom of the CPU's block */
        tss->ist[i] = stack + (i + 1) * PAGE_SIZE;
    tss->iomap_base = TSS_IOMAP_OFF;
    ci->tlb_stamp = tlb_stamp_of(cpu);
    ci->tss_iomap_base = (uint16_t *)((char *)tss + offsetof(struct tss, iomap_base));
    system_descriptor(desc[cpu].gdt_page, SEL_TSS, window(cpu) + WINDOW_TSS + TSS_OFFSET, TSS_LIMIT, 9);
    tables_load(desc[cpu].gdt_page, window(cpu));
    ltr(SEL_TSS);
    lldt(0);
    syscall_init(cpu, ci);
}

/* Entry code's no-ops become STAC and CLAC. On the boot CPU, while the text may still be written. */
static void smap_enable(void)
{
    extern const struct { uint8_t *site; uint64_t opcode; } __smap_sites_start[], __smap_sites_end[];
    for (const __typeof__(__smap_sites_start[0]) *s = __smap_sites_start; s < __smap_sites_end; s++) {
        s->site[1] = 0x01;
        s->site[2] = (uint8_t)s->opcode;
    }
}

/* CR4, EFER and PAT; SMEP, SMAP, UMIP and FSGSBASE where the CPU has them. */
void cpu_features_init(void)
{
    struct cpuid_regs basic = cpuid_native(1, 0), ext = cpuid_native(7, 0);
    unsigned long cr4 = CR4_PAE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_MCE | CR4_DE;
    bool nx = cpuid_native(0x80000001, 0).d & CPUIDX1_EDX_NX;
    if ((basic.c & CPUID1_ECX_XSAVE) && boot_options.xsave)
        cr4 |= CR4_OSXSAVE;
    if (cpuid_native(0, 0).a >= 7) {
        cr4 |= (ext.b & CPUID7_EBX_SMEP) && boot_options.smep ? CR4_SMEP : 0;
        cr4 |= (ext.b & CPUID7_EBX_SMAP) && boot_options.smap ? CR4_SMAP : 0;
        cr4 |= ext.b & CPUID7_EBX_FSGSBASE ? CR4_FSGSBASE : 0;
        cr4 |= ext.c & CPUID7_ECX_UMIP ? CR4_UMIP : 0;
    }
    if (cpu_id() == 0) {
        log_info("CPU: SMEP %s, SMAP %s\n", cr4 & CR4_SMEP ? "on" : "off", cr4 & CR4_SMAP ? "on" : "off");
        if (cr4 & CR4_SMAP)
            smap_enable();
    }
    write_cr4(cr4);
    wrmsr(MSR_PAT, PAT_ABI);
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE | (nx ? EFER_NXE : 0));
    write_cr0(CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_PG);
}

static void window_set(unsigned int cpu, unsigned int page, unsigned long pte)
{
    desc[cpu].pte[page] = pte;
    invlpg(window(cpu) + page * PAGE_SIZE);
}

void cpu_load_gdt(struct vcpu *v)
{
    unsigned int cpu = cpu_id(), pages = (v->gdt_entries + 511) / 512;
    for (unsigned int i = 0; i < FIRST_RESERVED_GDT_PAGE; i++) {
        mfn_t m = i < pages ? v->gdt_mfn[i] : INVALID_MFN;
        if (desc[cpu].gdt_mapped[i] != m) {
            desc[cpu].gdt_mapped[i] = m;
            window_set(cpu, i, m == INVALID_MFN ? 0 : MFN_TO_PADDR(m) | HV_RW);
        } else if (m == INVALID_MFN) {
            break;                              /* none mapped beyond the first gap */
        }
    }
}

void cpu_load_ldt(struct vcpu *v)
{
    unsigned int cpu = cpu_id(), pages = (v->ldt_entries + 511) / 512;
    if (!pages && !desc[cpu].ldt_mapped)
        return;
    lldt(0);
    for (unsigned int i = 0; i < max(pages, desc[cpu].ldt_mapped); i++)
        window_set(cpu, CPU_WINDOW_LDT / PAGE_SIZE + i,
                   i < pages && v->ldt_mfn[i] != INVALID_MFN ? MFN_TO_PADDR(v->ldt_mfn[i]) | HV_RW : 0);
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
        for (unsigned int i = 0; i < 2; i++)
            window_set(cpu, WINDOW_TSS / PAGE_SIZE + 1 + i, entry_of((const char *)map + i * PAGE_SIZE, HV_RO));
        desc[cpu].bitmap = map;
    }
    v->io_bitmap = map != NULL;
    *cpu_info()->tss_iomap_base = map && v->in_kernel ? TSS_IOMAP_ON : TSS_IOMAP_OFF;
}

static void change_mode(struct vcpu *v, bool kernel)
{
    v->in_kernel = kernel;
    swapgs();
    if (v->io_bitmap)
        *cpu_info()->tss_iomap_base = kernel ? TSS_IOMAP_ON : TSS_IOMAP_OFF;
    cpu_write_cr3(kernel ? v->cr3_kernel : v->cr3_user);
}
void cpu_enter_guest_kernel(struct vcpu *v) { change_mode(v, true); }
void cpu_enter_guest_user(struct vcpu *v) { change_mode(v, false); }

void load_ds_raw(uint32_t sel), load_es_raw(uint32_t sel), load_fs_raw(uint32_t sel), load_gs_raw(uint32_t sel);
long load_gs_user_raw(uint32_t sel);

void cpu_set_fs_base(unsigned long base) { wrmsr(MSR_FS_BASE, base); }
void cpu_set_gs_base(unsigned long base) { wrmsr(MSR_GS_BASE, base); }
void cpu_set_gs_shadow(unsigned long base) { wrmsr(MSR_KERNEL_GS_BASE, base); }
unsigned long cpu_get_fs_base(void) { return rdmsr(MSR_FS_BASE); }
unsigned long cpu_get_gs_base(void) { return rdmsr(MSR_GS_BASE); }
unsigned long cpu_get_gs_shadow(void) { return rdmsr(MSR_KERNEL_GS_BASE); }
long cpu_load_gs_user(uint16_t sel) { return load_gs_user_raw(sel); }

#define READ_SELECTOR(r) ({ uint16_t s_; __asm__ __volatile__("mov %%" #r ", %0" : "=rm"(s_)); s_; })

void cpu_save_segments(struct vcpu *v)
{
    unsigned long active = rdmsr(MSR_GS_BASE), other = rdmsr(MSR_KERNEL_GS_BASE);
    v->regs.ds = READ_SELECTOR(ds);
    v->regs.es = READ_SELECTOR(es);
    v->regs.fs = READ_SELECTOR(fs);
    v->regs.gs = READ_SELECTOR(gs);
    v->fs_base = rdmsr(MSR_FS_BASE);
    v->gs_base_kernel = v->in_kernel ? active : other;
    v->gs_base_user = v->in_kernel ? other : active;
}

#define LOAD_SELECTOR(r) if (v->regs.r | READ_SELECTOR(r)) load_##r##_raw(v->regs.r)

/* Selectors first: loading one sets the base. One that does not load any more is null, as after a fault in an IRET. */
void cpu_load_segments(struct vcpu *v)
{
    LOAD_SELECTOR(ds);
    LOAD_SELECTOR(es);
    LOAD_SELECTOR(fs);
    LOAD_SELECTOR(gs);
    wrmsr(MSR_FS_BASE, v->fs_base);
    wrmsr(MSR_GS_BASE, v->in_kernel ? v->gs_base_kernel : v->gs_base_user);
    wrmsr(MSR_KERNEL_GS_BASE, v->in_kernel ? v->gs_base_user : v->gs_base_kernel);
}

void cpu_save_debug(struct vcpu *v)
{
    if (!desc[cpu_id()].debug_loaded)
        return;
    v->dr[6] = read_dr6();
    write_dr7(DR7_FIXED);
    desc[cpu_id()].debug_loaded = false;
}

void cpu_load_debug(struct vcpu *v)
{
    if (!(v->dr[7] & DR7_ACTIVE))
        return;
    write_dr0(v->dr[0]);
    write_dr1(v->dr[1]);
    write_dr2(v->dr[2]);
    write_dr3(v->dr[3]);
    write_dr6(v->dr[6]);
    write_dr7(v->dr[7]);
    desc[cpu_id()].debug_loaded = true;
}

void cpu_set_debug(unsigned int reg, unsigned long val)
{
    cpu_save_debug(current);
    current->dr[reg] = val;
    cpu_load_debug(current);
}

void cpu_trap_tsc(bool on) { write_cr4(on ? read_cr4() | CR4_TSD : read_cr4() & ~CR4_TSD); }
