/* SPDX-License-Identifier: MIT */
/*
 * A keeper's view of xenstore. What a guest wrote there is text of any kind, and may change between two reads: each
 * value is read once, as a whole number within bounds or not at all.
 */
#ifndef BACK_STORE_H
#define BACK_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include <xenstore.h>

#define STORE_PATH 160

struct store {
    struct xs_handle *xs;
    xs_transaction_t txn;       /* what the calls below run in; XBT_NULL: none */
};

int store_open(struct store *s);

/* "%s/%s": dir and name. The text is the caller's to free; NULL when there is none. */
char *store_read(struct store *s, const char *dir, const char *name);

/* A whole decimal number from min to max; `none` when the node is missing; -EINVAL when it is anything else. */
int64_t store_number(struct store *s, const char *dir, const char *name, int64_t none, int64_t min, int64_t max);

/* False when the store refuses. In a transaction the end of it tells. */
bool store_write(struct store *s, const char *dir, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
bool store_exists(struct store *s, const char *path);

/*
 * Run `fill` in a transaction until it commits without a conflict (20 tries). `fill` returns 0 or -errno, which
 * ends the attempt without a trace.
 */
int store_transaction(struct store *s, int (*fill)(struct store *s, void *arg), void *arg);

#endif
