/* SPDX-License-Identifier: MIT */
/* The C library's functions that the compiler calls by itself or the rooms use. Host builds take the C library's own.
 * Copies go by unaligned 8-byte words, four at a time: vector registers hold the guest's state. The compiler must not
 * turn these loops back into calls of the very functions they make up: see the pragma. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#endif

#include <hv/lib.h>

typedef uint64_t word_t __attribute__((may_alias, aligned(1)));

/* Forwards; dst may overlap src from below: each 32 bytes are read before they are written. */
static void *copy_up(void *dst, const void *src, size_t n)
{
    char *d = dst;
    const char *s = src;
    for (; n >= 32; n -= 32, d += 32, s += 32) {
        uint64_t a = ((const word_t *)s)[0], b = ((const word_t *)s)[1];
        uint64_t c = ((const word_t *)s)[2], e = ((const word_t *)s)[3];
        ((word_t *)d)[0] = a;
        ((word_t *)d)[1] = b;
        ((word_t *)d)[2] = c;
        ((word_t *)d)[3] = e;
    }
    for (; n >= 8; n -= 8, d += 8, s += 8)
        *(word_t *)d = *(const word_t *)s;
    while (n--)
        *d++ = *s++;
    return dst;
}

void *memcpy(void *restrict dst, const void *restrict src, size_t n) { return copy_up(dst, src, n); }

void *memmove(void *dst, const void *src, size_t n)
{
    char *d = dst;
    const char *s = src;
    /* not inside [src, src+n): forwards never overwrites what is still to be read */
    if ((uintptr_t)d - (uintptr_t)s >= n)
        return copy_up(dst, src, n);
    for (; n >= 8; n -= 8)
        *(word_t *)(d + n - 8) = *(const word_t *)(s + n - 8);
    while (n--)
        d[n] = s[n];
    return dst;
}

static inline void fill_64(char *d, uint64_t w)
{
    word_t *p = (word_t *)d;
    p[0] = w; p[1] = w; p[2] = w; p[3] = w;
    p[4] = w; p[5] = w; p[6] = w; p[7] = w;
}

void *memset(void *dst, int c, size_t n)
{
    uint64_t w = (uint8_t)c * 0x0101010101010101UL;
    char *d = dst;
    /* each frame that a domain is given is cleared: the most of what its memory costs */
    for (; n >= 256; n -= 256, d += 256) {
        fill_64(d, w);
        fill_64(d + 64, w);
        fill_64(d + 128, w);
        fill_64(d + 192, w);
    }
    for (; n >= 64; n -= 64, d += 64)
        fill_64(d, w);
    for (; n >= 8; n -= 8, d += 8)
        *(word_t *)d = w;
    while (n--)
        *d++ = (char)c;
    return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const uint8_t *x = a, *y = b;
    for (; n >= 8 && *(const word_t *)x == *(const word_t *)y; n -= 8) {
        x += 8;
        y += 8;
    }
    for (; n; n--, x++, y++)
        if (*x != *y)
            return *x - *y;
    return 0;
}

void *memchr(const void *s, int c, size_t n)
{
    for (const uint8_t *p = s; n--; p++)
        if (*p == (uint8_t)c)
            return (void *)(uintptr_t)p;
    return NULL;
}

size_t strnlen(const char *s, size_t max)
{
    size_t n = 0;
    while (n < max && s[n])
        n++;
    return n;
}

size_t strlen(const char *s) { return strnlen(s, SIZE_MAX); }
int strcmp(const char *a, const char *b) { return strncmp(a, b, SIZE_MAX); }

int strncmp(const char *a, const char *b, size_t n)
{
    for (; n; n--, a++, b++)
        if (*a != *b || !*a)
            return (uint8_t)*a - (uint8_t)*b;
    return 0;
}

char *strchr(const char *s, int c)
{
    while (*s != (char)c)
        if (!*s++)
            return NULL;
    return (char *)(uintptr_t)s;
}
