/* SPDX-License-Identifier: MIT */
/*
 * Names of text addresses. The table is made by gen-symbols.awk from the first link's symbols and linked into the second
 * one; the weak definitions in no-symbols.c stand in for it in the first.
 *
 * Layout: hv_symbol_offset[i] is the distance of symbol i from TEXT_VIRT, ascending. Names are stored in the same order,
 * each as one byte: how many leading bytes it shares with the name before it, then the rest and a zero. Every
 * SYMBOL_BLOCK-th name shares nothing, and hv_symbol_block[i / SYMBOL_BLOCK] says where it is in hv_symbol_names.
 */
#include <hv/config.h>
#include <hv/cpu.h>
#include <hv/lib.h>

#define SYMBOL_BLOCK 16             /* as in gen-symbols.awk */
#define NAME_MAX     64

extern const uint32_t hv_symbol_count, hv_symbol_offset[], hv_symbol_block[];
extern const char hv_symbol_names[];

static void name_of(uint32_t i, char name[NAME_MAX])
{
    const char *p = hv_symbol_names + hv_symbol_block[i / SYMBOL_BLOCK];

    for (uint32_t n = i - i % SYMBOL_BLOCK; n <= i; n++) {
        uint8_t shared = (uint8_t)*p++;

        hv_strlcpy(name + shared, p, NAME_MAX - shared);
        p += strlen(p) + 1;
    }
}

bool symbol_get(uint32_t n, unsigned long *addr, char *name)
{
    if (n + 1 >= hv_symbol_count || n + 1 == 0)     /* the last one is the end of the text */
        return false;
    *addr = TEXT_VIRT + hv_symbol_offset[n];
    name_of(n, name);
    return true;
}

const char *symbol_of(unsigned long addr, char *buf, size_t size)
{
    uint32_t count = hv_symbol_count, lo = 0, hi = count;
    unsigned long off = addr - TEXT_VIRT;
    char name[NAME_MAX];

    /* The last symbol is the end of the text. */
    if (count < 2 || off < hv_symbol_offset[0] || off >= hv_symbol_offset[count - 1]) {
        hv_strlcpy(buf, "?", size);
        return buf;
    }
    while (hi - lo > 1) {
        uint32_t mid = lo + (hi - lo) / 2;

        if (hv_symbol_offset[mid] <= off)
            lo = mid;
        else
            hi = mid;
    }
    name_of(lo, name);
    hv_snprintf(buf, size, "%s+%#lx/%#x", name, off - hv_symbol_offset[lo],
                hv_symbol_offset[lo + 1] - hv_symbol_offset[lo]);
    return buf;
}
