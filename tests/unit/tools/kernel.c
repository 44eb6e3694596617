/* SPDX-License-Identifier: MIT */
/* Kernel images: every compression, broken at every place; ELF headers and notes. */
#include <bzlib.h>
#include <check.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <lz4.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <xen/elfnote.h>

#include "build/cache.h"
#include "build/image.h"
#include "build/lz4.h"
#include "build/packed.h"
#include "bzimage.h"
#include "messages.h"
#include "../run-suite.h"

#define LOAD_AT 0x1000000ull
#define VIRT_BASE 0xffffffff80000000ull
#define TEXT 0x1000             /* offset in the file */
#define TEXT_SIZE 0x28123
#define NOTES 0x2a000
#define SIZE 0x2c000

static uint8_t elf_file[SIZE];

static size_t add_note(size_t at, uint32_t type, const void *desc, uint32_t len)
{
    Elf64_Nhdr h = { 4, len, type };

    memcpy(elf_file + at, &h, sizeof(h));
    memcpy(elf_file + at + sizeof(h), "Xen", 4);
    memcpy(elf_file + at + sizeof(h) + 4, desc, len);
    return at + sizeof(h) + 4 + ((len + 3) & ~3u);
}

static size_t add_number(size_t at, uint32_t type, uint64_t value)
{
    return add_note(at, type, &value, 8);
}

/* A kernel of 160 KiB with text, a bss, and the notes Linux has. */
static void make_elf(void)
{
    Elf64_Ehdr h = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, 1 }, .e_type = ET_EXEC,
                     .e_machine = EM_X86_64, .e_version = 1, .e_entry = LOAD_AT, .e_phoff = 64, .e_ehsize = 64,
                     .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 2, .e_shentsize = sizeof(Elf64_Shdr) };
    Elf64_Phdr p[2] = {
        { PT_LOAD, 7, TEXT, VIRT_BASE + LOAD_AT, LOAD_AT, TEXT_SIZE, 0x40000, 0x1000 },
        { PT_NOTE, 4, NOTES, 0, 0, 0, 0, 4 },
    };
    size_t end = NOTES;

    memset(elf_file, 0, sizeof(elf_file));
    end = add_note(end, XEN_ELFNOTE_GUEST_OS, "linux", 6);
    end = add_note(end, XEN_ELFNOTE_XEN_VERSION, "xen-3.0", 8);
    end = add_note(end, XEN_ELFNOTE_LOADER, "generic", 8);
    end = add_note(end, XEN_ELFNOTE_FEATURES, "!writable_page_tables|pae_pgdir_above_4gb", 42);
    end = add_number(end, XEN_ELFNOTE_ENTRY, VIRT_BASE + LOAD_AT + 0x40);
    end = add_number(end, XEN_ELFNOTE_VIRT_BASE, VIRT_BASE);
    end = add_number(end, XEN_ELFNOTE_INIT_P2M, 0x8000000000ull);
    end = add_number(end, XEN_ELFNOTE_MOD_START_PFN, 1);
    p[1].p_filesz = p[1].p_memsz = end - NOTES;
    memcpy(elf_file, &h, sizeof(h));
    memcpy(elf_file + 64, p, sizeof(p));
    srand(7);
    for (size_t i = 0; i < TEXT_SIZE; i++)      /* compressible, with a hole of zeros */
        elf_file[TEXT + i] = i > 0x8000 && i < 0x20000 ? 0 : (uint8_t)(rand() % 5 ? elf_file[TEXT + i - 1] : rand());
}

static size_t pack(enum vl_method method, const uint8_t *in, size_t len, uint8_t *out, size_t room)
{
    lzma_options_lzma options;
    lzma_stream s = LZMA_STREAM_INIT;
    z_stream z = { 0 };
    unsigned bz = (unsigned)room;
    size_t n = 0;

    switch (method) {
    case VL_METHOD_NONE:
        memcpy(out, in, len);
        return len;
    case VL_METHOD_GZIP:
        deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY);
        z.next_in = (uint8_t *)in;
        z.avail_in = (uInt)len;
        z.next_out = out;
        z.avail_out = (uInt)room;
        ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
        n = z.total_out;
        deflateEnd(&z);
        return n;
    case VL_METHOD_XZ:
        ck_assert_int_eq(lzma_easy_buffer_encode(6, LZMA_CHECK_CRC32, NULL, in, len, out, &n, room), LZMA_OK);
        return n;
    case VL_METHOD_LZMA:
        lzma_lzma_preset(&options, 6);
        ck_assert_int_eq(lzma_alone_encoder(&s, &options), LZMA_OK);
        s.next_in = in;
        s.avail_in = len;
        s.next_out = out;
        s.avail_out = room;
        ck_assert_int_eq(lzma_code(&s, LZMA_FINISH), LZMA_STREAM_END);
        n = s.total_out;
        lzma_end(&s);
        return n;
    case VL_METHOD_ZSTD:
        return ZSTD_compress(out, room, in, len, 19);
    case VL_METHOD_BZIP2:
        ck_assert_int_eq(BZ2_bzBuffToBuffCompress((char *)out, &bz, (char *)in, (unsigned)len, 9, 0, 0), BZ_OK);
        return bz;
    default:
        return pack_lz4(in, len, out, room);
    }
}

static size_t make_bzimage(enum vl_method method, uint8_t *out, size_t room)
{
    return wrap_bzimage(out, pack(method, elf_file, SIZE, out + PAYLOAD_AT, room - PAYLOAD_AT), SIZE);
}

static char path[64];

static void write_file(const uint8_t *data, size_t len)
{
    int fd = mkstemp(strcpy(path, "/tmp/vl-kernel-XXXXXX"));

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, data, len), (ssize_t)len);
    close(fd);
}

static int all_ready(struct vl_sink *sink)
{
    sink->ready = sink->ready + 3 * VL_SINK_PAGE < sink->size ? sink->ready + 3 * VL_SINK_PAGE : sink->size;
    return 0;
}

static struct vl_sink new_sink(size_t size, bool skip)
{
    struct vl_sink s = { .base = calloc(1, size + 1), .size = size, .extend = all_ready };

    s.skipped = skip ? calloc(1, size / VL_SINK_PAGE / 8 + 2) : NULL;
    return s;
}

static void free_sink(struct vl_sink *s)
{
    free(s->base);
    free(s->skipped);
}

static const enum vl_method methods[] = { VL_METHOD_NONE, VL_METHOD_GZIP, VL_METHOD_XZ, VL_METHOD_LZMA,
                                          VL_METHOD_ZSTD, VL_METHOD_LZ4, VL_METHOD_BZIP2 };
static uint8_t buffer[SIZE * 2];

START_TEST(test_bzimage)
{
    size_t len = make_bzimage(methods[_i], buffer, sizeof(buffer));
    struct vl_image image;
    struct vl_sink sink = new_sink(SIZE, true);

    write_file(buffer, len);
    ck_assert_int_eq(vl_image_open(&image, path), 0);
    ck_assert_int_eq(image.method, methods[_i]);
    ck_assert_uint_eq(image.elf.n_load, 1);
    ck_assert_uint_eq(image.expanded_size, methods[_i] == VL_METHOD_NONE ? SIZE + 4 : SIZE);
    if (methods[_i] != VL_METHOD_NONE) {
        ck_assert_int_eq(vl_image_expand(&image, &sink), SIZE);
        ck_assert_int_eq(memcmp(sink.base, elf_file, SIZE), 0);
    }
    vl_image_close(&image);
    messages_expect("bzimage", NULL);
    free_sink(&sink);
    unlink(path);
}
END_TEST

/* A compressed ELF file without a bzImage around it, whose size is guessed. */
START_TEST(test_bare)
{
    size_t len = pack(methods[_i], elf_file, SIZE, buffer, sizeof(buffer));
    struct vl_image image;
    struct vl_sink sink;

    write_file(buffer, len);
    ck_assert_int_eq(vl_image_open(&image, path), 0);
    ck_assert_uint_ge(image.expanded_size, SIZE);
    sink = new_sink(image.expanded_size, false);
    ck_assert_int_eq(vl_image_expand(&image, &sink), SIZE);
    ck_assert_int_eq(memcmp(sink.base, elf_file, SIZE), 0);
    vl_image_close(&image);
    free_sink(&sink);
    unlink(path);
}
END_TEST

/* An expansion that is kept serves the same file, an equal one, and no other. */
START_TEST(test_cache)
{
    char data[] = "/tmp/vl-cache-XXXXXX", index[64], elsewhere[64], command[160];
    size_t len = make_bzimage(VL_METHOD_GZIP, buffer, sizeof(buffer));
    struct vl_sink sink = new_sink(SIZE, true), again = new_sink(SIZE, true);
    struct vl_image image;
    long n;

    ck_assert_ptr_nonnull(mkdtemp(data));
    snprintf(index, sizeof(index), "%s/index", data);
    snprintf(elsewhere, sizeof(elsewhere), "%s/copy", data);
    vl_cache_folders(data, index);
    write_file(buffer, len);
    ck_assert_int_eq(vl_image_open(&image, path), 0);
    ck_assert_ptr_null(image.cached);
    ck_assert_int_eq(vl_image_expand(&image, &sink), SIZE);
    ck_assert(vl_image_wants_keeping(&image));
    ck_assert_int_eq(vl_image_keep(&image, &sink, SIZE), 0);
    vl_image_close(&image);
    for (int i = 0; i < 2; i++) {
        snprintf(command, sizeof(command), "cp %s %s", path, elsewhere);
        ck_assert_int_eq(system(command), 0);
        ck_assert_int_eq(vl_image_open(&image, i ? elsewhere : path), 0);
        ck_assert_ptr_nonnull(image.cached);
        n = vl_image_expand(&image, &again);
        ck_assert_int_ge(n, NOTES);             /* what nobody reads may have been left out at the end */
        ck_assert_int_eq(memcmp(again.base, elf_file, (size_t)n), 0);
        again.ready = 0;
        vl_image_close(&image);
    }
    /* Another kernel of the same size at the same path. */
    buffer[0x30] ^= 1;
    unlink(path);
    write_file(buffer, len);
    ck_assert_int_eq(vl_image_open(&image, path), 0);
    ck_assert_ptr_null(image.cached);
    vl_image_close(&image);
    /* Without the index, as after a reboot, it is known by its contents. */
    buffer[0x30] ^= 1;
    unlink(path);
    write_file(buffer, len);
    snprintf(command, sizeof(command), "rm -r %s", index);
    ck_assert_int_eq(system(command), 0);
    ck_assert_int_eq(vl_image_open(&image, path), 0);
    ck_assert_ptr_nonnull(image.cached);
    vl_image_close(&image);
    /* What others may write to is not used. */
    snprintf(command, sizeof(command), "chmod g+w %s/*.pack", data);
    ck_assert_int_eq(system(command), 0);
    ck_assert_int_eq(vl_image_open(&image, path), 0);
    ck_assert_ptr_null(image.cached);
    vl_image_close(&image);
    snprintf(command, sizeof(command), "rm -r %s", data);
    ck_assert_int_eq(system(command), 0);
    vl_cache_folders("/nonexistent", "/nonexistent");
    messages_expect("cache", NULL);
    free_sink(&sink);
    free_sink(&again);
    unlink(path);
}
END_TEST

static char pack_path[128];

/* Keep the test's kernel; pack_path is the file that holds it. The folder's name. */
static void keep_one(char *data, const struct vl_sink *sink)
{
    static char index[64];
    struct vl_image image;
    char pattern[80];
    glob_t found;

    ck_assert_ptr_nonnull(mkdtemp(data));
    snprintf(index, sizeof(index), "%s/index", data);
    vl_cache_folders(data, index);
    ck_assert_int_eq(vl_image_open(&image, path), 0);
    ck_assert_ptr_null(image.cached);
    ck_assert_int_eq(vl_image_keep(&image, sink, SIZE), 0);
    vl_image_close(&image);
    snprintf(pattern, sizeof(pattern), "%s/*.pack", data);
    ck_assert_int_eq(glob(pattern, 0, NULL, &found), 0);
    ck_assert_uint_eq(found.gl_pathc, 1);
    snprintf(pack_path, sizeof(pack_path), "%s", found.gl_pathv[0]);
    globfree(&found);
}

/* Whatever bit of a kept kernel flips, it is not what boots: the kernel's own file is. */
START_TEST(test_cache_damaged)
{
    size_t len = make_bzimage(VL_METHOD_GZIP, buffer, sizeof(buffer)), size = 0;
    struct vl_sink sink = new_sink(SIZE, true);
    char data[] = "/tmp/vl-cache-XXXXXX", command[160];
    struct vl_image image;

    memcpy(sink.base, elf_file, SIZE);
    write_file(buffer, len);
    for (unsigned k = 0; k < 40; k++) {
        struct vl_sink again = new_sink(SIZE, k & 1);
        uint8_t byte;
        size_t at;
        int fd;

        strcpy(data, "/tmp/vl-cache-XXXXXX");
        keep_one(data, &sink);
        fd = open(pack_path, O_RDWR);
        ck_assert_int_ge(fd, 0);
        size = (size_t)lseek(fd, 0, SEEK_END);
        at = k < 3 ? k * 8 : (size_t)rand() % size;
        ck_assert_int_eq(pread(fd, &byte, 1, (off_t)at), 1);
        byte ^= (uint8_t)(1 << rand() % 8);
        ck_assert_int_eq(pwrite(fd, &byte, 1, (off_t)at), 1);
        if (k > 35)             /* and cut short */
            ck_assert_int_eq(ftruncate(fd, (off_t)(size - 4096 * (k - 35))), 0);
        close(fd);
        ck_assert_int_eq(vl_image_open(&image, path), 0);
        if (image.cached) {
            ck_assert_int_eq(vl_image_expand(&image, &again), -EBADMSG);
            ck_assert_int_eq(vl_image_drop_cached(&image), 0);
            messages_expect("damaged", "is damaged");
            ck_assert_ptr_null(image.cached);
            again.ready = 0;
            if (again.skipped)
                memset(again.skipped, 0, SIZE / VL_SINK_PAGE / 8 + 2);
            memset(again.base, 0, SIZE);
        }
        ck_assert_int_eq(access(pack_path, F_OK), -1);
        ck_assert_int_eq(vl_image_expand(&image, &again), SIZE);
        ck_assert_int_eq(memcmp(again.base, elf_file, SIZE), 0);
        vl_image_close(&image);
        free_sink(&again);
        snprintf(command, sizeof(command), "rm -r %s", data);
        ck_assert_int_eq(system(command), 0);
    }
    vl_cache_folders("/nonexistent", "/nonexistent");
    free_sink(&sink);
    unlink(path);
}
END_TEST

/* The packed form of all kinds of runs, with and without leaving pages out, whole and in part. */
START_TEST(test_packed)
{
    static uint8_t raw[70 * 4096 + 123];
    size_t size = _i ? sizeof(raw) - (size_t)_i * 1000 : sizeof(raw);
    FILE *file = tmpfile();

    srand((unsigned)_i);
    memset(raw, 0, sizeof(raw));
    for (int page = 0; page < 71; page++)
        if (rand() % 3)
            raw[page * 4096 + rand() % 123] = (uint8_t)(1 + rand() % 255);
    ck_assert_int_eq(vl_packed_write(fileno(file), raw, size), 0);
    for (int way = 0; way < 4; way++) {
        struct vl_sink sink = new_sink(way & 2 ? 20000 : size, way & 1);
        size_t packed = (size_t)lseek(fileno(file), 0, SEEK_END);
        uint8_t *in = mmap(NULL, packed, PROT_READ, MAP_PRIVATE, fileno(file), 0);

        ck_assert(vl_packed_valid(in, packed));
        ck_assert(!vl_packed_valid(in, packed - 4096));
        ck_assert(vl_packed_intact(in));
        ck_assert_uint_eq(vl_packed_size(in), size);
        ck_assert_int_eq(vl_packed_expand(&sink, in, fileno(file), way & 2), (long)sink.size);
        ck_assert_int_eq(memcmp(sink.base, raw, sink.size), 0);
        munmap(in, packed);
        free_sink(&sink);
    }
    fclose(file);
}
END_TEST

/* Cut anywhere: an error, in one line, and no wild access. */
START_TEST(test_cut)
{
    size_t len = make_bzimage(methods[_i], buffer, sizeof(buffer)), step = len / 97 + 1;

    for (size_t n = 0; n < len; n += step) {
        struct vl_image image;

        write_file(buffer, n);
        ck_assert_int_lt(vl_image_open(&image, path), 0);
        messages_expect("cut", path);
        unlink(path);
    }
}
END_TEST

/* Any byte of the payload changed: refused, or expanded to no more than there is room for. */
START_TEST(test_flipped)
{
    size_t len = make_bzimage(methods[_i], buffer, sizeof(buffer)), start = PAYLOAD_AT;
    uint8_t *copy = malloc(len - start);

    for (unsigned k = 0; k < 300; k++) {
        size_t at = (size_t)rand() % (len - start - 4);
        struct vl_sink sink = new_sink(SIZE, true);
        long n;

        memcpy(copy, buffer + start, len - start);
        copy[at] ^= (uint8_t)(1 << rand() % 8);
        n = vl_expand(methods[_i], copy, len - start, &sink, false);
        ck_assert_msg(n <= SIZE, "%ld bytes", n);
        free_sink(&sink);
    }
    free(copy);
}
END_TEST

/* Our lz4 against the library's, on blocks of all kinds, whole and damaged. */
START_TEST(test_lz4)
{
    static uint8_t raw[300000], packed[310000], theirs[300000];

    srand((unsigned)_i);
    for (int round = 0; round < 60; round++) {
        size_t len = 1 + (size_t)rand() % sizeof(raw), at = 0;
        int n, m;
        struct vl_sink sink;
        long got;

        while (at < len) {              /* runs of noise, of a short pattern, of zeros */
            size_t run = 1 + (size_t)rand() % (rand() % 4 ? 40 : 60000), kind = (size_t)rand() % 4;
            size_t period = 1 + (size_t)rand() % 20;

            for (size_t i = 0; i < run && at < len; i++, at++)
                raw[at] = kind == 0 ? (uint8_t)rand() : kind == 1 && at >= period ? raw[at - period]
                    : kind == 2 && at > 70000 ? raw[at - 65535 + period] : 0;
        }
        n = LZ4_compress_default((char *)raw, (char *)packed, (int)len, sizeof(packed));
        sink = new_sink(len + (size_t)(rand() % 3) * 5000, rand() % 2);
        got = vl_lz4_block(&sink, 0, packed, (size_t)n, sizeof(raw));
        ck_assert_int_eq(got, (long)len);
        ck_assert_int_eq(memcmp(sink.base, raw, len), 0);
        free_sink(&sink);
        packed[rand() % n] ^= (uint8_t)(1 << rand() % 8);
        m = LZ4_decompress_safe((char *)packed, (char *)theirs, n, (int)len);
        sink = new_sink(len, rand() % 2);
        got = vl_lz4_block(&sink, 0, packed, (size_t)n, len);
        /* Each refuses things the other takes (an offset of 0, an end no compressor makes); what both take is the same. */
        if (m >= 0 && got >= 0)
            ck_assert_msg(got == m && !memcmp(sink.base, theirs, (size_t)m), "%ld, library %d", got, m);
        free_sink(&sink);
    }
}
END_TEST

static const struct { const char *what; size_t at; uint64_t value; int bytes; const char *message; } damages[] = {
    { "magic", 0, 0, 4, "neither a bzImage nor ELF" },
    { "class", EI_CLASS, ELFCLASS32, 1, "is a 32-bit kernel" },
    { "machine", 18, EM_AARCH64, 2, "another architecture" },
    { "type", 16, ET_REL, 2, "not an executable" },
    { "phentsize", 54, 8, 2, "no usable program header table" },
    { "phnum 0", 56, 0, 2, "no usable program header table" },
    { "phnum", 56, 65535, 2, "its program header table is cut off" },
    { "phoff", 32, 1ull << 40, 8, "its program header table is cut off" },
    { "offset", 64 + 8, 1ull << 40, 8, "segment 0 lies outside it" },
    { "filesz", 64 + 32, ~0ull, 8, "segment 0 lies outside it" },
    { "memsz", 64 + 40, 1, 8, "segment 0 lies outside it" },
    { "wrap", 64 + 24, ~0ull - 10, 8, "wraps around memory" },
    { "nothing", 64, PT_NULL, 4, "nothing to load" },
};

START_TEST(test_damaged_elf)
{
    struct vl_image image;

    make_elf();
    memcpy(elf_file + damages[_i].at, &damages[_i].value, (size_t)damages[_i].bytes);
    write_file(elf_file, SIZE);
    ck_assert_int_lt(vl_image_open(&image, path), 0);
    messages_expect(damages[_i].what, damages[_i].message);
    unlink(path);
    make_elf();
}
END_TEST

START_TEST(test_notes)
{
    struct vl_notes n;
    struct vl_elf e;
    uint32_t word;

    ck_assert_int_eq(vl_elf_read(&e, "k", elf_file, SIZE, SIZE), 0);
    ck_assert_int_eq(vl_notes_read(&n, &e, "k", elf_file, SIZE), 0);
    ck_assert_uint_eq(n.entry, VIRT_BASE + LOAD_AT + 0x40);
    ck_assert_uint_eq(n.virt_base, VIRT_BASE);
    ck_assert_uint_eq(n.init_p2m, 0x8000000000ull);
    ck_assert(n.mod_start_pfn);
    ck_assert(!n.has_hypercall_page);
    ck_assert_int_eq(vl_notes_check(&n, "k"), 0);
    messages_expect("notes", NULL);
    strcpy(n.features, "writable_page_tables|!supervisor_mode_kernel");
    ck_assert_int_lt(vl_notes_check(&n, "k"), 0);
    messages_expect("features", "requires the feature 'supervisor_mode_kernel'");
    strcpy(n.features, "!no_such_thing");
    ck_assert_int_lt(vl_notes_check(&n, "k"), 0);
    messages_expect("features", "requires the feature 'no_such_thing'");
    memset(&n, 0, sizeof(n));
    ck_assert_int_lt(vl_notes_check(&n, "k"), 0);
    messages_expect("none", "it has no Xen ELF notes");
    word = 0xffffffff;                  /* a note as long as can be */
    memcpy(elf_file + NOTES + 4, &word, 4);
    ck_assert_int_lt(vl_notes_read(&n, &e, "k", elf_file, SIZE), 0);
    messages_expect("damaged", "the ELF notes are damaged");
    make_elf();
}
END_TEST

static void setup(void)
{
    messages_start();
    vl_cache_folders("/nonexistent", "/nonexistent");
    make_elf();
}

int main(void)
{
    Suite *s = suite_create("tools: kernels");
    TCase *t = tcase_create("kernel");
    int n = sizeof(methods) / sizeof(methods[0]);

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, messages_end);
    tcase_add_loop_test(t, test_bzimage, 0, n);
    tcase_add_loop_test(t, test_bare, 0, n);
    tcase_add_test(t, test_cache);
    tcase_add_test(t, test_cache_damaged);
    tcase_add_loop_test(t, test_packed, 0, 12);
    tcase_add_loop_test(t, test_cut, 0, n);
    tcase_add_loop_test(t, test_flipped, 1, n);
    tcase_add_loop_test(t, test_lz4, 0, 8);
    tcase_add_loop_test(t, test_damaged_elf, 0, sizeof(damages) / sizeof(damages[0]));
    tcase_add_test(t, test_notes);
    suite_add_tcase(s, t);
    return run_suite(s);
}
