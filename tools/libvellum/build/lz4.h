/* SPDX-License-Identifier: MIT */
/*
 * A decoder for lz4 blocks into a vl_sink. Why not liblz4: half of a kernel's image are runs of zeros, and liblz4 has
 * to write them; here whole pages of zeros are only noted, so they need not even be mapped. It also does its work in
 * half the instructions for what kernels hold, and a guest's creation waits for little else. Tests compare the two.
 */
#ifndef VL_BUILD_LZ4_H
#define VL_BUILD_LZ4_H

#include <stdbool.h>

#include "build/sink.h"

/*
 * Decode one block of `len` bytes to the sink, from offset `at` on, at most `most` bytes. Returns how many, or
 * -errno: -EINVAL damaged, -EFBIG more than `most` or than the sink holds, or what the sink's extend gave.
 */
long vl_lz4_block(struct vl_sink *sink, size_t at, const uint8_t *in, size_t len, size_t most);

/*
 * Expand the legacy format: a magic number, then blocks, each with its compressed size in front. The kernel's build
 * appends the expanded size to it, so what is left at the end may be too short for a block, or no sane one. With `head`
 * the output may be cut at the sink's size. Returns how many bytes, or -errno as above.
 */
long vl_lz4_legacy(struct vl_sink *sink, const uint8_t *in, size_t len, bool head);

#endif
