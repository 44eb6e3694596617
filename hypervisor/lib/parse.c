/* SPDX-License-Identifier: MIT */
/* Bounded string copy and number parsing, with names of our own because their contracts differ from the C library's. */
#include <hv/lib.h>

size_t hv_strlcpy(char *dst, const char *src, size_t size)
{
    size_t len = strlen(src);
    if (size) {
        size_t n = min(len, size - 1);
        memcpy(dst, src, n);
        dst[n] = '\0';
    }
    return len;
}

/* The value of one digit in any base up to 16; 255: not a digit. */
static unsigned int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned int)(c - '0');
    c |= 0x20;                      /* lower case */
    return c >= 'a' && c <= 'f' ? (unsigned int)(c - 'a') + 10 : 255;
}

unsigned long hv_strtoul(const char *s, const char **end, int base)
{
    unsigned long v = 0;
    bool overflow = false;
    if ((base == 0 || base == 16) && s[0] == '0' && (s[1] == 'x' || s[1] == 'X') && digit_value(s[2]) < 16) {
        base = 16;
        s += 2;
    } else if (base == 0) {
        base = s[0] == '0' ? 8 : 10;
    }
    for (; digit_value(*s) < (unsigned int)base; s++) {
        unsigned long next;
        if (__builtin_mul_overflow(v, (unsigned long)base, &next) || __builtin_add_overflow(next, digit_value(*s), &v))
            overflow = true;
    }
    if (end)
        *end = s;
    return overflow ? ~0UL : v;
}

uint64_t parse_size(const char *s, const char **end, uint64_t unit)
{
    const char *p;
    uint64_t v = hv_strtoul(s, &p, 0);
    if (p != s) {
        switch (*p) {
        case 'T': case 't': unit = 1UL << 40; p++; break;
        case 'G': case 'g': unit = 1UL << 30; p++; break;
        case 'M': case 'm': unit = 1UL << 20; p++; break;
        case 'K': case 'k': unit = 1UL << 10; p++; break;
        case 'B': case 'b': unit = 1; p++; break;
        }
        if (__builtin_mul_overflow(v, unit, &v))
            v = ~0UL;
    }
    if (end)
        *end = p;
    return v;
}
