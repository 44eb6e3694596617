/* SPDX-License-Identifier: MIT */
/*
 * A guest kernel's store to an L1 page table, decoded: the instructions by which Linux changes one aligned 8-byte
 * entry, or bytes of it: mov, xchg, cmpxchg, xadd, and/or/xor, bts/btr/btc, with or without lock. Others are refused.
 *
 * Use: ptwrite_decode; then, for the operand's present value (`size` bytes at the faulting address), ptwrite_compute
 * until the exchange succeeds; then once ptwrite_finish with the value that was replaced.
 */
#ifndef DOMAIN_PTWRITE_DECODE_H
#define DOMAIN_PTWRITE_DECODE_H

#include <hv/types.h>

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
