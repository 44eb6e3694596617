/* SPDX-License-Identifier: MIT */
/*
 * Small things that every file of xenstored uses: allocation, hashing, growing buffers, logging.
 *
 * The daemon is crash-only: where memory is gone it ends with a message, and a new one takes up the journal. So no
 * caller checks an allocation. It has one thread, and no module of it has a lock.
 */
#ifndef XENSTORE_UTIL_H
#define XENSTORE_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* As malloc, calloc(1, n), realloc and strdup; they end the process rather than fail. */
void *xmalloc(size_t size);
void *xzalloc(size_t size);
void *xrealloc(void *old, size_t size);
char *xstrdup(const char *s);
void xfree(void *p);

/* A byte buffer that grows; {0} is an empty one. */
struct buf {
    char *data;
    size_t len, cap;
};

void buf_grow(struct buf *b, size_t more);
void buf_free(struct buf *b);

static inline char *buf_extend(struct buf *b, size_t more)
{
    if (b->cap - b->len < more)
        buf_grow(b, more);
    b->len += more;
    return b->data + b->len - more;
}

static inline void buf_add(struct buf *b, const void *data, size_t len)
{
    if (len > 0) /* else there may be no buffer yet */
        memcpy(buf_extend(b, len), data, len);
}

__attribute__((format(printf, 2, 3))) void buf_printf(struct buf *b, const char *fmt, ...);

/* Hash of a name under a seed drawn at start-up, so that a guest cannot choose names that collide. */
extern uint64_t hash_seed;
void hash_init(void);

static inline uint64_t hash_mix(uint64_t a, uint64_t b)
{
    unsigned __int128 m = (unsigned __int128)a * b;

    return (uint64_t)m ^ (uint64_t)(m >> 64);
}

#define HASH_PRIME1 0x9e3779b97f4a7c15ull
#define HASH_PRIME2 0xc2b2ae3d27d4eb4full

static inline uint64_t hash_load(const char *p, size_t len) /* 1 to 8 bytes, without reading beyond them */
{
    uint32_t lo, hi;

    if (len >= 4) {
        memcpy(&lo, p, 4);
        memcpy(&hi, p + len - 4, 4);
        return ((uint64_t)hi << 32) | lo;
    }
    return ((uint64_t)(uint8_t)p[0] << 16) | ((uint64_t)(uint8_t)p[len >> 1] << 8) | (uint8_t)p[len - 1];
}

static inline uint64_t hash_bytes(uint64_t seed, const void *data, size_t len)
{
    const char *p = data;
    uint64_t h = seed ^ (len * HASH_PRIME1), v;

    for (; len > 8; len -= 8, p += 8) {
        memcpy(&v, p, 8);
        h = hash_mix(h ^ v, HASH_PRIME2);
    }
    if (len > 0)
        h = hash_mix(h ^ hash_load(p, len), HASH_PRIME1);
    return h ^ (h >> 32);
}

/* Messages: to stderr in the foreground, to syslog in the background. `debug` lines only with --verbose. */
enum log_level { LOG_ERROR, LOG_WARN, LOG_NOTE, LOG_VERBOSE };
extern bool log_verbose, log_to_syslog;
__attribute__((format(printf, 2, 3))) void log_line(enum log_level level, const char *fmt, ...);

#endif
