/* SPDX-License-Identifier: MIT */
/*
 * Kernel and ramdisk into the guest's memory.
 *
 * The kernel's ELF file is expanded through a window, small enough to stay in the CPU's caches, from which what belongs
 * to a segment is copied to the guest (build/put.h); pages that the decoder leaves out because they are zero are cleared
 * by hypercall. What a segment has in memory beyond the file, and the pages that it shares with others, are cleared
 * before. Of the file only what describes it is kept until its end: header, segments' table, notes.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/late.h"
#include "base/log.h"
#include "build/guest.h"
#include "build/put.h"

#define PIECE (128 * VL_PAGE)   /* how far the window moves up at most */
#define WINDOW (VL_SINK_BACK + PIECE)

/* A load under way. The sink comes first: its extend gets from it to the rest. */
struct load {
    struct vl_sink sink;
    struct vl_guest *g;
    size_t taken;               /* the output below has been given to the guest */
    size_t written;             /* from there to sink.ready, pages have been left out */
    uint8_t *view;              /* the file, as far as it is described by itself; else zeros */
    size_t view_bytes;
    bool informed;              /* the notes are known, and with them where segments belong */
};

static bool fits(const struct load *l, const struct vl_segment *s)
{
    uint64_t start = vl_segment_address(s, &l->g->notes), memory = l->g->nr_pages * VL_PAGE;

    return start <= memory && s->memsz <= memory - start;
}

/* Zero a part of the guest's memory, by page as far as it goes. */
static int give_zeros(struct load *l, uint64_t address, uint64_t len)
{
    static const uint8_t zeros[VL_PAGE];
    int rc = 0;

    while (len && !rc) {
        uint64_t in_page = address % VL_PAGE, n = VL_PAGE - in_page < len ? VL_PAGE - in_page : len;

        if (!in_page && len >= VL_PAGE) {
            n = len - len % VL_PAGE;
            rc = vl_guest_clear(l->g, address / VL_PAGE, n / VL_PAGE);
        } else {
            rc = vl_put(l->g->put, address, zeros, n);
        }
        address += n;
        len -= n;
    }
    return rc;
}

/* The output between two offsets, all of it written or all of it left out. */
static int give(struct load *l, uint64_t from, uint64_t to, bool zeros)
{
    int rc = 0;

    for (unsigned i = 0; i < l->g->elf.n_load && !rc; i++) {
        const struct vl_segment *s = &l->g->elf.load[i];
        uint64_t lo = from > s->offset ? from : s->offset, end = s->offset + s->filesz, hi = to < end ? to : end;
        uint64_t address = vl_segment_address(s, &l->g->notes) + (lo - s->offset);

        if (lo >= hi || !fits(l, s))
            continue;
        rc = zeros ? give_zeros(l, address, hi - lo) : vl_put(l->g->put, address, vl_sink_at(&l->sink, lo), hi - lo);
    }
    return rc;
}

/* Keep what of the output lies between two offsets. */
static void keep(struct load *l, uint64_t from, uint64_t to, uint64_t start, uint64_t size)
{
    uint64_t lo = from > start ? from : start, hi = to < start + size ? to : start + size;

    if (lo < hi)
        memcpy(l->view + lo, vl_sink_at(&l->sink, lo), hi - lo);
}

static void keep_description(struct load *l, uint64_t from, uint64_t to)
{
    const struct vl_elf *elf = &l->g->elf;

    if (!elf->n_notes) {        /* then there are sections to look for them */
        keep(l, from, to, 0, l->sink.size);
        return;
    }
    keep(l, from, to, 0, VL_ELF_HEAD);
    for (unsigned i = 0; i < elf->n_notes; i++)
        keep(l, from, to, elf->note[i].offset, elf->note[i].size);
}

static bool skipped(const struct load *l, uint64_t page)
{
    return l->sink.skipped[page / 8] & 1u << page % 8;
}

/* All output below `end` to the guest. */
static int take(struct load *l, size_t end)
{
    int rc = 0;

    while (l->taken < end && !rc) {
        bool zeros = skipped(l, l->taken / VL_PAGE);
        size_t to = l->taken;

        while (to < end && skipped(l, to / VL_PAGE) == zeros)
            to = to + VL_PAGE < end ? to + VL_PAGE : end;
        if (!zeros)
            keep_description(l, l->taken, to);
        rc = give(l, l->taken, to, zeros);
        l->taken = to;
    }
    return rc ? rc : vl_put_flush(l->g->put);
}

/* Move the window up to the end of the output; what the decoder refers back to moves with it. */
static int slide(struct load *l)
{
    struct vl_sink *s = &l->sink;
    size_t from = s->ready > VL_SINK_BACK ? s->ready - VL_SINK_BACK : 0;
    size_t zeros = l->written > from ? l->written : from;
    int rc = take(l, s->ready);

    if (!rc && from > s->from) {
        memmove(s->base, s->base + (from < l->written ? from - s->from : 0), zeros - from);
        memset(s->base + (zeros - from), 0, s->ready - zeros);
        s->from = from;
    }
    return rc;
}

static int extend(struct vl_sink *sink)
{
    struct load *l = (struct load *)sink;
    size_t next = sink->ahead && sink->ahead < PIECE ? sink->ahead : PIECE;
    int rc = 0;

    if (sink->ready - sink->from + next > WINDOW)
        rc = slide(l);
    else
        memset(vl_sink_at(sink, l->written), 0, sink->ready - l->written);
    sink->ready = next < sink->size - sink->ready ? sink->ready + next : sink->size;
    l->written = sink->ready;
    return rc;
}

static void *plain_memory(const struct load *l, size_t bytes, int how)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | how, -1, 0);

    if (p != MAP_FAILED)
        return p;
    vl_fail_errno("%s: no memory for the expanded kernel", l->g->image->name);
    return NULL;
}

static int make_window(struct load *l)
{
    size_t size = l->g->image->expanded_size, bits = VL_PAGES(size) / 8 + 1;

    l->sink = (struct vl_sink){ .size = size, .extend = extend };
    l->taken = l->written = 0;
    l->view_bytes = VL_PAGES(size) * VL_PAGE;
    l->sink.base = plain_memory(l, WINDOW, MAP_POPULATE);
    l->view = plain_memory(l, l->view_bytes, MAP_NORESERVE);
    if (!l->sink.base || !l->view)
        return -ENOMEM;
    l->sink.skipped = vl_xmalloc(bits);
    memset(l->sink.skipped, 0, bits);
    return 0;
}

static void drop_window(struct load *l)
{
    vl_late_unmap(l->sink.base, WINDOW);
    vl_late_unmap(l->view, l->view_bytes);
    free(l->sink.skipped);
    l->sink.base = l->view = l->sink.skipped = NULL;
}

/* Clear the pages of a segment that the file does not fill. */
static int clear_around(struct load *l, const struct vl_segment *s)
{
    uint64_t start = vl_segment_address(s, &l->g->notes), first = (start + s->filesz) / VL_PAGE;
    uint64_t end = VL_PAGES(start + s->memsz);
    int rc = 0;

    if (!fits(l, s))
        return 0;
    if (start % VL_PAGE && s->memsz)
        rc = vl_guest_clear(l->g, start / VL_PAGE, 1);
    return !rc && first < end ? vl_guest_clear(l->g, first, end - first) : rc;
}

static int check_size(const struct vl_guest *g, long size)
{
    for (unsigned i = 0; i < g->elf.n_load; i++)
        if (g->elf.load[i].offset + g->elf.load[i].filesz > (uint64_t)size)
            return vl_fail(-EINVAL, "%s: the file is truncated: segment %u lies outside it", g->image->name, i);
    return 0;
}

/*
 * Expand into the guest and read the notes, without which the first time the segments' places are guessed. *again: the
 * guess was wrong, or what the cache has was damaged.
 */
static int expand(struct load *l, bool *again)
{
    struct vl_guest *g = l->g;
    bool guessed = !l->informed;
    long size = 0;
    int rc = 0;

    *again = false;
    for (unsigned i = 0; i < g->elf.n_load && !rc; i++)
        rc = clear_around(l, &g->elf.load[i]);
    vl_log_phase("kernel's memory cleared");
    if (!rc) {
        size = vl_image_expand(g->image, &l->sink);
        rc = size < 0 ? (int)size : check_size(g, size);
    }
    if (size == -EBADMSG) {
        *again = true;
        rc = vl_image_drop_cached(g->image);
        g->elf = g->image->elf;
        return rc;
    }
    if (!rc)
        rc = take(l, (size_t)size);
    vl_log_phase(g->image->cached ? "kernel copied from the cache" : "kernel expanded");
    if (!rc)
        rc = vl_notes_read(&g->notes, &g->elf, g->image->name, l->view, (size_t)size);
    if (!rc)
        rc = vl_notes_check(&g->notes, g->image->name);
    l->informed = true;
    *again = !rc && guessed && g->notes.has_paddr_offset && g->notes.paddr_offset;
    return rc;
}

int vl_guest_load_kernel(struct vl_guest *g)
{
    struct load l = { .g = g };
    bool again = true;
    int rc = 0;

    g->put = vl_put_open(g);
    if (!g->put)
        return -EIO;
    /* At most three times: from a damaged cache, with its segments' places guessed, and known. */
    while (!rc && again) {
        drop_window(&l);
        rc = make_window(&l);
        if (!rc)
            rc = expand(&l, &again);
    }
    if (!rc)
        rc = vl_layout_make(&g->lay, g->image->name, &g->elf, &g->notes, g->ramdisk_size, g->nr_pages);
    drop_window(&l);
    return rc;
}

int vl_guest_open_ramdisk(struct vl_guest *g)
{
    const char *path = g->params->ramdisk;
    struct stat st;

    g->ramdisk_fd = -1;
    if (!path)
        return 0;
    g->ramdisk_fd = open(path, O_RDONLY | O_CLOEXEC);
    if (g->ramdisk_fd < 0)
        return vl_fail_errno("%s: cannot open the ramdisk", path);
    if (fstat(g->ramdisk_fd, &st) || !S_ISREG(st.st_mode))
        return vl_fail(-EINVAL, "%s: the ramdisk is not a regular file", path);
    g->ramdisk_size = (uint64_t)st.st_size;
    return 0;
}

int vl_guest_load_ramdisk(struct vl_guest *g)
{
    uint64_t start = g->lay.ramdisk.pfn * VL_PAGE, at = 0;
    uint8_t *piece;
    int rc = 0;

    if (!g->ramdisk_size)
        return 0;
    if (g->ramdisk_size % VL_PAGE)
        rc = vl_guest_clear(g, g->lay.ramdisk.pfn + g->lay.ramdisk.count - 1, 1);
    piece = vl_xmalloc(PIECE);
    while (at < g->ramdisk_size && !rc) {
        uint64_t left = g->ramdisk_size - at;
        ssize_t n = pread(g->ramdisk_fd, piece, left < PIECE ? left : PIECE, (off_t)at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            if (!n)
                errno = EIO;
            rc = vl_fail_errno("%s: cannot read the ramdisk at byte %" PRIu64, g->params->ramdisk, at);
            break;
        }
        rc = vl_put(g->put, start + at, piece, (size_t)n);
        if (!rc)
            rc = vl_put_flush(g->put);
        at += (uint64_t)n;
    }
    free(piece);
    return rc;
}
