/* SPDX-License-Identifier: MIT */
/*
 * The worker's loop: one io_uring for everything that it waits for. What is in the queue names a struct completion, whose
 * function runs when it has ended. One thread.
 */
#ifndef BLK_LOOP_H
#define BLK_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include <liburing.h>

struct completion {
    void (*done)(struct completion *c, int result);
    bool more;                  /* in done(): the entry lives on, and ends again; set by the loop */
};

struct loop {
    struct io_uring ring;
    bool ready;
};

/* Make the ring; only the operations of this program are allowed on it from now on. 0 or -errno. */
int loop_open(struct loop *loop);

/* A free entry, already bound to its completion. Never NULL. */
struct io_uring_sqe *loop_entry(struct loop *loop, struct completion *c);

/* Wait once for `events` (POLLIN …) on a file. */
void loop_poll(struct loop *loop, int fd, unsigned events, struct completion *c);

/*
 * Call done() whenever something comes to a file: `done` reads until there is no more, and watches again unless c->more. It
 * spares the kernel the taking out and putting back of each wait.
 */
void loop_watch(struct loop *loop, int fd, unsigned events, struct completion *c);
void loop_poll_cancel(struct loop *loop, struct completion *c);
void loop_timer(struct loop *loop, struct __kernel_timespec *after, struct completion *c);

/* Submit, wait for at least one completion, and run all that are there. 0 or -errno. */
int loop_step(struct loop *loop);

uint64_t loop_now(void);        /* ns, monotonic */

#endif
