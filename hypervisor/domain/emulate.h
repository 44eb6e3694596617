/* SPDX-License-Identifier: MIT */
/* Private to the privileged-instruction emulator: emulate.c (what traps), emulate_port.c (ports), emulate_msr.c
 * (MSRs). */
#ifndef DOMAIN_EMULATE_H
#define DOMAIN_EMULATE_H

#include <hv/domain.h>

#include "emulate_decode.h"

/* What became of an instruction. */
enum emu_result {
    EMU_FAULT,      /* not for us, or not allowed: the guest gets its exception; nothing was changed */
    EMU_DONE,       /* finished: rip goes behind it */
    EMU_STAY,       /* rip stays: more of a string instruction is to come, or an exception was injected */
};

struct emu {
    struct vcpu *v;
    struct cpu_user_regs *r;
    struct insn i;
};

/* Moves on behind an instruction of len bytes; a guest that single-steps gets its trap. v is current. */
void emulate_retire(struct vcpu *v, struct cpu_user_regs *r, unsigned int len);

/* --- emulate_port.c */
enum emu_result emulate_in_out(struct emu *e);
enum emu_result emulate_ins_outs(struct emu *e);

#endif
