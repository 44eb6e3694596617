/* SPDX-License-Identifier: MIT */
#include "store.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

#define TRIES 20

int store_open(struct store *s)
{
    s->txn = XBT_NULL;
    s->xs = xs_open(0);
    if (s->xs)
        return 0;
    log_error("cannot connect to xenstored: %s", strerror(errno));
    return -ENOTCONN;
}

char *store_read(struct store *s, const char *dir, const char *name)
{
    char path[STORE_PATH + 64];
    unsigned len;

    if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
        return NULL;
    return xs_read(s->xs, s->txn, path, &len);
}

int64_t store_number(struct store *s, const char *dir, const char *name, int64_t none, int64_t min, int64_t max)
{
    char *text = store_read(s, dir, name), *end;
    long long n;
    int64_t got;

    if (!text)
        return none;
    errno = 0;
    n = strtoll(text, &end, 10);
    got = errno || *end || end == text || isspace((unsigned char)*text) || n < min || n > max ? -EINVAL : n;
    free(text);
    return got;
}

bool store_write(struct store *s, const char *dir, const char *name, const char *fmt, ...)
{
    char path[STORE_PATH + 64], value[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(value, sizeof(value), fmt, ap);
    va_end(ap);
    if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
        return false;
    return xs_write(s->xs, s->txn, path, value, (unsigned)strlen(value));
}

bool store_exists(struct store *s, const char *path)
{
    unsigned len;
    char *text = xs_read(s->xs, s->txn, path, &len);

    free(text);
    return text;
}

int store_transaction(struct store *s, int (*fill)(struct store *s, void *arg), void *arg)
{
    for (int i = 0; i < TRIES; i++) {
        int rc;

        s->txn = xs_transaction_start(s->xs);
        if (s->txn == XBT_NULL)
            return -errno;
        rc = fill(s, arg);
        if (!xs_transaction_end(s->xs, s->txn, rc != 0) && !rc)
            rc = -errno;
        s->txn = XBT_NULL;
        if (rc != -EAGAIN)
            return rc;
    }
    return -EAGAIN;
}
