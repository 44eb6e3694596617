/* SPDX-License-Identifier: MIT */
#include "build/packed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"

#define PAGE VL_SINK_PAGE
#define MAGIC 0x31306b706c6c6556ull     /* "Vellpk01" */
#define MULTIPLIER 0x9e3779b97f4a7c15ull

struct head {
    uint64_t magic;
    uint64_t size;              /* of the kernel */
    uint64_t kept;              /* pages that follow */
    uint64_t sum;               /* over the pages in their order */
    uint64_t front;             /* over head and map (with both sums 0) and the first page, which are looked at first */
};

typedef uint64_t lanes __attribute__((vector_size(32), aligned(1), may_alias));

/* Where the pages begin. */
static size_t start_of(uint64_t size)
{
    uint64_t pages = (size + PAGE - 1) / PAGE;

    return (sizeof(struct head) + (pages + 7) / 8 + PAGE - 1) / PAGE * PAGE;
}

static bool is_kept(const uint8_t *in, size_t page)
{
    return in[sizeof(struct head) + page / 8] & 1u << page % 8;
}

static uint64_t mix(uint64_t sum, const lanes *l)
{
    for (int i = 0; i < 4; i++)
        sum = (sum ^ (*l)[i]) * MULTIPLIER;
    return sum;
}

/* Adding lanes of 64 bits finds any damage that is not made to be overlooked. */
#define SUM_PAGES(name, target)                                                                                      \
    target static uint64_t name(uint64_t sum, const uint8_t *from, size_t bytes)                                     \
    {                                                                                                                \
        for (const uint8_t *end = from + bytes; from < end;) {                                                       \
            lanes all = { 0 };                                                                                       \
                                                                                                                     \
            for (const uint8_t *next = from + PAGE; from < next; from += 4 * sizeof(lanes)) {                        \
                const lanes *f = (const lanes *)from;                                                                \
                                                                                                                     \
                all += f[0] + f[1] + (f[2] + f[3]);                                                                  \
            }                                                                                                        \
            sum = mix(sum, &all);                                                                                    \
        }                                                                                                            \
        return sum;                                                                                                  \
    }
SUM_PAGES(sum_pages, )
SUM_PAGES(sum_pages_avx2, __attribute__((target("avx2"))))

static uint64_t sum_page(uint64_t sum, const uint8_t *page)
{
    return sum_pages(sum, page, PAGE);
}

static uint64_t sum_front(const uint8_t *in, size_t start, const uint8_t *first)
{
    uint8_t page[PAGE];
    uint64_t sum = 0;

    for (size_t at = 0; at < start; at += PAGE) {
        memcpy(page, in + at, PAGE);
        if (!at)
            ((struct head *)page)->sum = ((struct head *)page)->front = 0;
        sum = sum_page(sum, page);
    }
    return first ? sum_page(sum, first) : sum;
}

static int write_all(int fd, const uint8_t *data, size_t len)
{
    while (len) {
        ssize_t n = write(fd, data, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n ? -errno : -EIO;
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

/* Page number `page` of the kernel; the last one is filled up with zeros in `spare`. */
static const uint8_t *page_at(const uint8_t *data, size_t size, size_t page, uint8_t spare[PAGE])
{
    size_t at = page * PAGE;

    if (size - at >= PAGE)
        return data + at;
    memset(spare, 0, PAGE);
    memcpy(spare, data + at, size - at);
    return spare;
}

static bool is_zero(const uint8_t *page)
{
    return !*page && !memcmp(page, page + 1, PAGE - 1);
}

int vl_packed_write(int fd, const uint8_t *data, size_t size)
{
    size_t start = start_of(size), pages = (size + PAGE - 1) / PAGE;
    uint8_t *front = vl_xmalloc(start), spare[PAGE];
    struct head *h = (struct head *)front;
    int rc;

    memset(front, 0, start);
    *h = (struct head){ .magic = MAGIC, .size = size };
    for (size_t i = 0; i < pages; i++)
        if (!is_zero(page_at(data, size, i, spare))) {
            front[sizeof(*h) + i / 8] |= (uint8_t)(1u << i % 8);
            h->kept++;
        }
    for (size_t i = 0; i < pages; i++)
        if (is_kept(front, i))
            h->sum = sum_page(h->sum, page_at(data, size, i, spare));
    h->front = sum_front(front, start, is_kept(front, 0) ? page_at(data, size, 0, spare) : NULL);
    rc = write_all(fd, front, start);
    for (size_t i = 0; i < pages && !rc;) {
        size_t first = i;

        while (i < pages && is_kept(front, i) && (i + 1) * PAGE <= size)
            i++;
        if (i > first)
            rc = write_all(fd, data + first * PAGE, (i - first) * PAGE);
        else if (is_kept(front, i++))
            rc = write_all(fd, page_at(data, size, first, spare), PAGE);
    }
    free(front);
    return rc;
}

bool vl_packed_valid(const uint8_t *in, size_t len)
{
    struct head h;
    uint64_t kept = 0, pages;
    size_t start;

    if (len < sizeof(h))
        return false;
    memcpy(&h, in, sizeof(h));
    if (h.magic != MAGIC || h.size == 0 || h.size > 1ul << 40)
        return false;
    start = start_of(h.size);
    pages = (h.size + PAGE - 1) / PAGE;
    if (len < start || (len - start) / PAGE != h.kept || (len - start) % PAGE)
        return false;
    for (uint64_t i = 0; i < pages; i++)
        kept += is_kept(in, i);
    return kept == h.kept && h.front == sum_front(in, start, is_kept(in, 0) ? in + start : NULL);
}

bool vl_packed_intact(const uint8_t *in)
{
    const struct head *h = (const struct head *)in;
    const uint8_t *from = in + start_of(h->size);
    uint64_t sum = 0;

    for (uint64_t i = 0; i < h->kept; i++)
        sum = sum_page(sum, from + i * PAGE);
    return sum == h->sum;
}

size_t vl_packed_size(const uint8_t *in)
{
    return ((const struct head *)in)->size;
}

static void leave_out(struct vl_sink *sink, size_t page)
{
    sink->skipped[page / 8] |= (uint8_t)(1u << page % 8);
    sink->ready = (page + 1) * PAGE < sink->size ? (page + 1) * PAGE : sink->size;
}

/* How many bytes lie from `page` on in pages that are kept. */
static size_t run_of(const uint8_t *in, size_t page, size_t pages)
{
    size_t first = page;

    while (page < pages && is_kept(in, page))
        page++;
    return (page - first) * PAGE;
}

static bool read_all(int fd, uint8_t *to, size_t len, size_t at)
{
    while (len) {
        ssize_t n = pread(fd, to, len, (off_t)at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        to += n;
        at += (size_t)n;
        len -= (size_t)n;
    }
    return true;
}

/* One page, of which the sink wants `n` bytes. */
static int expand_end(struct vl_sink *sink, int fd, size_t from, size_t at, size_t n, uint64_t *sum)
{
    uint8_t page[PAGE];

    if (!read_all(fd, page, PAGE, from))
        return -EBADMSG;
    *sum = sum_page(*sum, page);
    memcpy(sink->base + at, page, n);
    return 0;
}

long vl_packed_expand(struct vl_sink *sink, const uint8_t *in, int fd, bool head)
{
    const struct head *h = (const struct head *)in;
    size_t from = start_of(h->size), size = head && sink->size < h->size ? sink->size : h->size, bytes;
    size_t pages = (size + PAGE - 1) / PAGE;
    uint64_t sum = 0;
    uint64_t (*add)(uint64_t, const uint8_t *, size_t) = __builtin_cpu_supports("avx2") ? sum_pages_avx2 : sum_pages;

    for (size_t at = 0; at < size; at += bytes) {
        bool kept = is_kept(in, at / PAGE);
        int rc;

        bytes = size - at < PAGE ? size - at : PAGE;
        if (!kept && sink->skipped && at == sink->ready) {
            leave_out(sink, at / PAGE);
            continue;
        }
        if (at >= sink->ready)
            sink->ahead = run_of(in, at / PAGE, pages);
        rc = vl_sink_reach(sink, at + bytes - 1);
        if (!rc && !kept) {
            memset(sink->base + at, 0, bytes);
        } else if (!rc && bytes < PAGE) {
            rc = expand_end(sink, fd, from, at, bytes, &sum);
        } else if (!rc) {
            bytes = run_of(in, at / PAGE, pages);
            bytes = bytes < sink->ready - at ? bytes : sink->ready - at;
            bytes -= bytes % PAGE;
            if (!read_all(fd, sink->base + at, bytes, from))
                return -EBADMSG;
            sum = add(sum, sink->base + at, bytes);
            from += bytes;
        }
        if (rc)
            return rc;
    }
    return !head && sum != h->sum ? -EBADMSG : (long)size;
}
