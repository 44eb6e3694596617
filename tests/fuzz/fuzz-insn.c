/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer: the two instruction decoders. The first byte says which mode and machine, eight more seed the registers,
 * the rest is code at the end of readable memory. Whatever happens stays within 15 bytes, and a refusal changes
 * nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "../unit/hv-policy/machine.h"
#include "../../hypervisor/domain/emulate.h"
#include "../../hypervisor/domain/emulate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t code[PAGE_SIZE], memory[2 * PAGE_SIZE] __aligned(4096);
static struct vcpu *v;

static void fill_registers(struct cpu_user_regs *r, uint64_t seed)
{
    memset(r, 0, sizeof(*r));
    for (unsigned int i = 0; i < 16; i++) {
        seed = seed * 6364136223846793005 + 1442695040888963407;
        reg_write(r, i, 8, true, seed >> 62 ? (uintptr_t)memory + (seed >> 40 & 0x1fff) : seed >> 16);
    }
    r->rflags = 2 | (seed & 0x0d00);
    r->cs = seed & 0x1000 ? 0xe033 : 0xe023;
}

static void fuzz_emulator(struct cpu_user_regs *r, size_t n)
{
    struct cpu_user_regs before = *r;
    unsigned int faults = m.exceptions;

    m.nr_io = 0;
    if (emulate_privileged(v, r)) {
        if (r->rip - before.rip > min_t(size_t, n, INSN_MAX)) __builtin_trap();
        if (r->rip == before.rip && m.exceptions == faults && r->rcx == before.rcx) __builtin_trap();
    } else if (memcmp(r, &before, sizeof(before)) || m.nr_io) {
        __builtin_trap();
    }
}

static void fuzz_ptwrite(struct cpu_user_regs *r, uint64_t va, size_t n)
{
    struct ptwrite w;
    uint64_t val = 0;

    if (!ptwrite_decode(v, r, va, &w)) return;
    if ((va & 7) + w.size > 8 || w.len > n || w.len > INSN_MAX || (w.val & ~size_mask(w.size))) __builtin_trap();
    ptwrite_compute(&w, va & size_mask(w.size), &val);
    if (val & ~size_mask(w.size)) __builtin_trap();
    ptwrite_finish(&w, r, va & size_mask(w.size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cpu_user_regs r;
    uint64_t seed;
    size_t n;

    if (size < 10) return 0;
    if (!v) {
        v = machine_start(&record_amd, 0);
        guest_memory_add(code, sizeof(code));
        guest_memory_add(memory, sizeof(memory));
    }
    memcpy(&seed, data + 1, 8);
    n = min_t(size_t, size - 9, 32);
    memcpy(code + sizeof(code) - n, data + 9, n);
    v->in_kernel = data[0] & 1;
    v->iopl = (unsigned long)(data[0] >> 1 & 3) << 12;
    fill_registers(&r, seed);
    r.rip = (uintptr_t)code + sizeof(code) - n;
    if (data[0] & 8)
        fuzz_ptwrite(&r, reg_read(&r, data[0] >> 4, 8, true), n);
    else
        fuzz_emulator(&r, n);
    return 0;
}
