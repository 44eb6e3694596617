/* SPDX-License-Identifier: MIT */
/*
 * The store (xenstore) as the tools use it: a client of its wire protocol (xen/io/xs_wire.h) on the daemon's socket,
 * or on /dev/xen/xenbus where the daemon runs in another domain.
 *
 * Why not libxenstore: it sends one request and waits for its answer, and it starts a thread for watches. A new
 * guest needs some sixty requests; here they are queued and sent together, so the two processes switch a few times and
 * not a hundred, and a process that forks has no thread to lose.
 *
 * Not thread-safe; after fork only one of the two processes may go on using a connection (vl_close in the other one).
 */
#ifndef VL_BASE_STORE_H
#define VL_BASE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

#define VL_STORE_VALUE_MAX 2048         /* of a path and a value together, for what we write */
#define VL_NOBODY (~0u)

struct vl_store;

/* NULL after a told error: no daemon. */
struct vl_store *vl_store_open(void);
void vl_store_close(struct vl_store *store);

/* The value of a node, NUL-terminated, in `arena`; NULL when there is none (errno says why). */
char *vl_store_read(struct vl_store *store, struct vl_arena *arena, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Values of many nodes at once: values[i] is NULL for those that cannot be read. 0 or -errno for a broken link. */
int vl_store_read_many(struct vl_store *store, struct vl_arena *arena, char *const *paths, size_t n, char **values);

/* A node's value as a number of at most `max`; -1 when it is missing or anything else. */
long vl_store_read_number(struct vl_store *store, long max, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Names of a node's children in `arena`; *n is 0 and the result NULL when there is no such node. */
char **vl_store_list(struct vl_store *store, struct vl_arena *arena, size_t *n, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/*
 * Changes that are made together. Queue them, then vl_store_apply: one transaction, repeated when others disturbed
 * it. A failure is told with the path, and nothing has changed. The queue is empty afterwards.
 *
 * vl_store_expect, queued before the others, is no change: with this node gone none is made, and the result is -ENOENT. It
 * keeps a change of what is just being removed, such as a domain, from making some of it anew.
 */
void vl_store_expect(struct vl_store *store, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void vl_store_write(struct vl_store *store, const char *value, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void vl_store_mkdir(struct vl_store *store, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Removing what is not there is no error. */
void vl_store_rm(struct vl_store *store, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The node's owner, and one domain that may read it (VL_NOBODY: none). Children made later inherit both. */
void vl_store_perms(struct vl_store *store, uint32_t owner, uint32_t reader, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
int vl_store_apply(struct vl_store *store);
/*
 * The same without a transaction, in one go to the daemon and back: for changes that need not be made together. They are
 * made in their order, each whole; a failure is told, and leaves those that did not fail. Nothing can be expected of it.
 */
int vl_store_apply_each(struct vl_store *store);
void vl_store_discard(struct vl_store *store);

/*
 * A node that has the value `from` gets `to`, with nobody between the look and the change. 1: so it was; 0: it had another; -errno, not
 * told, such as -ENOENT.
 */
int vl_store_swap(struct vl_store *store, const char *from, const char *to, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Remove a node, and then each parent of it that is left without children, up to but not including `top`. */
int vl_store_prune(struct vl_store *store, const char *top, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Make a domain's ring known to the daemon. -errno, not told. */
int vl_store_introduce(struct vl_store *store, uint32_t domid, unsigned long mfn, uint32_t port);

/* Tell the daemon that a domain which had suspended runs again. -errno, not told. */
int vl_store_resume(struct vl_store *store, uint32_t domid);

/* Watches. A watch fires once at once. -errno, not told. */
int vl_store_watch(struct vl_store *store, const char *path, const char *token);
int vl_store_unwatch(struct vl_store *store, const char *path, const char *token);
/* The next event within `timeout_ms` (-1: for ever): 1 and its token in `token`, 0 on time-out, -errno. */
int vl_store_event(struct vl_store *store, int timeout_ms, char *token, size_t room);
/* The same with the path that has changed. */
int vl_store_event_path(struct vl_store *store, int timeout_ms, char *token, size_t room, char *path,
                        size_t path_room);
int vl_store_fd(const struct vl_store *store);
/* Is an event already here, so that the descriptor need not become readable? */
bool vl_store_pending(const struct vl_store *store);

#endif
