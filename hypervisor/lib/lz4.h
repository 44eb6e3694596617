/* SPDX-License-Identifier: MIT */
/*
 * LZ4 decoding, private to lib/. Both return the bytes written, -XEN_EINVAL (corrupt), or -XEN_ENOSPC (dst is too small).
 */
#ifndef LIB_LZ4_H
#define LIB_LZ4_H

#include <hv/lib.h>

#define LZ4_LEGACY_MAGIC 0x184c2102u
#define LZ4_LEGACY_CHUNK (8u << 20)

long lz4_block(void *dst, size_t dst_size, const void *src, size_t src_size);
long lz4_legacy(void *dst, size_t dst_size, const void *src, size_t src_size);

#endif
