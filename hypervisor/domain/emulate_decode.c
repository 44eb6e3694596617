/* SPDX-License-Identifier: MIT */
/* The shared instruction decoder: see emulate.h. No state. */
#include "emulate.h"

enum { REX_B = 1, REX_X = 2, REX_R = 4, REX_W = 8 };

static const uint8_t reg_offset[16] = {
#define R(n) offsetof(struct cpu_user_regs, n)
    R(rax), R(rcx), R(rdx), R(rbx), R(rsp), R(rbp), R(rsi), R(rdi),
    R(r8), R(r9), R(r10), R(r11), R(r12), R(r13), R(r14), R(r15),
#undef R
};

/* ah, ch, dh, bh are the second bytes of the first four. */
static bool is_high_byte(unsigned int n, unsigned int size, bool rex_seen)
{
    return size == 1 && !rex_seen && n >= 4 && n < 8;
}

uint64_t reg_read(const struct cpu_user_regs *r, unsigned int n, unsigned int size, bool rex_seen)
{
    bool high = is_high_byte(n, size, rex_seen);
    uint64_t val;
    memcpy(&val, (const char *)r + reg_offset[(high ? n - 4 : n) & 15], sizeof(val));
    return (high ? val >> 8 : val) & size_mask(size);
}

void reg_write(struct cpu_user_regs *r, unsigned int n, unsigned int size, bool rex_seen, uint64_t val)
{
    bool high = is_high_byte(n, size, rex_seen);
    unsigned int shift = high ? 8 : 0;
    char *place = (char *)r + reg_offset[(high ? n - 4 : n) & 15];
    uint64_t old, mask = size == 4 ? ~0UL : size_mask(size);
    memcpy(&old, place, sizeof(old));
    old = (old & ~(mask << shift)) | (val & size_mask(size)) << shift;
    memcpy(place, &old, sizeof(old));
}

bool insn_fetch(struct insn *i, uint64_t rip, bool code64)
{
    size_t here = PAGE_SIZE - (rip & ~PAGE_MASK), n = INSN_MAX;
    if (likely(here > INSN_MAX)) {
        if (copy_from_guest(i->byte, (const void *)rip, INSN_MAX + 1))
            return false;
    } else {
        if (copy_from_guest(i->byte, (const void *)rip, here))
            return false;
        /* What lies on the next page may be missing and yet not needed. */
        if (copy_from_guest(i->byte + here, (const void *)(rip + here), INSN_MAX - here))
            n = here;
    }
    memset((char *)i + offsetof(struct insn, avail), 0, sizeof(*i) - offsetof(struct insn, avail));
    i->avail = (uint8_t)n;
    i->code64 = code64;
    i->opsize = 4;
    i->adsize = code64 ? 8 : 4;
    return true;
}

static bool next_byte(struct insn *i, uint8_t *b)
{
    if (i->pos >= i->avail)
        return false;
    *b = i->byte[i->pos++];
    return true;
}

bool insn_imm(struct insn *i, unsigned int size, uint64_t *val)
{
    uint64_t v = 0;
    if (i->pos + size > i->avail)
        return false;
    memcpy(&v, i->byte + i->pos, size);
    i->pos = (uint8_t)(i->pos + size);
    *val = size == 1 ? (uint64_t)(int8_t)v : size == 2 ? (uint64_t)(int16_t)v : (uint64_t)(int32_t)v;
    return true;
}

/* Takes b if it is a legacy prefix. */
static bool legacy_prefix(struct insn *i, uint8_t b)
{
    switch (b) {
    case 0x66: i->opsize = 2; return true;
    case 0x67: i->adsize = i->code64 ? 4 : 2; return true;
    case 0xf0: i->lock = true; return true;
    case 0xf2: case 0xf3: i->rep = b; return true;
    /* ES, CS, SS, DS: 64-bit code ignores them (an FS or GS before stays), 32-bit code's are flat */
    case 0x26: case 0x2e: case 0x36: case 0x3e: return true;
    case 0x64: i->seg = SEG_FS; return true;
    case 0x65: i->seg = SEG_GS; return true;
    default: return false;
    }
}

bool insn_opcode(struct insn *i)
{
    uint8_t b;
    for (;;) {
        if (!next_byte(i, &b))
            return false;
        if (legacy_prefix(i, b)) {
            i->rex = 0;             /* REX counts only right before the opcode */
            i->rex_seen = false;
        } else if (i->code64 && (b & 0xf0) == 0x40) {
            i->rex = b & 0x0f;
            i->rex_seen = true;
        } else {
            break;
        }
    }
    if (i->rex & REX_W)
        i->opsize = 8;
    i->opcode = b;
    if (b == 0x0f) {
        if (!next_byte(i, &b))
            return false;
        i->opcode = (uint16_t)(0x0f00 | b);
    }
    return true;
}

static bool decode_sib(struct insn *i, const struct cpu_user_regs *r)
{
    uint64_t disp;
    uint8_t sib;
    if (!next_byte(i, &sib))
        return false;
    unsigned int scale = sib >> 6;
    unsigned int index = ((sib >> 3) & 7) | (i->rex & REX_X ? 8 : 0);
    unsigned int base = (sib & 7) | (i->rex & REX_B ? 8 : 0);
    if (index != 4)
        i->offset += reg_read(r, index, 8, true) << scale;
    if ((base & 7) == 5 && i->mod == 0) {
        if (!insn_imm(i, 4, &disp))
            return false;
        i->offset += disp;
    } else {
        i->offset += reg_read(r, base, 8, true);
    }
    return true;
}

bool insn_modrm(struct insn *i, const struct cpu_user_regs *r)
{
    uint64_t disp;
    uint8_t b;
    if (!next_byte(i, &b))
        return false;
    i->mod = b >> 6;
    i->reg = ((b >> 3) & 7) | (i->rex & REX_R ? 8 : 0);
    i->rm = (b & 7) | (i->rex & REX_B ? 8 : 0);
    i->mem = i->mod != 3;
    if (!i->mem)
        return true;
    if (i->adsize == 2)
        return false;               /* 16-bit addressing: no 64-bit guest has it */
    if ((b & 7) == 4) {
        if (!decode_sib(i, r))
            return false;
    } else if ((b & 7) == 5 && i->mod == 0) {
        if (!insn_imm(i, 4, &i->offset))
            return false;
        i->rip_rel = i->code64;
    } else {
        i->offset = reg_read(r, i->rm, 8, true);
    }
    if (i->mod == 1 || i->mod == 2) {
        if (!insn_imm(i, i->mod == 1 ? 1 : 4, &disp))
            return false;
        i->offset += disp;
    }
    return true;
}

uint64_t insn_ea(const struct insn *i, const struct cpu_user_regs *r)
{
    uint64_t ea = i->offset + (i->rip_rel ? r->rip + i->pos : 0);
    return i->adsize == 8 ? ea : ea & 0xffffffffu;
}

uint64_t insn_segment_base(const struct insn *i)
{
    return i->seg == SEG_FS ? cpu_get_fs_base() : i->seg == SEG_GS ? cpu_get_gs_base() : 0;
}
