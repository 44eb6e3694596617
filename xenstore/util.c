/* SPDX-License-Identifier: MIT */
/* Allocation that does not fail, growing buffers, the hash seed, messages. Owns nothing but their settings. */
#include "util.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

uint64_t hash_seed = HASH_PRIME2;
bool log_verbose, log_to_syslog;

static void out_of_memory(size_t size)
{
    log_line(LOG_ERROR, "out of memory (%zu bytes): ending, the next xenstored takes up the journal", size);
    signal(SIGABRT, SIG_DFL); /* no fault of a record that is being taken up */
    abort();
}

void *xmalloc(size_t size)
{
    void *p = malloc(size);

    if (p == NULL)
        out_of_memory(size);
    return p;
}

void *xzalloc(size_t size)
{
    void *p = calloc(1, size);

    if (p == NULL)
        out_of_memory(size);
    return p;
}

void *xrealloc(void *old, size_t size)
{
    void *p = realloc(old, size);

    if (p == NULL)
        out_of_memory(size);
    return p;
}

char *xstrdup(const char *s)
{
    size_t len = strlen(s) + 1;

    return memcpy(xmalloc(len), s, len);
}

void xfree(void *p)
{
    free(p);
}

void buf_grow(struct buf *b, size_t more)
{
    size_t cap = b->cap ? b->cap : 256;

    while (cap - b->len < more)
        cap *= 2;
    b->data = xrealloc(b->data, cap);
    b->cap = cap;
}

void buf_free(struct buf *b)
{
    free(b->data);
    memset(b, 0, sizeof(*b));
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap, again;
    int len;

    va_start(ap, fmt);
    va_copy(again, ap);
    len = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (len > 0) {
        vsnprintf(buf_extend(b, (size_t)len + 1), (size_t)len + 1, fmt, again);
        b->len--; /* the terminator is not part of it */
    }
    va_end(again);
}

void hash_init(void)
{
    uint64_t seed;

    if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed))
        seed = (uint64_t)time(NULL) * HASH_PRIME1 + (uint64_t)getpid();
    hash_seed = seed;
}

void log_line(enum log_level level, const char *fmt, ...)
{
    static const int priority[] = { LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_DEBUG };
    va_list ap;

    if (level == LOG_VERBOSE && !log_verbose)
        return;
    va_start(ap, fmt);
    if (log_to_syslog) {
        vsyslog(LOG_DAEMON | priority[level], fmt, ap);
    } else {
        fputs("xenstored: ", stderr);
        vfprintf(stderr, fmt, ap);
        fputc('\n', stderr);
    }
    va_end(ap);
}
