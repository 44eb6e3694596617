/* SPDX-License-Identifier: MIT */
/*
 * An expanded kernel as the cache keeps it: only those pages that are not zero, so that what is not there needs to be
 * neither read nor mapped, and a sum over all of it, which tells whether the file still is what was written.
 *
 * The file: a head, one bit for each page of the kernel (set: not zero), zeros up to a page's end, then the pages whose
 * bit is set. The sum guards against a damaged disk and half-written files, not against root.
 */
#ifndef VL_BUILD_PACKED_H
#define VL_BUILD_PACKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "build/sink.h"

/* Write `size` bytes at `data` as a packed file to `fd`, an empty file. 0 or -errno, not told. */
int vl_packed_write(int fd, const uint8_t *data, size_t size);

/* Do head and map of a packed file, whose sum is right, agree with its length? All pages are summed when they are read. */
bool vl_packed_valid(const uint8_t *in, size_t len);
/* Is the sum of a valid file's pages right? Reads them all. */
bool vl_packed_intact(const uint8_t *in);
/* The kernel's size, of a valid file. */
size_t vl_packed_size(const uint8_t *in);

/*
 * Expand a valid file, mapped at `in` and open as `fd`, into the sink, which has room for it, or (`head`) its first part.
 * Returns the size, -EBADMSG when the sum is wrong or pages cannot be read (then what has been written is worthless), or
 * the sink's error. Pages are read and not copied from the mapping, where each costs a PV dom0 a fault and a hypercall.
 */
long vl_packed_expand(struct vl_sink *sink, const uint8_t *in, int fd, bool head);

#endif
