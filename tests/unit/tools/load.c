/* SPDX-License-Identifier: MIT */
/*
 * A kernel's way into a guest's memory: from its file and from the cache it must come out the same. The guest's frames are
 * a file in memory here, dirty at the start as a host's frames are.
 *
 * With a kernel's path as argument that one is loaded, in place of a small one made here.
 */
#include <check.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <lz4.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include <xen/elfnote.h>

#include "build/cache.h"
#include "build/guest.h"
#include "build/image.h"
#include "messages.h"
#include "../run-suite.h"

#define LOAD_AT 0x200000ull
#define VIRT_BASE 0xffffffff80000000ull

static const char *kernel_path;
static int frames = -1;

void *vl_guest_map(struct vl_guest *g, void *at, uint64_t pfn, uint64_t count)
{
    void *p = mmap(at, count * VL_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | (at ? MAP_FIXED : 0), frames,
                   (off_t)(pfn * VL_PAGE));

    ck_assert_uint_le(pfn + count, g->nr_pages);
    return p == MAP_FAILED ? NULL : p;
}

void vl_guest_unmap(struct vl_guest *g, void *p, uint64_t count)
{
    (void)g;
    if (p)
        munmap(p, count * VL_PAGE);
}

int vl_guest_clear(struct vl_guest *g, uint64_t pfn, uint64_t count)
{
    static const uint8_t zero[VL_PAGE];

    ck_assert_uint_le(pfn + count, g->nr_pages);
    for (uint64_t i = 0; i < count; i++)
        ck_assert_int_eq(pwrite(frames, zero, VL_PAGE, (off_t)((pfn + i) * VL_PAGE)), VL_PAGE);
    return 0;
}

static size_t add_note(uint8_t *to, uint32_t type, uint64_t value)
{
    Elf64_Nhdr h = { 4, 8, type };

    memcpy(to, &h, sizeof(h));
    memcpy(to + sizeof(h), "Xen", 4);
    memcpy(to + sizeof(h) + 4, &value, 8);
    return sizeof(h) + 12;
}

/* The kernel's form of lz4: a magic number, and blocks with their length in front. */
static size_t pack_lz4(const uint8_t *in, int len, uint8_t *out, int room)
{
    static const uint8_t magic[] = { 0x02, 0x21, 0x4c, 0x18 };
    int32_t n = LZ4_compress_default((const char *)in, (char *)out + 8, len, room - 8);

    ck_assert_int_gt(n, 0);
    memcpy(out, magic, 4);
    memcpy(out + 4, &n, 4);
    return (size_t)n + 8;
}

/*
 * Two segments with pages of zeros in them and ends within pages, notes, and what nobody loads behind them: more than
 * the loader maps in one go.
 */
static void make_kernel(const char *path, bool lz4)
{
    static uint8_t elf[0x290000], packed[0x2a0000];
    Elf64_Ehdr h = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, 1 }, .e_type = ET_EXEC,
                     .e_machine = EM_X86_64, .e_version = 1, .e_entry = VIRT_BASE + LOAD_AT, .e_phoff = 64,
                     .e_ehsize = 64, .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 3 };
    Elf64_Phdr p[3] = {
        { PT_LOAD, 7, 0x10000, VIRT_BASE + LOAD_AT, LOAD_AT, 0x240123, 0x240123, 0x1000 },
        { PT_LOAD, 7, 0x260345, VIRT_BASE + LOAD_AT + 0x250345, LOAD_AT + 0x250345, 0x20000, 0x31111, 0x1000 },
        { PT_NOTE, 4, 0x10800, 0, 0, 0, 0, 4 },
    };
    size_t at = 0x10800;

    for (size_t i = 0x10000; i < sizeof(elf); i++)
        elf[i] = i / 0x3000 % 3 ? (uint8_t)(rand() & (i & 0x10000 ? 255 : 3)) : 0;
    at += add_note(elf + at, XEN_ELFNOTE_ENTRY, VIRT_BASE + LOAD_AT);
    at += add_note(elf + at, XEN_ELFNOTE_VIRT_BASE, VIRT_BASE);
    p[2].p_filesz = p[2].p_memsz = at - 0x10800;
    memcpy(elf, &h, sizeof(h));
    memcpy(elf + 64, p, sizeof(p));
    if (lz4) {
        FILE *file = fopen(path, "wb");
        size_t n = pack_lz4(elf, sizeof(elf), packed, sizeof(packed));

        ck_assert_uint_eq(fwrite(packed, 1, n, file), n);
        fclose(file);
    } else {
        gzFile file = gzopen(path, "wb");

        ck_assert_int_eq(gzwrite(file, elf, sizeof(elf)), sizeof(elf));
        gzclose(file);
    }
}

/* What the guest's memory has of the kernel after a load into frames that were full of `dirt`. */
static uint8_t *load(const char *path, uint8_t dirt, size_t nr_pages, bool cached)
{
    struct vl_image image;
    struct vl_guest g = { .image = &image, .nr_pages = nr_pages };
    size_t bytes = nr_pages * VL_PAGE;
    uint8_t *memory, *segments;

    frames = memfd_create("frames", MFD_CLOEXEC);
    ck_assert_int_eq(ftruncate(frames, (off_t)bytes), 0);
    memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, frames, 0);
    memset(memory, dirt, bytes);
    ck_assert_int_eq(vl_image_open(&image, path), 0);
    ck_assert_int_eq(image.cached != NULL, cached);
    g.elf = image.elf;
    ck_assert_int_eq(vl_guest_load_kernel(&g), 0);
    ck_assert_uint_lt(g.lay.kernel.pfn + g.lay.kernel.count, nr_pages);
    /* What lies between segments is nobody's. */
    segments = calloc(1, bytes);
    for (unsigned i = 0; i < g.elf.n_load; i++)
        memcpy(segments + g.elf.load[i].paddr, memory + g.elf.load[i].paddr, g.elf.load[i].memsz);
    munmap(memory, bytes);
    vl_image_close(&image);
    close(frames);
    return segments;
}

/* The whole expanded file in one piece, which the cache then has, and what its segments are in memory. */
static uint8_t *keep(const char *path, size_t nr_pages)
{
    struct vl_image image;
    struct vl_sink sink = { 0 };
    uint8_t *segments = calloc(1, nr_pages * VL_PAGE);

    ck_assert_int_eq(vl_image_open(&image, path), 0);
    sink.size = sink.ready = image.expanded_size;
    sink.base = calloc(1, sink.size);
    ck_assert_int_eq(vl_image_keep(&image, &sink, (size_t)vl_image_expand(&image, &sink)), 0);
    for (unsigned i = 0; i < image.elf.n_load; i++)
        memcpy(segments + image.elf.load[i].paddr, sink.base + image.elf.load[i].offset, image.elf.load[i].filesz);
    vl_image_close(&image);
    free(sink.base);
    return segments;
}

START_TEST(test_cached)
{
    char folder[] = "/tmp/vl-load-XXXXXX", index[64], kernel[64], command[96];
    size_t nr_pages = kernel_path ? 32768 : 2048;
    uint8_t *plain, *cached, *right;

    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(index, sizeof(index), "%s/index", folder);
    snprintf(kernel, sizeof(kernel), "%s/kernel", folder);
    vl_cache_folders(folder, index);
    if (!kernel_path)
        make_kernel(kernel, _i);
    plain = load(kernel_path ? kernel_path : kernel, 0xaa, nr_pages, false);
    right = keep(kernel_path ? kernel_path : kernel, nr_pages);
    cached = load(kernel_path ? kernel_path : kernel, 0x55, nr_pages, true);
    for (size_t i = 0; i < nr_pages; i++) {
        ck_assert_msg(!memcmp(plain + i * VL_PAGE, right + i * VL_PAGE, VL_PAGE), "frame %zu differs from the file", i);
        ck_assert_msg(!memcmp(cached + i * VL_PAGE, right + i * VL_PAGE, VL_PAGE), "frame %zu differs, cached", i);
    }
    free(right);
    free(plain);
    free(cached);
    snprintf(command, sizeof(command), "rm -r %s", folder);
    ck_assert_int_eq(system(command), 0);
    messages_expect("load", NULL);
}
END_TEST

int main(int argc, char **argv)
{
    Suite *s = suite_create("tools: loading kernels");
    TCase *t = tcase_create("load");

    kernel_path = argc > 1 ? argv[1] : NULL;
    tcase_add_checked_fixture(t, messages_start, messages_end);
    tcase_add_loop_test(t, test_cached, 0, kernel_path ? 1 : 2);
    suite_add_tcase(s, t);
    return run_suite(s);
}
