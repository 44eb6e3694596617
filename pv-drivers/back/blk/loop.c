/* SPDX-License-Identifier: MIT */
#include "loop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define ENTRIES 1024

/* liburing 2.3 has functions for these two, but its shared library does not export them. */
static int register_ring(struct io_uring *ring, unsigned what, void *arg, unsigned n)
{
    return syscall(SYS_io_uring_register, ring->ring_fd, what, arg, n) < 0 ? -errno : 0;
}

static int restrict_operations(struct io_uring *ring)
{
    static const uint8_t allowed[] = {
        IORING_OP_READV, IORING_OP_WRITEV, IORING_OP_FSYNC, IORING_OP_FALLOCATE, IORING_OP_POLL_ADD, IORING_OP_POLL_REMOVE,
        IORING_OP_TIMEOUT, IORING_OP_NOP,
    };
    struct io_uring_restriction r[sizeof(allowed)] = { 0 };

    for (size_t i = 0; i < sizeof(allowed); i++) {
        r[i].opcode = IORING_RESTRICTION_SQE_OP;
        r[i].sqe_op = allowed[i];
    }
    return register_ring(ring, IORING_REGISTER_RESTRICTIONS, r, sizeof(allowed));
}

int loop_open(struct loop *loop)
{
    const unsigned always = IORING_SETUP_R_DISABLED | IORING_SETUP_CQSIZE;
    struct io_uring_params p = { .flags = always | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN, .cq_entries = 8 * ENTRIES };
    int rc = io_uring_queue_init_params(ENTRIES, &loop->ring, &p);

    if (rc == -EINVAL) {        /* before Linux 6.1: work is done when it comes, by an interrupt if need be */
        p = (struct io_uring_params){ .flags = always, .cq_entries = 8 * ENTRIES };
        rc = io_uring_queue_init_params(ENTRIES, &loop->ring, &p);
    }
    if (!rc)
        rc = restrict_operations(&loop->ring);
    if (!rc)
        rc = register_ring(&loop->ring, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
    loop->ready = !rc;
    return rc;
}

struct io_uring_sqe *loop_entry(struct loop *loop, struct completion *c)
{
    struct io_uring_sqe *sqe;

    while (!(sqe = io_uring_get_sqe(&loop->ring)))
        io_uring_submit(&loop->ring);
    io_uring_prep_nop(sqe);
    io_uring_sqe_set_data(sqe, c);
    return sqe;
}

void loop_poll(struct loop *loop, int fd, unsigned events, struct completion *c)
{
    io_uring_prep_poll_add(loop_entry(loop, c), fd, events);
}

void loop_watch(struct loop *loop, int fd, unsigned events, struct completion *c)
{
    io_uring_prep_poll_multishot(loop_entry(loop, c), fd, events);
}

void loop_poll_cancel(struct loop *loop, struct completion *c)
{
    io_uring_prep_poll_remove(loop_entry(loop, NULL), (uint64_t)(uintptr_t)c);
}

void loop_timer(struct loop *loop, struct __kernel_timespec *after, struct completion *c)
{
    io_uring_prep_timeout(loop_entry(loop, c), after, 0, 0);
}

int loop_step(struct loop *loop)
{
    struct io_uring_cqe *cqe;
    int rc = io_uring_submit_and_wait(&loop->ring, 1);

    if (rc < 0 && rc != -EINTR && rc != -EAGAIN && rc != -EBUSY)
        return rc;
    while (!io_uring_peek_cqe(&loop->ring, &cqe)) {
        struct completion *c = io_uring_cqe_get_data(cqe);
        int result = cqe->res;
        bool more = cqe->flags & IORING_CQE_F_MORE;

        io_uring_cqe_seen(&loop->ring, cqe);
        if (!c)
            continue;
        c->more = more;
        c->done(c, result);
    }
    return 0;
}

uint64_t loop_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
