/* SPDX-License-Identifier: MIT */
/*
 * lib/elf.c, lib/bzimage.c, lib/lz4.c and lib/decompress.c: a made-up PV kernel, whole, cut off at every byte and with
 * flipped bits; every packing method by the libraries' own encoders; real kernels when the environment names some
 * (VELLUM_TEST_KERNELS, separated by spaces).
 */
#include <check.h>
#include <elf.h>
#include <lz4.h>
#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "lib-stubs.h"
#include "sample-kernel.h"
#include "run-suite.h"

#include <xen/elfnote.h>
#include <xen/features.h>

#define ARENA  (40UL << 20)

static const char *why_not(struct image *im)
{
    struct pv_kernel k;
    const char *why = NULL;
    int rc = pv_kernel_parse(im->bytes, im->size, &k, &why);

    ck_assert_int_eq(rc, why ? -XEN_EINVAL : 0);
    return why ? why : "";
}

static struct { uint64_t va[4]; const uint8_t *src[4]; size_t filesz[4], memsz[4]; unsigned int n; } loaded;

static int put(void *arg, uint64_t va, const void *src, size_t filesz, size_t memsz)
{
    ck_assert_ptr_eq(arg, &loaded);
    loaded.va[loaded.n] = va;
    loaded.src[loaded.n] = src;
    loaded.filesz[loaded.n] = filesz;
    loaded.memsz[loaded.n] = memsz;
    return loaded.n++ == 2 ? -XEN_ENOMEM : 0;
}

START_TEST(good_kernel)
{
    struct image im;
    struct pv_kernel k;
    const char *why;

    make_kernel(&im);
    ck_assert_int_eq(pv_kernel_parse(im.bytes, im.size, &k, &why), 0);
    ck_assert(k.virt_base == BASE && k.paddr_offset == 0 && k.entry == START + 0x123);
    ck_assert(k.hypercall_page == START + 0x1000 && k.init_p2m == 0x8000000000UL && k.mod_start_pfn && k.has_entry);
    ck_assert(k.vstart == START && k.vend == START + 0x7000);
    ck_assert_str_eq(k.guest_os, "linux");
    loaded.n = 0;
    ck_assert_int_eq(pv_kernel_load(&k, put, &loaded), 0);
    ck_assert_uint_eq(loaded.n, 2);
    ck_assert(loaded.va[0] == START && loaded.src[0] == im.bytes + 0x1000 && loaded.filesz[0] == 0x1800);
    ck_assert(loaded.va[1] == START + 0x4000 && loaded.memsz[1] == 0x2010 && loaded.filesz[1] == 0x10);
    loaded.n = 2;
    ck_assert_int_eq(pv_kernel_load(&k, put, &loaded), -XEN_ENOMEM);
}
END_TEST

#define REFUSED(text, change) do {                                                              \
        make_kernel(&im);                                                                       \
        change;                                                                                 \
        finish(&im);                                                                            \
        why = why_not(&im);                                                                     \
        ck_assert_msg(strstr(why, text) != NULL, "%s: refused with '%s'", #change, why);        \
    } while (0)

START_TEST(bad_kernels)
{
    struct image im;
    const char *why;

    REFUSED("not an ELF", im.bytes[1] = 'e');
    REFUSED("32-bit", im.bytes[EI_CLASS] = ELFCLASS32);
    REFUSED("x86-64", ehdr(&im)->e_machine = EM_AARCH64);
    REFUSED("executable", ehdr(&im)->e_type = ET_REL);
    REFUSED("program headers", ehdr(&im)->e_phnum = 0);
    REFUSED("truncated in the program headers", ehdr(&im)->e_phoff = ~0UL);
    REFUSED("truncated in the program headers", ehdr(&im)->e_phnum = 0xffff);
    REFUSED("truncated: a segment", phdr(&im, 0)->p_offset = 0x2000);
    REFUSED("truncated: a segment", phdr(&im, 0)->p_offset = ~0UL);
    REFUSED("more bytes", phdr(&im, 0)->p_memsz = 0x17ff);
    REFUSED("end of the address space", phdr(&im, 1)->p_memsz = ~0UL);
    REFUSED("end of the address space", phdr(&im, 1)->p_memsz = 0x7f000000);
    REFUSED("hypervisor's part", phdr(&im, 1)->p_paddr -= 0x7fff00000000);
    REFUSED("both sides", phdr(&im, 1)->p_paddr = -BASE + 0x1000);
    REFUSED("no segments", phdr(&im, 0)->p_type = phdr(&im, 1)->p_type = PT_NULL);
    REFUSED("entry point is outside", add_number(&im, XEN_ELFNOTE_ENTRY, START - 1));
    REFUSED("entry point is outside", add_number(&im, XEN_ELFNOTE_ENTRY, START + 0x7000));
    REFUSED("hypercall page", add_number(&im, XEN_ELFNOTE_HYPERCALL_PAGE, START + 1));
    REFUSED("hypercall page", add_number(&im, XEN_ELFNOTE_HYPERCALL_PAGE, START + 0x7000));
    REFUSED("p2m", add_number(&im, XEN_ELFNOTE_INIT_P2M, 0xffff830000000000));
    REFUSED("numeric", add_note(&im, XEN_ELFNOTE_ENTRY, "abc", 3));
    REFUSED("another hypervisor", add_string(&im, XEN_ELFNOTE_XEN_VERSION, "xen-9.9"));
    REFUSED("feature", add_string(&im, XEN_ELFNOTE_FEATURES, "!made_up"));
    REFUSED("no PV entry", im.notes_end = im.notes; add_string(&im, XEN_ELFNOTE_GUEST_OS, "linux"));
    REFUSED("no Xen notes", im.notes_end = im.notes);
}
END_TEST

/* Cut off anywhere: refused, and for a reason. The copy is of the exact size, so that a read beyond it is caught. */
START_TEST(truncated_kernel)
{
    struct image im;
    struct pv_kernel k;

    make_kernel(&im);
    for (size_t size = 0; size < im.size; size++) {
        uint8_t *copy = malloc(size ? size : 1);
        const char *why = NULL;

        memcpy(copy, im.bytes, size);
        ck_assert_int_eq(pv_kernel_parse(copy, size, &k, &why), -XEN_EINVAL);
        ck_assert_ptr_nonnull(why);
        free(copy);
    }
}
END_TEST

static int check_put(void *arg, uint64_t va, const void *src, size_t filesz, size_t memsz)
{
    const struct pv_kernel *k = arg;

    ck_assert(va >= k->vstart && memsz <= k->vend - va && filesz <= memsz);
    ck_assert((const uint8_t *)src >= k->image && filesz <= (size_t)(k->image + k->size - (const uint8_t *)src));
    return 0;
}

START_TEST(damaged_kernel)
{
    struct image im;
    struct pv_kernel k;
    uint64_t seed = 9;
    unsigned int good = 0;

    make_kernel(&im);
    for (unsigned int round = 0; round < 60000; round++) {
        size_t size = next_random(&seed) % 8 ? im.size : next_random(&seed) % im.size;
        uint8_t *copy = malloc(size ? size : 1);
        const char *why;

        memcpy(copy, im.bytes, size);
        for (unsigned int i = 1 + next_random(&seed) % 3; i && size; i--) {
            size_t at = next_random(&seed) % min(size, next_random(&seed) % 2 ? (size_t)0x100 : im.notes_end);

            copy[at] ^= next_random(&seed) % 2 ? (uint8_t)(1 << next_random(&seed) % 8) : (uint8_t)next_random(&seed);
        }
        if (pv_kernel_parse(copy, size, &k, &why) == 0) {
            good++;
            ck_assert_int_eq(pv_kernel_load(&k, check_put, &k), 0);
        }
        free(copy);
    }
    ck_assert_uint_gt(good, 100);           /* the test does get through to loading */
}
END_TEST

/* --- packing methods ------------------------------------------------------------------------------------------------ */

struct packed { uint8_t *bytes; size_t size; };

static struct packed pack_gzip(const uint8_t *src, size_t size)
{
    struct packed p = { malloc(size + size / 100 + 1000), 0 };
    z_stream z = { .next_in = (Bytef *)(uintptr_t)src, .avail_in = (uInt)size, .next_out = p.bytes,
                   .avail_out = (uInt)(size + size / 100 + 1000) };

    ck_assert_int_eq(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    p.size = z.total_out;
    deflateEnd(&z);
    return p;
}

static void append_size(struct packed *p, size_t size)
{
    for (unsigned int i = 0; i < 4; i++)
        p->bytes[p->size++] = (uint8_t)(size >> 8 * i);
}

static struct packed pack_xz_check(const uint8_t *src, size_t size, lzma_check check)
{
    struct packed p = { malloc(size + size / 10 + 1000), 0 };
    lzma_options_lzma o;
    lzma_filter filters[] = { { LZMA_FILTER_X86, NULL }, { LZMA_FILTER_LZMA2, &o }, { LZMA_VLI_UNKNOWN, NULL } };

    lzma_lzma_preset(&o, 1);
    ck_assert_int_eq(lzma_stream_buffer_encode(filters, check, NULL, src, size, p.bytes, &p.size,
                                               size + size / 10 + 900), LZMA_OK);
    append_size(&p, size);
    return p;
}

static struct packed pack_xz(const uint8_t *src, size_t size)
{
    return pack_xz_check(src, size, LZMA_CHECK_CRC32);
}

static struct packed pack_xz64(const uint8_t *src, size_t size)
{
    return pack_xz_check(src, size, LZMA_CHECK_CRC64);
}

static struct packed pack_zstd(const uint8_t *src, size_t size)
{
    struct packed p = { malloc(ZSTD_compressBound(size) + 4), 0 };

    p.size = ZSTD_compress(p.bytes, ZSTD_compressBound(size), src, size, 3);
    ck_assert(!ZSTD_isError(p.size));
    append_size(&p, size);
    return p;
}

static struct packed pack_lz4(const uint8_t *src, size_t size)
{
    struct packed p = { malloc((size_t)LZ4_compressBound((int)size) + 4096), 0 };

    memcpy(p.bytes, "\x02\x21\x4c\x18", 4);
    p.size = 4;
    for (size_t done = 0; done < size; done += LZ4_LEGACY_CHUNK) {
        int part = (int)min(size - done, (size_t)LZ4_LEGACY_CHUNK);
        int n = LZ4_compress_default((const char *)src + done, (char *)p.bytes + p.size + 4, part, LZ4_compressBound(part));

        ck_assert_int_gt(n, 0);
        append_size(&p, (size_t)n);
        p.size += (size_t)n;
    }
    append_size(&p, size);
    return p;
}

static const struct { const char *name; struct packed (*pack)(const uint8_t *src, size_t size); } packers[] = {
    { "gzip", pack_gzip }, { "xz", pack_xz }, { "xz", pack_xz64 }, { "zstd", pack_zstd }, { "lz4", pack_lz4 },
};

/* Text that packs well here and badly there, with calls for the x86 filter to work on. */
static uint8_t *make_text(size_t size, uint64_t seed)
{
    uint8_t *t = malloc(size);

    for (size_t i = 0; i < size; i++) {
        uint32_t r = next_random(&seed);

        t[i] = i > 300 && r % 5 ? t[i - 1 - r % 3 * 97] : r % 11 == 0 ? 0xe8 : (uint8_t)(r >> 8);
    }
    return t;
}

static char arena[ARENA];

START_TEST(every_method)
{
    static const size_t sizes[] = { 1, 2, 100, 65536, 300001, (8u << 20) + 5 };

    for (unsigned int i = 0; i < ARRAY_SIZE(packers); i++)
        for (unsigned int j = 0; j < ARRAY_SIZE(sizes); j++) {
            uint8_t *text = make_text(sizes[j], j), *out = malloc(sizes[j] + 1);
            struct packed p = packers[i].pack(text, sizes[j]);
            size_t said;

            ck_assert_str_eq(decompress_method(p.bytes, p.size), packers[i].name);
            ck_assert_int_eq(bzimage_unpacked_size(p.bytes, p.size, &said), 0);
            ck_assert_uint_eq(said, sizes[j]);
            ck_assert_int_eq(decompress(out, sizes[j], p.bytes, p.size, arena, ARENA), (long)sizes[j]);
            ck_assert_mem_eq(out, text, sizes[j]);
            ck_assert_int_eq(decompress(out, sizes[j] - 1, p.bytes, p.size, arena, ARENA), -XEN_ENOSPC);
            if (strcmp(packers[i].name, "lz4") != 0)
                ck_assert_int_eq(decompress(out, sizes[j], p.bytes, p.size, arena, 1000), -XEN_ENOMEM);
            free(p.bytes);
            free(out);
            free(text);
        }
}
END_TEST

START_TEST(unknown_methods)
{
    char out[16];

    ck_assert_ptr_null(decompress_method("BZh91AY", 8));
    ck_assert_ptr_null(decompress_method("\x89LZO\0\r\n\x1a\n", 9));
    ck_assert_ptr_null(decompress_method("", 0));
    ck_assert_ptr_null(decompress_method("\x1f", 1));
    ck_assert_int_eq(decompress(out, sizeof(out), "BZh91AY", 8, arena, ARENA), -XEN_EOPNOTSUPP);
}
END_TEST

/* Cut off at every byte, and with flipped bits: an error or the right text, never more than fits. */
START_TEST(damaged_payload)
{
    enum { SIZE = 3000 };
    uint8_t *text = make_text(SIZE, 77);
    uint64_t seed = 10;

    for (unsigned int i = 0; i < ARRAY_SIZE(packers); i++) {
        struct packed p = packers[i].pack(text, SIZE);
        uint8_t *out = malloc(SIZE);

        for (size_t cut = 0; cut < p.size; cut++) {
            uint8_t *copy = malloc(cut ? cut : 1);
            long n;

            memcpy(copy, p.bytes, cut);
            n = decompress(out, SIZE, copy, cut, arena, ARENA);
            ck_assert(n < 0 || (p.size - cut <= 4 && n == SIZE));   /* only the appended size may be missing */
            free(copy);
        }
        for (unsigned int round = 0; round < 4000; round++) {
            uint8_t *copy = malloc(p.size);
            long n;

            memcpy(copy, p.bytes, p.size);
            for (unsigned int k = 1 + next_random(&seed) % 3; k; k--)
                copy[next_random(&seed) % p.size] ^= (uint8_t)(1 << next_random(&seed) % 8);
            n = decompress(out, SIZE, copy, p.size, arena, ARENA);
            ck_assert(n <= SIZE);
            free(copy);
        }
        free(p.bytes);
        free(out);
    }
    free(text);
}
END_TEST

/* Our LZ4 block decoder accepts what liblz4's does, with the same result. */
START_TEST(lz4_like_the_library)
{
    enum { SIZE = 2000 };
    uint64_t seed = 11;

    for (unsigned int round = 0; round < 30000; round++) {
        uint8_t text[SIZE], packed[SIZE + 100], ours[SIZE], theirs[SIZE];
        size_t size = 20 + next_random(&seed) % (SIZE - 20), room = size - next_random(&seed) % 3;
        int n, want;
        long got;

        for (size_t i = 0; i < size; i++)
            text[i] = i > 8 && next_random(&seed) % 4 ? text[i - 1 - next_random(&seed) % 8] : (uint8_t)next_random(&seed);
        n = LZ4_compress_default((char *)text, (char *)packed, (int)size, sizeof(packed));
        ck_assert_int_gt(n, 0);
        if (round % 2)
            packed[next_random(&seed) % (uint32_t)n] ^= (uint8_t)(1 << next_random(&seed) % 8);
        want = LZ4_decompress_safe((char *)packed, (char *)theirs, n, (int)room);
        got = lz4_block(ours, room, packed, (size_t)n);
        if (want >= 0 && (round % 2 == 0 || got >= 0)) {   /* the library lets some damage pass: an offset of 0 */
            ck_assert_int_eq(got, want);
            ck_assert_mem_eq(ours, theirs, (size_t)want);
        } else if (round % 2 == 0) {
            ck_assert_int_eq(got, -XEN_ENOSPC);
        }
    }
}
END_TEST

/* --- bzImage --------------------------------------------------------------------------------------------------------- */

/* The packed kernel behind a set-up header of `sects` sectors. */
static struct packed make_bzimage(struct packed payload, uint8_t sects, uint32_t offset)
{
    size_t start = (sects ? sects + 1u : 5u) * 512 + offset;
    struct packed b = { calloc(1, start + payload.size), start + payload.size };
    uint32_t len = (uint32_t)payload.size;

    b.bytes[0x1f1] = sects;
    memcpy(b.bytes + 0x1fe, "\x55\xaaxxHdrS\x0f\x02", 10);
    memcpy(b.bytes + 0x248, &offset, 4);
    memcpy(b.bytes + 0x24c, &len, 4);
    memcpy(b.bytes + start, payload.bytes, payload.size);
    return b;
}

START_TEST(bzimage)
{
    struct image im;
    struct packed p, b;
    const void *payload;
    size_t size, unpacked;
    uint8_t *out;
    const char *why;
    struct pv_kernel k;

    make_kernel(&im);
    p = pack_xz(im.bytes, im.size);
    for (uint8_t sects = 0; sects < 40; sects += 13) {
        b = make_bzimage(p, sects, 0x333);
        ck_assert_int_eq(bzimage_payload(b.bytes, b.size, &payload, &size), 0);
        ck_assert_uint_eq(size, p.size);
        ck_assert_int_eq(bzimage_unpacked_size(payload, size, &unpacked), 0);
        ck_assert_uint_eq(unpacked, im.size);
        out = malloc(unpacked);
        ck_assert_int_eq(decompress(out, unpacked, payload, size, arena, ARENA), (long)im.size);
        ck_assert_int_eq(pv_kernel_parse(out, unpacked, &k, &why), 0);
        free(out);
        for (size_t cut = 0; cut < b.size; cut++) {
            uint8_t *copy = malloc(cut ? cut : 1);

            memcpy(copy, b.bytes, cut);
            ck_assert_int_eq(bzimage_payload(copy, cut, &payload, &size), -XEN_EINVAL);
            free(copy);
        }
        free(b.bytes);
    }
    b = make_bzimage(p, 4, 0);
    b.bytes[0x206] = 7;                     /* before protocol 2.08 */
    ck_assert_int_eq(bzimage_payload(b.bytes, b.size, &payload, &size), -XEN_EINVAL);
    b.bytes[0x206] = 8;
    ck_assert_int_eq(bzimage_payload(b.bytes, b.size, &payload, &size), 0);
    memset(b.bytes + 0x248, 0xff, 4);
    ck_assert_int_eq(bzimage_payload(b.bytes, b.size, &payload, &size), -XEN_EINVAL);
    memset(b.bytes + 0x248, 0, 8);          /* length 0 */
    ck_assert_int_eq(bzimage_payload(b.bytes, b.size, &payload, &size), -XEN_EINVAL);
    ck_assert_int_eq(bzimage_unpacked_size("abc", 3, &size), -XEN_EINVAL);
    ck_assert_int_eq(bzimage_unpacked_size("a\0\0\0\0", 5, &size), -XEN_EINVAL);
    free(b.bytes);
    free(p.bytes);
}
END_TEST

static void check_real_kernel(const char *path)
{
    FILE *f = fopen(path, "rb");
    const void *payload;
    size_t size, packed, unpacked;
    struct pv_kernel k;
    const char *why = "";
    uint8_t *image, *out;

    if (!f)
        return;
    fseek(f, 0, SEEK_END);
    size = (size_t)ftell(f);
    rewind(f);
    image = malloc(size);
    ck_assert_uint_eq(fread(image, 1, size, f), size);
    fclose(f);
    ck_assert_int_eq(bzimage_payload(image, size, &payload, &packed), 0);
    ck_assert_int_eq(bzimage_unpacked_size(payload, packed, &unpacked), 0);
    out = malloc(unpacked);
    ck_assert_int_eq(decompress(out, unpacked, payload, packed, arena, ARENA), (long)unpacked);
    ck_assert_msg(pv_kernel_parse(out, unpacked, &k, &why) == 0, "%s: %s", path, why);
    ck_assert_str_eq(k.guest_os, "linux");
    ck_assert_uint_eq(k.virt_base, BASE);
    ck_assert(k.mod_start_pfn && k.init_p2m);        /* newer ones ask for no hypercall page */
    ck_assert_int_eq(pv_kernel_load(&k, check_put, &k), 0);
    printf("%s: %s, %zu bytes, entry %#lx\n", path, decompress_method(payload, packed), unpacked, k.entry);
    free(out);
    free(image);
}

START_TEST(real_kernels)
{
    const char *list = getenv("VELLUM_TEST_KERNELS");
    char *copy = strdup(list ? list : "");

    for (char *p = strtok(copy, " "); p; p = strtok(NULL, " "))
        check_real_kernel(p);
    free(copy);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("kernel");
    TCase *t = tcase_create("kernel");

    tcase_set_timeout(t, 300);
    tcase_add_test(t, good_kernel);
    tcase_add_test(t, bad_kernels);
    tcase_add_test(t, truncated_kernel);
    tcase_add_test(t, damaged_kernel);
    tcase_add_test(t, every_method);
    tcase_add_test(t, unknown_methods);
    tcase_add_test(t, damaged_payload);
    tcase_add_test(t, lz4_like_the_library);
    tcase_add_test(t, bzimage);
    tcase_add_test(t, real_kernels);
    suite_add_tcase(s, t);
    return run_suite(s);
}
