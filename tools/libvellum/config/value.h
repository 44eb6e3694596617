/* SPDX-License-Identifier: MIT */
/*
 * The syntax tree of a configuration in xl.cfg's syntax: a list of settings KEY = VALUE (or KEY += VALUE), where a
 * value is an atom (quoted string or bare number) or a list. Each knows the place it came from.
 *
 * vl_settings_parse_* append to a vl_settings; the tree lives in the arena that is handed in.
 */
#ifndef VL_CONFIG_VALUE_H
#define VL_CONFIG_VALUE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

struct vl_place {
    const char *file;
    int line, column;
};

struct vl_value {
    struct vl_place place;
    bool is_list;
    bool quoted;                /* an atom written as a string */
    char *text;                 /* an atom's text */
    struct vl_value **items;    /* a list's */
    size_t count;
};

struct vl_setting {
    struct vl_place place;
    char *key;
    struct vl_value *value;
    bool append;                /* written with += */
    bool from_command_line;
};

struct vl_settings {
    struct vl_setting **all;
    size_t count;
};

/* What a parse needs and leaves; private to the scanner and the grammar beside the two functions below. */
struct vl_parse {
    struct vl_arena *arena;
    struct vl_settings *out;
    const char *file;
    int line, column;           /* of the next character */
    int depth;                  /* of open lists */
    int errors;
};

/*
 * Parse `len` bytes of text that came from `file` (a name for messages only). Syntax errors are told as
 * "file:line:column: message". Returns 0, or -EINVAL when there was an error (what came before it is kept).
 */
int vl_settings_parse(struct vl_settings *out, struct vl_arena *arena, const char *file, const char *text, size_t len);

/* Read and parse a file of at most 1 MiB; "-" is standard input. -errno when it cannot be read. */
int vl_settings_parse_file(struct vl_settings *out, struct vl_arena *arena, const char *path);

/*
 * Parse one `key=value` of a command line. The value may be written as in a file, or as a bare word, which then is
 * taken as a string. Several, separated by semicolons, are fine.
 */
int vl_settings_parse_argument(struct vl_settings *out, struct vl_arena *arena, const char *arg);

/* A place whose file name lives in `arena`. */
struct vl_place vl_place_keep(struct vl_arena *arena, const struct vl_place *place);

/* "file:line:column: message" as an error, counted as a reason to refuse; always returns -EINVAL. */
int vl_place_error(const struct vl_place *place, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same as a warning or a note, which does not refuse. */
void vl_place_warn(const struct vl_place *place, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void vl_place_note(const struct vl_place *place, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
