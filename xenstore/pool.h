/* SPDX-License-Identifier: MIT */
/*
 * Small objects without headers: freed with the size they were made with, kept in one free list for every 8 bytes of
 * size. Nodes, tries and watches are many and small, and malloc's header and rounding would be a third of them.
 * What is freed serves the same size again; it does not go back to the system.
 */
#ifndef XENSTORE_POOL_H
#define XENSTORE_POOL_H

#include "util.h"

#ifdef __has_feature
#define POOL_ASAN __has_feature(address_sanitizer)
#elif defined(__SANITIZE_ADDRESS__)
#define POOL_ASAN 1
#else
#define POOL_ASAN 0
#endif
#if POOL_ASAN
#define POOL_MAX 0u /* every object is malloc's, and watched */
#else
#define POOL_MAX 256u /* larger objects are malloc's */
#endif

struct pool_free {
    struct pool_free *next;
};

extern struct pool_free *pool_lists[POOL_MAX / 8 + 1];
void *pool_refill(size_t rounded);

static inline void *pool_alloc(size_t size)
{
    size_t rounded = (size + 7) & ~(size_t)7;
    struct pool_free *p;

    if (rounded > POOL_MAX)
        return xmalloc(rounded);
    p = pool_lists[rounded / 8];
    if (p == NULL)
        return pool_refill(rounded);
    pool_lists[rounded / 8] = p->next;
    return p;
}

static inline void pool_free(void *object, size_t size)
{
    size_t rounded = (size + 7) & ~(size_t)7;
    struct pool_free *p = object;

    if (rounded > POOL_MAX) {
        xfree(object);
        return;
    }
    p->next = pool_lists[rounded / 8];
    pool_lists[rounded / 8] = p;
}

/* As realloc; the object stays in place when its rounded size does not change. */
static inline void *pool_resize(void *object, size_t old, size_t size)
{
    void *made;

    if (((old + 7) & ~(size_t)7) == ((size + 7) & ~(size_t)7))
        return object;
    made = pool_alloc(size);
    memcpy(made, object, old < size ? old : size);
    pool_free(object, old);
    return made;
}

#endif
