/* SPDX-License-Identifier: MIT */
#include "config/spec.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PERIOD_MAX_USECS 100000000

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

/* "20ms", "20us", "1s" or "1", which is a second: µs from 1 to 100 seconds; 0 when it is no such period. */
static uint32_t period(const char *text)
{
    char *end;
    unsigned long long n = strtoull(text, &end, 10), scale;

    if (!isdigit((unsigned char)*text) || n > PERIOD_MAX_USECS)
        return 0;
    scale = !*end || !strcmp(end, "s") ? 1000000 : !strcmp(end, "ms") ? 1000 : !strcmp(end, "us");
    return n * scale <= PERIOD_MAX_USECS ? (uint32_t)(n * scale) : 0;
}

/* The number and its unit, up to the "/s". */
static const char *amount(const char *text, uint64_t *bytes)
{
    const char *units = "KMG", *unit;
    char *end;
    unsigned long long n;

    errno = 0;
    n = strtoull(text, &end, 10);
    if (!isdigit((unsigned char)*text) || errno)
        return NULL;
    unit = *end ? strchr(units, *end) : NULL;
    for (int i = unit ? (int)(unit - units) + 1 : 0; i > 0; i--)
        if (__builtin_mul_overflow(n, 1000ull, &n))
            return NULL;
    end += unit != NULL;
    if ((*end != 'b' && *end != 'B') || strncmp(end + 1, "/s", 2))
        return NULL;
    *bytes = *end == 'b' ? n / 8 : n;
    return end + 3;
}

int vl_param_rate(const struct vl_place *place, const char *what, const char *text, uint64_t *bytes, uint32_t *usecs)
{
    const char *end = amount(text, bytes);

    if (usecs)
        *usecs = end && *end == '@' ? period(end + 1) : 0;
    if (end && (!*end || (usecs && *usecs)))
        return 0;
    return vl_place_error(place, "%s: '%s' is not a rate (such as %s)", what, text,
                          usecs ? "10Mb/s or 250KB/s@20ms" : "10MB/s or 80Mb/s");
}

int vl_param_bool(const struct vl_place *place, const char *what, const char *text, bool *out)
{
    long n;

    if (vl_param_number(place, what, text, 0, 0, 1, &n))
        return -EINVAL;
    *out = n != 0;
    return 0;
}
