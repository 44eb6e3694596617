/* SPDX-License-Identifier: MIT */
/*
 * The instruction decoder that the privileged-instruction emulator and the page-table-write decoder share: prefixes,
 * REX, one- and two-byte opcodes, ModRM with its effective address, immediates. It knows no instruction's meaning.
 * Pure: its only input is bytes already copied from the guest, and registers.
 *
 * Use: insn_init (or insn_fetch), insn_opcode, then as the opcode asks insn_modrm and insn_imm, then insn_ea. Each
 * returns false on a stream that is too short, too long (over 15 bytes) or not decodable; nothing was changed then.
 */
#ifndef DOMAIN_EMULATE_DECODE_H
#define DOMAIN_EMULATE_DECODE_H

#include <hv/types.h>

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

void insn_init(struct insn *i, const void *bytes, size_t n, bool code64);
/* Bytes at rip + code_base in the running vCPU's address space, as many as can be read of 15: at least one, or
 * false. */
bool insn_fetch(struct insn *i, uint64_t linear_rip, bool code64);
bool insn_opcode(struct insn *i);
bool insn_modrm(struct insn *i, const struct cpu_user_regs *r);
/* size 1, 2 or 4 bytes, sign-extended to 64 bits. */
bool insn_imm(struct insn *i, unsigned int size, uint64_t *val);
/* Effective address (without a segment base) of the memory operand, once the whole instruction is decoded. */
uint64_t insn_ea(const struct insn *i, const struct cpu_user_regs *r);

/* General registers by number, 0 rax .. 15 r15. size 1, 2, 4, 8; size 1 without REX: 4..7 are ah, ch, dh, bh.
 * A 4-byte write clears the upper half, as the CPU does. */
uint64_t reg_read(const struct cpu_user_regs *r, unsigned int n, unsigned int size, bool rex_seen);
void reg_write(struct cpu_user_regs *r, unsigned int n, unsigned int size, bool rex_seen, uint64_t val);
static inline uint64_t size_mask(unsigned int size) { return size >= 8 ? ~0UL : (1UL << (size * 8)) - 1; }

#endif
