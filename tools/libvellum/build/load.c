/* SPDX-License-Identifier: MIT */
/*
 * Kernel and ramdisk into the guest's memory.
 *
 * The kernel's ELF file is expanded into a window of dom0's addresses whose pages are, where the file holds a
 * segment, the very frames of the guest where that segment belongs. So a page is written once, by the decompressor;
 * frames are mapped as it reaches them, and those that it leaves out because they are zero are cleared by hypercall.
 * This works where file and memory agree about offsets within a page, as linkers make them do; a segment for which it
 * does not is copied out of the window afterwards.
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
#include "base/log.h"
#include "build/guest.h"

#define AHEAD 128               /* frames that are mapped at once ahead of the output, where its length is not known */

struct span {
    uint64_t first, end;        /* pages */
};

/* A load under way. The sink comes first: its extend gets from it to the rest. */
struct load {
    struct vl_sink sink;
    struct vl_guest *g;
    size_t bytes;               /* of the window */
    bool direct;                /* segments may be expanded in place */
    uint32_t placed;            /* which are, by number */
};

static struct span pages_of(uint64_t start, uint64_t bytes)
{
    return (struct span){ start / VL_PAGE, VL_PAGES(start + bytes) };
}

static bool meet(struct span a, struct span b)
{
    return a.first < b.end && b.first < a.end;
}

/* May segment `i` be expanded in place? No other one may share its pages, neither in the file nor in memory. */
static bool fits_in_place(const struct vl_guest *g, unsigned i)
{
    const struct vl_segment *s = &g->elf.load[i];
    struct span file = pages_of(s->offset, s->filesz), memory = pages_of(s->paddr, s->memsz);

    if (!s->filesz || (s->offset ^ s->paddr) % VL_PAGE || s->paddr > g->nr_pages * VL_PAGE ||
        s->memsz > g->nr_pages * VL_PAGE - s->paddr)
        return false;
    for (unsigned j = 0; j < g->elf.n_load; j++) {
        const struct vl_segment *o = &g->elf.load[j];

        if (j != i && (meet(file, pages_of(o->offset, o->filesz)) || meet(memory, pages_of(o->paddr, o->memsz))))
            return false;
    }
    return true;
}

/* Make more of the window writable: the next frames of the segment at hand, or, between segments, plain memory. */
static int extend(struct vl_sink *sink)
{
    struct load *l = (struct load *)sink;
    uint64_t page = sink->ready / VL_PAGE, next = VL_PAGES(sink->size), run = sink->ahead / VL_PAGE;

    for (unsigned i = 0; i < l->g->elf.n_load; i++) {
        const struct vl_segment *s = &l->g->elf.load[i];
        struct span file = pages_of(s->offset, s->filesz);

        if (!(l->placed & 1u << i) || page >= file.end)
            continue;
        if (page >= file.first) {
            uint64_t most = run ? run : AHEAD, count = file.end - page < most ? file.end - page : most;

            if (!vl_guest_map(l->g, sink->base + page * VL_PAGE, s->paddr / VL_PAGE + page - file.first, count))
                return -ECANCELED;      /* told: the guest may have gone */
            next = page + count;
            break;
        }
        next = file.first < next ? file.first : next;
    }
    if (run && page + run < next)
        next = page + run;
    sink->ready = next * VL_PAGE < sink->size ? next * VL_PAGE : sink->size;
    return 0;
}

static int make_window(struct load *l)
{
    size_t size = l->g->image->expanded_size;

    l->bytes = VL_PAGES(size) * VL_PAGE;
    l->sink = (struct vl_sink){ .size = size, .extend = extend };
    l->placed = 0;
    l->sink.base = mmap(NULL, l->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (l->sink.base == MAP_FAILED) {
        l->sink.base = NULL;
        return vl_fail_errno("%s: no memory for the expanded kernel", l->g->image->name);
    }
    l->sink.skipped = vl_xmalloc(l->bytes / VL_PAGE / 8 + 1);
    memset(l->sink.skipped, 0, l->bytes / VL_PAGE / 8 + 1);
    for (unsigned i = 0; l->direct && i < l->g->elf.n_load; i++)
        if (fits_in_place(l->g, i))
            l->placed |= 1u << i;
    return 0;
}

static void drop_window(struct load *l)
{
    if (l->sink.base)
        vl_guest_unmap(l->g, l->sink.base, l->bytes / VL_PAGE);
    free(l->sink.skipped);
    l->sink.base = NULL;
    l->sink.skipped = NULL;
}

static int check_size(const struct vl_guest *g, long size)
{
    for (unsigned i = 0; i < g->elf.n_load; i++)
        if (g->elf.load[i].offset + g->elf.load[i].filesz > (uint64_t)size)
            return vl_fail(-EINVAL, "%s: the file is truncated: segment %u lies outside it", g->image->name, i);
    return 0;
}

/*
 * Expand and read the notes; the frames' places were guessed without them. *again: the guess was wrong, or what the
 * cache has was damaged.
 */
static int expand(struct load *l, bool *again)
{
    struct vl_guest *g = l->g;
    long size = vl_image_expand(g->image, &l->sink);
    int rc = size < 0 ? (int)size : check_size(g, size);

    *again = false;
    vl_log_phase(g->image->cached ? "kernel copied from the cache" : "kernel expanded");
    if (size == -EBADMSG) {
        *again = true;
        rc = vl_image_drop_cached(g->image);
        g->elf = g->image->elf;
        return rc;
    }
    if (!rc)
        rc = vl_notes_read(&g->notes, &g->elf, g->image->name, l->sink.base, (size_t)size);
    if (!rc)
        rc = vl_notes_check(&g->notes, g->image->name);
    if (!rc && l->placed && g->notes.has_paddr_offset && g->notes.paddr_offset) {
        l->direct = false;
        *again = true;
    }
    return rc;
}

static int copy_segment(struct load *l, const struct vl_segment *s)
{
    uint64_t start = vl_segment_address(s, &l->g->notes);
    struct span to = pages_of(start, s->filesz);
    uint8_t *p;

    if (!s->filesz)
        return 0;
    p = vl_guest_map(l->g, NULL, to.first, to.end - to.first);
    if (!p)
        return -ENOMEM;
    memcpy(p + start % VL_PAGE, l->sink.base + s->offset, s->filesz);
    vl_guest_unmap(l->g, p, to.end - to.first);
    return 0;
}

/* Zero `bytes` from the guest's address `start`: whole frames by hypercall, the ends by hand. */
static int clear_range(struct vl_guest *g, uint64_t start, uint64_t bytes)
{
    uint64_t end = start + bytes;

    while (start < end) {
        uint64_t in_page = start % VL_PAGE, n = VL_PAGE - in_page;
        uint8_t *p;
        int rc;

        if (!in_page && end - start >= VL_PAGE) {
            n = (end - start) / VL_PAGE;
            rc = vl_guest_clear(g, start / VL_PAGE, n);
            if (rc)
                return rc;
            start += n * VL_PAGE;
            continue;
        }
        n = n < end - start ? n : end - start;
        p = vl_guest_map(g, NULL, start / VL_PAGE, 1);
        if (!p)
            return -ENOMEM;
        memset(p + in_page, 0, n);
        vl_guest_unmap(g, p, 1);
        start += n;
    }
    return 0;
}

static bool skipped(const struct load *l, uint64_t page)
{
    return l->sink.skipped[page / 8] & 1u << page % 8;
}

/* Clear the frames of a placed segment that the output has left out. */
static int clear_skipped(struct load *l, const struct vl_segment *s)
{
    struct span file = pages_of(s->offset, s->filesz);
    int rc = 0;

    for (uint64_t page = file.first; page < file.end && !rc;) {
        uint64_t run = 0;

        while (page + run < file.end && skipped(l, page + run))
            run++;
        if (run)
            rc = vl_guest_clear(l->g, s->paddr / VL_PAGE + page - file.first, run);
        page += run + 1;
    }
    return rc;
}

/* What a segment has in memory beyond the file is zero; so is, in its end pages, what the expansion put around it. */
static int finish_segment(struct load *l, unsigned i)
{
    const struct vl_segment *s = &l->g->elf.load[i];
    bool placed = l->placed & 1u << i;
    uint64_t start = vl_segment_address(s, &l->g->notes), file_end = s->offset + s->filesz;
    uint64_t head = s->offset % VL_PAGE, tail = placed ? -file_end % VL_PAGE : 0, done = s->filesz + tail;
    int rc;

    if (placed) {
        rc = clear_skipped(l, s);
        if (rc)
            return rc;
        if (tail && !skipped(l, file_end / VL_PAGE))
            memset(l->sink.base + file_end, 0, tail);
        if (head && !skipped(l, s->offset / VL_PAGE))
            memset(l->sink.base + s->offset - head, 0, head);
    }
    return done < s->memsz ? clear_range(l->g, start + done, s->memsz - done) : 0;
}

static int settle(struct load *l)
{
    int rc = 0;

    for (unsigned i = 0; i < l->g->elf.n_load && !rc; i++)
        if (!(l->placed & 1u << i))
            rc = copy_segment(l, &l->g->elf.load[i]);
    for (unsigned i = 0; i < l->g->elf.n_load && !rc; i++)
        rc = finish_segment(l, i);
    vl_log_phase("kernel settled");
    return rc;
}

int vl_guest_load_kernel(struct vl_guest *g)
{
    struct load l = { .g = g, .direct = true };
    bool again = true;
    int rc = 0;

    /* At most three times: from a damaged cache, in place, and not in place. */
    while (!rc && again) {
        drop_window(&l);
        rc = make_window(&l);
        if (!rc)
            rc = expand(&l, &again);
        g->zeroed = g->zeroed && !again;        /* a first try has written somewhere */
    }
    if (!rc)
        rc = vl_layout_make(&g->lay, g->image->name, &g->elf, &g->notes, g->ramdisk_size, g->nr_pages);
    if (!rc)
        rc = settle(&l);
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
    uint64_t pages = g->lay.ramdisk.count, at = 0;
    uint8_t *p;
    int rc = 0;

    if (!g->ramdisk_size)
        return 0;
    p = vl_guest_map(g, NULL, g->lay.ramdisk.pfn, pages);
    if (!p)
        return -ENOMEM;
    while (at < g->ramdisk_size) {
        ssize_t n = pread(g->ramdisk_fd, p + at, g->ramdisk_size - at, (off_t)at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            if (!n)
                errno = EIO;
            rc = vl_fail_errno("%s: cannot read the ramdisk at byte %" PRIu64, g->params->ramdisk, at);
            break;
        }
        at += (uint64_t)n;
    }
    memset(p + at, 0, pages * VL_PAGE - at);
    vl_guest_unmap(g, p, pages);
    return rc;
}
