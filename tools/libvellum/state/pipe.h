/* SPDX-License-Identifier: MIT */
/*
 * The two ends of a stream: exact reads and whole writes on a descriptor (file, pipe, socket), with zstd compression
 * if wanted. A reader finds out by itself whether what comes is compressed, and never takes a byte more than it was
 * asked for from a stream that is not, so what follows the stream stays where it is.
 */
#ifndef VL_STATE_PIPE_H
#define VL_STATE_PIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>
#include <time.h>

struct vl_zin;
struct vl_zout;

struct vl_in {
    int fd;
    const char *name;           /* for messages */
    uint64_t total;             /* bytes handed out */
    uint8_t peek[4];            /* read to see whether it is zstd, not yet handed out */
    unsigned peeked, peek_at;
    bool begun;
    struct vl_zin *z;
};

struct vl_out {
    int fd;
    const char *name;
    uint64_t total;             /* bytes taken, before compression */
    uint64_t sent;              /* bytes written */
    uint64_t rate;              /* bytes a second at most; 0: as fast as it goes */
    struct timespec start;      /* since when `sent` counts against the rate */
    struct vl_zout *z;
};

void vl_in_open(struct vl_in *in, int fd, const char *name);
/* Fill the whole vector (which is changed) or fail: -EPIPE told for a stream that ends early, or another -errno. */
int vl_in_vector(struct vl_in *in, struct iovec *v, size_t n);
int vl_in_exact(struct vl_in *in, void *to, size_t len);
/* Read and drop. */
int vl_in_skip(struct vl_in *in, uint64_t len);
/* After the stream's last record: the end of its compressed frame, so that what follows can be read as plain bytes. */
int vl_in_finish(struct vl_in *in);
void vl_in_close(struct vl_in *in);

/* `level` 1 to 19 compresses with zstd; 0 does not. */
int vl_out_open(struct vl_out *out, int fd, const char *name, int level);
/* Write the whole vector (which is changed). 0 or a told -errno. */
int vl_out_vector(struct vl_out *out, struct iovec *v, size_t n);
int vl_out_exact(struct vl_out *out, const void *from, size_t len);
/* Everything out; ends the compressed frame. */
int vl_out_finish(struct vl_out *out);
void vl_out_close(struct vl_out *out);

#endif
