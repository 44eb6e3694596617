/* SPDX-License-Identifier: MIT */
#include "address.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chain.h"

static void arg(struct image *i, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void arg(struct image *i, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    if (i->argc + 1 < sizeof(i->argv) / sizeof(i->argv[0]) && vasprintf(&i->argv[i->argc], fmt, ap) >= 0)
        i->argc++;
    va_end(ap);
    i->argv[i->argc] = NULL;
}

static const char *after(const char *text, const char *prefix)
{
    size_t n = strlen(prefix);

    return strncmp(text, prefix, n) ? NULL : text + n;
}

static bool can_direct(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static void qemu_nbd(struct image *i, const char *format, const char *target, const struct image_options *o)
{
    bool direct = *target == '/' && !o->buffered && can_direct(target);

    arg(i, "qemu-nbd");
    arg(i, "--persistent");
    arg(i, "--shared=4");
    arg(i, "--socket=%s", i->socket);
    arg(i, "--format=%s", format);
    arg(i, "--discard=unmap");
    arg(i, "--cache=%s", direct ? "none" : "writeback");
    if (direct)
        arg(i, "--aio=io_uring");
    if (i->readonly)
        arg(i, "--read-only");
    arg(i, "%s", target);
}

static void nbdkit(struct image *i, const char *filter, const char *plugin)
{
    arg(i, "nbdkit");
    arg(i, "--foreground");
    arg(i, "--exit-with-parent");
    arg(i, "--unix=%s", i->socket);
    if (i->readonly)
        arg(i, "--readonly");
    if (filter)
        arg(i, "--filter=%s", filter);
    arg(i, "%s", plugin);
}

/* A place that may go away and come back: opened again, three times, before a request fails. `packing`: gzip, xz, or NULL. */
static void nbdkit_remote(struct image *i, const char *packing, const char *plugin)
{
    if (packing)
        i->readonly = true;
    nbdkit(i, packing, plugin);
    arg(i, "--filter=retry");
    arg(i, "retries=3");
    arg(i, "retry-delay=2");
    arg(i, "retry-exponential=no");
}

static int nbdkit_ssh(struct image *i, const char *packing, const char *rest, char why[256])
{
    const char *slash = strchr(rest, '/'), *at = memchr(rest, '@', slash ? (size_t)(slash - rest) : 0), *host, *end, *colon;

    host = at ? at + 1 : rest;
    end = slash;
    colon = slash ? memrchr(host, ':', (size_t)(slash - host)) : NULL;
    if (slash && *host == '[') {                /* an IPv6 address: the only one with colons of its own */
        host++;
        end = memchr(host, ']', (size_t)(slash - host));
        colon = end && end[1] == ':' ? end + 1 : NULL;
    } else if (colon) {
        end = colon;
    }
    if (!slash || !end || end == host || (colon && colon + 1 == slash)) {
        snprintf(why, 256, "ssh://%.120s: wants ssh://[USER@]HOST[:PORT]/PATH", rest);
        return -EINVAL;
    }
    nbdkit_remote(i, packing, "ssh");
    if (at)
        arg(i, "user=%.*s", (int)(at - rest), rest);
    arg(i, "host=%.*s", (int)(end - host), host);
    if (colon)
        arg(i, "port=%.*s", (int)(slash - colon - 1), colon + 1);
    arg(i, "path=%s", slash);
    return 0;
}

/* The value of NAME in a query "NAME=VALUE&NAME=VALUE…", and its length. */
static const char *query_value(const char *query, const char *name, int *length)
{
    while (query && *query) {
        size_t n = strcspn(query, "&"), k = strlen(name);

        if (n > k && !strncmp(query, name, k) && query[k] == '=') {
            *length = (int)(n - k - 1);
            return query + k + 1;
        }
        query += n + (query[n] == '&');
    }
    return NULL;
}

/* The query of an S3 address has only names that are known, each with a value. */
static bool known_query(const char *query)
{
    while (query && *query) {
        size_t n = strcspn(query, "&");

        if (!after(query, "endpoint=") && !after(query, "size=") && !after(query, "object-size="))
            return false;
        if (strcspn(query, "=") + 1 >= n)
            return false;
        query += n + (query[n] == '&');
    }
    return true;
}

/* An object as it is, which can only be read; or, with sizes, a disk in pieces of one object each. */
static int nbdkit_s3(struct image *i, const char *packing, const char *rest, char why[256])
{
    const char *slash = strchr(rest, '/'), *query = strchr(rest, '?'), *end = query ? query : rest + strlen(rest);
    const char *endpoint, *size, *piece;
    int n_endpoint = 0, n_size = 0, n_piece = 0;

    query = query ? query + 1 : NULL;
    endpoint = query_value(query, "endpoint", &n_endpoint);
    size = query_value(query, "size", &n_size);
    piece = query_value(query, "object-size", &n_piece);
    if (!slash || slash == rest || slash + 1 >= end || !known_query(query) || !size != !piece) {
        snprintf(why, 256, "s3://%.100s: wants s3://BUCKET/KEY[?endpoint=URL][&size=SIZE&object-size=SIZE]", rest);
        return -EINVAL;
    }
    if (!size)
        i->readonly = true;
    nbdkit_remote(i, packing, "S3");
    if (endpoint)
        arg(i, "endpoint-url=%.*s", n_endpoint, endpoint);
    if (size) {
        arg(i, "--filter=blocksize");   /* the plugin's own least request is an object */
        arg(i, "size=%.*s", n_size, size);
        arg(i, "object-size=%.*s", n_piece, piece);
    }
    arg(i, "bucket=%.*s", (int)(slash - rest), rest);
    arg(i, "key=%.*s", (int)(end - slash - 1), slash + 1);
    return 0;
}

/* A server elsewhere: no process of ours. */
static int remote(struct image *i, const char *rest, bool is_unix, char why[256])
{
    const char *slash = strchr(rest, '/'), *query = strstr(rest, "?socket="), *end, *colon;

    if (!slash || (is_unix && !query)) {
        snprintf(why, 256, "wants nbd://HOST[:PORT]/[EXPORT] or nbd+unix:///[EXPORT]?socket=PATH, not '%.100s'", rest);
        return -EINVAL;
    }
    end = query ? query : rest + strlen(rest);
    snprintf(i->export, sizeof(i->export), "%.*s", (int)(end - slash - 1), slash + 1);
    if (is_unix) {
        snprintf(i->socket, sizeof(i->socket), "%s", query + strlen("?socket="));
        return 0;
    }
    colon = memchr(rest, ':', (size_t)(slash - rest));
    snprintf(i->host, sizeof(i->host), "%.*s", (int)((colon ? colon : slash) - rest), rest);
    snprintf(i->port, sizeof(i->port), "%.*s", colon ? (int)(slash - colon - 1) : 5, colon ? colon + 1 : "10809");
    return 0;
}

static bool is_packing(const char *format) { return !strcmp(format, "gzip") || !strcmp(format, "xz"); }

/* Where nbdkit reads from: what lies there may be packed. -ENOENT: somewhere else. */
static int by_nbdkit(struct image *i, const char *packing, const char *target, char why[256])
{
    const char *rest;

    if ((rest = after(target, "ssh://")))
        return nbdkit_ssh(i, packing, rest, why);
    if ((rest = after(target, "s3://")))
        return nbdkit_s3(i, packing, rest, why);
    if (!after(target, "http://") && !after(target, "https://") && !after(target, "ftp://"))
        return -ENOENT;
    i->readonly = true;
    nbdkit_remote(i, packing, "curl");
    arg(i, "url=%s", target);
    return 0;
}

/* A target without a path of its own. -ENOENT: it is a path. */
static int by_scheme(struct image *i, const char *format, const char *target, const struct image_options *o, char why[256])
{
    const char *rest;
    int rc;

    if (*target == '/')
        return -ENOENT;
    if (!format || is_packing(format)) {
        rc = by_nbdkit(i, format, target, why);
        if (rc != -ENOENT)
            return rc;
    }
    if (format) {
        snprintf(why, 256, "'%.120s' cannot be of format %s: an image of it has to be a file", target, format);
        return -EINVAL;
    }
    if ((rest = after(target, "memory:"))) {
        nbdkit(i, NULL, "memory");
        arg(i, "size=%s", rest);
    } else if (after(target, "rbd:")) {
        qemu_nbd(i, "raw", target, o);
    } else if ((rest = after(target, "nbd://"))) {
        return remote(i, rest, false, why);
    } else if ((rest = after(target, "nbd+unix://"))) {
        return remote(i, rest, true, why);
    } else {
        return -ENOENT;
    }
    return 0;
}

static int by_format(struct image *i, const char *format, const char *target, const struct image_options *o, char why[256])
{
    struct stat st;
    int rc;

    if (*target != '/') {
        snprintf(why, 256, "'%.150s' is neither a path from the root nor a known kind of address", target);
        return -EINVAL;
    }
    if (stat(target, &st)) {
        rc = -errno;
        snprintf(why, 256, "%s: %s", target, strerror(-rc));
        return rc;
    }
    if (!format || (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))) {
        snprintf(why, 256, "%s is neither a file nor a block device", target);
        return -EINVAL;
    }
    if (is_packing(format)) {
        i->readonly = true;
        nbdkit(i, format, "file");
        arg(i, "file=%s", target);
        return 0;
    }
    rc = chain_check(format, target, o->folder, why);
    if (!rc)
        qemu_nbd(i, format, target, o);
    return rc;
}

int address_read(struct image *i, const char *format, const char *target, const struct image_options *o, char why[256])
{
    int rc = by_scheme(i, format, target, o, why);

    return rc == -ENOENT ? by_format(i, format, target, o, why) : rc;
}
