/* SPDX-License-Identifier: MIT */
/*
 * The first 4 GiB of "physical" memory for the loader-facing code, reserved but not filled. The page after them faults, and
 * so does page 0, which no valid structure is in.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "fake-memory.h"

#include <hv/mm.h>

char *fake_memory_init(void)
{
    size_t size = FAKE_MEMORY + PAGE_SIZE;

    fake_ram = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (fake_ram == MAP_FAILED || mprotect(fake_ram + PAGE_SIZE, FAKE_MEMORY - PAGE_SIZE, PROT_READ | PROT_WRITE)) {
        perror("reserving 4 GiB of address space");
        exit(77);               /* automake: skipped */
    }
    return fake_ram;
}
