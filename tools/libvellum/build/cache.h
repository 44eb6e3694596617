/* SPDX-License-Identifier: MIT */
/*
 * Expanded kernels, kept so that the next guest of the same kernel starts at once. A kernel is known by its contents:
 * beside each expanded file lies a copy of the compressed one, and only an equal file takes it. Files are recognized
 * without reading them by device, inode, size and times of modification and change, which no writer can leave as they
 * were.
 *
 * Data lies in /var/cache/vellum/kernels, where the system may drop it from memory. What of it is whole stands in
 * /run/vellum/kernels, which a crash of the host empties: so half-written data is never used. A cache that cannot be
 * written to is no error: then kernels are expanded each time.
 */
#ifndef VL_BUILD_CACHE_H
#define VL_BUILD_CACHE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/* The folders of data and index; NULL goes back to the usual ones. For tests. */
void vl_cache_folders(const char *data, const char *index);

/* The expanded file for a kernel's file, mapped read-only, and its size in *size; NULL when there is none. */
const uint8_t *vl_cache_find(const struct stat *st, const uint8_t *file, size_t file_size, size_t *size);

/* Keep an expansion. `skipped` marks pages that are zero and were left out, one bit each; NULL: none. */
void vl_cache_keep(const struct stat *st, const uint8_t *file, size_t file_size, const uint8_t *expanded, size_t size,
                   const uint8_t *skipped);

#endif
