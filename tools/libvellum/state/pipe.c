/* SPDX-License-Identifier: MIT */
#include "state/pipe.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "base/arena.h"
#include "base/log.h"

#define ZSTD_MAGIC_BYTES "\x28\xb5\x2f\xfd"
#define Z_WINDOW_MAX 27                 /* 128 MiB: what a hostile frame may make us allocate */

struct vl_zin {
    ZSTD_DStream *stream;
    ZSTD_inBuffer in;
    size_t room, left;          /* `left`: what the frame still wants; 0 at its end */
    uint8_t buf[];
};

struct vl_zout {
    ZSTD_CStream *stream;
    size_t room;
    uint8_t buf[];
};

/* --- reading ----------------------------------------------------------------------------------- */

static int ended(const struct vl_in *in)
{
    return vl_fail(-EPIPE, "%s ends early, after %llu bytes", in->name, (unsigned long long)in->total);
}

/* Bytes as they come: at least one. */
static ssize_t read_some(struct vl_in *in, struct iovec *v, size_t n)
{
    ssize_t got;

    do
        got = readv(in->fd, v, n > IOV_MAX ? IOV_MAX : (int)n);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return vl_fail_errno("cannot read %s", in->name);
    return got ? got : ended(in);
}

/* Step over the first `done` bytes of a vector. */
static void advance(struct iovec **v, size_t *n, size_t done)
{
    while (*n && done >= (*v)->iov_len) {
        done -= (*v)->iov_len;
        (*v)++;
        (*n)--;
    }
    if (*n) {
        (*v)->iov_base = (uint8_t *)(*v)->iov_base + done;
        (*v)->iov_len -= done;
    }
}

static int begin(struct vl_in *in)
{
    in->begun = true;
    while (in->peeked < sizeof(in->peek)) {
        struct iovec v = { in->peek + in->peeked, sizeof(in->peek) - in->peeked };
        ssize_t got = read_some(in, &v, 1);

        if (got < 0)
            return (int)got;
        in->peeked += (unsigned)got;
    }
    if (memcmp(in->peek, ZSTD_MAGIC_BYTES, 4))
        return 0;
    in->z = vl_xmalloc(sizeof(*in->z) + ZSTD_DStreamInSize());
    *in->z = (struct vl_zin){ .stream = ZSTD_createDStream(), .room = ZSTD_DStreamInSize(), .left = 1 };
    if (!in->z->stream)
        return vl_fail(-ENOMEM, "%s: no memory to expand it", in->name);
    ZSTD_DCtx_setParameter(in->z->stream, ZSTD_d_windowLogMax, Z_WINDOW_MAX);
    memcpy(in->z->buf, in->peek, 4);
    in->z->in = (ZSTD_inBuffer){ in->z->buf, 4, 0 };
    in->peek_at = in->peeked;
    return 0;
}

static int expand(struct vl_in *in, struct iovec *v, size_t n)
{
    struct vl_zin *z = in->z;

    for (size_t i = 0; i < n; i++) {
        ZSTD_outBuffer out = { v[i].iov_base, v[i].iov_len, 0 };

        while (out.pos < out.size) {
            size_t before = out.pos;

            if (!z->left)
                return ended(in);
            z->left = ZSTD_decompressStream(z->stream, &out, &z->in);
            if (ZSTD_isError(z->left))
                return vl_fail(-EINVAL, "%s: damaged zstd data after %llu bytes", in->name,
                               (unsigned long long)in->total);
            in->total += out.pos - before;
            if (out.pos == before && z->left && z->in.pos == z->in.size) {
                struct iovec fill = { z->buf, z->room };
                ssize_t got = read_some(in, &fill, 1);

                if (got < 0)
                    return (int)got;
                z->in = (ZSTD_inBuffer){ z->buf, (size_t)got, 0 };
            }
        }
    }
    return 0;
}

void vl_in_open(struct vl_in *in, int fd, const char *name)
{
    *in = (struct vl_in){ .fd = fd, .name = name };
}

int vl_in_vector(struct vl_in *in, struct iovec *v, size_t n)
{
    int rc = in->begun ? 0 : begin(in);

    if (rc)
        return rc;
    if (in->z && in->z->stream)
        return expand(in, v, n);
    advance(&v, &n, 0);
    while (n) {
        size_t got;

        if (in->peek_at < in->peeked) {
            got = in->peeked - in->peek_at < v->iov_len ? in->peeked - in->peek_at : v->iov_len;
            memcpy(v->iov_base, in->peek + in->peek_at, got);
            in->peek_at += (unsigned)got;
        } else if (in->z && in->z->in.pos < in->z->in.size) {     /* plain bytes that came with the frame's end */
            got = in->z->in.size - in->z->in.pos < v->iov_len ? in->z->in.size - in->z->in.pos : v->iov_len;
            memcpy(v->iov_base, in->z->buf + in->z->in.pos, got);
            in->z->in.pos += got;
        } else {
            ssize_t some = read_some(in, v, n);

            if (some < 0)
                return (int)some;
            got = (size_t)some;
        }
        in->total += got;
        advance(&v, &n, got);
    }
    return 0;
}

int vl_in_exact(struct vl_in *in, void *to, size_t len)
{
    struct iovec v = { to, len };

    return len ? vl_in_vector(in, &v, 1) : 0;
}

int vl_in_skip(struct vl_in *in, uint64_t len)
{
    uint8_t waste[4096];
    int rc = 0;

    while (len && !rc) {
        size_t n = len < sizeof(waste) ? len : sizeof(waste);

        rc = vl_in_exact(in, waste, n);
        len -= n;
    }
    return rc;
}

int vl_in_finish(struct vl_in *in)
{
    struct vl_zin *z = in->z;
    uint8_t byte;
    ZSTD_outBuffer out = { &byte, 1, 0 };

    if (!z || !z->stream)
        return 0;
    while (z->left) {
        z->left = ZSTD_decompressStream(z->stream, &out, &z->in);
        if (ZSTD_isError(z->left) || out.pos)
            return vl_fail(-EINVAL, "%s: there is more after its end", in->name);
        if (z->left && z->in.pos == z->in.size) {
            struct iovec fill = { z->buf, z->room };
            ssize_t got = read_some(in, &fill, 1);

            if (got < 0)
                return (int)got;
            z->in = (ZSTD_inBuffer){ z->buf, (size_t)got, 0 };
        }
    }
    ZSTD_freeDStream(z->stream);
    z->stream = NULL;
    return 0;
}

void vl_in_close(struct vl_in *in)
{
    if (in->z)
        ZSTD_freeDStream(in->z->stream);
    free(in->z);
    in->z = NULL;
}

/* --- writing ----------------------------------------------------------------------------------- */

/* Sleep until what has been sent is no more than the rate allows. */
static void hold_back(struct vl_out *out)
{
    struct timespec now, rest;
    double ahead;

    if (!out->rate)
        return;
    clock_gettime(CLOCK_MONOTONIC, &now);
    ahead = (double)out->sent / (double)out->rate - (double)(now.tv_sec - out->start.tv_sec) -
        (double)(now.tv_nsec - out->start.tv_nsec) / 1e9;
    if (ahead <= 0)
        return;
    rest.tv_sec = (time_t)ahead;
    rest.tv_nsec = (long)((ahead - (double)rest.tv_sec) * 1e9);
    while (nanosleep(&rest, &rest) && errno == EINTR)
        ;
}

static int write_all(struct vl_out *out, struct iovec *v, size_t n)
{
    advance(&v, &n, 0);
    while (n) {
        ssize_t put = writev(out->fd, v, n > IOV_MAX ? IOV_MAX : (int)n);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return vl_fail_errno("cannot write %s", out->name);
        out->sent += (uint64_t)put;
        advance(&v, &n, (size_t)put);
        hold_back(out);
    }
    return 0;
}

static int squeeze(struct vl_out *out, const void *from, size_t len, ZSTD_EndDirective how)
{
    ZSTD_inBuffer in = { from, len, 0 };
    size_t left;

    do {
        ZSTD_outBuffer to = { out->z->buf, out->z->room, 0 };
        struct iovec v;
        int rc;

        left = ZSTD_compressStream2(out->z->stream, &to, &in, how);
        if (ZSTD_isError(left))
            return vl_fail(-EIO, "%s: %s", out->name, ZSTD_getErrorName(left));
        v = (struct iovec){ out->z->buf, to.pos };
        rc = write_all(out, &v, 1);
        if (rc)
            return rc;
    } while (how == ZSTD_e_end ? left != 0 : in.pos < in.size);
    return 0;
}

int vl_out_open(struct vl_out *out, int fd, const char *name, int level)
{
    *out = (struct vl_out){ .fd = fd, .name = name };
    clock_gettime(CLOCK_MONOTONIC, &out->start);
    if (!level)
        return 0;
    out->z = vl_xmalloc(sizeof(*out->z) + ZSTD_CStreamOutSize());
    *out->z = (struct vl_zout){ .stream = ZSTD_createCStream(), .room = ZSTD_CStreamOutSize() };
    if (!out->z->stream)
        return vl_fail(-ENOMEM, "%s: no memory to compress it", name);
    ZSTD_CCtx_setParameter(out->z->stream, ZSTD_c_compressionLevel, level);
    return 0;
}

int vl_out_vector(struct vl_out *out, struct iovec *v, size_t n)
{
    int rc = 0;

    for (size_t i = 0; i < n; i++)
        out->total += v[i].iov_len;
    if (!out->z)
        return write_all(out, v, n);
    for (size_t i = 0; i < n && !rc; i++)
        rc = squeeze(out, v[i].iov_base, v[i].iov_len, ZSTD_e_continue);
    return rc;
}

int vl_out_exact(struct vl_out *out, const void *from, size_t len)
{
    struct iovec v = { (void *)(uintptr_t)from, len };

    return vl_out_vector(out, &v, 1);
}

int vl_out_finish(struct vl_out *out)
{
    return out->z ? squeeze(out, NULL, 0, ZSTD_e_end) : 0;
}

void vl_out_close(struct vl_out *out)
{
    if (out->z)
        ZSTD_freeCStream(out->z->stream);
    free(out->z);
    out->z = NULL;
}
