/* SPDX-License-Identifier: MIT */
/*
 * cpu/acpi_map: the firmware's tables made readable, for the parser in acpi.c. Mappings stay, and are found again in a
 * small list, since the parser asks for the same pages many times. Boot CPU only: no lock.
 */
#include <hv/mm.h>

#include "platform.h"

#define LOW_MEMORY 0x100000ul           /* searched for the root pointer in steps of 16 bytes: mapped once */

static struct { paddr_t start, end; const char *virt; } window[32];
static unsigned int nr_windows;

const void *acpi_map(paddr_t p, size_t size)
{
    paddr_t start = p & PAGE_MASK, end = p + size;

    if (end < p || end > (paddr_t)1 << 52)
        return NULL;
    end = ROUND_UP(end, PAGE_SIZE);
    if (end <= LOW_MEMORY) {
        start = 0;
        end = LOW_MEMORY;
    }
    for (unsigned int i = 0; i < nr_windows; i++)
        if (start >= window[i].start && end <= window[i].end)
            return window[i].virt + (p - window[i].start);

    const char *virt = ioremap_cached(start, end - start);
    if (!virt)
        return NULL;
    if (nr_windows < ARRAY_SIZE(window)) {
        window[nr_windows].start = start;
        window[nr_windows].end = end;
        window[nr_windows++].virt = virt;
    }
    return virt + (p - start);
}
