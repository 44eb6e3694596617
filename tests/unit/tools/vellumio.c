/* SPDX-License-Identifier: MIT */
/*
 * GRUB's module for zstd and lz4, run as in GRUB: with Debian's own modules, as they are installed. file.mod reads the
 * bzImage, offsetio.mod opens its payload and calls the filters, elf.mod reads what they give, zstd.mod expands. Only
 * GRUB's kernel is played here: files, memory, errors. So a declaration in tools/boot/grub.h that does not fit shows.
 */
#include <check.h>
#include <elf.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "boot/vellumio.c"
#include "bzimage.h"
#include "../run-suite.h"

#define SIZE 200000u
#define ROOM 400000u
#define LEAK 16u                /* offsetio.mod never frees its note of where the payload lies … */
#define LEAK_NO_ELF (LEAK + sizeof(struct grub_file))   /* … nor the payload's file, if it expands to no ELF file */

/* --- GRUB's kernel --- */

struct piece {
    struct piece *next;
    size_t size;
    uint8_t bytes[];
};

static struct piece *pieces;
static int until_failure;       /* allocations that still succeed */
static size_t largest, largest_allowed;
static size_t seen_file_size;   /* what offsetio.mod takes for a struct grub_file */
int grub_errno;
static char message[256], kept[256];
grub_file_filter grub_file_filters[GRUB_FILE_FILTER_LAST + 1];

void *grub_malloc(uint64_t size)
{
    struct piece *p;

    if (size > largest && size != NEVER_HAD)
        largest = size;
    if (until_failure == 0 || size > largest_allowed) {
        grub_error(GRUB_ERR_OUT_OF_MEMORY, "out of memory");
        return NULL;
    }
    until_failure--;
    p = malloc(sizeof(*p) + size);
    ck_assert_ptr_nonnull(p);
    *p = (struct piece){ pieces, size };
    pieces = p;
    memset(p->bytes, 0xa5, size);
    return p->bytes;
}

void *grub_zalloc(uint64_t size)
{
    void *at = grub_malloc(size);

    if (!seen_file_size)
        seen_file_size = size;
    return at ? memset(at, 0, size) : NULL;
}

void grub_free(void *at)
{
    struct piece **p = &pieces, *gone;

    if (!at)
        return;
    while (*p && (*p)->bytes != at)
        p = &(*p)->next;
    ck_assert_msg(*p != NULL, "freed twice, or never allocated");
    gone = *p;
    *p = gone->next;
    free(gone);
}

int grub_error(int error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    return grub_errno = error;
}

void grub_error_push(void)
{
    memcpy(kept, message, sizeof(kept));
    grub_errno = GRUB_ERR_NONE;
}

int64_t grub_file_read(struct grub_file *file, void *to, uint64_t len)
{
    int64_t n;

    if (len > file->size - file->offset)
        len = file->size - file->offset;
    n = len ? file->fs->fs_read(file, to, len) : 0;
    if (n > 0)
        file->offset += (uint64_t)n;
    return n;
}

uint64_t grub_file_seek(struct grub_file *file, uint64_t offset)
{
    uint64_t old = file->offset;

    if (offset > file->size) {
        grub_error(11, "attempt to seek outside of the file");
        return UINT64_MAX;
    }
    file->offset = offset;
    return old;
}

static int devices_closed;

int grub_file_close(struct grub_file *file)
{
    file->fs->fs_close(file);
    devices_closed += file->device != NULL;
    grub_free(file->name);
    grub_free(file);
    return grub_errno;
}

char *grub_strdup(const char *s);
void *grub_memset(void *at, int byte, size_t n);
void *grub_memmove(void *to, const void *from, size_t n);
int grub_memcmp(const void *a, const void *b, size_t n);
void grub_real_dprintf(void);

char *grub_strdup(const char *s)
{
    char *copy = grub_malloc(strlen(s) + 1);

    return copy ? strcpy(copy, s) : NULL;
}

void *grub_memset(void *at, int byte, size_t n) { return memset(at, byte, n); }
void *grub_memmove(void *to, const void *from, size_t n) { return memmove(to, from, n); }
int grub_memcmp(const void *a, const void *b, size_t n) { return memcmp(a, b, n); }
void grub_real_dprintf(void) { }

/* What other parts of file.mod and elf.mod call. */
#define NEVER(name)                                                                                                  \
    void name(void);                                                                                                 \
    void name(void) { ck_abort_msg(#name " was called"); }
NEVER(grub_file_open)
NEVER(grub_macho_open)
NEVER(grub_macho_close)
NEVER(grub_register_extcmd)
NEVER(grub_unregister_extcmd)
NEVER(grub_strchr)
NEVER(grub_strncmp)
NEVER(grub_strtoull)

/* --- Debian's modules --- */

struct grub_elf {
    struct grub_file *file;
};

struct grub_elf *grub_xen_file(struct grub_file *file);
int grub_elf_close(struct grub_elf *elf);
struct grub_file *grub_file_offset_open(struct grub_file *parent, int type, uint64_t start, uint64_t size);

/* --- A disk with one file --- */

static uint8_t kernel[SIZE], image[ROOM];
static size_t image_size;

static int64_t disk_read(struct grub_file *file, char *to, uint64_t len)
{
    memcpy(to, (uint8_t *)file->data + file->offset, len);
    return (int64_t)len;
}

static int disk_close(struct grub_file *file)
{
    (void)file;
    return 0;
}

static struct grub_fs disk_fs = { .name = "disk", .fs_read = disk_read, .fs_close = disk_close };

static struct grub_file *disk_open(void)
{
    struct grub_file *file;
    static int device;

    until_failure = INT_MAX;
    file = grub_zalloc(sizeof(*file));
    seen_file_size = 0;
    file->name = grub_strdup("/vmlinuz");
    file->device = &device;
    file->fs = &disk_fs;
    file->data = image;
    file->size = image_size;
    grub_errno = GRUB_ERR_NONE;
    devices_closed = 0;
    largest = 0;
    *message = *kept = 0;
    return file;
}

/* Nothing is left but what offsetio.mod leaves; that goes too. */
static void nothing_left(size_t but)
{
    size_t left = 0;

    ck_assert_int_eq(devices_closed, 1);
    for (struct piece *p = pieces; p; p = p->next)
        left += p->size;
    ck_assert_uint_le(left, but);
    while (pieces)
        grub_free(pieces->bytes);
}

/* GRUB's Xen loader refuses the image, and the reason is kept. */
static void refused(const char *reason)
{
    struct grub_file *file = disk_open();

    ck_assert_ptr_null(grub_xen_file(file));
    ck_assert_int_ne(grub_errno, GRUB_ERR_NONE);
    ck_assert_msg(strstr(kept, reason), "wanted '%s', got '%s'", reason, kept);
    grub_file_close(file);
    nothing_left(LEAK);
}

/* GRUB's Xen loader opens the image, and reads the kernel, forwards and back. */
static void opened(void)
{
    static uint8_t got[SIZE];
    struct grub_elf *elf = grub_xen_file(disk_open());

    ck_assert_msg(elf != NULL, "%s; %s", message, kept);
    ck_assert_uint_eq(elf->file->size, SIZE);
    for (unsigned i = 0; i < 40; i++) {
        uint64_t at = i ? (uint64_t)rand() % SIZE : 0, len = i ? (uint64_t)rand() % (SIZE - at) : SIZE;

        ck_assert_uint_ne(grub_file_seek(elf->file, at), UINT64_MAX);
        ck_assert_int_eq(grub_file_read(elf->file, got, len), (int64_t)len);
        ck_assert_int_eq(memcmp(got, kernel + at, len), 0);
    }
    grub_elf_close(elf);
    nothing_left(LEAK);
}

/* --- Kernels --- */

static size_t pack_zstd(const uint8_t *in, size_t len, uint8_t *out, size_t room)
{
    return ZSTD_compress(out, room, in, len, 9);
}

/* As the kernel's build does it, through a pipe: the size is not declared. */
static size_t pack_zstd_piped(const uint8_t *in, size_t len, uint8_t *out, size_t room)
{
    ZSTD_CCtx *z = ZSTD_createCCtx();
    ZSTD_inBuffer src = { in, len, 0 };
    ZSTD_outBuffer dst = { out, room, 0 };
    size_t left;

    ZSTD_CCtx_setParameter(z, ZSTD_c_compressionLevel, 3);
    left = ZSTD_compressStream2(z, &dst, &src, ZSTD_e_continue);
    ck_assert(!ZSTD_isError(left));
    left = ZSTD_compressStream2(z, &dst, &src, ZSTD_e_end);
    ck_assert_uint_eq(left, 0);
    ZSTD_freeCCtx(z);
    return dst.pos;
}

static size_t pack_none(const uint8_t *in, size_t len, uint8_t *out, size_t room)
{
    ck_assert_uint_le(len, room);
    memcpy(out, in, len);
    return len - 4;             /* no size word: what is put in its place is the kernel's end */
}

static const struct {
    const char *name;
    size_t (*pack)(const uint8_t *in, size_t len, uint8_t *out, size_t room);
} packers[] = { { "zstd", pack_zstd }, { "zstd", pack_zstd_piped }, { "lz4", pack_lz4 } };
#define PACKERS (sizeof(packers) / sizeof(packers[0]))

/* The module is in its place, and the image packed in that way, an ELF file if `magic` is its. */
static void start_as(uint8_t magic, size_t (*pack)(const uint8_t *in, size_t len, uint8_t *out, size_t room))
{
    uint32_t expanded = SIZE;

    memset(kernel, 0, sizeof(kernel));
    memcpy(kernel, (Elf64_Ehdr[]){ { .e_ident = { magic, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, 1 }, .e_version = 1 } }, 64);
    for (size_t i = 64; i < SIZE; i++)
        kernel[i] = i > 50000 && i < 90000 ? 0 : (uint8_t)(rand() % 4 ? kernel[i - 1] : rand());
    if (pack == pack_none)
        memcpy(&expanded, kernel + SIZE - 4, 4);
    image_size = wrap_bzimage(image, pack(kernel, SIZE, image + PAYLOAD_AT, ROOM - PAYLOAD_AT - 4), expanded);
    largest_allowed = 20 * SIZE;
    memset(grub_file_filters, 0, sizeof(grub_file_filters));
    grub_mod_init(NULL);
}

static void start_with(size_t (*pack)(const uint8_t *in, size_t len, uint8_t *out, size_t room))
{
    start_as(0x7f, pack);
}

START_TEST(test_expands)
{
    start_with(packers[_i].pack);
    opened();
}
END_TEST

START_TEST(test_no_elf)
{
    struct grub_file *file;

    start_as('M', packers[_i].pack);
    file = disk_open();
    ck_assert_ptr_null(grub_xen_file(file));
    ck_assert_str_eq(message, "not xen image");
    ck_assert_str_eq(kept, "");
    grub_file_close(file);
    nothing_left(LEAK_NO_ELF);
}
END_TEST

START_TEST(test_layout)
{
    struct grub_file *file;
    struct grub_elf *elf;

    start_with(pack_zstd);
    file = disk_open();
    elf = grub_xen_file(file);
    ck_assert_ptr_nonnull(elf);
    grub_elf_close(elf);
    nothing_left(LEAK);
    file = disk_open();
    file = grub_file_offset_open(file, GRUB_FILE_TYPE_LINUX_KERNEL, 0, 1);      /* its first allocation */
    ck_assert_uint_eq(seen_file_size, sizeof(struct grub_file));
    grub_file_close(file);
    nothing_left(LEAK);
}
END_TEST

/* A kernel in blocks of 8 MiB. */
START_TEST(test_blocks)
{
    const size_t size = (20 << 20) + 12345;
    uint8_t *in = calloc(1, size), *packed = malloc(size), *out = malloc(size);
    size_t len;

    for (size_t i = 0; i < size; i++)
        in[i] = i % 4096 < 100 ? (uint8_t)rand() : (uint8_t)(i >> 12);
    len = pack_lz4(in, size, packed, size);
    memset(packed + len, 0, 4);
    ck_assert(expand_lz4(out, size, packed, len + 4));
    ck_assert_int_eq(memcmp(in, out, size), 0);
    ck_assert(!expand_lz4(out, size - 1, packed, len + 4));
    free(in);
    free(packed);
    free(out);
}
END_TEST

/* Plain kernels, and ours not asked: the next filter is, and gives its place back. */
static int asked, asked_type;

static struct grub_file *other_filter(struct grub_file *in, int type)
{
    asked++;
    asked_type = type;
    return in;
}

START_TEST(test_others)
{
    start_with(pack_none);
    opened();
    grub_mod_fini();
    ck_assert_ptr_null(grub_file_filters[GRUB_FILE_FILTER_LAST]);
    grub_file_filters[GRUB_FILE_FILTER_LAST] = other_filter;
    grub_mod_init(NULL);
    asked = 0;
    opened();
    ck_assert_int_eq(asked, 1);
    ck_assert_int_eq(asked_type, GRUB_FILE_TYPE_LINUX_KERNEL);
    grub_mod_fini();
    ck_assert(grub_file_filters[GRUB_FILE_FILTER_LAST] == other_filter);
}
END_TEST

/* Nothing but kernels is expanded, and those not where the compressed file is wanted. */
START_TEST(test_not_kernels)
{
    static const int types[] = { 0, 1, 2, 4, 5, 33, GRUB_FILE_TYPE_LINUX_KERNEL | GRUB_FILE_TYPE_NO_DECOMPRESS };

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        struct grub_file *file;
        uint8_t got[8];

        start_with(packers[_i].pack);
        file = grub_file_offset_open(disk_open(), types[i], PAYLOAD_AT, image_size - PAYLOAD_AT);
        ck_assert_uint_eq(file->size, image_size - PAYLOAD_AT);
        ck_assert_int_eq(grub_file_read(file, got, 8), 8);
        ck_assert_int_eq(memcmp(got, image + PAYLOAD_AT, 8), 0);
        grub_file_close(file);
        nothing_left(LEAK);
    }
}
END_TEST

/* A file that ends early, with a payload that does not know of it, and one that does. */
START_TEST(test_cut)
{
    size_t whole, step;

    start_with(packers[_i].pack);
    whole = image_size;
    step = (whole - PAYLOAD_AT) / 61;
    for (size_t n = PAYLOAD_AT + 10; n < whole; n += step) {
        uint32_t length;

        image_size = n;
        refused("kernel: its file ends early");
        length = (uint32_t)(n - PAYLOAD_AT);
        memcpy(image + 0x24c, &length, 4);
        refused("kernel: ");            /* damaged, or it declares what happens to stand there */
        length = (uint32_t)(whole - PAYLOAD_AT);
        memcpy(image + 0x24c, &length, 4);
    }
}
END_TEST

START_TEST(test_lying_size)
{
    static const uint32_t bad[] = { 0, 1u << 31, UINT32_MAX, (1u << 30) + 1 };
    static const uint32_t wrong[] = { 1, SIZE - 1, SIZE + 1, 10 * SIZE };
    uint32_t huge = UINT32_MAX;

    start_with(packers[_i].pack);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        memcpy(image + image_size - 4, &bad[i], 4);
        refused("kernel: declares a size of");
        ck_assert_uint_lt(largest, ROOM);
    }
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        memcpy(image + image_size - 4, &wrong[i], 4);
        refused("kernel: damaged, or not the");
    }
    memcpy(image + 0x24c, &huge, 4);
    refused("kernel: its file ends early");
    ck_assert_uint_lt(largest, ROOM);
}
END_TEST

/* Any byte changed: refused, or as large as declared; never an access to what is not ours. */
START_TEST(test_flipped)
{
    unsigned taken = 0;

    start_with(packers[_i].pack);
    for (unsigned k = 0; k < 400; k++) {
        size_t at = PAYLOAD_AT + (size_t)rand() % (image_size - PAYLOAD_AT);
        uint8_t old = image[at];
        struct grub_file *file = disk_open();
        struct grub_elf *elf;

        image[at] ^= (uint8_t)(1 << rand() % 8);
        elf = grub_xen_file(file);
        if (elf) {
            taken++;
            ck_assert_uint_eq(elf->file->size, SIZE);
            grub_elf_close(elf);
        } else {
            grub_file_close(file);
        }
        nothing_left(LEAK_NO_ELF);
        image[at] = old;
    }
    ck_assert_uint_lt(taken, 400);
    opened();
}
END_TEST

/* Each allocation fails once. */
START_TEST(test_memory)
{
    struct grub_elf *elf;
    int n = 0;

    start_with(packers[_i].pack);
    largest_allowed = SIZE - 1;
    refused("kernel: no memory for its 1 MiB");
    largest_allowed = SIZE;
    for (;; n++) {
        struct grub_file *file = disk_open();

        until_failure = n;
        elf = grub_xen_file(file);
        if (elf)
            break;
        ck_assert_int_ne(grub_errno, GRUB_ERR_NONE);
        grub_file_close(file);
        nothing_left(LEAK_NO_ELF);
    }
    ck_assert_int_gt(n, 6);
    grub_elf_close(elf);
    nothing_left(LEAK);
}
END_TEST

/* The expanded file must not lie where the kernel goes, nor close above it. */
START_TEST(test_in_the_way)
{
    uint8_t *out = calloc(1, SIZE);
    uint64_t at = (uint64_t)out;
    Elf64_Ehdr h = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64 }, .e_phoff = SIZE - 2 * sizeof(Elf64_Phdr), .e_phnum = 2,
                     .e_phentsize = sizeof(Elf64_Phdr) };
    const struct { uint64_t from, size; bool good; } loads[] = {
        { 0, 1000, true }, { 0x1000000, LARGEST, true }, { UINT64_MAX - 99, 100, true }, { UINT64_MAX - 99, LARGEST, true },
        { at + SIZE, 1000, true }, { at + SIZE - 1, 1000, false }, { at, 0, false }, { at - 1000, 1001, false },
        { at - 1000 - SPARE, 1000, true }, { at - 999 - SPARE, 1000, false }, { at - SPARE - LARGEST, LARGEST, true },
        { at - 1000, SIZE + 2000, false }, { at - 1000, UINT64_MAX, true },
    };

    for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
        Elf64_Phdr p[2] = { { .p_type = PT_NOTE, .p_paddr = at, .p_memsz = 1 },
                            { .p_type = PT_LOAD, .p_paddr = loads[i].from, .p_memsz = loads[i].size } };

        memcpy(out, &h, sizeof(h));
        memcpy(out + h.e_phoff, p, sizeof(p));
        ck_assert_msg(out_of_the_way(out, SIZE) == loads[i].good, "case %zu", i);
    }
    /* Headers that are not all there are none. */
    for (uint32_t size = 0; size < 70; size++)
        ck_assert(out_of_the_way(out, size));
    h.e_phoff++;
    memcpy(out, &h, sizeof(h));
    ck_assert(out_of_the_way(out, SIZE));
    h.e_phoff = UINT64_MAX;
    h.e_phnum = 65535;
    memcpy(out, &h, sizeof(h));
    ck_assert(out_of_the_way(out, SIZE));
    free(out);
}
END_TEST

START_TEST(test_known_by_name)
{
    static const struct { const char *magic, *name; } known[] = { { "\x5d\0\0\0\x80\0", "lzma" }, { "BZh91A", "bzip2" } };

    start_with(pack_zstd);
    memcpy(image + PAYLOAD_AT, known[_i].magic, 6);
    refused(known[_i].name);
    ck_assert_ptr_nonnull(strstr(kept, "GRUB does not expand these"));
    ck_assert_uint_lt(largest, 4096);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("vellumio");
    TCase *t = tcase_create("kernels");

    srand(11);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_layout);
    tcase_add_loop_test(t, test_expands, 0, PACKERS);
    tcase_add_loop_test(t, test_no_elf, 0, PACKERS);
    tcase_add_test(t, test_blocks);
    tcase_add_test(t, test_others);
    tcase_add_loop_test(t, test_not_kernels, 0, PACKERS);
    tcase_add_loop_test(t, test_cut, 0, PACKERS);
    tcase_add_loop_test(t, test_lying_size, 0, PACKERS);
    tcase_add_loop_test(t, test_flipped, 0, PACKERS);
    tcase_add_loop_test(t, test_memory, 0, PACKERS);
    tcase_add_test(t, test_in_the_way);
    tcase_add_loop_test(t, test_known_by_name, 0, 2);
    suite_add_tcase(s, t);
    return run_suite(s);
}
