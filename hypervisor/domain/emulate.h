/* SPDX-License-Identifier: MIT */
/* Private to the privileged-instruction emulator: emulate.c (what traps), emulate_decode.c (the decoder),
 * emulate_port.c (ports), emulate_msr.c (MSRs), ptwrite_decode.c (stores to page tables). */
#ifndef DOMAIN_EMULATE_H
#define DOMAIN_EMULATE_H

#include "private.h"

/* The instruction decoder: prefixes, REX, one- and two-byte opcodes, ModRM with its effective address, immediates. It
 * knows no instruction's meaning. Its only input is bytes already copied from the guest, and registers. Use:
 * insn_fetch, insn_opcode, then as the opcode asks insn_modrm and insn_imm, then insn_ea. Each returns false on a
 * stream that is too short, too long (over 15 bytes) or not decodable; nothing was changed then. */
#define INSN_MAX 15u                /* the architecture's limit (SDM 2A 2.3.11) */

enum insn_seg { SEG_DEFAULT, SEG_FS, SEG_GS };     /* the others do nothing in 64-bit code */

struct insn {
    uint8_t byte[INSN_MAX + 1];     /* one more: two words are copied faster than 15 bytes */
    uint8_t avail, pos;             /* bytes there, bytes used so far: after the last step, the instruction's length */
    bool code64;                    /* 64-bit code; else 32-bit (16-bit code is not decoded) */
    bool lock;
    bool rex_seen;
    uint8_t rep;                    /* 0, 0xf2 or 0xf3 */
    uint8_t rex;
    uint8_t seg;                    /* enum insn_seg: the override */
    uint8_t opsize, adsize;         /* bytes: 2, 4, 8 (adsize 4 or 8) */
    uint16_t opcode;                /* one byte, or 0x0f00 | second byte */
    uint8_t mod, reg, rm;           /* of ModRM, with REX.R and REX.B added */
    bool mem, rip_rel;              /* the operand is memory; ... relative to the next instruction */
    uint64_t offset;                /* memory: before rip, address size and segment base */
};

/* Bytes at linear_rip, as many as can be read of 15: at least one, or false. */
bool insn_fetch(struct insn *i, uint64_t linear_rip, bool code64);
bool insn_opcode(struct insn *i);
bool insn_modrm(struct insn *i, const struct cpu_user_regs *r);
/* size 1, 2 or 4 bytes, sign-extended to 64 bits. */
bool insn_imm(struct insn *i, unsigned int size, uint64_t *val);
/* Effective address (without a segment base) of the memory operand, once the whole instruction is decoded. */
uint64_t insn_ea(const struct insn *i, const struct cpu_user_regs *r);
uint64_t insn_segment_base(const struct insn *i);   /* of the override */

/* General registers by number, 0 rax .. 15 r15. size 1, 2, 4, 8; size 1 without REX: 4..7 are ah, ch, dh, bh.
 * A 4-byte write clears the upper half, as the CPU does. */
uint64_t reg_read(const struct cpu_user_regs *r, unsigned int n, unsigned int size, bool rex_seen);
void reg_write(struct cpu_user_regs *r, unsigned int n, unsigned int size, bool rex_seen, uint64_t val);
static inline uint64_t size_mask(unsigned int size) { return size >= 8 ? ~0UL : (1UL << (size * 8)) - 1; }

/* What became of an instruction. */
enum emu_result {
    EMU_FAULT,      /* not for us, or not allowed: the guest gets its exception; nothing was changed */
    EMU_DONE,       /* finished: rip goes behind it */
    EMU_STAY,       /* rip stays: more of a string instruction is to come, or an exception was injected */
};

struct emu { struct vcpu *v; struct cpu_user_regs *r; struct insn i; };

/* Moves on behind an instruction of len bytes; a guest that single-steps gets its trap. v is current. */
void emulate_retire(struct vcpu *v, struct cpu_user_regs *r, unsigned int len);

enum emu_result emulate_in_out(struct emu *e);
enum emu_result emulate_ins_outs(struct emu *e);

/* ptwrite_decode.c: a guest kernel's store to an L1 page table, decoded: one aligned 8-byte entry, or bytes of it, by
 * mov, xchg, cmpxchg, xadd, and/or/xor, bts/btr/btc, with or without lock; others are refused. Use: ptwrite_decode;
 * then, for the operand's present value (`size` bytes at the faulting address), ptwrite_compute until the exchange
 * succeeds; then once ptwrite_finish with the value that was replaced. */
enum ptwrite_op { PTW_MOV, PTW_XCHG, PTW_CMPXCHG, PTW_XADD, PTW_AND, PTW_OR, PTW_XOR, PTW_BTS, PTW_BTR, PTW_BTC };

struct ptwrite {
    uint8_t op;                 /* enum ptwrite_op */
    uint8_t size;               /* of the operand in memory: 1, 2, 4, 8; it lies within one entry */
    uint8_t len;                /* of the instruction */
    uint8_t reg;                /* xchg, xadd: gets the old value */
    bool rex_seen;
    uint64_t val;               /* the other operand; bts/btr/btc: the bit's mask */
    uint64_t expected;          /* cmpxchg: the accumulator */
};

/* r: the faulting kernel's registers; va: CR2. False: not a form from above, or not a store to va. */
bool ptwrite_decode(struct vcpu *v, const struct cpu_user_regs *r, unsigned long va, struct ptwrite *out);
/* The operand's new value; false: the instruction leaves cur as it is (a cmpxchg that does not match). */
bool ptwrite_compute(const struct ptwrite *w, uint64_t cur, uint64_t *val);
/* Registers and flags as after the instruction, rip behind it. */
void ptwrite_finish(const struct ptwrite *w, struct cpu_user_regs *r, uint64_t cur);

#endif
