/* SPDX-License-Identifier: MIT */
/* Writable page tables: a guest kernel's store to one of its L1 tables faults (the page is mapped read-only); the
 * instruction is decoded, the entry checked and exchanged as mmu_update would, and the guest goes on behind it. */
#include "emulate.h"

/* The operand's bytes lie `off` bytes within the entry. */
static bool apply(struct vcpu *v, struct cpu_user_regs *r, struct ptwrite *w, struct frame *table, unsigned long va)
{
    pte_t *p = (pte_t *)mfn_to_virt(frame_to_mfn(table)) + (va & ~PAGE_MASK) / 8, old;
    unsigned int off = va & 7;
    uint64_t mask = size_mask(w->size) << off * 8, cur, val;
    int rc;
    do {
        old = READ_ONCE(*p);
        cur = (old & mask) >> off * 8;
        rc = 0;
        if (ptwrite_compute(w, cur, &val))      /* else a cmpxchg that does not match: it writes nothing */
            rc = pt_cmpxchg_l1(p, old, (old & ~mask) | (val << off * 8 & mask), v->domain, v->domain);
    } while (rc == -XEN_EAGAIN);
    if (rc)
        log_guest(LOG_DEBUG, v->domain, "page-table write at %#lx refused: %d\n", va, rc);
    else
        ptwrite_finish(w, r, cur);
    return rc == 0;
}

#define REX_W_FIXED 0x48            /* 0100 1R0B: 64-bit operand, no index register */

/* The two forms that nearly all of Linux's stores have: 64-bit mov (89) and xchg (87) of a register with simple
 * addressing. The operand's address is where the fault was. False, and nothing changed: for the full decoder. */
static bool decode_fast(const struct cpu_user_regs *r, unsigned long va, struct ptwrite *w)
{
    static const uint8_t length[4] = { 3, 4, 7, 0 };    /* by ModRM.mod: REX, opcode, ModRM, displacement */
    uint64_t bytes;
    if ((va & 7) || copy_from_guest(&bytes, (void *)r->rip, sizeof(bytes)) || (bytes & 0xfa) != REX_W_FIXED)
        return false;
    uint8_t op = (uint8_t)(bytes >> 8);
    unsigned int mod = (unsigned int)(bytes >> 22 & 3);
    unsigned int rm = (unsigned int)(bytes >> 16 & 7);
    if ((op != 0x89 && op != 0x87) || mod == 3 || rm == 4 || (mod == 0 && rm == 5))
        return false;
    w->op = op == 0x89 ? PTW_MOV : PTW_XCHG;
    w->size = 8;
    w->rex_seen = true;
    w->reg = (uint8_t)((bytes >> 19 & 7) | (bytes & 4) << 1);
    w->val = reg_read(r, w->reg, 8, true);
    w->len = length[mod];
    return true;
}

bool ptwrite_fault(struct vcpu *v, struct cpu_user_regs *r, unsigned long va)
{
    struct ptwrite w;
    pte_t pte;
    mfn_t m = pt_walk(v->cr3_kernel, va, &pte);
    if (m == INVALID_MFN || (pte & PT_WRITE) || !mfn_valid(m))
        return false;
    struct frame *table = mfn_to_frame(m);
    if (frame_type(table) != TYPE_L1 || !(decode_fast(r, va, &w) || ptwrite_decode(v, r, va, &w)))
        return false;
    if (!pt_hold_l1(table, v->domain))
        return false;
    bool done = apply(v, r, &w, table, va);
    pt_release_l1(table);
    return done;
}
