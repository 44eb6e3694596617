/* SPDX-License-Identifier: MIT */
/*
 * Runs lib/decompress.c with what its libraries need of the CPU: SSE on, a zeroed page behind FS, scratch memory.
 */
#include <hv/console.h>
#include <hv/cpu.h>
#include <hv/guest.h>
#include <hv/mm.h>

#include "x86.h"

#define ARENA_SIZE (33UL << 20)     /* xz needs its dictionary, 32 MiB in Linux's kernels, and a little more */

long kernel_decompress(void *dst, size_t dst_size, const void *src, size_t src_size)
{
    static const unsigned char canary_page[PAGE_SIZE];
    void *arena = mm_boot_alloc(ARENA_SIZE);
    unsigned long fs = cpu_get_fs_base();
    long n;

    clts();
    cpu_set_fs_base((unsigned long)canary_page);
    n = decompress(dst, dst_size, src, src_size, arena, ARENA_SIZE);
    cpu_set_fs_base(fs);
    mm_boot_free(arena, ARENA_SIZE);
    return n;
}
