/* SPDX-License-Identifier: MIT */
/*
 * Searching bit maps a word at a time. The map's last word may have bits beyond `size`; they are never reported.
 */
#include <hv/lib.h>

#define BITS_PER_WORD 64

/* Searches words of map XOR flip: flip 0 finds set bits, ~0 clear ones. */
static unsigned long find_next(const unsigned long *map, unsigned long size, unsigned long from, unsigned long flip)
{
    while (from < size) {
        unsigned long w = (READ_ONCE(map[from / BITS_PER_WORD]) ^ flip) >> (from % BITS_PER_WORD);

        if (w) {
            from += (unsigned long)__builtin_ctzl(w);
            return min(from, size);
        }
        from = ROUND_DOWN(from, BITS_PER_WORD) + BITS_PER_WORD;
    }
    return size;
}

unsigned long find_next_bit(const unsigned long *map, unsigned long size, unsigned long from)
{
    return find_next(map, size, from, 0);
}

unsigned long find_next_zero_bit(const unsigned long *map, unsigned long size, unsigned long from)
{
    return find_next(map, size, from, ~0UL);
}
