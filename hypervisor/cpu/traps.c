/* SPDX-License-Identifier: MIT */
/* A guest's exceptions are emulated, fixed or passed on; the hypervisor's own are in the exception table, or panic. */
#include <hv/config.h>
#include <hv/domain.h>
#include <hv/guest.h>
#include "private.h"

struct ex_entry { unsigned long from, to; };
extern const struct ex_entry __ex_table_start[], __ex_table_end[];

/* A software interrupt of `len` bytes: the guest's table says who may raise it. The others fault at the instruction. */
static void soft_interrupt(struct vcpu *v, struct cpu_user_regs *r, unsigned int vector, unsigned int len)
{
    unsigned int dpl = v->traps[vector].flags & 3;
    if (v->traps[vector].address && (v->in_kernel ? dpl >= 1 : dpl == 3))
        return inject_exception(vector, 0);
    r->rip -= len;
    inject_exception(EXC_GP, vector << 3 | 2);
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

void guest_exception(struct cpu_user_regs *r)
{
    struct vcpu *v = current;
    cpu_event(EVENT_TRAP | r->entry_vector, r->rip);
    switch (r->entry_vector) {
    case EXC_GP:
        if (r->error_code == 0 && (rdmsr_base(v, r) || emulate_privileged(v, r)))
            return;
        if ((r->error_code & 3) != 2)
            break;
        r->rip += 2;                            /* int n: the IDT has no gate for ring 3 there */
        return soft_interrupt(v, r, r->error_code >> 3 & 0xff, 2);
    case EXC_UD:
        if (emulate_forced(v, r))
            return;
        break;
    case EXC_NM:
        v->cr0_ts = 0;
        clts();
        break;
    case EXC_DB:
        v->dr[6] = read_dr6();
        write_dr6(DR6_FIXED);
        break;
    case EXC_BP: case EXC_OF:
        return soft_interrupt(v, r, r->entry_vector, 1);
    case 0x80:
        return soft_interrupt(v, r, 0x80, 2);
    }
    inject_exception(r->entry_vector & 0xff, r->error_code);
}

void guest_page_fault(struct cpu_user_regs *r, unsigned long cr2)
{
    struct vcpu *v = current;
    uint32_t err = r->error_code;
    cpu_event(EVENT_TRAP | 14, r->rip);
    if (unlikely(cr2 >= CPU_WINDOW_VIRT && cr2 < CPU_WINDOW_VIRT + NR_CPUS * (unsigned long)CPU_WINDOW_SIZE)) {
        /* the CPU looked up a descriptor in a part of the GDT or LDT that is not there */
        unsigned long off = (cr2 - CPU_WINDOW_VIRT) % CPU_WINDOW_SIZE;
        return inject_exception(EXC_GP, (uint32_t)(off & 0xfff8) | (off >= CPU_WINDOW_LDT ? 4 : 0));
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
    const struct ex_entry *e = __ex_table_start;
    while (e < __ex_table_end && e->from != r->rip)
        e++;
    if (e < __ex_table_end)
        r->rip = e->to;
    return e < __ex_table_end;
}

static void __noreturn die(struct cpu_user_regs *r, const char *what, unsigned long cr2)
{
    console_force_unlock();
    panic_regs(r, "%s %u in the hypervisor: error %#x, cr2 %#lx", what, r->entry_vector, r->error_code, cr2);
}

/* Called by entry.S, as are those below. A guest's debug exception goes to where entries from guests are. */
struct cpu_user_regs *move_to_guest_regs(const struct cpu_user_regs *r)
{
    return memcpy(&cpu_info()->guest_regs, r, offsetof(struct cpu_user_regs, es));
}

/* A guest's breakpoint on its own memory, which we touched, or its single step through SYSENTER: not for us. */
void hypervisor_debug(struct cpu_user_regs *r)
{
    write_dr6(DR6_FIXED);
    r->rflags &= ~RFLAGS_TF;
}

void hypervisor_exception(struct cpu_user_regs *r)
{
    static const char *const names[] = {
        "divide error", "debug", "NMI", "breakpoint", "overflow", "bounds", "invalid opcode", "no FPU", "double fault", "",
        "invalid TSS", "segment not present", "stack fault", "general protection", "page fault", "", "FPU error",
        "alignment check", "machine check", "SIMD error", "virtualization", "control protection",
    };
    if (!fixup(r))
        die(r, r->entry_vector < ARRAY_SIZE(names) ? names[r->entry_vector] : "exception", 0);
}

void hypervisor_page_fault(struct cpu_user_regs *r, unsigned long cr2)
{
    if (!fixup(r))
        die(r, "page fault", cr2);
}

static uint8_t nmi_reason;

/* Port 61h says why. It may have interrupted us with any lock held: the line is written on the way out. */
void handle_nmi(struct cpu_user_regs *r __unused)
{
    if (panic_in_progress())            /* another CPU's panic stops this one */
        cpu_halt_forever();
    uint8_t why = inb(0x61) & 0xc0;
    if (why) {
        WRITE_ONCE(nmi_reason, why);
        cpu_raise_work(cpu_id(), WORK_NMI);
    }
}

void nmi_work(void)
{
    uint8_t why = READ_ONCE(nmi_reason);
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
