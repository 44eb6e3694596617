/* SPDX-License-Identifier: MIT */
/*
 * The page-table-write decoder against the CPU: random encodings of every form are decoded and computed on one copy
 * of the registers and run for real, on plain memory, on another; both must agree. Then what must be refused.
 */
#include <asm/prctl.h>
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "machine.h"
#include "../../../hypervisor/domain/emulate.h"
#include "../../../hypervisor/domain/emulate.h"
#include "../run-suite.h"

struct native_regs { uint64_t r[16], flags; };
void native_run(struct native_regs *regs, const void *code);

#define FLAG_CF 0x001u
#define FLAG_PF 0x004u
#define FLAG_AF 0x010u
#define FLAG_ZF 0x040u
#define FLAG_SF 0x080u
#define FLAG_OF 0x800u
#define FLAGS_ALL (FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF)
#define GS_BASE 0x10000UL

enum { REG, IMM, ALU, ALU8, BITREG, BITIMM };
static const struct form {
    const char *name;
    uint16_t opcode;            /* of the wide form */
    uint8_t ext;                /* ModRM.reg of immediate forms */
    uint8_t operands;
    bool has_byte, lockable;
    unsigned int flags;         /* defined after it */
} forms[] = {
    { "mov", 0x89, 0, REG, true, false, FLAGS_ALL },
    { "mov imm", 0xc7, 0, IMM, true, false, FLAGS_ALL },
    { "xchg", 0x87, 0, REG, true, true, FLAGS_ALL },
    { "cmpxchg", 0x0fb1, 0, REG, true, true, FLAGS_ALL },
    { "xadd", 0x0fc1, 0, REG, true, true, FLAGS_ALL },
    { "and", 0x21, 0, REG, true, true, FLAGS_ALL & ~FLAG_AF },
    { "or", 0x09, 0, REG, true, true, FLAGS_ALL & ~FLAG_AF },
    { "xor", 0x31, 0, REG, true, true, FLAGS_ALL & ~FLAG_AF },
    { "or imm", 0x81, 1, ALU, true, true, FLAGS_ALL & ~FLAG_AF },
    { "and imm", 0x81, 4, ALU, true, true, FLAGS_ALL & ~FLAG_AF },
    { "xor imm", 0x81, 6, ALU, true, true, FLAGS_ALL & ~FLAG_AF },
    { "or imm8", 0x83, 1, ALU8, false, true, FLAGS_ALL & ~FLAG_AF },
    { "and imm8", 0x83, 4, ALU8, false, true, FLAGS_ALL & ~FLAG_AF },
    { "xor imm8", 0x83, 6, ALU8, false, true, FLAGS_ALL & ~FLAG_AF },
    { "bts", 0x0fab, 0, BITREG, false, true, FLAG_CF | FLAG_ZF },
    { "btr", 0x0fb3, 0, BITREG, false, true, FLAG_CF | FLAG_ZF },
    { "btc", 0x0fbb, 0, BITREG, false, true, FLAG_CF | FLAG_ZF },
    { "bts imm8", 0x0fba, 5, BITIMM, false, true, FLAG_CF | FLAG_ZF },
    { "btr imm8", 0x0fba, 6, BITIMM, false, true, FLAG_CF | FLAG_ZF },
    { "btc imm8", 0x0fba, 7, BITIMM, false, true, FLAG_CF | FLAG_ZF },
};

static uint8_t *code;               /* one page; the next is data, so that rip-relative reaches it */
static struct vcpu *v;

static uint64_t rnd(void)
{
    static uint64_t x = 0x9e3779b97f4a7c15;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return x;
}

static void setup(void)
{
    v = machine_start(&record_amd, 1);
    if (!code) {
        code = mmap(NULL, 3 * PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        ck_assert_ptr_ne(code, MAP_FAILED);
        ck_assert_int_eq(syscall(SYS_arch_prctl, ARCH_SET_GS, GS_BASE), 0);
    }
    m.gs_base = GS_BASE;
}

static void to_user_regs(const struct native_regs *n, struct cpu_user_regs *r)
{
    for (unsigned int i = 0; i < 16; i++) reg_write(r, i, 8, true, n->r[i]);
    r->rflags = n->flags;
}

/* One encoded instruction and the registers it runs with. */
struct sample {
    const struct form *f;
    uint8_t bytes[32];
    unsigned int len, size;
    struct native_regs regs;
    uint64_t *entry;            /* the aligned 8 bytes it changes */
    unsigned long va;
};

static void put(struct sample *s, uint64_t val, unsigned int n)
{
    memcpy(s->bytes + s->len, &val, n);
    s->len += n;
}

struct address { unsigned int mod, rm, index, base, scale, disp_size; bool sib, rip; int32_t disp; };

static struct address random_address(unsigned int reg_field, bool reg_used)
{
    struct address a = { .rip = rnd() % 8 == 0, .sib = rnd() & 1, .scale = rnd() & 3, .disp = 0 };

    a.mod = a.rip ? 0 : 1 + rnd() % 2;
    a.disp_size = a.rip ? 4 : a.mod == 1 ? 1 : 4;
    a.disp = a.mod == 1 ? (int8_t)rnd() : (int32_t)(rnd() % 0x20000000) - 0x10000000;
    do {
        a.base = rnd() % 16;
        a.index = rnd() % 16;
    } while (a.base == 4 || a.base == 0 || a.index == 0 || a.base == a.index || (!a.sib && (a.base & 7) == 4) ||
             (reg_used && (a.base == reg_field || (a.sib && a.index == reg_field))));
    if (a.rip)
        a.sib = false;
    else if ((a.base & 7) != 5 && rnd() % 3 == 0) {
        a.mod = a.disp_size = 0;
        a.disp = 0;
    }
    return a;
}

/* Sets the registers so that the operand lies at ea, and encodes ModRM, SIB and displacement after the opcode. */
static void encode_address(struct sample *s, const struct address *a, unsigned int reg, unsigned long ea,
                           unsigned int imm_size)
{
    unsigned int rm = a->rip ? 5 : a->sib ? 4 : a->base & 7;
    uint64_t index = 0;

    put(s, a->mod << 6 | (reg & 7) << 3 | rm, 1);
    if (a->sib) {
        put(s, a->scale << 6 | (a->index & 7) << 3 | (a->base & 7), 1);
        if (a->index != 4) {
            s->regs.r[a->index] = rnd() % 0x10000;
            index = s->regs.r[a->index] << a->scale;
        }
    }
    if (a->rip)
        put(s, ea - ((unsigned long)code + s->len + 4 + imm_size), 4);
    else if (a->disp_size)
        put(s, (uint64_t)(int64_t)a->disp, a->disp_size);
    if (!a->rip)
        s->regs.r[a->base] = ea - index - (uint64_t)(int64_t)a->disp;
}

static struct sample make_sample(const struct form *f)
{
    struct sample s = { .f = f };
    bool byte = f->has_byte && rnd() % 3 == 0, reg_used = f->operands == REG || f->operands == BITREG;
    unsigned int size = byte ? 1 : 2u << rnd() % 3, reg = reg_used ? rnd() % 16 : f->ext, imm_size = 0, off;
    bool gs = rnd() % 6 == 0, rex_free = rnd() % 4 == 0;
    struct address a;
    unsigned long ea;
    int64_t shift = 0;
    uint64_t imm = rnd();
    uint8_t rex;

    while (reg_used && reg == 4 && (size != 1 || rex_free)) reg = rnd() % 16;       /* rsp or spl: the host's */
    do
        a = random_address(reg, reg_used);
    while (reg_used && size == 1 && reg == 4 && (a.base >= 8 || a.index >= 8));      /* ah: no REX */
    for (unsigned int i = 0; i < 16; i++) s.regs.r[i] = rnd();
    s.regs.flags = 0x202 | (rnd() & FLAGS_ALL);
    s.size = size;
    s.entry = (uint64_t *)(code + PAGE_SIZE + (rnd() % 512) * 8);
    *s.entry = rnd();
    off = size == 8 ? 0 : rnd() % (9 - size);
    s.va = (unsigned long)s.entry + off;
    if (f->operands == BITREG) {
        shift = (int64_t)(rnd() % 65) - 32;
        s.regs.r[reg] = (uint64_t)(shift * (int64_t)size * 8 + (int64_t)(rnd() % (size * 8)));
        if (size < 8) s.regs.r[reg] = (s.regs.r[reg] & size_mask(size)) | (rnd() << (size * 8));
    }
    if (f->opcode == 0x0fb1 && rnd() & 1) {             /* half of them match */
        uint64_t cur = 0;
        memcpy(&cur, (void *)s.va, size);
        s.regs.r[0] = (s.regs.r[0] & ~size_mask(size)) | cur;
    }
    ea = s.va - (unsigned long)(shift * size) - (gs ? GS_BASE : 0);
    if (f->operands == IMM || f->operands == ALU) imm_size = size == 8 ? 4 : size;
    if (f->operands == ALU8 || f->operands == BITIMM) imm_size = 1;
    if (gs) put(&s, 0x65, 1);
    if (f->lockable && rnd() & 1) put(&s, 0xf0, 1);
    if (rnd() % 10 == 0) put(&s, 0x3e, 1);              /* ignored, and does not undo the GS before */
    if (size == 2) put(&s, 0x66, 1);
    rex = 0x40 | (size == 8 ? 8 : 0) | (reg_used && reg >= 8 ? 4 : 0) | (a.sib && a.index >= 8 ? 2 : 0) |
          (!a.rip && a.base >= 8 ? 1 : 0);
    if (rex != 0x40 || rex_free) put(&s, rex, 1);
    if (f->opcode >= 0x0f00) put(&s, 0x0f, 1);
    put(&s, byte ? (f->opcode & 0xff) - 1 : f->opcode & 0xff, 1);
    encode_address(&s, &a, reg, ea, imm_size);
    put(&s, imm, imm_size);
    return s;
}

static void check_sample(struct sample *s)
{
    struct cpu_user_regs r, want;
    struct native_regs n = s->regs;
    struct ptwrite w;
    uint64_t cur = 0, val = 0, before = *s->entry, after;

    memset(code, 0x90, 64);
    memcpy(code, s->bytes, s->len);
    code[s->len] = 0xc3;
    memset(&r, 0, sizeof(r));
    to_user_regs(&s->regs, &r);
    r.rip = (unsigned long)code;
    if (!ptwrite_decode(v, &r, s->va, &w))
        ck_abort_msg("%s size %u not decoded: %02x %02x %02x %02x %02x", s->f->name, s->size, s->bytes[0],
                     s->bytes[1], s->bytes[2], s->bytes[3], s->bytes[4]);
    ck_assert_uint_eq(w.size, s->size);
    ck_assert_uint_eq(w.len, s->len);
    memcpy(&cur, (void *)s->va, w.size);
    after = before;
    if (ptwrite_compute(&w, cur, &val)) memcpy((char *)&after + (s->va & 7), &val, w.size);
    ptwrite_finish(&w, &r, cur);

    native_run(&n, code);
    memset(&want, 0, sizeof(want));
    to_user_regs(&n, &want);
    ck_assert_msg(*s->entry == after, "%s size %u: memory %lx, the CPU makes %lx of %lx", s->f->name, s->size,
                  (unsigned long)after, (unsigned long)*s->entry, (unsigned long)before);
    for (unsigned int i = 0; i < 16; i++)
        if (i != 4)
            ck_assert_msg(reg_read(&r, i, 8, true) == reg_read(&want, i, 8, true),
                          "%s size %u: register %u is %lx, not %lx",
                          s->f->name, s->size, i, (unsigned long)reg_read(&r, i, 8, true),
                          (unsigned long)reg_read(&want, i, 8, true));
    ck_assert_msg(!((r.rflags ^ want.rflags) & s->f->flags), "%s size %u: flags %lx, not %lx", s->f->name, s->size,
                  (unsigned long)r.rflags, (unsigned long)want.rflags);
    ck_assert_uint_eq(r.rip, (unsigned long)code + s->len);
    ck_assert_uint_eq(m.exceptions, 0);
}

START_TEST(every_form_as_the_cpu)
{
    setup();
    for (unsigned int round = 0; round < 400; round++) {
        struct sample s = make_sample(&forms[_i]);

        check_sample(&s);
    }
    machine_stop();
}
END_TEST

/* Bytes cut off, another address, an operand over the entry's end, user mode: refused. */
START_TEST(near_misses)
{
    setup();
    for (unsigned int round = 0; round < 100; round++) {
        struct sample s = make_sample(&forms[_i]);
        struct cpu_user_regs r;
        struct ptwrite w;

        memset(code, 0x90, 64);
        memcpy(code, s.bytes, s.len);
        memset(&r, 0, sizeof(r));
        to_user_regs(&s.regs, &r);
        r.rip = (unsigned long)code;
        ck_assert(!ptwrite_decode(v, &r, s.va ^ 8, &w));
        ck_assert(!ptwrite_decode(v, &r, s.va + PAGE_SIZE, &w));
        v->in_kernel = false;
        ck_assert(!ptwrite_decode(v, &r, s.va, &w));
        v->in_kernel = true;
        if (s.size > 1) {
            unsigned long across = (unsigned long)s.entry + 9 - s.size;
            unsigned int base;

            for (base = 0; base < 16; base++) {         /* moves every address register, one of them is the base */
                struct cpu_user_regs moved = r;

                reg_write(&moved, base, 8, true, s.regs.r[base] + (across - s.va));
                ck_assert(!ptwrite_decode(v, &moved, across, &w));
            }
        }
        for (unsigned int n = 0; n < s.len; n++) {
            /* The last bytes before the end of what can be fetched. */
            uint8_t *at = code + PAGE_SIZE - n;

            memcpy(at - 0, s.bytes, n);
            r.rip = (unsigned long)at;
            guest_memory_reset();
            guest_memory_add(code, PAGE_SIZE);
            ck_assert(!ptwrite_decode(v, &r, s.va, &w));
        }
        guest_memory_reset();
    }
    machine_stop();
}
END_TEST

static bool decode_bytes(const char *bytes, size_t n)
{
    struct cpu_user_regs r;
    struct ptwrite w;

    memset(code, 0x90, 64);
    memcpy(code, bytes, n);
    memset(&r, 0, sizeof(r));
    r.rip = (unsigned long)code;
    r.rdi = (unsigned long)code + PAGE_SIZE;
    return ptwrite_decode(v, &r, r.rdi, &w);
}
#define REFUSED(s) ck_assert(!decode_bytes(s, sizeof(s) - 1))
#define TAKEN(s) ck_assert(decode_bytes(s, sizeof(s) - 1))

START_TEST(refused_instructions)
{
    setup();
    TAKEN("\x48\x89\x07");                      /* mov %rax, (%rdi) */
    TAKEN("\x48\xc7\x07\0\0\0\0");              /* movq $0, (%rdi) */
    TAKEN("\xf0\x80\x27\xfd");                  /* lock andb $0xfd, (%rdi) */
    TAKEN("\xf0\x48\x0f\xba\x37\x05");          /* lock btrq $5, (%rdi) */
    TAKEN("\x48\x87\x07");                      /* xchg %rax, (%rdi) */
    TAKEN("\xf0\x48\x0f\xb1\x0f");              /* lock cmpxchg %rcx, (%rdi) */
    REFUSED("\xf0\x48\x89\x07");                /* lock mov */
    REFUSED("\xf0\x48\xc7\x07\0\0\0\0");
    REFUSED("\x48\x89\xc7");                    /* register to register */
    REFUSED("\x48\x8b\x07");                    /* a load */
    REFUSED("\x48\xc7\x0f\0\0\0\0");            /* c7 /1 */
    REFUSED("\x48\x81\x07\0\0\0\0");            /* add */
    REFUSED("\x48\x83\x2f\x01");                /* sub */
    REFUSED("\x48\x0f\xba\x27\x05");            /* bt: reads only */
    REFUSED("\x48\xff\x07");                    /* inc */
    REFUSED("\x48\xab");                        /* stos */
    REFUSED("\x48\xa5");                        /* movs */
    REFUSED("\x0f\xc7\x0f");                    /* cmpxchg8b */
    REFUSED("\x0f\x11\x07");                    /* movups */
    REFUSED("\xc5\xfc\x11\x07");                /* vmovups */
    REFUSED("\x67\x48\x89\x07");                /* a 32-bit address of this page does not exist */
    REFUSED("\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x89\x07");  /* too long */
    TAKEN("\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x89\x07");            /* exactly 15 */
    REFUSED("\x48\x66\x88");                    /* nothing after */
    machine_stop();
}
END_TEST

/* REX counts only in front of the opcode. */
START_TEST(rex_position)
{
    struct cpu_user_regs r;
    struct ptwrite w;

    setup();
    memcpy(code, "\x48\x66\x89\x07", 4);
    memset(&r, 0, sizeof(r));
    r.rip = (unsigned long)code;
    r.rdi = (unsigned long)code + PAGE_SIZE;
    ck_assert(ptwrite_decode(v, &r, r.rdi, &w));
    ck_assert_uint_eq(w.size, 2);
    memcpy(code, "\x66\x48\x89\x07", 4);
    ck_assert(ptwrite_decode(v, &r, r.rdi, &w));
    ck_assert_uint_eq(w.size, 8);
    machine_stop();
}
END_TEST

START_TEST(single_step)
{
    struct cpu_user_regs r;
    struct ptwrite w;

    setup();
    memcpy(code, "\x48\x89\x07", 3);
    memset(&r, 0, sizeof(r));
    r.rip = (unsigned long)code;
    r.rdi = (unsigned long)code + PAGE_SIZE;
    r.rflags = 0x10302;
    ck_assert(ptwrite_decode(v, &r, r.rdi, &w));
    ptwrite_finish(&w, &r, 0);
    ck_assert_uint_eq(m.exceptions, 1);
    ck_assert_uint_eq(m.vector, 1);
    ck_assert_uint_eq(v->dr[6] & 0x4000, 0x4000);
    ck_assert_uint_eq(r.rflags & 0x10000, 0);
    machine_stop();
}
END_TEST

/* Random bytes and registers: whatever is decoded lies within the entry. */
START_TEST(random_bytes)
{
    setup();
    for (unsigned int round = 0; round < 200000; round++) {
        struct cpu_user_regs r;
        struct ptwrite w;
        unsigned long va = (unsigned long)code + PAGE_SIZE + rnd() % 64;
        uint64_t val = 0;

        for (unsigned int i = 0; i < 16; i++) code[i] = (uint8_t)rnd();
        for (unsigned int i = 0; i < 16; i++) reg_write(&r, i, 8, true, rnd() & 1 ? va : rnd());
        r.rip = (unsigned long)code;
        r.rflags = 2;
        if (ptwrite_decode(v, &r, va, &w)) {
            ck_assert_uint_le((va & 7) + w.size, 8);
            ck_assert_uint_le(w.len, 15);
            ptwrite_compute(&w, rnd() & size_mask(w.size), &val);
            ck_assert_uint_eq(val & ~size_mask(w.size), 0);
            ptwrite_finish(&w, &r, rnd() & size_mask(w.size));
            ck_assert_uint_eq(r.rip, (unsigned long)code + w.len);
        }
    }
    machine_stop();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("ptwrite");
    TCase *t = tcase_create("ptwrite");

    tcase_add_loop_test(t, every_form_as_the_cpu, 0, ARRAY_SIZE(forms));
    tcase_add_loop_test(t, near_misses, 0, ARRAY_SIZE(forms));
    tcase_add_test(t, refused_instructions);
    tcase_add_test(t, rex_position);
    tcase_add_test(t, single_step);
    tcase_add_test(t, random_bytes);
    suite_add_tcase(s, t);
    return run_suite(s);
}
