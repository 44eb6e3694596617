/* SPDX-License-Identifier: MIT */
#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct vl_chunk {
    struct vl_chunk *next;
    size_t used, size;
    alignas(max_align_t) unsigned char data[];
};

#define CHUNK_SIZE 4000

static void out_of_memory(size_t size)
{
    fprintf(stderr, "out of memory (%zu bytes wanted)\n", size);
    exit(1);
}

void *vl_xmalloc(size_t size)
{
    void *p = malloc(size ? size : 1);

    if (!p)
        out_of_memory(size);
    return p;
}

void *vl_xrealloc(void *old, size_t size)
{
    void *p = realloc(old, size ? size : 1);

    if (!p)
        out_of_memory(size);
    return p;
}

void *vl_alloc(struct vl_arena *arena, size_t size)
{
    struct vl_chunk *c = arena->chunks;
    void *p;

    if (size > SIZE_MAX / 2)
        out_of_memory(size);
    size = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    if (!c || c->size - c->used < size) {
        size_t room = size > CHUNK_SIZE ? size : CHUNK_SIZE;

        c = vl_xmalloc(sizeof(*c) + room);
        c->used = 0;
        c->size = room;
        c->next = arena->chunks;
        arena->chunks = c;
    }
    p = c->data + c->used;
    c->used += size;
    return memset(p, 0, size);
}

char *vl_strndup(struct vl_arena *arena, const char *s, size_t n)
{
    char *p = vl_alloc(arena, n + 1);

    memcpy(p, s, n);
    return p;
}

char *vl_strdup(struct vl_arena *arena, const char *s)
{
    return s ? vl_strndup(arena, s, strlen(s)) : NULL;
}

char *vl_vprintf(struct vl_arena *arena, const char *fmt, va_list ap)
{
    va_list again;
    char *p;
    int n;

    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, ap);
    p = vl_alloc(arena, (size_t)(n < 0 ? 0 : n) + 1);
    if (n > 0)
        vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    return p;
}

char *vl_printf(struct vl_arena *arena, const char *fmt, ...)
{
    va_list ap;
    char *p;

    va_start(ap, fmt);
    p = vl_vprintf(arena, fmt, ap);
    va_end(ap);
    return p;
}

void *vl_grow(struct vl_arena *arena, void *array, size_t n, size_t size)
{
    void *bigger;

    if (n & (n - 1) || (n == 0 && array))
        return array;
    bigger = vl_alloc(arena, (n ? 2 * n : 1) * size);
    if (n)
        memcpy(bigger, array, n * size);
    return bigger;
}

void vl_arena_free(struct vl_arena *arena)
{
    while (arena->chunks) {
        struct vl_chunk *next = arena->chunks->next;

        free(arena->chunks);
        arena->chunks = next;
    }
}
