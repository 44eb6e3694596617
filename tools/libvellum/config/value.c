/* SPDX-License-Identifier: MIT */
#include "config/value.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "config/parse.h"
#define YYSTYPE VL_CFG_STYPE
#define YYLTYPE VL_CFG_LTYPE
#include "config/scan.h"

#define CONFIG_MAX (1 << 20)

static void at_place(const struct vl_place *place, enum vl_level level, const char *fmt, va_list ap)
{
    char text[2048];

    vsnprintf(text, sizeof(text), fmt, ap);
    if (place->line)
        vl_log(level, "%s:%d:%d: %s", place->file, place->line, place->column, text);
    else
        vl_log(level, "%s: %s", place->file, text);
}

struct vl_place vl_place_keep(struct vl_arena *arena, const struct vl_place *place)
{
    struct vl_place kept = *place;

    kept.file = vl_strdup(arena, place->file);
    return kept;
}

int vl_place_error(const struct vl_place *place, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    at_place(place, VL_ERROR, fmt, ap);
    va_end(ap);
    return -EINVAL;
}

void vl_place_warn(const struct vl_place *place, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    at_place(place, VL_WARN, fmt, ap);
    va_end(ap);
}

void vl_place_note(const struct vl_place *place, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    at_place(place, VL_NOTE, fmt, ap);
    va_end(ap);
}

int vl_settings_parse(struct vl_settings *out, struct vl_arena *arena, const char *file, const char *text, size_t len)
{
    struct vl_parse ps = { .arena = arena, .out = out, .file = vl_strdup(arena, file), .line = 1, .column = 1 };
    struct vl_place nul = { ps.file, 1, 1 };
    YY_BUFFER_STATE buffer;
    yyscan_t scanner;
    int rc;

    if (memchr(text, 0, len))
        return vl_place_error(&nul, "this is not a configuration: it holds NUL characters");
    if (vl_cfg_yylex_init_extra(&ps, &scanner))
        return vl_fail_errno("%s", file);
    buffer = vl_cfg_yy_scan_bytes(text, (int)len, scanner);
    rc = vl_cfg_parse(&ps, scanner);
    vl_cfg_yy_delete_buffer(buffer, scanner);
    vl_cfg_yylex_destroy(scanner);
    return rc || ps.errors ? -EINVAL : 0;
}

/* All of a file in *text (malloc'd), which grows as it is read: most are a few hundred bytes. */
static int read_all(int fd, const char *name, char **text, size_t *len)
{
    size_t room = 4096;

    *text = vl_xmalloc(room);
    *len = 0;
    for (;;) {
        ssize_t n = read(fd, *text + *len, room - *len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return vl_fail_errno("%s", name);
        if (n == 0)
            return 0;
        *len += (size_t)n;
        if (*len > CONFIG_MAX)
            return vl_fail(-EFBIG, "%s: a configuration may have at most %d bytes", name, CONFIG_MAX);
        if (*len == room)
            *text = vl_xrealloc(*text, room *= 2);
    }
}

int vl_settings_parse_file(struct vl_settings *out, struct vl_arena *arena, const char *path)
{
    bool is_stdin = !strcmp(path, "-");
    const char *name = is_stdin ? "standard input" : path;
    int fd = is_stdin ? 0 : open(path, O_RDONLY | O_CLOEXEC);
    char *text;
    size_t len;
    int rc;

    if (fd < 0)
        return vl_fail_errno("%s", path);
    rc = read_all(fd, name, &text, &len);
    if (!is_stdin)
        close(fd);
    if (!rc)
        rc = vl_settings_parse(out, arena, name, text, len);
    free(text);
    return rc;
}

/* Is this a value as a file would have it, or a bare word that wants quotes? */
static bool bare_word(const char *value)
{
    if (!*value || strchr("'\"[", *value))
        return false;
    if (*value >= '0' && *value <= '9')
        return strspn(value, "0123456789abcdefABCDEFxX") != strlen(value) && !strchr(value, ';');
    return true;
}

int vl_settings_parse_argument(struct vl_settings *out, struct vl_arena *arena, const char *arg)
{
    const char *eq = strchr(arg, '=');
    size_t before = out->count;
    char *text;
    int rc;

    if (!eq || eq == arg)
        return vl_fail(-EINVAL, "command line: '%s' is not of the form key=value", arg);
    if (bare_word(eq + 1)) {
        struct vl_setting *s = vl_alloc(arena, sizeof(*s));

        s->place = (struct vl_place){ "command line", 0, 0 };
        s->append = eq[-1] == '+';
        s->key = vl_strndup(arena, arg, (size_t)(eq - arg) - s->append);
        s->value = vl_alloc(arena, sizeof(*s->value));
        *s->value = (struct vl_value){ .place = s->place, .quoted = true, .text = vl_strdup(arena, eq + 1) };
        VL_PUSH(arena, out->all, out->count, s);
    } else {
        text = vl_printf(arena, "%s\n", arg);
        rc = vl_settings_parse(out, arena, "command line", text, strlen(text));
        if (rc)
            return rc;
    }
    for (size_t i = before; i < out->count; i++)
        out->all[i]->from_command_line = true;
    return 0;
}
