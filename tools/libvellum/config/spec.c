/* SPDX-License-Identifier: MIT */
#include "config/spec.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static char *trimmed(struct vl_arena *arena, const char *s, size_t len)
{
    while (len && isspace((unsigned char)*s)) {
        s++;
        len--;
    }
    while (len && isspace((unsigned char)s[len - 1]))
        len--;
    return vl_strndup(arena, s, len);
}

bool vl_param_next(struct vl_arena *arena, const char **spec, struct vl_param *param)
{
    const char *s = *spec, *eq;
    size_t len;

    if (!s)
        return false;
    len = strcspn(s, ",");
    eq = memchr(s, '=', len);
    *param = (struct vl_param){ 0 };
    if (eq) {
        param->key = trimmed(arena, s, (size_t)(eq - s));
        param->value = trimmed(arena, eq + 1, len - (size_t)(eq + 1 - s));
        param->rest = eq + 1;
    } else {
        param->value = trimmed(arena, s, len);
        param->rest = s;
    }
    *spec = s[len] ? s + len + 1 : NULL;
    return true;
}

int vl_param_number(const struct vl_place *place, const char *what, const char *text, int base, long min, long max,
                    long *out)
{
    char *end;

    errno = 0;
    *out = strtol(text, &end, base);
    if (end == text || *end)
        return vl_place_error(place, "'%s' wants a number, not '%s'", what, text);
    if (errno || *out < min || *out > max)
        return vl_place_error(place, "'%s' must be from %ld to %ld, not %s", what, min, max, text);
    return 0;
}

int vl_param_bool(const struct vl_place *place, const char *what, const char *text, bool *out)
{
    long n;

    if (vl_param_number(place, what, text, 0, 0, 1, &n))
        return -EINVAL;
    *out = n != 0;
    return 0;
}
