/* SPDX-License-Identifier: MIT */
/* How the emulator's tests run an instruction: bytes at the start of `code`, on the registers of the running vCPU. */
#ifndef EMU_H
#define EMU_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"
#include "../../../hypervisor/domain/emulate.h"

extern struct vcpu *v;
extern struct cpu_user_regs *r;
extern uint8_t *code, *data;            /* two pages each of guest memory, inaccessible ones around */

void setup_on(const struct cpu_record *cpu, domid_t id);
static inline void setup(domid_t id) { setup_on(&record_amd, id); }
void user_mode(unsigned int iopl);      /* flat 64-bit user code */
bool run_bytes(const char *bytes, size_t n);
#define RUN(s) run_bytes(s, sizeof(s) - 1)
/* Done, and rip behind it. */
#define DONE(s) do { ck_assert(RUN(s)); ck_assert_uint_eq(r->rip, (unsigned long)code + sizeof(s) - 1); } while (0)
/* Not done: nothing changed. */
#define FAULTS(s) do { \
        struct cpu_user_regs before_ = *r; \
        unsigned int io_ = m.nr_io; \
        ck_assert(!RUN(s)); \
        before_.rip = (unsigned long)code; \
        ck_assert_int_eq(memcmp(&before_, r, sizeof(before_)), 0); \
        ck_assert_uint_eq(m.nr_io, io_); \
        ck_assert_uint_eq(m.exceptions, 0); \
    } while (0)

TCase *port_tests(void);
TCase *msr_tests(void);
TCase *instruction_tests(void);

#endif
