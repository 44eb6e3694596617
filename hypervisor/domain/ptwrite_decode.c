/* SPDX-License-Identifier: MIT */
/* Decodes and computes stores to page tables: see emulate.h. No state; hostile input is bytes and registers. */
#include "emulate.h"

/* How an opcode's operands are found. */
enum form {
    F_REG,          /* r/m, reg */
    F_IMM,          /* r/m, immediate of the operand size (at most 4 bytes, sign-extended); ModRM.reg must be 0 */
    F_ALU,          /* r/m, immediate: ModRM.reg names the operation; opcode 83: one byte */
    F_BITREG,       /* r/m, reg: a bit of a string that starts at r/m */
    F_BITIMM,       /* r/m, imm8: ModRM.reg names the operation */
};

/* In pairs: the even opcode is the byte form, unless only_wide. */
static const struct ptwrite_row { uint16_t opcode; uint8_t op, form; bool only_wide; } rows[] = {
    { 0x88, PTW_MOV, F_REG, false },
    { 0xc6, PTW_MOV, F_IMM, false },
    { 0x86, PTW_XCHG, F_REG, false },
    { 0x0fb0, PTW_CMPXCHG, F_REG, false },
    { 0x0fc0, PTW_XADD, F_REG, false },
    { 0x20, PTW_AND, F_REG, false },
    { 0x08, PTW_OR, F_REG, false },
    { 0x30, PTW_XOR, F_REG, false },
    { 0x80, 0, F_ALU, false },
    { 0x83, 0, F_ALU, true },
    { 0x0fab, PTW_BTS, F_BITREG, true },
    { 0x0fb3, PTW_BTR, F_BITREG, true },
    { 0x0fbb, PTW_BTC, F_BITREG, true },
    { 0x0fba, 0, F_BITIMM, true },
};

static const struct ptwrite_row *find_row(uint16_t opcode)
{
    for (unsigned int n = 0; n < ARRAY_SIZE(rows); n++)
        if (opcode == rows[n].opcode || (!rows[n].only_wide && opcode == (rows[n].opcode | 1)))
            return &rows[n];
    return NULL;
}

/* Operations that ModRM.reg names; 0, which is PTW_MOV, where it is none of ours. */
static const uint8_t alu_ops[8] = { [1] = PTW_OR, [4] = PTW_AND, [6] = PTW_XOR };
static const uint8_t bit_ops[8] = { [5] = PTW_BTS, [6] = PTW_BTR, [7] = PTW_BTC };

/* Operand values, after ModRM. *offset: how far from r/m's address a bit string's word lies. */
static bool operands(struct insn *i, const struct cpu_user_regs *r, const struct ptwrite_row *row, struct ptwrite *w,
                     int64_t *offset)
{
    unsigned int bits = w->size * 8u;
    uint64_t imm;
    *offset = 0;
    switch (row->form) {
    case F_REG:
        w->val = reg_read(r, w->reg, w->size, w->rex_seen);
        return true;
    case F_IMM: return (i->reg & 7) == 0 && insn_imm(i, min_t(unsigned int, w->size, 4), &w->val);
    case F_ALU:
        w->op = alu_ops[i->reg & 7];
        return w->op && insn_imm(i, row->only_wide ? 1 : min_t(unsigned int, w->size, 4), &w->val);
    case F_BITREG:
        imm = reg_read(r, w->reg, w->size, true);
        *offset = (int64_t)(w->size == 8 ? imm : w->size == 4 ? (uint64_t)(int32_t)imm : (uint64_t)(int16_t)imm);
        *offset = (*offset >> (w->size == 8 ? 6 : w->size == 4 ? 5 : 4)) * w->size;
        w->val = 1UL << (imm % bits);
        return true;
    case F_BITIMM:
        w->op = bit_ops[i->reg & 7];
        if (!w->op || !insn_imm(i, 1, &imm))
            return false;
        w->val = 1UL << (imm % bits);
        return true;
    default: return false;
    }
}

bool ptwrite_decode(struct vcpu *v, const struct cpu_user_regs *r, unsigned long va, struct ptwrite *w)
{
    struct insn i;
    int64_t offset;
    if (!v->in_kernel || !insn_fetch(&i, r->rip, true) || !insn_opcode(&i))
        return false;
    const struct ptwrite_row *row = find_row(i.opcode);
    if (!row || !insn_modrm(&i, r) || !i.mem)
        return false;
    if (i.lock && row->op == PTW_MOV && row->form != F_ALU && row->form != F_BITIMM)
        return false;
    w->op = row->op;
    w->size = row->only_wide || (i.opcode & 1) ? i.opsize : 1;
    w->reg = i.reg;
    w->rex_seen = i.rex_seen;
    if (!operands(&i, r, row, w, &offset))
        return false;
    w->val &= size_mask(w->size);
    w->expected = reg_read(r, 0, w->size, true);
    w->len = i.pos;
    return (va & 7) + w->size <= 8 && insn_segment_base(&i) + insn_ea(&i, r) + (uint64_t)offset == va;
}

bool ptwrite_compute(const struct ptwrite *w, uint64_t cur, uint64_t *val)
{
    switch (w->op) {
    case PTW_MOV:
    case PTW_XCHG:    *val = w->val; break;
    case PTW_CMPXCHG: *val = w->val; return cur == w->expected;
    case PTW_XADD:    *val = cur + w->val; break;
    case PTW_AND:     *val = cur & w->val; break;
    case PTW_OR:
    case PTW_BTS:     *val = cur | w->val; break;
    case PTW_XOR:
    case PTW_BTC:     *val = cur ^ w->val; break;
    case PTW_BTR:     *val = cur & ~w->val; break;
    }
    *val &= size_mask(w->size);
    return true;
}

#define RFLAGS_ARITH (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)

/* SF, ZF and PF of a result. */
static uint64_t result_flags(uint64_t res, unsigned int size)
{
    unsigned int nibble = (unsigned int)(res ^ res >> 4) & 0xf;
    return (res == 0 ? RFLAGS_ZF : 0) | (res >> (size * 8 - 1) & 1 ? RFLAGS_SF : 0) |
           (0x9669u >> nibble & 1 ? RFLAGS_PF : 0);
}

/* Flags of a + b = res, and of a - b = res (then carries are borrows). */
static uint64_t carry_flags(uint64_t a, uint64_t b, uint64_t res, unsigned int size, bool sub)
{
    unsigned int top = size * 8 - 1;
    bool carry = sub ? a < b : res < a;
    bool overflow = (sub ? (a ^ b) & (a ^ res) : ~(a ^ b) & (a ^ res)) >> top & 1;
    return (carry ? RFLAGS_CF : 0) | (overflow ? RFLAGS_OF : 0) | ((a ^ b ^ res) & 0x10 ? RFLAGS_AF : 0) |
           result_flags(res, size);
}

void ptwrite_finish(const struct ptwrite *w, struct cpu_user_regs *r, uint64_t cur)
{
    uint64_t flags = 0, val;
    switch (w->op) {
    case PTW_XCHG: reg_write(r, w->reg, w->size, w->rex_seen, cur); break;
    case PTW_XADD:
        ptwrite_compute(w, cur, &val);
        flags = carry_flags(cur, w->val, val, w->size, false);
        r->rflags = (r->rflags & ~RFLAGS_ARITH) | flags;
        reg_write(r, w->reg, w->size, w->rex_seen, cur);
        break;
    case PTW_CMPXCHG:
        flags = carry_flags(w->expected, cur, (w->expected - cur) & size_mask(w->size), w->size, true);
        r->rflags = (r->rflags & ~RFLAGS_ARITH) | flags;
        if (cur != w->expected)
            reg_write(r, 0, w->size, true, cur);
        break;
    case PTW_AND: case PTW_OR: case PTW_XOR:
        ptwrite_compute(w, cur, &val);
        r->rflags = (r->rflags & ~RFLAGS_ARITH) | result_flags(val, w->size);
        break;
    case PTW_BTS: case PTW_BTR: case PTW_BTC:
        r->rflags = (r->rflags & ~RFLAGS_CF) | (cur & w->val ? RFLAGS_CF : 0);
        break;
    }
    emulate_retire(current, r, w->len);
}
