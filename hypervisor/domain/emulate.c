/* SPDX-License-Identifier: MIT */
/* Privileged-instruction emulation. What a PV kernel, in ring 3, still has of them faults (#GP) and is done here on its
 * virtual state. Its user mode may only use ports (by virtual IOPL or its kernel's I/O bitmap), cpuid and rdtsc.
 * Everything belongs to the running vCPU: no lock. An instruction completes, with all registers advanced, or changes
 * nothing and the fault goes to the guest. RDMSR of the inactive GS base, which Linux does at each context switch, is
 * recognised by its bytes before the decoder runs. */
#include "emulate.h"

struct code_seg { bool code64; uint64_t base; };

/* The descriptor of the guest's that selector sel names. */
static bool guest_descriptor(const struct vcpu *v, uint16_t sel, uint64_t *desc)
{
    unsigned int index = sel >> 3;
    const uint64_t *ldt = (const uint64_t *)v->ldt_base;
    if (sel & 4)
        return index < v->ldt_entries && !copy_from_guest(desc, ldt + index_clamp(index, v->ldt_entries), 8);
    if (index >= v->gdt_entries || index >= FIRST_RESERVED_GDT_ENTRY)
        return false;
    index = (unsigned int)index_clamp(index, FIRST_RESERVED_GDT_ENTRY);
    *desc = ((const uint64_t *)mfn_to_virt(v->gdt_mfn[index / 512]))[index % 512];
    return true;
}

/* Kernels are 64-bit. */
static bool code_segment(const struct vcpu *v, uint16_t cs, struct code_seg *s)
{
    uint64_t desc;
    *s = (struct code_seg){ .code64 = v->in_kernel || (cs | 3) == FLAT_RING3_CS64 };
    if (s->code64 || (cs | 3) == FLAT_RING3_CS32)
        return true;
    if (!guest_descriptor(v, cs, &desc))
        return false;
    s->code64 = desc >> 53 & 1;         /* L */
    if (!s->code64)
        s->base = (desc >> 16 & 0xffffff) | (desc >> 32 & 0xff000000);
    return s->code64 || (desc >> 54 & 1);       /* D clear: 16-bit code */
}

/* What a guest may have set in CR4; the hypervisor keeps its own bits in the real one. */
#define CR4_GUEST (CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_MCE | CR4_PGE | CR4_PCE | CR4_OSFXSR | CR4_OSXMMEXCPT | \
                   CR4_FSGSBASE | CR4_OSXSAVE)
/* Always on: long mode needs the first, the hypervisor's FPU handling the others. */
#define CR4_ALWAYS (CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT)
#define CR0_GUEST  (CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_PG)

static uint64_t cr0_read(const struct vcpu *v) { return CR0_GUEST | (v->cr0_ts ? CR0_TS : 0); }

static enum emu_result cr0_write_ts(struct vcpu *v, bool ts)
{
    v->cr0_ts = ts;
    fpu_set_ts(ts);
    return EMU_DONE;
}

static enum emu_result op_clts(struct emu *e) { return cr0_write_ts(e->v, false); }

/* The operand is a register whatever ModRM.mod says. */
static enum emu_result mov_from_cr(struct emu *e)
{
    struct vcpu *v = e->v;
    uint64_t val;
    switch (e->i.reg) {
    case 0: val = cr0_read(v); break;
    case 2: val = v->info->arch.cr2; break;
    case 3: val = v->cr3_kernel; break;
    case 4: val = v->cr4_guest | CR4_ALWAYS; break;
    case 8: val = 0; break;             /* no local APIC, so no task priority */
    default: return EMU_FAULT;
    }
    reg_write(e->r, e->i.rm, 8, true, val);
    return EMU_DONE;
}

static enum emu_result mov_to_cr(struct emu *e)
{
    struct vcpu *v = e->v;
    uint64_t val = reg_read(e->r, e->i.rm, 8, true);
    switch (e->i.reg) {
    case 0:
        if ((val ^ CR0_GUEST) & (CR0_PE | CR0_PG))
            return EMU_FAULT;
        return cr0_write_ts(v, val & CR0_TS);   /* the rest is the hypervisor's, and stays */
    case 2: v->info->arch.cr2 = val; break;
    case 4:
        if (!(val & CR4_PAE))
            return EMU_FAULT;
        if (val & ~CR4_GUEST)
            log_guest(LOG_DEBUG, v->domain, "CR4 bits %lx are not a guest's to set\n", val & ~CR4_GUEST);
        v->cr4_guest = val & CR4_GUEST;
        vcpu_msrs_load(v);              /* TSD, at once */
        break;
    case 8: return val == 0 ? EMU_DONE : EMU_FAULT;
    default: return EMU_FAULT;          /* CR3 too: MMUEXT_NEW_BASEPTR checks the page tables */
    }
    return EMU_DONE;
}

static enum emu_result op_mov_dr(struct emu *e)
{
    unsigned int n = e->i.reg == 4 || e->i.reg == 5 ? e->i.reg + 2u : e->i.reg;     /* the old names of 6 and 7 */
    if (n > 7)
        return EMU_FAULT;
    if (e->i.opcode == 0x0f21) {
        reg_write(e->r, e->i.rm, 8, true, e->v->dr[n]);
        return EMU_DONE;
    }
    return vcpu_set_debugreg(e->v, n, reg_read(e->r, e->i.rm, 8, true)) ? EMU_FAULT : EMU_DONE;
}

int vcpu_set_debugreg(struct vcpu *v, unsigned int n, unsigned long val)
{
    switch (n) {
    case 0: case 1: case 2: case 3:
        if (!is_canonical(val) || (val >= M2P_VIRT && val < HV_VIRT_END))
            return -XEN_EPERM;          /* ours are not for a guest to stop at */
        break;
    case 6: val = (val & DR6_DEFINED) | DR6_FIXED; break;
    case 7:
        if (val >> 32)
            return -XEN_EINVAL;
        /* No breakpoints on ports: they would fire in the hypervisor's accesses. */
        for (unsigned int i = 0; i < 4; i++) {
            if ((val >> (2 * i) & 3) && (val >> (16 + 4 * i) & 3) == 2)
                return -XEN_EPERM;
        }
        val = (val & DR7_DEFINED) | DR7_FIXED;
        break;
    default: return -XEN_EINVAL;
    }
    if (v == current)
        cpu_set_debug(n, val);
    else
        v->dr[n] = val;
    return 0;
}

static enum emu_result set_xcr0(struct emu *e)
{
    uint64_t val = e->r->eax | (uint64_t)e->r->edx << 32;
    if (e->r->ecx != 0 || !policy_xcr0_valid(e->v, val))
        return EMU_FAULT;
    fpu_set_xcr0(e->v, val);
    return EMU_DONE;
}

static enum emu_result lmsw(struct emu *e)
{
    uint64_t ea = insn_ea(&e->i, e->r);
    uint16_t val = (uint16_t)reg_read(e->r, e->i.rm, 2, true);
    if (e->i.mem && copy_from_guest(&val, (const void *)ea, sizeof(val))) {
        inject_page_fault(ea, 0);
        return EMU_STAY;
    }
    return cr0_write_ts(e->v, val & CR0_TS);
}

/* rdtsc, and rdtscp, which is one of 0f 01. */
static enum emu_result op_rdtsc(struct emu *e)
{
    uint64_t tsc = vcpu_tsc(e->v);
    /* A guest that set TSD wants its own users' rdtsc to fault. */
    if (!e->v->in_kernel && (e->v->cr4_guest & CR4_TSD))
        return EMU_FAULT;
    reg_write(e->r, 0, 4, true, (uint32_t)tsc);
    reg_write(e->r, 2, 4, true, tsc >> 32);
    if (e->i.opcode == 0x0f01)
        reg_write(e->r, 1, 4, true, e->v->tsc_aux);
    return EMU_DONE;
}

/* sgdt, sidt, sldt, str: they fault where UMIP is on. The real tables are the hypervisor's business, so any guest gets
 * the same: empty tables at an address that is not its own, null selectors. */
static enum emu_result store_system(struct emu *e, uint64_t selector, bool table)
{
    uint8_t bytes[10] = { 0 };
    unsigned int n = table ? (e->i.code64 ? 10 : 6) : 2;
    uint64_t base = HV_VIRT_END - PAGE_SIZE, ea;
    if (!e->i.mem && table)
        return EMU_FAULT;
    if (!e->i.mem) {
        reg_write(e->r, e->i.rm, e->i.opsize, true, selector);
        return EMU_DONE;
    }
    memcpy(bytes, &selector, 2);            /* of a table: the limit, 0 */
    if (table)
        memcpy(bytes + 2, &base, n - 2);
    ea = insn_ea(&e->i, e->r) + insn_segment_base(&e->i);
    if (copy_to_guest((void *)ea, bytes, n)) {
        inject_page_fault(ea, PFEC_WRITE);
        return EMU_STAY;
    }
    return EMU_DONE;
}

/* 0f 00: sldt and str, the two that UMIP makes fault. */
static enum emu_result op_group6(struct emu *e) { return (e->i.reg & 7) <= 1 ? store_system(e, 0, false) : EMU_FAULT; }

/* 0f 01: a dozen instructions by ModRM. */
static enum emu_result op_group7(struct emu *e)
{
    struct insn *i = &e->i;
    uint8_t modrm = i->byte[i->pos];
    if (!insn_modrm(i, e->r))
        return EMU_FAULT;
    if (modrm == 0xf9)
        return op_rdtsc(e);
    if (i->mem && (i->reg & 7) <= 1)
        return store_system(e, 0, true);
    if ((i->reg & 7) == 4)
        return store_system(e, cr0_read(e->v), false);  /* smsw */
    if (!e->v->in_kernel)
        return EMU_FAULT;
    if (modrm == 0xd1)
        return set_xcr0(e);
    if ((modrm >> 3 & 7) == 6)
        return lmsw(e);
    if ((modrm >> 3 & 7) != 7 || !i->mem)
        return EMU_FAULT;               /* f8: swapgs, which would leave the hypervisor's idea of the two bases wrong */
    tlb_flush_va_local(insn_ea(i, e->r));
    return EMU_DONE;
}

static void do_cpuid(struct vcpu *v, struct cpu_user_regs *r)
{
    struct cpuid_regs c = policy_cpuid(v, r->eax, r->ecx);
    r->rax = c.a;
    r->rbx = c.b;
    r->rcx = c.c;
    r->rdx = c.d;
}

static enum emu_result op_cpuid(struct emu *e)
{
    if (!e->v->in_kernel && e->v->cpuid_faulting)
        return EMU_FAULT;               /* its kernel asked for the fault (MSR_MISC_FEATURES) */
    do_cpuid(e->v, e->r);
    return EMU_DONE;
}

static enum emu_result op_rdmsr(struct emu *e)
{
    uint64_t val;
    if (!vcpu_read_msr(e->v, e->r->ecx, &val))
        return EMU_FAULT;
    e->r->rax = (uint32_t)val;
    e->r->rdx = val >> 32;
    return EMU_DONE;
}

static enum emu_result op_wrmsr(struct emu *e)
{
    return vcpu_write_msr(e->v, e->r->ecx, e->r->eax | (uint64_t)e->r->edx << 32) ? EMU_DONE : EMU_FAULT;
}

/* Who owns devices may need it for their DMA; for others it would only slow the machine down. */
static enum emu_result op_cache_flush(struct emu *e)
{
    if (domain_has_device_rights(e->v->domain))
        wbinvd_local();
    return EMU_DONE;
}

/* Blocks until an event, and lets events in. rip is advanced first: blocking may switch away. */
static enum emu_result op_hlt(struct emu *e)
{
    e->v->info->evtchn_upcall_mask = 0;
    e->r->rip += e->i.pos;
    sched_block();
    return EMU_STAY;
}

/* cli and sti do nothing: popf never faults in ring 3 and so can never be caught; a mask that cli set and popf should
 * lift would stay for ever. PV kernels use vcpu_info's mask. */
static enum emu_result op_cli_sti(struct emu *e) { return vcpu_iopl_ok(e->v) ? EMU_DONE : EMU_FAULT; }

enum { KERNEL = 1, MODRM = 2 };

static const struct insn_row {
    uint16_t first, last;
    uint8_t flags;                      /* KERNEL: never in guest user mode; MODRM: decode it before */
    enum emu_result (*fn)(struct emu *e);
} rows[] = {
    { 0xe4, 0xe7, 0, emulate_in_out },          /* in, out imm8 */
    { 0xec, 0xef, 0, emulate_in_out },          /* in, out dx */
    { 0x6c, 0x6f, 0, emulate_ins_outs },
    { 0x0fa2, 0x0fa2, 0, op_cpuid },
    { 0x0f31, 0x0f31, 0, op_rdtsc },
    { 0x0f00, 0x0f00, MODRM, op_group6 },
    { 0x0f01, 0x0f01, 0, op_group7 },
    { 0x0f32, 0x0f32, KERNEL, op_rdmsr },
    { 0x0f30, 0x0f30, KERNEL, op_wrmsr },
    { 0x0f20, 0x0f20, KERNEL | MODRM, mov_from_cr },
    { 0x0f22, 0x0f22, KERNEL | MODRM, mov_to_cr },
    { 0x0f21, 0x0f21, KERNEL | MODRM, op_mov_dr },
    { 0x0f23, 0x0f23, KERNEL | MODRM, op_mov_dr },
    { 0x0f06, 0x0f06, KERNEL, op_clts },
    { 0x0f08, 0x0f09, KERNEL, op_cache_flush }, /* invd would lose data of others: wbinvd serves for it */
    { 0xf4, 0xf4, KERNEL, op_hlt },
    { 0xfa, 0xfb, 0, op_cli_sti },
};

void emulate_retire(struct vcpu *v, struct cpu_user_regs *r, unsigned int len)
{
    r->rip += len;
    r->rflags &= ~RFLAGS_RF;
    if (unlikely(r->rflags & RFLAGS_TF)) {
        v->dr[6] |= DR6_BS | DR6_FIXED;
        inject_exception(EXC_DB, 0);
    }
}

static enum emu_result dispatch(struct emu *e)
{
    if (!insn_opcode(&e->i) || e->i.lock)
        return EMU_FAULT;
    for (unsigned int n = 0; n < ARRAY_SIZE(rows); n++) {
        const struct insn_row *row = &rows[n];
        if (e->i.opcode < row->first || e->i.opcode > row->last)
            continue;
        if (((row->flags & KERNEL) && !e->v->in_kernel) || ((row->flags & MODRM) && !insn_modrm(&e->i, e->r)))
            return EMU_FAULT;
        return row->fn(e);
    }
    return EMU_FAULT;
}

bool emulate_privileged(struct vcpu *v, struct cpu_user_regs *r)
{
    struct emu e;
    struct code_seg cs;
    enum emu_result res;
    if (r->error_code || !code_segment(v, r->cs, &cs))
        return false;                   /* a selector's fault, or int n: nothing of ours */
    if (!insn_fetch(&e.i, cs.code64 ? r->rip : (uint32_t)(r->rip + cs.base), cs.code64))
        return false;
    e.v = v;
    e.r = r;
    if (likely(v->in_kernel && e.i.byte[0] == 0x0f && e.i.byte[1] == 0x32 && e.i.avail >= 2)) {
        e.i.pos = 2;
        res = op_rdmsr(&e);
    } else {
        res = dispatch(&e);
    }
    if (res == EMU_DONE)
        emulate_retire(v, r, e.i.pos);
    return res != EMU_FAULT;
}

/* xen.h: XEN_EMULATE_PREFIX, ud2a and "xen", before cpuid. */
bool emulate_forced(struct vcpu *v, struct cpu_user_regs *r)
{
    static const uint8_t prefixed_cpuid[] = { 0x0f, 0x0b, 'x', 'e', 'n', 0x0f, 0xa2 };
    uint8_t bytes[sizeof(prefixed_cpuid)];
    if (copy_from_guest(bytes, (const void *)r->rip, sizeof(bytes)) || memcmp(bytes, prefixed_cpuid, sizeof(bytes)))
        return false;
    if (!v->in_kernel && v->cpuid_faulting)
        return false;
    do_cpuid(v, r);
    emulate_retire(v, r, sizeof(bytes));
    return true;
}
