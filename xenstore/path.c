/* SPDX-License-Identifier: MIT */
/* Path checking; owns only the table of allowed bytes. */
#include "path.h"

#include <errno.h>
#include <stdio.h>

#define OK8 1, 1, 1, 1, 1, 1, 1, 1
static const uint8_t allowed[256] = {
    ['-'] = 1, ['_'] = 1, ['@'] = 1, ['0'] = OK8, ['8'] = 1, 1,   ['A'] = OK8, OK8,
    OK8,       1,         1,         ['a'] = OK8, OK8,       OK8, 1,           1,
};

/* The common part: str and len are set, str starts with a slash. */
static int path_cut(struct path *p)
{
    unsigned at = 1, count = 0;

    p->special = false;
    p->count = 0;
    if (p->len == 1)
        return 0;
    for (;;) {
        unsigned start = at;

        while (allowed[(uint8_t)p->str[at]])
            at++;
        if (at == start || (p->str[at] != '/' && at != p->len))
            return -EINVAL;
        p->name[count].off = (uint16_t)start;
        p->name[count].len = (uint16_t)(at - start);
        p->name[count].hash = path_hash_name(p->str + start, at - start);
        count++;
        if (at == p->len)
            break;
        at++;
    }
    p->count = (uint16_t)count;
    return 0;
}

int path_parse(struct path *p, const char *s, size_t len, unsigned domid, size_t max)
{
    size_t prefix = 0;

    if (len == 0)
        return -EINVAL;
    if (s[0] != '/') {
        if (len > XENSTORE_REL_PATH_MAX || !allowed[(uint8_t)s[0]] || s[0] == '@')
            return -EINVAL;
        prefix = (size_t)snprintf(p->str, 32, "/local/domain/%u/", domid);
    }
    if (len + prefix > XENSTORE_ABS_PATH_MAX || len > max)
        return -EINVAL;
    memcpy(p->str + prefix, s, len);
    p->str[prefix + len] = 0;
    p->len = (uint16_t)(prefix + len);
    p->strip = (uint16_t)prefix;
    return path_cut(p);
}

int path_parse_special(struct path *p, const char *s, size_t len)
{
    if (len < 2 || len > XENSTORE_REL_PATH_MAX || s[0] != '@')
        return -EINVAL;
    for (size_t i = 1; i < len; i++)
        if (!allowed[(uint8_t)s[i]])
            return -EINVAL;
    memcpy(p->str, s, len);
    p->str[len] = 0;
    p->len = (uint16_t)len;
    p->strip = 0;
    p->special = true;
    p->count = 1;
    p->name[0].off = 0;
    p->name[0].len = (uint16_t)len;
    p->name[0].hash = path_hash_name(s, len);
    return 0;
}
