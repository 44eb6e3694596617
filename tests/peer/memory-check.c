/* SPDX-License-Identifier: MIT */
/*
 * In a guest: fills memory with numbers that each follow from its place and a generation, then for ever checks all of
 * it and writes a part anew, one line a turn: "MEMORY ok TURN" or "MEMORY bad …". Whoever saves and restores or
 * migrates the guest meanwhile sees from its console whether a page was lost, old or another's.
 * Usage: memory-check MEBIBYTES
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PAGE 4096u

static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static void fill(uint64_t *page, uint64_t number, uint64_t generation)
{
    uint64_t x = mix(number << 32 | generation);

    for (unsigned i = 0; i < PAGE / 8; i++)
        page[i] = x += 0x9e3779b97f4a7c15u;
}

static int right(const uint64_t *page, uint64_t number, uint64_t generation)
{
    uint64_t x = mix(number << 32 | generation);

    for (unsigned i = 0; i < PAGE / 8; i++)
        if (page[i] != (x += 0x9e3779b97f4a7c15u))
            return 0;
    return 1;
}

int main(int argc, char **argv)
{
    size_t pages = (argc > 1 ? strtoul(argv[1], NULL, 10) : 16) << 8;
    uint64_t *memory = aligned_alloc(PAGE, pages * PAGE), turn = 0;
    uint32_t *generation = calloc(pages, sizeof(*generation));
    struct timespec pause = { 0, 400000000 };

    if (!memory || !generation)
        return 1;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (size_t p = 0; p < pages; p++)
        fill(memory + p * (PAGE / 8), p, 0);
    for (;;) {
        size_t bad = 0;

        for (size_t p = 0; p < pages; p++)
            bad += !right(memory + p * (PAGE / 8), p, generation[p]);
        for (size_t p = turn % 8; p < pages; p += 8)
            fill(memory + p * (PAGE / 8), p, ++generation[p]);
        if (bad)
            printf("MEMORY bad %zu pages in turn %llu\n", bad, (unsigned long long)turn);
        else
            printf("MEMORY ok %llu\n", (unsigned long long)turn);
        turn++;
        nanosleep(&pause, NULL);
    }
}
