/* SPDX-License-Identifier: MIT */
#include "build/lz4.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define LAST 15                 /* a length field that goes on in further bytes */
#define MIN_MATCH 4
#define FAR 65535               /* the largest offset */
#define SHORT_IN 18             /* most bytes that a sequence without further length bytes takes … */
#define SHORT_OUT 32            /* … and gives */
#define SPARE 24                /* sequences' worth of room kept free: for one longer match, and for copies in blocks */
#define ZERO_RUN (2 * VL_SINK_PAGE)     /* shorter ones are not worth the look */

struct decoder {
    struct vl_sink *sink;
    const uint8_t *ip, *in_end;
    uint8_t *op, *low, *limit;  /* low: start of the block; limit: end of what is writable now */
    uint8_t *end;               /* where the output must end at the latest */
};

static inline void copy8(uint8_t *to, const uint8_t *from)
{
    memcpy(to, from, 8);
}

static inline void copy16(uint8_t *to, const uint8_t *from)
{
    memcpy(to, from, 16);
}

/*
 * n bytes upwards; `to` is at least 32 above `from`, or they do not meet. (Not memcpy, which must not be given ranges
 * that meet.)
 */
static inline void bulk(uint8_t *to, const uint8_t *from, size_t n)
{
    for (; n >= 32; n -= 32, to += 32, from += 32) {
        copy16(to, from);
        copy16(to + 16, from + 16);
    }
    if (n & 16) {
        copy16(to, from);
        to += 16;
        from += 16;
    }
    if (n & 8) {
        copy8(to, from);
        to += 8;
        from += 8;
    }
    for (n &= 7; n; n--)
        *to++ = *from++;
}

/* Tokens of which one length or both go on in further bytes. */
#define X 1
static const uint8_t is_long[256] = {
    [0x0f] = X, [0x1f] = X, [0x2f] = X, [0x3f] = X, [0x4f] = X, [0x5f] = X, [0x6f] = X, [0x7f] = X, [0x8f] = X,
    [0x9f] = X, [0xaf] = X, [0xbf] = X, [0xcf] = X, [0xdf] = X, [0xef] = X, [0xf0 ... 0xff] = X,
};
#undef X

/* More room at op. */
static int more(struct decoder *d)
{
    struct vl_sink *s = d->sink;
    int rc;

    if (d->op >= d->end)
        return -EFBIG;
    rc = vl_sink_reach(s, (size_t)(d->op - s->base));
    d->limit = s->base + s->ready < d->end ? s->base + s->ready : d->end;
    return rc;
}

/* The rest of a length whose field was LAST. -1: the input ends. */
static long long_length(struct decoder *d, long length)
{
    uint8_t byte;

    do {
        if (d->ip >= d->in_end || length > (1l << 30))
            return -1;
        byte = *d->ip++;
        length += byte;
    } while (byte == 255);
    return length;
}

static int literals(struct decoder *d, size_t n)
{
    if (n > (size_t)(d->in_end - d->ip))
        return -EINVAL;
    while (n) {
        size_t room = (size_t)(d->limit - d->op), part = n < room ? n : room;

        bulk(d->op, d->ip, part);
        d->op += part;
        d->ip += part;
        n -= part;
        if (n) {
            int rc = more(d);

            if (rc)
                return rc;
        }
    }
    return 0;
}

/* Copy n bytes from `offset` before op, all of which lies below limit. */
static void match_within(struct decoder *d, size_t offset, size_t n)
{
    uint8_t *to = d->op, *end = to + n;

    /* A short period: copy until whole blocks can follow, which keep a multiple of the period between them. */
    while (offset < 32 && to < end) {
        size_t part = (size_t)(end - to) < offset ? (size_t)(end - to) : offset;

        memcpy(to, to - offset, part);
        to += part;
        offset *= 2;
    }
    bulk(to, to - offset, (size_t)(end - to));
    d->op = end;
}

static bool is_zero(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i])
            return false;
    return true;
}

/* Leave out the whole pages of a run of n zeros that starts at or above `ready`; returns how many bytes that are. */
static size_t skip_zeros(struct decoder *d, size_t n)
{
    struct vl_sink *s = d->sink;
    size_t at = (size_t)(d->op - s->base), first = (at + VL_SINK_PAGE - 1) / VL_SINK_PAGE;
    size_t last = (at + n) / VL_SINK_PAGE;

    if (at % VL_SINK_PAGE || at < s->ready || last <= first)
        return 0;
    for (size_t page = first; page < last; page++)
        s->skipped[page / 8] |= (uint8_t)(1u << page % 8);
    s->ready = last * VL_SINK_PAGE;
    d->op = s->base + s->ready;
    d->limit = d->op;
    return (last - first) * VL_SINK_PAGE;
}

static int match(struct decoder *d, size_t offset, size_t n)
{
    bool zeros;

    if (!offset || offset > (size_t)(d->op - d->low))
        return -EINVAL;
    if (n > (size_t)(d->end - d->op))
        return -EFBIG;
    zeros = n >= ZERO_RUN && offset <= 16 && d->sink->skipped && is_zero(d->op - offset, offset);
    while (n) {
        size_t room = (size_t)(d->limit - d->op), part = n < room ? n : room;

        match_within(d, offset, part);
        n -= part;
        if (n && zeros)
            n -= skip_zeros(d, n);
        if (n) {
            int rc = more(d);

            if (rc)
                return rc;
        }
    }
    return 0;
}

/* A match that needs one more byte of length. False: it is not as simple as that. */
static inline bool longer(const uint8_t **ip, uint8_t **op, size_t lit)
{
    size_t n = LAST + MIN_MATCH + (*ip)[3 + lit];
    const uint8_t *from;
    uint16_t offset;

    memcpy(&offset, *ip + 1 + lit, 2);
    if ((*ip)[3 + lit] == 255 || offset < 32)
        return false;
    copy16(*op, *ip + 1);
    *op += lit;
    *ip += 4 + lit;
    from = *op - offset;
    for (uint8_t *to = *op; to < *op + n; to += 32, from += 32) {
        copy16(to, from);
        copy16(to + 16, from + 16);
    }
    *op += n;
    return true;
}

/*
 * Sequences with short lengths and room all around: nearly all of them. Stops before the first that is not such.
 * The caller makes sure that no offset can reach below the block's start: FAR bytes of it are there already.
 */
static void quick(struct decoder *d)
{
    const uint8_t *ip = d->ip;
    uint8_t *op = d->op;

    for (;;) {
        /* So many sequences of the shortest kind surely fit; a longer one starts the count anew. */
        size_t in_room = (size_t)(d->in_end - ip) / SHORT_IN, out_room = (size_t)(d->limit - op) / SHORT_OUT;
        size_t left = in_room < out_room ? in_room : out_room;
        size_t token = 0, lit = 0;

        if (left < SPARE)
            break;
        for (left -= SPARE - 1; left; left--) {
            const uint8_t *from;
            uint16_t offset;

            token = *ip;
            lit = token >> 4;
            if (is_long[token])
                break;
            memcpy(&offset, ip + 1 + lit, 2);
            if (offset < 8)
                break;
            copy16(op, ip + 1);
            op += lit;
            ip += lit + 3;
            from = op - offset;
            copy8(op, from);
            copy8(op + 8, from + 8);
            memcpy(op + 16, from + 16, 2);
            op += (token & 15) + MIN_MATCH;
        }
        if (left && (!is_long[token] || lit == LAST || !longer(&ip, &op, lit)))
            break;
    }
    d->ip = ip;
    d->op = op;
}

/* Any sequence, checked at every step. 1: it was the block's last. */
static int careful(struct decoder *d)
{
    long lit, len;
    uint16_t offset;
    uint8_t token;
    int rc;

    if (d->ip >= d->in_end)
        return -EINVAL;
    token = *d->ip++;
    lit = token >> 4;
    if (lit == LAST && (lit = long_length(d, lit)) < 0)
        return -EINVAL;
    rc = literals(d, (size_t)lit);
    if (rc)
        return rc;
    if (d->ip == d->in_end)
        return 1;
    if (d->in_end - d->ip < 2)
        return -EINVAL;
    memcpy(&offset, d->ip, 2);
    d->ip += 2;
    len = token & 15;
    if (len == LAST && (len = long_length(d, len)) < 0)
        return -EINVAL;
    return match(d, offset, (size_t)len + MIN_MATCH);
}

long vl_lz4_block(struct vl_sink *sink, size_t at, const uint8_t *in, size_t len, size_t most)
{
    struct decoder d = { .sink = sink, .ip = in, .in_end = in + len, .op = sink->base + at, .low = sink->base + at };
    int rc;

    d.end = sink->size - at < most ? sink->base + sink->size : d.op + most;
    d.limit = sink->base + sink->ready < d.end ? sink->base + sink->ready : d.end;
    if (d.limit < d.op)
        d.limit = d.op;
    do {
        if (d.op - d.low > FAR)
            quick(&d);
        rc = careful(&d);
    } while (!rc);
    return rc < 0 ? rc : d.op - d.low;
}
