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
    n->key = end - start <= 8 ? hash_load(p->str + start, end - start) : 0;
    n->hash = path_hash_name(p->str + start, end - start);
}

/* Where the last name that is cut ends; the root's is before its slash. */
static unsigned names_end(const struct path *p)
{
    return p->count > 0 ? p->name[p->count - 1].off + p->name[p->count - 1].len : 0u;
}

/*
 * Cuts str into names: len is set, str starts with a slash and has 16 bytes of room behind its end. The first SAME bytes
 * are those of the path before, and the names that end before them stand.
 */
static int path_cut(struct path *p, size_t same)
{
    unsigned start;

    while (p->count > 0 && names_end(p) >= same)
        p->count--;
    if (p->len == 1)
        return 0;
    start = names_end(p) + 1;
    for (unsigned at = start; at < p->len; at += 16) {
        unsigned slash, ok = classify(p->str + at, &slash), left = p->len - at;
        unsigned valid = left < 16 ? (1u << left) - 1 : 0xffff;

        if (~(ok | slash) & valid)
            return -EINVAL;
        for (slash &= valid; slash != 0; slash &= slash - 1) {
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

/* How many bytes are the same from the start on, of MAX at A and B. */
static size_t same_bytes(const char *a, const char *b, size_t max)
{
    size_t at = 0;

    for (; max - at >= 16; at += 16) {
        const __m128i x = _mm_loadu_si128((const __m128i *)(const void *)(a + at));
        const __m128i y = _mm_loadu_si128((const __m128i *)(const void *)(b + at));
        unsigned differ = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(x, y)) ^ 0xffff;

        if (differ)
            return at + (unsigned)__builtin_ctz(differ);
    }
    if (max - at >= 8) {
        uint64_t x, y;

        memcpy(&x, a + at, 8);
        memcpy(&y, b + at, 8);
        if (x != y)
            return at + (unsigned)__builtin_ctzll(x ^ y) / 8;
        at += 8;
    }
    while (at < max && a[at] == b[at])
        at++;
    return at;
}

/* "/local/domain/DOMID/" into OUT; its length. */
static size_t home_of(unsigned domid, char *out)
{
    static char text[32];
    static unsigned of;
    static size_t len;

    if (len == 0 || of != domid)
        len = (size_t)snprintf(text, sizeof(text), "/local/domain/%u/", domid);
    of = domid;
    memcpy(out, text, len);
    return len;
}

int path_parse(struct path *p, const char *s, size_t len, unsigned domid, size_t max)
{
    size_t prefix = 0, same = 0;
    char home[32];
    int rc;

    if (len == 0)
        return -EINVAL;
    if (s[0] != '/') {
        if (len > XENSTORE_REL_PATH_MAX || !allowed[(uint8_t)s[0]] || s[0] == '@')
            return -EINVAL;
        prefix = home_of(domid, home);
    }
    if (len + prefix > XENSTORE_ABS_PATH_MAX || len > max)
        return -EINVAL;
    if (!p->special && p->seed == hash_seed && p->len > prefix && (prefix == 0 || !memcmp(p->str, home, prefix)))
        same = prefix + same_bytes(p->str + prefix, s, len < p->len - prefix ? len : p->len - prefix);
    p->strip = (uint16_t)prefix;
    if (same == prefix + len && same == p->len)
        return 0;
    if (same == 0) {
        if (prefix > 0)
            memcpy(p->str, home, prefix);
        p->count = 0;
        same = prefix;
    }
    memcpy(p->str + same, s + (same - prefix), len - (same - prefix));
    p->str[prefix + len] = 0;
    p->len = (uint16_t)(prefix + len);
    p->special = false;
    p->seed = hash_seed;
    rc = path_cut(p, same);
    if (rc < 0)
        p->len = 0; /* nothing to go on from */
    return rc;
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
