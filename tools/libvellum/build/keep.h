/* SPDX-License-Identifier: MIT */
/*
 * Filling the cache of expanded kernels (build/cache.h) beside the creation of guests: by command, when a kernel is
 * installed and when the host starts, and behind the back of a creation that had to expand one.
 */
#ifndef VL_BUILD_KEEP_H
#define VL_BUILD_KEEP_H

/*
 * Expand a kernel into the cache, or check and read into memory what the cache has of it. 1: kept now, 0: there already
 * or not compressed, or a told -errno.
 */
int vl_keep_kernel(const char *path);

/* Have a process do so when nothing else wants the CPU or the disk. Says nothing when that fails: it saves time only. */
void vl_keep_kernel_later(const char *path);

/* Make this process one that gives way to all others. */
void vl_give_way(void);

#endif
