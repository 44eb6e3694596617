/* SPDX-License-Identifier: MIT */
/*
 * Decompression of kernel payloads: which method a payload uses by its magic number, and one call that expands it
 * into a sink. The libraries are Debian's; lz4, in the kernel's form ("legacy" frames), is ours (build/lz4.h).
 */
#ifndef VL_BUILD_EXPAND_H
#define VL_BUILD_EXPAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "build/sink.h"

enum vl_method {
    VL_METHOD_NONE, VL_METHOD_GZIP, VL_METHOD_XZ, VL_METHOD_LZMA, VL_METHOD_ZSTD, VL_METHOD_LZ4, VL_METHOD_BZIP2,
    VL_METHOD_LZO, VL_METHOD_UNKNOWN
};

/* By the first bytes. An ELF file is VL_METHOD_NONE. */
enum vl_method vl_method_of(const uint8_t *data, size_t len);
const char *vl_method_name(enum vl_method method);

/*
 * Expand into the sink. With `head` the output may be cut at the sink's size (to look at its start); without it, more
 * output than fits is an error, as are a damaged or truncated input. Returns how many bytes there are, or -errno:
 * -EINVAL damaged or truncated, -EFBIG larger than the sink, -EOPNOTSUPP a method we do not have, -ENOMEM. Tells
 * nothing (but what the sink tells): the caller knows the file's name.
 */
long vl_expand(enum vl_method method, const uint8_t *in, size_t len, struct vl_sink *sink, bool head);

#endif
