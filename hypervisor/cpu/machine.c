/* SPDX-License-Identifier: MIT */
/* The single instructions that rooms above cpu/ may ask for, and what the decompressors need of the CPU. */
#include <hv/guest.h>
#include "private.h"

void cpu_halt_forever(void)
{
    for (;;) {
        cli();
        hlt();
    }
}

/* Interrupts stay off until the instruction after sti, the hlt: one that comes after the test wakes it at once. */
void cpu_idle_wait(void)
{
    if (!cpu_work_pending())
        __asm__ __volatile__("sti; hlt; cli" : : : "memory");
}

void cpu_take_interrupts(void) { __asm__ __volatile__("sti; nop; cli" : : : "memory"); }

uint64_t cpu_tsc(void) { return rdtsc(); }

bool cpu_stores_bytes_fast(void)
{
    char buf[1024], *at;
    uint64_t bytes = UINT64_MAX, words = UINT64_MAX, n;
    for (unsigned int i = 0; i < 8; i++) {
        uint64_t t1 = rdtsc();
        __asm__ __volatile__("rep stosb" : "=D"(at), "=c"(n) : "0"(buf), "1"(sizeof(buf)), "a"(0) : "memory");
        uint64_t t2 = rdtsc();
        __asm__ __volatile__("rep stosq" : "=D"(at), "=c"(n) : "0"(buf), "1"(sizeof(buf) / 8), "a"(0) : "memory");
        bytes = min(bytes, t2 - t1);
        words = min(words, rdtsc() - t2);
    }
    return bytes <= 3 * words;
}

unsigned long cpu_cr2(void) { return read_cr2(); }
uint32_t port_in(uint16_t port, unsigned int size) { return size == 1 ? inb(port) : size == 2 ? inw(port) : inl(port); }

void port_out(uint16_t port, uint32_t val, unsigned int size)
{
    size == 1 ? outb(port, (uint8_t)val) : size == 2 ? outw(port, (uint16_t)val) : outl(port, val);
}

/* A fault jumps over the instruction that clears `failed`. */
int msr_read_safe(uint32_t msr, uint64_t *val)
{
    uint32_t lo = 0, hi = 0, failed = 1;
    __asm__ __volatile__("1: rdmsr; xorl %2, %2; 2:\n\t" EX_TABLE(1b, 2b)
                         : "+a"(lo), "+d"(hi), "+r"(failed) : "c"(msr) : "cc");
    if (failed)
        return -XEN_EFAULT;
    *val = lo | (uint64_t)hi << 32;
    return 0;
}

int msr_write_safe(uint32_t msr, uint64_t val)
{
    uint32_t failed = 1;
    __asm__ __volatile__("1: wrmsr; xorl %0, %0; 2:\n\t" EX_TABLE(1b, 2b)
                         : "+r"(failed) : "c"(msr), "a"((uint32_t)val), "d"((uint32_t)(val >> 32)) : "cc", "memory");
    return failed ? -XEN_EFAULT : 0;
}

struct cpuid_regs cpuid_native(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid_regs r;
    __asm__ __volatile__("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d) : "a"(leaf), "c"(subleaf));
    return r;
}

#define ARENA_SIZE (33UL << 20)     /* xz needs its dictionary, 32 MiB in Linux's kernels, and a little more */

/* SSE on, a zeroed page behind FS for the stack protector, scratch memory. */
long kernel_decompress(void *dst, size_t dst_size, const void *src, size_t src_size)
{
    static unsigned char canary_page[PAGE_SIZE];
    void *arena = mm_boot_alloc(ARENA_SIZE);
    unsigned long fs = cpu_get_fs_base();
    clts();
    cpu_set_fs_base((unsigned long)canary_page);
    long n = decompress(dst, dst_size, src, src_size, arena, ARENA_SIZE);
    cpu_set_fs_base(fs);
    mm_boot_free(arena, ARENA_SIZE);
    return n;
}
