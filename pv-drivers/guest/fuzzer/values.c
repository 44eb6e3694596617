/* SPDX-License-Identifier: MIT */
/*
 * Values: the generator, and the pools arguments are drawn from. Owns the scratch pages. All is a function of the seed
 * and of the frames the domain was given.
 */
#include "fuzz.h"

unsigned char *scratch[NR_SCRATCH];
unsigned long scratch_mfn[NR_SCRATCH];
domid_t own_domid;

static uint64_t state;
static unsigned char *free_page; /* good pointers go here */

void *guarded_pages(unsigned int order)
{
    unsigned char *p = page_alloc(order + 1);

    if (!p || remap(p + (PAGE_SIZE << order), 0))
        panic("no memory for buffers");
    return p;
}

uint64_t rnd(void)
{
    uint64_t z = state += 0x9e3779b97f4a7c15; /* splitmix64 */

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

uint64_t any_number(void)
{
    static const uint64_t edges[] = {
        0,
        1,
        2,
        3,
        7,
        8,
        31,
        32,
        63,
        64,
        127,
        128,
        511,
        512,
        513,
        1023,
        1024,
        4095,
        4096,
        0x7fff,
        0x8000,
        0xffff,
        0x10000,
        0x1fffff,
        0x7fffffff,
        0x80000000,
        0xffffffff,
        0x100000000,
        0x7fffffffffffffff,
        0x8000000000000000,
        ~0UL,
        ~0UL - 1,
    };

    switch (below(4)) {
    case 0: return below(16);
    case 1: return 1UL << below(64);
    case 2: return rnd();
    default: return edges[below(ARRAY_SIZE(edges))];
    }
}

uint64_t bad_pointer(void)
{
    static const uint64_t bad[] = {
        0,
        1,
        0xfff,
        0x7ffffffffff8,
        0x7ffffffff000,
        0x800000000000,
        0x8000000000000000,
        0xffff7fffffffffff,
        0xffff800000000000,
        0xffff800000000ff8,
        0xffff804000000000,
        0xffff808000000000,
        0xffff810000000000,
        0xffff820000000000,
        0xffff828000000000,
        0xffff82d040200000,
        0xffff830000000000,
        0xffff830000200000,
        0xffff87fffffffff8,
        0xffff87ffffffffff,
        0xffff880000000000,
        0xffffffff7ffffff8,
        0xfffffffffffffff8,
        0xffffffffffffffff,
        0xffff800000000001,
    };

    switch (below(8)) {
    case 0: return rnd();
    case 1: return (unsigned long)scratch[below(NR_SCRATCH)] + PAGE_SIZE - below(64);
    case 2: return (unsigned long)pfn_va(nr_pages) - below(32); /* runs out of the mapping */
    case 3: return start_info->pt_base + below(4096);           /* read-only */
    default: return bad[below(ARRAY_SIZE(bad))];
    }
}

uint64_t good_pointer(void) { return (unsigned long)free_page + below(2) * (below(PAGE_SIZE) & ~7U); }

unsigned long last_free_bytes(size_t n) { return (unsigned long)free_page + (PAGE_SIZE << 4) - n; }

uint64_t not_our_frame(void)
{
    static const uint64_t frames[] = {
        0xa0,      0xb8,
        0xf0,      0xfec00,
        0xfee00,   0xfed00,
        0x80000,   0x100000,
        1UL << 36, (1UL << 40) - 1,
        1UL << 40, (1UL << 52) - 1,
        1UL << 52, ~0UL >> 12,
        ~0UL,      0x8000000000000000,
    };

    return frames[below(ARRAY_SIZE(frames))];
}

uint64_t any_frame(void)
{
    switch (below(9)) {
    case 0: return not_our_frame();
    case 1: return va_mfn((void *)start_info->pt_base);
    case 2: return p2m[va_pfn((void *)start_info->pt_base) + below((unsigned int)start_info->nr_pt_frames)];
    default: return scratch_mfn[below(NR_SCRATCH)];
    }
}

uint64_t any_pte(void)
{
    static const uint64_t flags[] = {
        PTE_P,
        PTE_P,
        PTE_P | PTE_W,
        PTE_P | PTE_W | PTE_U,
        PTE_P | PTE_U,
        PTE_P | PTE_A | PTE_D,
        PTE_KERNEL | PTE_U,
        0,
        PTE_P | PTE_NX,
    };
    uint64_t pte = any_frame() << PAGE_SHIFT | flags[below(ARRAY_SIZE(flags))];

    if (chance(10))
        pte ^= 1UL << below(12); /* caching, size, global, available */
    if (chance(5))
        pte ^= 1UL << (52 + below(12));
    return pte;
}

static evtchn_port_t any_port(void)
{
    evtchn_port_t p;

    do {
        p = chance(70) ? below(40) : (evtchn_port_t)any_number();
    } while (p == start_info->console.domU.evtchn || p == start_info->store_evtchn || p == 1 || p == 2 || p == 3);
    return p;
}

static domid_t any_domid(void)
{
    static const domid_t ids[] = {DOMID_SELF, DOMID_IO, DOMID_XEN, DOMID_COW, DOMID_INVALID,
                                  DOMID_IDLE, 0,        0x7fef,    0x8000,    0xffff};

    switch (below(3)) {
    case 0: return own_domid;
    case 1: return DOMID_SELF;
    default: return ids[below(ARRAY_SIZE(ids))];
    }
}

static uint64_t pointer(void) { return chance(50) ? good_pointer() : bad_pointer(); }

/* A bad address that is not in this kernel's own mapping: calls that change what it maps may name it. */
static uint64_t elsewhere(void)
{
    uint64_t v;

    do
        v = bad_pointer();
    while (v >= KERNEL_BASE && v < (unsigned long)pfn_va(nr_pages));
    return v;
}

/*
 * Kinds, with their sizes. p: pointer 8; q: bad pointer 8; U: one outside this kernel 8; f: frame 8; F: frame not ours
 * 8; g: guest frame of a scratch page 8; v: address of a scratch page 8; e: page-table entry 8; m: machine address 8;
 * n,i,x: number 4; N,X: number 8; s: below 8, 4; h: the same, 2;  w: number 2; b: number 1; d: domain 2; o: port 4; O:
 * order 4; c: the command 4; C: CTL version 4; P: platform version 4; t: time 8; B: non-canonical address 8; k:
 * callback type that we do not use 2.
 */
uint64_t value_of(char kind, unsigned int cmd, unsigned int *size)
{
    static const uint32_t orders[] = {0, 0, 0, 1, 2, 9, 10, 18, 20, 31, 32, 63, 64, ~0U};
    static const uint16_t callbacks[] = {3, 5, 6, 7, 8, 0x7fff, 0xffff};

    *size = 8;
    switch (kind) {
    case 'p': return pointer();
    case 'q': return bad_pointer();
    case 'U': return elsewhere();
    case 'f': return any_frame();
    case 'F': return not_our_frame();
    case 'g': return chance(60) ? va_pfn(scratch[below(NR_SCRATCH)]) : nr_pages + any_number() % (1UL << 40);
    case 'v': return (unsigned long)scratch[below(NR_SCRATCH)] + (chance(10) ? below(4096) : 0);
    case 'e': return any_pte();
    case 'm': return (scratch_mfn[below(NR_SCRATCH)] << PAGE_SHIFT) + (below(512) * 8) + (chance(10) ? below(8) : 0);
    case 'N':
    case 'X': return any_number();
    case 't': return time_now() + below(1000000);
    case 'B': return 0x0000800000000000UL + (rnd() >> 20);
    default: break;
    }
    *size = 4;
    switch (kind) {
    case 'c': return cmd;
    case 'C': return 0x15;
    case 'P': return 0x03000001;
    case 's': return below(8);
    case 'L': return 0x40000000U | (uint32_t)rnd();
    case 'o': return any_port();
    case 'O': return orders[below(ARRAY_SIZE(orders))];
    case 'n':
    case 'i':
    case 'x': return (uint32_t)any_number();
    default: break;
    }
    *size = kind == 'b' ? 1 : 2;
    switch (kind) {
    case 'd': return any_domid();
    case 'h': return below(8);
    case 'k': return callbacks[below(ARRAY_SIZE(callbacks))];
    default: return rnd() & 0xffff;
    }
}

void values_init(uint64_t seed)
{
    state = seed;
    free_page = guarded_pages(4);
    for (unsigned int i = 0; i < NR_SCRATCH; i++) {
        scratch[i] = page_alloc(0);
        if (!scratch[i])
            panic("no memory for scratch pages");
        scratch_mfn[i] = va_mfn(scratch[i]);
    }
}
