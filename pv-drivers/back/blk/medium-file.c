/* SPDX-License-Identifier: MIT */
/*
 * Raw files and block devices. Requests go to the loop's io_uring; a file that lies in memory (tmpfs) is read and written
 * at once instead, since a call that never waits costs less than a hand-over to a kernel thread, and a copy from or to a
 * mapping less than a call.
 */
#include "mapping.h"
#include "medium.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <unistd.h>

#include <seccomp.h>

const int media_calls[MEDIA_CALLS] = {
    SCMP_SYS(pread64), SCMP_SYS(pwrite64), SCMP_SYS(preadv), SCMP_SYS(pwritev), SCMP_SYS(fallocate), SCMP_SYS(io_uring_enter), SCMP_SYS(getsockopt),
    SCMP_SYS(setsockopt), SCMP_SYS(getsockname), SCMP_SYS(getpeername), SCMP_SYS(lseek),
};

struct file {
    struct medium medium;
    struct loop *loop;
    int fd;
    bool synchronous;
    struct mapping mapping;     /* of a synchronous one, as it was when it had mapped_bytes */
    uint64_t mapped_bytes;
};

static void submit(struct file *f, struct request *r);

/* Leave out what has been moved already; the list is the request's own. */
static void advance(struct request *r, size_t n)
{
    unsigned i = 0;

    r->done += n;
    while (i < r->n_iov && n >= r->iov[i].iov_len)
        n -= r->iov[i++].iov_len;
    if (i) {
        for (unsigned k = i; k < r->n_iov; k++)
            r->iov[k - i] = r->iov[k];
        r->n_iov -= i;
    }
    if (r->n_iov) {
        r->iov[0].iov_base = (uint8_t *)r->iov[0].iov_base + n;
        r->iov[0].iov_len -= n;
    }
}

/* Reading behind the end of a file that has shrunk gives nothing: an error, not zeroes. True: it is over. */
static bool progress(struct request *r, int result)
{
    if (r->op == DO_FLUSH || r->op == DO_DISCARD || result <= 0) {
        request_done(r, result < 0 ? result : r->op == DO_FLUSH || r->op == DO_DISCARD ? 0 : -EIO);
        return true;
    }
    if (r->done + (size_t)result == r->bytes) {
        request_done(r, 0);
        return true;
    }
    advance(r, (size_t)result);
    return false;
}

static void done(struct completion *c, int result)
{
    struct request *r = (struct request *)c;    /* its first member */

    if (result == -EINTR || result == -EAGAIN)
        submit((struct file *)r->queue->disk->medium, r);
    else if (!progress(r, result))
        submit((struct file *)r->queue->disk->medium, r);
}

static void submit(struct file *f, struct request *r)
{
    struct io_uring_sqe *sqe;

    r->io.done = done;
    sqe = loop_entry(f->loop, &r->io);
    switch (r->op) {
    case DO_READ: io_uring_prep_readv(sqe, f->fd, r->iov, r->n_iov, r->offset + r->done); break;
    case DO_WRITE: io_uring_prep_writev(sqe, f->fd, r->iov, r->n_iov, r->offset + r->done); break;
    case DO_FLUSH: io_uring_prep_fsync(sqe, f->fd, IORING_FSYNC_DATASYNC); break;
    case DO_DISCARD:
        io_uring_prep_fallocate(sqe, f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)r->offset, (off_t)r->bytes);
        break;
    }
    io_uring_sqe_set_data(sqe, &r->io);
}

static int now(struct file *f, struct request *r)
{
    off_t at = (off_t)(r->offset + r->done);
    const struct iovec *only = r->n_iov == 1 ? r->iov : NULL;   /* spares the kernel a list */
    ssize_t n = 0;

    switch (r->op) {
    case DO_READ: n = only ? pread(f->fd, only->iov_base, only->iov_len, at) : preadv(f->fd, r->iov, (int)r->n_iov, at); break;
    case DO_WRITE: n = only ? pwrite(f->fd, only->iov_base, only->iov_len, at) : pwritev(f->fd, r->iov, (int)r->n_iov, at); break;
    case DO_FLUSH: break;       /* memory has no cache to flush */
    case DO_DISCARD:
        mapping_punched(&f->mapping, r->offset, r->bytes);
        n = fallocate(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, (off_t)r->bytes);
        break;
    }
    return n < 0 ? -errno : (int)n;
}

static void map(struct file *f)
{
    mapping_close(&f->mapping);
    f->mapping = mapping_open(f->fd, f->medium.bytes, f->medium.readonly);
    f->mapped_bytes = f->medium.bytes;
}

static bool mapped(struct file *f, const struct request *r)
{
    if (f->mapped_bytes != f->medium.bytes)
        map(f);         /* it has shrunk or grown */
    switch (r->op) {
    case DO_READ: return mapping_read(&f->mapping, r->offset, r->bytes, r->iov, r->n_iov);
    case DO_WRITE: return mapping_write(&f->mapping, r->offset, r->bytes, r->iov, r->n_iov);
    default: return false;
    }
}

static void start(struct medium *m, struct request *r)
{
    struct file *f = (struct file *)m;

    if (r->op == DO_DISCARD && !r->bytes) {
        request_done(r, 0);
        return;
    }
    if (!f->synchronous) {
        submit(f, r);
        return;
    }
    if (mapped(f, r)) {
        request_done(r, 0);
        return;
    }
    for (;;) {
        int rc = now(f, r);

        if (r->op == DO_WRITE && rc > 0)
            mapping_filled(&f->mapping, r->offset + r->done, (uint64_t)rc);
        if (rc != -EINTR && progress(r, rc))
            return;
    }
}

static void file_close(struct medium *m)
{
    struct file *f = (struct file *)m;

    mapping_close(&f->mapping);
    close(f->fd);
    free(f);
}

static const struct medium_ops ops = { start, file_close };

struct medium *medium_file_open(struct loop *loop, int fd, const struct blk_attach *a)
{
    struct file *f = calloc(1, sizeof(*f));

    if (!f)
        return NULL;
    f->medium = (struct medium){ .ops = &ops, .bytes = a->bytes, .readonly = a->readonly, .can_flush = true,
                                 .can_discard = a->discard && !a->readonly };
    f->loop = loop;
    f->fd = fd;
    f->synchronous = a->synchronous;
    if (f->synchronous)
        map(f);
    return &f->medium;
}
