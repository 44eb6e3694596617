/* SPDX-License-Identifier: MIT */
/*
 * The log ring, which XEN_SYSCTL_readconsole reads (xen/sysctl.h). console_lock guards it.
 *
 * Positions count all bytes ever written, modulo 2^32; the size is a power of two, so a position's place is its low bits.
 * Always true: ring_end - ring_start <= ring_size, and the bytes between are the ones to be read.
 */
#include "console-internal.h"

#include <hv/boot.h>
#include <hv/lib.h>
#include <hv/mm.h>

#define EARLY_SIZE (16u << 10)
#define MAX_SIZE   (16u << 20)

static char early_ring[EARLY_SIZE];
static char *ring = early_ring;
static uint32_t ring_size = EARLY_SIZE, ring_start, ring_end;

void ring_write(const char *s, size_t len)
{
    while (len--)
        ring[ring_end++ & (ring_size - 1)] = *s++;
    if (ring_end - ring_start > ring_size)
        ring_start = ring_end - ring_size;
}

/* Moves to a larger ring if one was asked for; the early one's text moves along, to the same positions. */
void ring_init(void)
{
    uint64_t want = min_t(uint64_t, boot_options.conring_size, MAX_SIZE);
    unsigned int order = 0;
    char *bigger;

    if (want <= EARLY_SIZE)
        return;
    while ((PAGE_SIZE << order) < want)
        order++;
    bigger = hv_pages_alloc(order);
    if (!bigger) {
        log_warn("console: no memory for a ring of %lu bytes\n", PAGE_SIZE << order);
        return;
    }
    console_lock_get();
    for (uint32_t i = ring_start; i != ring_end; i++)
        bigger[i & ((PAGE_SIZE << order) - 1)] = ring[i & (ring_size - 1)];
    ring = bigger;
    ring_size = (uint32_t)(PAGE_SIZE << order);
    console_lock_put();
}

size_t console_ring_read(char *buf, size_t len, bool incremental, uint32_t *index, bool clear)
{
    uint32_t pos;
    size_t n = 0;

    console_lock_get();
    pos = ring_start;
    /* An index within the ring goes on from there; older or impossible ones start at the oldest byte. */
    if (incremental && *index - ring_start <= ring_end - ring_start)
        pos = *index;
    while (n < len && pos != ring_end)
        buf[n++] = ring[pos++ & (ring_size - 1)];
    *index = pos;
    if (clear)
        ring_start = ring_end;
    console_lock_put();
    return n;
}
