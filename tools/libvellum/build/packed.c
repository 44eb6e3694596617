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

/*
 * Copy a page, or sum it alone, in one go: a page that is copied has been read already. Adding lanes of 64 bits finds
 * any damage that is not made to be overlooked. By hand and not by memcpy, whose string instruction moves a byte a step
 * on processors that are emulated.
 */
#define SUM_PAGE(name, target, store)                                                                                \
    target static uint64_t name(uint64_t sum, uint8_t *to, const uint8_t *from)                                      \
    {                                                                                                                \
        lanes all = { 0 };                                                                                           \
                                                                                                                     \
        (void)to;                                                                                                    \
        for (size_t at = 0; at < PAGE; at += 4 * sizeof(lanes)) {                                                    \
            const lanes *f = (const lanes *)(from + at);                                                             \
            lanes a = f[0], b = f[1], c = f[2], d = f[3], *t = (lanes *)(to + at);                                   \
                                                                                                                     \
            store;                                                                                                   \
            all += a + b + (c + d);                                                                                  \
        }                                                                                                            \
        return mix(sum, &all);                                                                                       \
    }
SUM_PAGE(sum_page, , (void)t)
SUM_PAGE(copy_page, , (t[0] = a, t[1] = b, t[2] = c, t[3] = d))
SUM_PAGE(copy_page_avx2, __attribute__((target("avx2"))), (t[0] = a, t[1] = b, t[2] = c, t[3] = d))

static uint64_t sum_front(const uint8_t *in, size_t start, const uint8_t *first)
{
    uint8_t page[PAGE];
    uint64_t sum = 0;

    for (size_t at = 0; at < start; at += PAGE) {
        memcpy(page, in + at, PAGE);
        if (!at)
            ((struct head *)page)->sum = ((struct head *)page)->front = 0;
        sum = sum_page(sum, NULL, page);
    }
    return first ? sum_page(sum, NULL, first) : sum;
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
            h->sum = sum_page(h->sum, NULL, page_at(data, size, i, spare));
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
        sum = sum_page(sum, NULL, from + i * PAGE);
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

long vl_packed_expand(struct vl_sink *sink, const uint8_t *in, bool head)
{
    const struct head *h = (const struct head *)in;
    size_t start = start_of(h->size), size = head && sink->size < h->size ? sink->size : h->size;
    size_t pages = (size + PAGE - 1) / PAGE;
    uint64_t sum = 0;
    const uint8_t *from = in + start;
    uint64_t (*copy)(uint64_t, uint8_t *, const uint8_t *) = __builtin_cpu_supports("avx2") ? copy_page_avx2 : copy_page;

    for (size_t i = 0; i < pages; i++) {
        size_t at = i * PAGE, n = size - at < PAGE ? size - at : PAGE;
        bool kept = is_kept(in, i);
        int rc;

        if (!kept && sink->skipped && at == sink->ready) {
            leave_out(sink, i);
            continue;
        }
        if (at >= sink->ready)
            sink->ahead = run_of(in, i, pages);
        rc = vl_sink_reach(sink, at + n - 1);
        if (rc)
            return rc;
        if (!kept) {
            memset(sink->base + at, 0, n);
        } else if (n == PAGE) {
            sum = copy(sum, sink->base + at, from);
        } else {
            sum = sum_page(sum, NULL, from);
            memcpy(sink->base + at, from, n);
        }
        from += kept ? PAGE : 0;
    }
    return !head && sum != h->sum ? -EBADMSG : (long)size;
}
