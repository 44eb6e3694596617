/* SPDX-License-Identifier: MIT */
#include "build/lz4.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define LAST 15                 /* a length field that goes on in further bytes */
#define MIN_MATCH 4
#define FAR 65535               /* the largest offset */
#define UNROLL 4                /* sequences between two looks at the room that is left */
#define BLOCK 32                /* copies are made in such blocks, so they run over their end by less than one */
#define LONG 1024l              /* longer pieces are copied with care for the room */
#define IN_SPARE (LONG + 255 + 64)      /* what one sequence of shorter ones, or UNROLL short ones, may take … */
#define OUT_SPARE (2 * (LONG + 255) + 64)       /* … and give, with blocks that run over their end */
#define LEGACY_MAGIC 0x184c2102u
#define LEGACY_BLOCK (8u << 20) /* each block of the legacy format expands to this, the last to less */
#define ZERO_RUN (2 * VL_SINK_PAGE)     /* shorter ones are not worth the look */

struct decoder {
    struct vl_sink *sink;
    const uint8_t *ip, *in_end;
    uint8_t *op, *low, *limit;  /* low: start of the block; limit: end of what is writable now */
    uint8_t *end;               /* where the output must end at the latest */
};

/* All of it is read before any is written: the two may meet. */
static inline void copy16(uint8_t *to, const uint8_t *from)
{
    typedef long long words __attribute__((vector_size(16), aligned(1), may_alias));
    words w = *(const words *)from;

    *(words *)to = w;
}

/* n bytes upwards in whole blocks; `to` is at least 16 above `from`, or they do not meet. */
static inline void copy_blocks(uint8_t *to, const uint8_t *from, long n)
{
    for (; n > 0; n -= BLOCK, to += BLOCK, from += BLOCK) {
        copy16(to, from);
        copy16(to + 16, from + 16);
    }
}

/* The same, not a byte too many. */
static inline void bulk(uint8_t *to, const uint8_t *from, size_t n)
{
    copy_blocks(to, from, (long)(n - n % BLOCK));
    for (size_t i = n - n % BLOCK; i < n; i++)
        to[i] = from[i];
}

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
    while (offset < 16 && to < end) {
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

/*
 * The smallest offset with which a token's match can be copied as 16 and then 16 bytes: either it does not meet what it
 * gives, or the first 16 are there before the second are read. With a length that goes on: none.
 */
#define L(n) ((n) < 16 ? (n) : 16)
#define ROW L(4), L(5), L(6), L(7), L(8), L(9), L(10), L(11), L(12), L(13), L(14), L(15), L(16), L(17), L(18), FAR + 1
#define NONE FAR + 1, FAR + 1, FAR + 1, FAR + 1
static const uint32_t least_offset[256] = {
    ROW, ROW, ROW, ROW, ROW, ROW, ROW, ROW, ROW, ROW, ROW, ROW, ROW, ROW, ROW, NONE, NONE, NONE, NONE
};
#undef L
#undef ROW
#undef NONE

/*
 * Where the next sequence is read and written, and up to where both may go without a look. In registers: not part of
 * struct decoder, which functions change by its address.
 */
struct place {
    const uint8_t *ip;
    uint8_t *op;
};

/* More of a length whose field was LAST; the input has at least IN_SPARE bytes. Above LONG: it is too long for here. */
static inline long short_length(const uint8_t **ip)
{
    long length = LAST, byte;

    do {
        byte = *(*ip)++;
        length += byte;
    } while (byte == 255 && length < LONG);
    return length;
}

/*
 * A sequence with a length that goes on, or whose match meets what it gives. Where it was, unchanged: it is too long to
 * be copied without a look, or wrong.
 */
static inline __attribute__((always_inline)) struct place unusual(struct place at, const uint8_t *low)
{
    const uint8_t *ip = at.ip + 1;
    uint8_t *op = at.op, *end;
    long lit = *at.ip >> 4, len = *at.ip & 15, period;
    uint16_t offset;

    if (lit == LAST) {
        lit = short_length(&ip);
        if (lit >= LONG)
            return at;
        copy_blocks(op, ip, lit);
    } else {
        copy16(op, ip);
    }
    op += lit;
    ip += lit;
    memcpy(&offset, ip, 2);
    ip += 2;
    if (len == LAST)
        len = short_length(&ip);
    if (len >= LONG || !offset || offset > op - low)
        return at;
    end = op + len + MIN_MATCH;
    /* A short period: each step gives as much as there is of it, and so doubles what there is. */
    for (period = offset; period < 16; period *= 2) {
        copy16(op, op - period);
        op += period;
    }
    copy_blocks(op, op - period, end - op);
    return (struct place){ ip, end };
}

/*
 * Sequences with room all around: nearly all of them. Stops before the first that is not such. `near`: so near to the
 * block's start that an offset may reach below it.
 */
static inline __attribute__((always_inline)) void quick(struct decoder *d, bool near)
{
    const uint8_t *ip = d->ip, *in_safe;
    uint8_t *op = d->op, *out_safe;

    if (d->in_end - ip <= IN_SPARE || d->limit - op <= OUT_SPARE)
        return;
    in_safe = d->in_end - IN_SPARE;
    out_safe = d->limit - OUT_SPARE;
    if (near && out_safe > d->low + FAR)
        out_safe = d->low + FAR;
    while (ip < in_safe && op < out_safe) {
        struct place next;

#pragma GCC unroll 4
        for (int i = 0; i < UNROLL; i++) {
            size_t token = *ip, lit = token >> 4;
            const uint8_t *from;
            uint16_t offset;

            memcpy(&offset, ip + 1 + lit, 2);
            copy16(op, ip + 1);
            if ((uint32_t)offset < least_offset[token] || (near && offset > (size_t)(op - d->low) + lit))
                goto look;
            op += lit;
            ip += lit + 3;
            from = op - offset;
            copy16(op, from);
            copy16(op + 16, from + 16);
            op += (token & 15) + MIN_MATCH;
        }
        continue;
look:
        next = unusual((struct place){ ip, op }, d->low);
        if (next.ip == ip)
            break;
        ip = next.ip;
        op = next.op;
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
            quick(&d, false);
        else
            quick(&d, true);
        rc = careful(&d);
    } while (!rc);
    return rc < 0 ? rc : d.op - d.low;
}

long vl_lz4_legacy(struct vl_sink *sink, const uint8_t *in, size_t len, bool head)
{
    size_t at = 4, produced = 0;

    while (at + 4 <= len) {
        uint32_t size;
        size_t before = produced;
        long n;

        memcpy(&size, in + at, 4);
        at += 4;
        if (size == LEGACY_MAGIC)
            continue;
        if (at == len)
            break;                              /* that was the appended size */
        if (size == 0 || size > len - at || size > LEGACY_BLOCK + LEGACY_BLOCK / 255 + 16)
            return -EINVAL;
        n = vl_lz4_block(sink, produced, in + at, size, LEGACY_BLOCK);
        if (n == -EFBIG && head)
            return (long)sink->size;            /* as much of it as was wanted */
        if (n < 0)
            return n == -EFBIG && sink->size - before >= LEGACY_BLOCK ? -EINVAL : n;
        produced += (size_t)n;
        at += size;
        if (n < (long)LEGACY_BLOCK && at + 4 < len)
            return -EINVAL;                     /* only the last block may be short */
    }
    return produced ? (long)produced : -EINVAL;
}
