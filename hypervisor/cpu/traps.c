/* SPDX-License-Identifier: MIT */
/*
 * Exceptions: a guest's are emulated, fixed or passed on to it; the hypervisor's own are found in the exception table, or are a panic.
 */
#include <hv/config.h>
#include <hv/console.h>
#include <hv/domain.h>
#include <hv/guest.h>
#include <hv/mm.h>

#include "x86.h"

struct ex_entry { unsigned long from, to; };
extern const struct ex_entry __ex_table_start[], __ex_table_end[];
void guest_exception(struct cpu_user_regs *r);
void guest_page_fault(struct cpu_user_regs *r, unsigned long cr2);
void hypervisor_exception(struct cpu_user_regs *r);
void hypervisor_page_fault(struct cpu_user_regs *r, unsigned long cr2);
void handle_nmi(struct cpu_user_regs *r);
void handle_double_fault(struct cpu_user_regs *r);
void handle_machine_check(struct cpu_user_regs *r);

static const char *const exception_names[] = {
    "divide error", "debug", "NMI", "breakpoint", "overflow", "bounds", "invalid opcode", "no FPU", "double fault", "",
    "invalid TSS", "segment not present", "stack fault", "general protection", "page fault", "", "FPU error", "alignment check",
    "machine check", "SIMD error", "virtualization", "control protection",
};

/* A software interrupt: the guest's table says who may raise it. insn_len: bytes of the instruction if rip is not behind it yet. */
static void soft_interrupt(struct vcpu *v, struct cpu_user_regs *r, unsigned int vector, unsigned int rip_back)
{
    unsigned int dpl = v->traps[vector].flags & 3;

    if (v->traps[vector].address && (v->in_kernel ? dpl >= 1 : dpl == 3)) {
        inject_exception(vector, 0);
    } else {
        r->rip -= rip_back;
        inject_exception(EXC_GP, vector << 3 | 2);
    }
}

/* Linux's PV kernel reads a segment base with RDMSR at every context switch: no decoder for that. */
static bool rdmsr_base(struct vcpu *v, struct cpu_user_regs *r)
{
    uint16_t opcode;
    uint64_t val;

    if (!v->in_kernel || r->cs != FLAT_KERNEL_CS || (r->rflags & RFLAGS_TF) ||
        (uint32_t)r->rcx - MSR_FS_BASE > MSR_KERNEL_GS_BASE - MSR_FS_BASE ||
        copy_from_guest(&opcode, (void *)r->rip, sizeof(opcode)) || opcode != 0x320f)
        return false;
    val = rdmsr((uint32_t)r->rcx);
    r->rax = (uint32_t)val;
    r->rdx = val >> 32;
    r->rip += 2;
    return true;
}

static void guest_gp(struct vcpu *v, struct cpu_user_regs *r)
{
    uint32_t err = r->error_code;

    if (err == 0 && rdmsr_base(v, r))
        return;
    if ((err & 3) == 2) {                       /* int n: the IDT has no gate for ring 3 there */
        r->rip += 2;
        soft_interrupt(v, r, err >> 3 & 0xff, 2);
        return;
    }
    if (err == 0 && emulate_privileged(v, r))
        return;
    inject_exception(EXC_GP, err);
}

static void guest_debug(struct vcpu *v)
{
    unsigned long dr6 = read_dr6();

    write_dr6(DR6_RESET);
    v->dr[6] = dr6;
    inject_exception(EXC_DB, 0);
}

void guest_exception(struct cpu_user_regs *r)
{
    struct vcpu *v = current;

    switch (r->entry_vector) {
    case EXC_GP:
        guest_gp(v, r);
        break;
    case EXC_UD:
        if (!emulate_forced(v, r))
            inject_exception(EXC_UD, 0);
        break;
    case EXC_NM:
        v->cr0_ts = 0;
        clts();
        inject_exception(EXC_NM, 0);
        break;
    case EXC_DB:
        guest_debug(v);
        break;
    case EXC_BP:
        soft_interrupt(v, r, EXC_BP, 1);
        break;
    case EXC_OF:
        soft_interrupt(v, r, EXC_OF, 1);
        break;
    case 0x80:
        soft_interrupt(v, r, 0x80, 2);
        break;
    default:
        inject_exception(r->entry_vector & 0xff, r->error_code);
        break;
    }
}

void guest_page_fault(struct cpu_user_regs *r, unsigned long cr2)
{
    struct vcpu *v = current;
    uint32_t err = r->error_code;

    if (unlikely(cr2 >= CPU_WINDOW_VIRT && cr2 < CPU_WINDOW_VIRT + NR_CPUS * (unsigned long)CPU_WINDOW_SIZE)) {
        /* the CPU looked up a descriptor in a part of the GDT or LDT that is not there */
        unsigned long off = (cr2 - CPU_WINDOW_VIRT) % CPU_WINDOW_SIZE;
        inject_exception(EXC_GP, (uint32_t)(off & 0xfff8) | (off >= CPU_WINDOW_LDT ? 4 : 0));
        return;
    }
    if (v->in_kernel) {
        err &= ~(uint32_t)PFEC_USER;
        if ((err & (PFEC_PRESENT | PFEC_WRITE)) == (PFEC_PRESENT | PFEC_WRITE) && ptwrite_fault(v, r, cr2))
            return;
    }
    inject_page_fault(cr2, err);
}

static bool fixup(struct cpu_user_regs *r)
{
    for (const struct ex_entry *e = __ex_table_start; e < __ex_table_end; e++) {
        if (e->from == r->rip) {
            r->rip = e->to;
            return true;
        }
    }
    return false;
}

static void __noreturn die(struct cpu_user_regs *r, const char *what, unsigned long cr2)
{
    console_force_unlock();
    panic_regs(r, "%s in the hypervisor: error %#x, cr2 %#lx", what, r->error_code, cr2);
}

void hypervisor_exception(struct cpu_user_regs *r)
{
    unsigned int v = r->entry_vector;

    if (!fixup(r))
        die(r, v < ARRAY_SIZE(exception_names) ? exception_names[v] : "exception", 0);
}

void hypervisor_page_fault(struct cpu_user_regs *r, unsigned long cr2)
{
    if (!fixup(r))
        die(r, "page fault", cr2);
}

/* Port 61h says why; dom0 is told by its NMI callback. */
void handle_nmi(struct cpu_user_regs *r __unused)
{
    uint8_t why;

    if (panic_in_progress())            /* another CPU's panic stops this one */
        cpu_halt_forever();
    why = inb(0x61);
    if (why & 0xc0)
        log_err("NMI: reason %#x (%s)\n", why, why & 0x80 ? "memory parity" : "I/O check");
}

void handle_double_fault(struct cpu_user_regs *r) { die(r, "double fault", read_cr2()); }

void handle_machine_check(struct cpu_user_regs *r)
{
    unsigned int banks = rdmsr(MSR_MCG_CAP) & MCG_CAP_COUNT;

    console_force_unlock();
    for (unsigned int i = 0; i < banks; i++) {
        uint64_t status = rdmsr(MSR_MC0_STATUS + 4 * i);
        if (status & MC_STATUS_VAL)
            console_printf("machine check: bank %u status %#lx address %#lx\n", i, (unsigned long)status,
                           status & MC_STATUS_ADDRV ? (unsigned long)rdmsr(MSR_MC0_ADDR + 4 * i) : 0UL);
    }
    die(r, "machine check", 0);
}

void dump_regs(const struct cpu_user_regs *r, const char *what)
{
    char sym[96] = "";

    if (!(r->cs & 3))
        symbol_of(r->rip, sym, sizeof(sym));
    console_printf("%s on CPU %u, rip %04x:%016lx %s rflags %08lx\n", what, cpu_id(), r->cs, (unsigned long)r->rip, sym,
                   (unsigned long)r->rflags);
    console_printf("rax %016lx rbx %016lx rcx %016lx rdx %016lx\n", (unsigned long)r->rax, (unsigned long)r->rbx,
                   (unsigned long)r->rcx, (unsigned long)r->rdx);
    console_printf("rsi %016lx rdi %016lx rbp %016lx rsp %04x:%016lx\n", (unsigned long)r->rsi, (unsigned long)r->rdi,
                   (unsigned long)r->rbp, r->ss, (unsigned long)r->rsp);
    console_printf("r8  %016lx r9  %016lx r10 %016lx r11 %016lx\n", (unsigned long)r->r8, (unsigned long)r->r9,
                   (unsigned long)r->r10, (unsigned long)r->r11);
    console_printf("r12 %016lx r13 %016lx r14 %016lx r15 %016lx\n", (unsigned long)r->r12, (unsigned long)r->r13,
                   (unsigned long)r->r14, (unsigned long)r->r15);
    console_printf("cr0 %08lx cr2 %016lx cr3 %012lx cr4 %08lx error %08x vector %#x\n", read_cr0(), read_cr2(), read_cr3(),
                   read_cr4(), r->error_code, r->entry_vector);
}
