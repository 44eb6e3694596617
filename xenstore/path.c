/* SPDX-License-Identifier: MIT */
/* Path checking; owns only the table of allowed bytes. */
#include "path.h"

#include <emmintrin.h>
#include <errno.h>
#include <stdio.h>

#define OK8 1, 1, 1, 1, 1, 1, 1, 1
static const uint8_t allowed[256] = {
    ['-'] = 1, ['_'] = 1, ['@'] = 1, ['0'] = OK8, ['8'] = 1, 1,   ['A'] = OK8, OK8,
    OK8,       1,         1,         ['a'] = OK8, OK8,       OK8, 1,           1,
};

/* Bit I: byte I of the 16 at S may be part of a name; *SLASH: is a slash. */
static unsigned classify(const char *s, unsigned *slash)
{
    const __m128i c = _mm_loadu_si128((const __m128i *)(const void *)s), lower = _mm_or_si128(c, _mm_set1_epi8(0x20));
    __m128i ok = _mm_and_si128(_mm_cmpgt_epi8(lower, _mm_set1_epi8('a' - 1)), _mm_cmplt_epi8(lower, _mm_set1_epi8('z' + 1)));

    ok = _mm_or_si128(ok, _mm_and_si128(_mm_cmpgt_epi8(c, _mm_set1_epi8('0' - 1)), _mm_cmplt_epi8(c, _mm_set1_epi8('9' + 1))));
    ok = _mm_or_si128(ok, _mm_cmpeq_epi8(c, _mm_set1_epi8('-')));
    ok = _mm_or_si128(ok, _mm_cmpeq_epi8(c, _mm_set1_epi8('_')));
    ok = _mm_or_si128(ok, _mm_cmpeq_epi8(c, _mm_set1_epi8('@')));
    *slash = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(c, _mm_set1_epi8('/')));
    return (unsigned)_mm_movemask_epi8(ok);
}

static void add_name(struct path *p, unsigned start, unsigned end)
{
    struct path_name *n = &p->name[p->count++];

    n->off = (uint16_t)start;
    n->len = (uint16_t)(end - start);
    n->hash = path_hash_name(p->str + start, end - start);
}

/* The common part: str and len are set, str starts with a slash and has 16 bytes of room behind its end. */
static int path_cut(struct path *p)
{
    unsigned start = 1;

    p->special = false;
    p->count = 0;
    if (p->len == 1)
        return 0;
    for (unsigned at = 0; at < p->len; at += 16) {
        unsigned slash, ok = classify(p->str + at, &slash), left = p->len - at;
        unsigned valid = left < 16 ? (1u << left) - 1 : 0xffff;

        if (~(ok | slash) & valid)
            return -EINVAL;
        for (slash &= at == 0 ? valid & ~1u : valid; slash != 0; slash &= slash - 1) {
            unsigned end = at + (unsigned)__builtin_ctz(slash);

            if (end == start)
                return -EINVAL;
            add_name(p, start, end);
            start = end + 1;
        }
    }
    if (start == p->len)
        return -EINVAL;
    add_name(p, start, p->len);
    return 0;
}

int path_parse(struct path *p, const char *s, size_t len, unsigned domid, size_t max)
{
    size_t prefix = 0;

    if (len == 0)
        return -EINVAL;
    if (s[0] != '/') {
        if (len > XENSTORE_REL_PATH_MAX || !allowed[(uint8_t)s[0]] || s[0] == '@')
            return -EINVAL;
        prefix = (size_t)snprintf(p->str, 32, "/local/domain/%u/", domid);
    }
    if (len + prefix > XENSTORE_ABS_PATH_MAX || len > max)
        return -EINVAL;
    memcpy(p->str + prefix, s, len);
    p->str[prefix + len] = 0;
    p->len = (uint16_t)(prefix + len);
    p->strip = (uint16_t)prefix;
    return path_cut(p);
}

int path_parse_special(struct path *p, const char *s, size_t len)
{
    if (len < 2 || len > XENSTORE_REL_PATH_MAX || s[0] != '@')
        return -EINVAL;
    for (size_t i = 1; i < len; i++)
        if (!allowed[(uint8_t)s[i]])
            return -EINVAL;
    memcpy(p->str, s, len);
    p->str[len] = 0;
    p->len = (uint16_t)len;
    p->strip = 0;
    p->special = true;
    p->count = 1;
    p->name[0].off = 0;
    p->name[0].len = (uint16_t)len;
    p->name[0].hash = path_hash_name(s, len);
    return 0;
}
