/* SPDX-License-Identifier: MIT */
/*
 * Memory with one owner: everything taken from an arena lives until vl_arena_free. A command or a configuration owns
 * one, so no path has to free pieces. Running out of memory ends the process with a message: Linux overcommits, so
 * this happens only for absurd sizes, and callers check sizes that come from outside before they ask.
 */
#ifndef VL_BASE_ARENA_H
#define VL_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct vl_arena {
    struct vl_chunk *chunks;
};

/* Zeroed memory, aligned for any type. */
void *vl_alloc(struct vl_arena *arena, size_t size);
char *vl_strdup(struct vl_arena *arena, const char *s);
char *vl_strndup(struct vl_arena *arena, const char *s, size_t n);
char *vl_printf(struct vl_arena *arena, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
char *vl_vprintf(struct vl_arena *arena, const char *fmt, va_list ap);
void vl_arena_free(struct vl_arena *arena);

/* malloc and realloc for buffers whose owner frees them; the same rule for running out. */
void *vl_xmalloc(size_t size);
void *vl_xrealloc(void *p, size_t size);

/* Appends one element to an array kept in an arena; `n` is its length before. The array doubles at powers of two. */
#define VL_PUSH(arena, array, n, value) \
    do { \
        (array) = vl_grow((arena), (array), (n), sizeof(*(array))); \
        (array)[(n)++] = (value); \
    } while (0)
void *vl_grow(struct vl_arena *arena, void *array, size_t n, size_t size);

#endif
