/* SPDX-License-Identifier: MIT */
/* Changes of the store: requests are queued, and sent together. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/store-own.h"

#define TRANSACTION_TRIES 1000

/* Path (from fmt) as the request's first string, then `extra` bytes; NULL when that is too long. */
static char *enqueue_path(struct vl_store *store, uint32_t type, size_t extra, const char *fmt, va_list ap)
{
    char path[XENSTORE_ABS_PATH_MAX];
    int len = vsnprintf(path, sizeof(path), fmt, ap);
    char *to = NULL;

    if (len < (int)sizeof(path))
        to = vl_store_enqueue(store, type, 0, (size_t)len + 1 + extra);
    else
        store->queue_error = -E2BIG;
    if (!to)
        return NULL;
    memcpy(to, path, (size_t)len + 1);
    return to + len + 1;
}

void vl_store_write(struct vl_store *store, const char *value, const char *fmt, ...)
{
    size_t len = strlen(value);
    va_list ap;
    char *to;

    va_start(ap, fmt);
    to = enqueue_path(store, XS_WRITE, len, fmt, ap);
    va_end(ap);
    if (to)
        memcpy(to, value, len);
}

void vl_store_expect(struct vl_store *store, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    enqueue_path(store, XS_READ, 0, fmt, ap);
    va_end(ap);
}

void vl_store_mkdir(struct vl_store *store, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    enqueue_path(store, XS_MKDIR, 0, fmt, ap);
    va_end(ap);
}

void vl_store_rm(struct vl_store *store, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    enqueue_path(store, XS_RM, 0, fmt, ap);
    va_end(ap);
}

void vl_store_perms(struct vl_store *store, uint32_t owner, uint32_t reader, const char *fmt, ...)
{
    char text[40];
    int len = snprintf(text, sizeof(text), "n%u", owner) + 1;
    va_list ap;
    char *to;

    if (reader != VL_NOBODY)
        len += snprintf(text + len, sizeof(text) - (size_t)len, "r%u", reader) + 1;
    va_start(ap, fmt);
    to = enqueue_path(store, XS_SET_PERMS, (size_t)len, fmt, ap);
    va_end(ap);
    if (to)
        memcpy(to, text, (size_t)len);
}

static const char *change_name(uint32_t type)
{
    return type == XS_WRITE ? "writing" : type == XS_READ ? "reading" : type == XS_MKDIR ? "making" : type == XS_RM ? "removing" : "the permissions of";
}

/* Send the queued requests under transaction `tx` and take all their replies; the first failure is the result. */
static int send_queue(struct vl_store *store, uint32_t tx)
{
    int rc = 0, result = 0;
    size_t at = 0;

    for (size_t i = 0; i < store->queue_len; i = vl_store_after(store, i))
        memcpy(store->queue + i + offsetof(struct xsd_sockmsg, tx_id), &tx, sizeof(tx));
    for (unsigned i = 0; i < store->queued; i++) {
        uint32_t type = vl_store_queued(store, at).type;
        const char *path = (const char *)store->queue + at + sizeof(struct xsd_sockmsg);

        rc = vl_store_send_from(store, at);
        if (rc)
            return rc;
        at = vl_store_after(store, at);
        rc = vl_store_take_reply(store);
        if (rc == -EPIPE || rc == -EPROTO)
            return rc;
        if (rc < 0 && !result && !(type == XS_RM && rc == -ENOENT)) {
            result = rc;
            if (type == XS_READ && rc == -ENOENT)
                vl_log(VL_ERROR, "%.200s is no longer in the store", path);
            else if (rc != -EAGAIN)
                vl_log(VL_ERROR, "the store refused %s %.200s: %s", change_name(type), path, strerror(-rc));
        }
    }
    return result;
}

static int start_transaction(struct vl_store *store, uint32_t *tx)
{
    int rc = vl_store_call(store, XS_TRANSACTION_START, 0, "", 1);

    if (rc < 0)
        return rc;
    *tx = (uint32_t)strtoul(vl_store_reply(store), NULL, 10);
    return 0;
}

/* One try: 0, -EAGAIN when others disturbed it, or another -errno. */
static int try_transaction(struct vl_store *store)
{
    uint32_t tx = 0;
    int rc = start_transaction(store, &tx);

    if (rc)
        return rc;
    rc = send_queue(store, tx);
    if (rc == -EPIPE || rc == -EPROTO)
        return rc;
    if (rc) {
        vl_store_call(store, XS_TRANSACTION_END, tx, "F", 2);
        return rc;
    }
    rc = vl_store_call(store, XS_TRANSACTION_END, tx, "T", 2);
    return rc < 0 ? rc : 0;
}

/* One try, as above; 1: it had the value. */
static int try_swap(struct vl_store *store, const char *path, const char *from, const char *to)
{
    char payload[XENSTORE_ABS_PATH_MAX + VL_STORE_VALUE_MAX];
    size_t head = strlen(path) + 1, len = strlen(to);
    uint32_t tx = 0;
    int rc = start_transaction(store, &tx), ended;
    bool had;

    if (rc)
        return rc;
    rc = vl_store_call(store, XS_READ, tx, path, head);
    had = rc >= 0 && (size_t)rc == strlen(from) && !memcmp(vl_store_reply(store), from, (size_t)rc);
    if (had) {
        memcpy(payload, path, head);
        memcpy(payload + head, to, len);
        rc = vl_store_call(store, XS_WRITE, tx, payload, head + len);
    }
    if (rc == -EPIPE || rc == -EPROTO)
        return rc;
    ended = vl_store_call(store, XS_TRANSACTION_END, tx, rc < 0 ? "F" : "T", 2);
    return rc < 0 ? rc : ended < 0 ? ended : had;
}

int vl_store_swap(struct vl_store *store, const char *from, const char *to, const char *fmt, ...)
{
    char path[XENSTORE_ABS_PATH_MAX];
    int rc = -EAGAIN;
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(path, sizeof(path), fmt, ap);
    va_end(ap);
    if (strlen(to) >= VL_STORE_VALUE_MAX)
        return -E2BIG;
    for (int i = 0; i < TRANSACTION_TRIES && rc == -EAGAIN; i++)
        rc = try_swap(store, path, from, to);
    return rc;
}

/* After a refusal that has been told. What was expected and is gone says all. */
static int tell(int rc)
{
    return !rc || rc == -ENOENT ? rc : vl_fail(rc, "the store did not take the changes: %s", strerror(-rc));
}

int vl_store_apply_each(struct vl_store *store)
{
    int rc = store->queue_error ? store->queue_error : send_queue(store, 0);

    vl_store_reset_queue(store);
    return tell(rc);
}

int vl_store_apply(struct vl_store *store)
{
    int rc = store->queue_error;

    for (int i = 0; i < TRANSACTION_TRIES && !rc; i++) {
        rc = try_transaction(store);
        if (rc != -EAGAIN)
            break;
        rc = i + 1 < TRANSACTION_TRIES ? 0 : rc;
    }
    vl_store_reset_queue(store);
    return tell(rc);
}

void vl_store_discard(struct vl_store *store)
{
    vl_store_reset_queue(store);
}

int vl_store_prune(struct vl_store *store, const char *top, const char *fmt, ...)
{
    char path[XENSTORE_ABS_PATH_MAX], *slash;
    va_list ap;
    int rc;

    va_start(ap, fmt);
    vsnprintf(path, sizeof(path), fmt, ap);
    va_end(ap);
    rc = vl_store_call(store, XS_RM, 0, path, strlen(path) + 1);
    if (rc < 0 && rc != -ENOENT)
        return rc;
    while ((slash = strrchr(path, '/')) && slash > path) {
        *slash = 0;
        if (strlen(path) <= strlen(top))
            break;
        rc = vl_store_call(store, XS_DIRECTORY, 0, path, strlen(path) + 1);
        if (rc > 0)
            break;
        if (rc == 0)
            vl_store_call(store, XS_RM, 0, path, strlen(path) + 1);
    }
    return 0;
}
