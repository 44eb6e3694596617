/* SPDX-License-Identifier: MIT */
/*
 * What a module of GRUB 2.06 for x86_64-xen sees of GRUB: how it is described, and the files and file filters that
 * vellumio.c deals with. Debian has no package with GRUB's own headers. That these declarations fit the installed GRUB
 * is checked by configure (the version), by tools/boot/check-module (names, numbers of filters, struct grub_fs), and by
 * tests/unit/tools/vellumio, which runs vellumio.c together with Debian's modules.
 *
 * Functions return an error number or, with GRUB_ERR_NONE, 0; the last error is in grub_errno too.
 */
#ifndef VL_BOOT_GRUB_H
#define VL_BOOT_GRUB_H

#include <stddef.h>
#include <stdint.h>

/* The sections by which GRUB's loader knows a module. */
#define GRUB_MODULE(name, needs)                                                                                     \
    static const char module_license[] __attribute__((section(".module_license"), used)) = "LICENSE=GPLv3+";         \
    static const char module_name[] __attribute__((section(".modname"), used)) = name;                               \
    static const char module_needs[] __attribute__((section(".moddeps"), used)) = needs

enum {
    GRUB_ERR_NONE = 0,
    GRUB_ERR_OUT_OF_MEMORY = 3,
    GRUB_ERR_FILE_READ_ERROR = 6,
    GRUB_ERR_NOT_IMPLEMENTED_YET = 24,
    GRUB_ERR_BAD_COMPRESSED_DATA = 26,
};

/* What a file is opened for. */
enum {
    GRUB_FILE_TYPE_LINUX_KERNEL = 3,
    GRUB_FILE_TYPE_MASK = 0xffff,
    GRUB_FILE_TYPE_NO_DECOMPRESS = 0x20000,
};

struct grub_file;

struct grub_fs {
    struct grub_fs *next, **prev;
    const char *name;
    void *mod;
    void *fs_dir, *fs_open;
    /* Up to `len` bytes from file->offset on, all of them within the file. Returns how many; below 0: an error. */
    int64_t (*fs_read)(struct grub_file *file, char *to, uint64_t len);
    int (*fs_close)(struct grub_file *file);
    void *fs_label, *fs_uuid, *fs_mtime;
};

struct grub_file {
    char *name;
    void *device;
    struct grub_fs *fs;
    uint64_t offset;
    uint64_t progress[4];
    uint64_t size;
    int not_easily_seekable;
    void *data;
    void *read_hook, *read_hook_data;
};

/*
 * Each file that is opened goes through all filters, in their order. One returns its argument, another file in its
 * place (which then owns the first), or NULL with an error, which leaves the file to the caller.
 */
typedef struct grub_file *(*grub_file_filter)(struct grub_file *in, int type);
#define GRUB_FILE_FILTER_LAST 3         /* LZO's; 0 verifies, 1 is gzip's, 2 xz's */
extern grub_file_filter grub_file_filters[GRUB_FILE_FILTER_LAST + 1];

int64_t grub_file_read(struct grub_file *file, void *to, uint64_t len);
uint64_t grub_file_seek(struct grub_file *file, uint64_t offset);
int grub_file_close(struct grub_file *file);

void *grub_malloc(uint64_t size);
void *grub_zalloc(uint64_t size);
void grub_free(void *at);

extern int grub_errno;
int grub_error(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Keeps the last error, to be printed behind the next one, and clears grub_errno. */
void grub_error_push(void);

#endif
