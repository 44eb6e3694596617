/* SPDX-License-Identifier: MIT */
/*
 * Expanded kernels, kept so that the next guest of the same kernel starts at once. A kernel is known by its contents:
 * beside each expanded file (build/packed.h) lies a copy of the compressed one, and only an equal file takes it. Files
 * are recognized without reading them by device, inode, size and times of modification and change, which no writer can
 * leave as they were.
 *
 * Data lies in /var/cache/vellum/kernels, where the system may drop it from memory, and stays across reboots: its sum is
 * checked whenever it is used, so what a crash of the host or a bad disk leaves is never booted. How files are recognized
 * lies in /run/vellum/kernels, which a reboot empties. Both folders and all in them must be root's, writable for nobody
 * else. A cache that cannot be written to is no error: then kernels are expanded each time.
 */
#ifndef VL_BUILD_CACHE_H
#define VL_BUILD_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#define VL_CACHE_ENTRIES 16             /* the oldest goes when there would be more … */
#define VL_CACHE_BYTES (512ull << 20)   /* … or more than this */

/* The folders of data and index; NULL goes back to the usual ones. For tests. */
void vl_cache_folders(const char *data, const char *index);
const char *vl_cache_folder(void);

/* The packed file for a kernel's file, mapped read-only, its size in *size, and open as *fd; NULL when there is none. */
const uint8_t *vl_cache_find(const struct stat *st, const uint8_t *file, size_t file_size, size_t *size, int *fd);

/* Keep an expansion. 0, or -errno (not told): nothing is kept. */
int vl_cache_keep(const struct stat *st, const uint8_t *file, size_t file_size, const uint8_t *expanded, size_t size);

/* The entry that the file was recognized by turned out to be damaged: it goes. */
void vl_cache_drop(const struct stat *st);

/* One at a time keeps kernels: waits for the others. A descriptor to close, or -1: there can be no cache. */
int vl_cache_lock(void);

/* All entries: calls `each` with the sizes of the compressed and of the packed file and when it was kept. */
void vl_cache_list(void (*each)(void *arg, uint64_t source, uint64_t packed, time_t kept), void *arg);
/* Remove all entries. */
void vl_cache_clear(void);

#endif
