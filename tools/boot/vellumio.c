/* SPDX-License-Identifier: MIT */
/*
 * A module for GRUB: kernels that are compressed by zstd or lz4. GRUB's Xen loader opens the part of a bzImage that is
 * the kernel, its payload, as a file of its own, and this goes through the filters that expand gzip, xz and LZO. Ours
 * takes the place of the last one, and calls that for what it does not know.
 *
 * It owns, for each file it gave out, a struct kernel with the whole of the expanded kernel, up to the file's end. The
 * file system the kernel lies on is hostile: what is read is used only as far as it was checked. Nothing but kernels
 * is expanded: ramdisks and all other files reach the guest as they are.
 *
 * Built with zstd.mod (Debian's) and build/lz4.c; GRUB loads it from the memdisk (grub.cfg).
 */
#include "grub.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <zstd.h>

#include "build/lz4.h"

GRUB_MODULE("vellumio", "zstd");

#define MAGIC_SIZE 6
#define SIZE_WORD 4u                    /* the kernel's build appends the expanded size to a payload */
#define LARGEST (1ull << 30)            /* Linux maps its image in 1 GiB; and so the compressed one is no larger */
#define NEVER_HAD (1ull << 50)          /* an allocation that cannot succeed */
#define SPARE (1ull << 20)              /* what GRUB allocates until it has loaded the kernel lies below the expanded file */
#define IN_MIB(bytes) ((unsigned)(((bytes) + (1u << 20) - 1) >> 20))

/* The whole input becomes the whole output, of exactly that size, or it is refused. */
typedef bool (*expand_function)(uint8_t *out, size_t out_size, const uint8_t *in, size_t in_size);

struct method {
    uint8_t magic[MAGIC_SIZE], magic_size;
    const char *name;
    expand_function expand;             /* NULL: known by name only */
};

/*
 * When GRUB's Xen loader does not find an ELF file in what a filter gave it, it clears the first word here, as if this
 * were its own note of the file below, which it keeps then; the description of the payload in between, some 100 bytes,
 * is lost.
 */
struct kernel {
    struct grub_file *packed;
    uint8_t *bytes;
};

static grub_file_filter next_filter;

static bool expand_zstd(uint8_t *out, size_t out_size, const uint8_t *in, size_t in_size)
{
    ZSTD_DCtx *z = ZSTD_createDCtx();
    size_t n;

    if (!z)
        return false;
    n = ZSTD_decompressDCtx(z, out, out_size, in, in_size - SIZE_WORD);
    ZSTD_freeDCtx(z);
    return n == out_size;               /* errors are no sizes */
}

static bool expand_lz4(uint8_t *out, size_t out_size, const uint8_t *in, size_t in_size)
{
    struct vl_sink sink = { .base = out, .size = out_size, .ready = out_size };

    return vl_lz4_legacy(&sink, in, in_size, false) == (long)out_size;
}

static const struct method methods[] = {
    { { 0x28, 0xb5, 0x2f, 0xfd }, 4, "zstd", expand_zstd },
    { { 0x02, 0x21, 0x4c, 0x18 }, 4, "lz4", expand_lz4 },
    { { 0x5d, 0, 0 }, 3, "lzma", NULL },
    { { 'B', 'Z', 'h' }, 3, "bzip2", NULL },
};

/* How the file is compressed; NULL: not in a way of ours. It is at its start afterwards. */
static const struct method *method_of(struct grub_file *file)
{
    const struct method *found = NULL;
    uint8_t magic[MAGIC_SIZE];
    int64_t n;

    grub_file_seek(file, 0);
    n = grub_file_read(file, magic, sizeof(magic));
    grub_file_seek(file, 0);
    grub_errno = GRUB_ERR_NONE;         /* who reads it next meets the same error */
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]) && n == sizeof(magic); i++)
        if (!memcmp(magic, methods[i].magic, methods[i].magic_size))
            found = &methods[i];
    return found;
}

/* GRUB's Xen loader tells its own reason for any error here, so ours, the last error, is kept to be printed behind it. */
static void *refuse(void)
{
    int error = grub_errno;

    grub_error_push();
    grub_error(error, "cannot expand the kernel");
    return NULL;
}

/* `size` bytes of the file from `at` on. */
static bool read_at(struct grub_file *file, uint64_t at, void *to, uint64_t size)
{
    return grub_file_seek(file, at) != UINT64_MAX && grub_file_read(file, to, size) == (int64_t)size;
}

/* What GRUB has read of disks stays wherever memory was free, until an allocation cannot be had otherwise. */
static void drop_disk_cache(void)
{
    grub_free(grub_malloc(NEVER_HAD));
    grub_errno = GRUB_ERR_NONE;
}

/*
 * Is the place that the kernel will have in the guest's memory free of the expanded file? If not, GRUB would load the
 * kernel elsewhere and move it at the end, for which it puts code in the midst of that place, and crashes. Its addresses
 * are the guest's physical ones.
 */
static bool out_of_the_way(const uint8_t *out, uint32_t size)
{
    uint64_t from = (uint64_t)out, to = from + size;
    const Elf64_Ehdr *h = (const Elf64_Ehdr *)out;

    if (size < sizeof(*h) || memcmp(h->e_ident, ELFMAG, SELFMAG) || h->e_ident[EI_CLASS] != ELFCLASS64 ||
        h->e_phoff > size || h->e_phentsize < sizeof(Elf64_Phdr) ||
        (uint64_t)h->e_phnum * h->e_phentsize > size - h->e_phoff)
        return true;                    /* no such file: GRUB says so */
    for (unsigned i = 0; i < h->e_phnum; i++) {
        Elf64_Phdr p;

        memcpy(&p, out + h->e_phoff + i * h->e_phentsize, sizeof(p));
        if (p.p_type == PT_LOAD && p.p_memsz <= LARGEST && p.p_paddr < to && p.p_paddr + p.p_memsz + SPARE > from)
            return false;
    }
    return true;
}

/* Fills `out`; else an error, which for lack of memory is GRUB's. */
static bool fill(const struct method *m, struct grub_file *file, uint8_t *out, uint32_t size)
{
    uint8_t *in = grub_malloc(file->size);
    bool good;

    if (!in)
        return false;
    good = read_at(file, 0, in, file->size);
    if (!good)
        grub_error(GRUB_ERR_FILE_READ_ERROR, "%s kernel: its file ends early, or cannot be read", m->name);
    else if (!(good = m->expand(out, size, in, file->size)) && grub_errno == GRUB_ERR_NONE)
        grub_error(GRUB_ERR_BAD_COMPRESSED_DATA, "%s kernel: damaged, or not the %u bytes that it declares", m->name, size);
    grub_free(in);
    return good;
}

/* What the file expands to, with its size; NULL: with an error. */
static uint8_t *expand(const struct method *m, struct grub_file *file, uint32_t *size)
{
    uint8_t *out;
    bool good;

    if (file->size > LARGEST || !read_at(file, file->size - SIZE_WORD, size, SIZE_WORD)) {
        grub_error(GRUB_ERR_BAD_COMPRESSED_DATA, "%s kernel: its file ends early, or cannot be read", m->name);
        return NULL;
    }
    if (*size == 0 || *size > LARGEST) {
        grub_error(GRUB_ERR_BAD_COMPRESSED_DATA, "%s kernel: declares a size of %u bytes", m->name, *size);
        return NULL;
    }
    out = grub_malloc(*size);           /* before all else, so it lies highest */
    good = out && fill(m, file, out, *size);
    if (good) {
        drop_disk_cache();
        good = out_of_the_way(out, *size);
    }
    if (good)
        return out;
    if (grub_errno == GRUB_ERR_NONE || grub_errno == GRUB_ERR_OUT_OF_MEMORY)
        grub_error(GRUB_ERR_OUT_OF_MEMORY, "%s kernel: no memory for its %u MiB, which GRUB needs twice", m->name, IN_MIB(*size));
    grub_free(out);
    return NULL;
}

static int64_t kernel_read(struct grub_file *file, char *to, uint64_t len)
{
    const struct kernel *k = file->data;
    const uint8_t *from = k->bytes + file->offset;
    uint64_t at = 0;

    for (; at + 8 <= len; at += 8)      /* by words: GRUB's own copies byte by byte, and kernels are large */
        memcpy(to + at, from + at, 8);
    for (; at < len; at++)
        to[at] = (char)from[at];
    return (int64_t)len;
}

static int kernel_close(struct grub_file *file)
{
    struct kernel *k = file->data;

    if (k->packed)
        grub_file_close(k->packed);
    grub_free(k->bytes);
    grub_free(k);
    file->device = NULL;                /* that went with the other file */
    return grub_errno;
}

static struct grub_fs kernel_fs = { .name = "vellumio", .fs_read = kernel_read, .fs_close = kernel_close };

static struct grub_file *open_kernel(const struct method *m, struct grub_file *packed)
{
    struct grub_file *file;
    struct kernel *k;
    uint8_t *out;
    uint32_t size;

    if (!m->expand) {
        grub_error(GRUB_ERR_NOT_IMPLEMENTED_YET, "%s kernel: GRUB does not expand these", m->name);
        return refuse();
    }
    out = expand(m, packed, &size);
    if (!out)
        return refuse();
    file = grub_zalloc(sizeof(*file));
    k = grub_zalloc(sizeof(*k));
    if (!file || !k) {
        grub_free(file);
        grub_free(k);
        grub_free(out);
        return refuse();
    }
    *k = (struct kernel){ .packed = packed, .bytes = out };
    file->device = packed->device;
    file->fs = &kernel_fs;
    file->data = k;
    file->size = size;
    return file;
}

static struct grub_file *vellumio_open(struct grub_file *in, int type)
{
    if ((type & GRUB_FILE_TYPE_MASK) == GRUB_FILE_TYPE_LINUX_KERNEL && !(type & GRUB_FILE_TYPE_NO_DECOMPRESS)) {
        const struct method *m = method_of(in);

        if (m)
            return open_kernel(m, in);
    }
    return next_filter ? next_filter(in, type) : in;
}

/* GRUB's loader finds these two by their names, which may be local. */
static __attribute__((used)) void grub_mod_init(void *module)
{
    (void)module;
    next_filter = grub_file_filters[GRUB_FILE_FILTER_LAST];
    grub_file_filters[GRUB_FILE_FILTER_LAST] = vellumio_open;
}

static __attribute__((used)) void grub_mod_fini(void)
{
    grub_file_filters[GRUB_FILE_FILTER_LAST] = next_filter;
}
