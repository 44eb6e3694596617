/* SPDX-License-Identifier: MIT */
#include "vellumd/proto.h"

#include <errno.h>
#include <string.h>

#include <xen/xen.h>

/* Digits of base 10 or 16, all of them, no sign, at most `max`. */
static int number(const char *s, size_t len, unsigned base, uint64_t max, uint64_t *out)
{
    uint64_t v = 0;

    if (!len || len > 20)
        return -EINVAL;
    for (size_t i = 0; i < len; i++) {
        unsigned digit = s[i] >= '0' && s[i] <= '9' ? (unsigned)(s[i] - '0')
                       : s[i] >= 'a' && s[i] <= 'f' ? (unsigned)(s[i] - 'a' + 10) : 99;

        if (digit >= base || v > (max - digit) / base)
            return -EINVAL;
        v = v * base + digit;
    }
    *out = v;
    return 0;
}

int proto_parse(const char *line, size_t len, struct request *request, const char **why)
{
    static const struct {
        const char *word;
        enum request_kind kind;
        unsigned base;          /* of its number; 0: it has none */
    } rows[] = {
        { "adopt", REQUEST_ADOPT, 10 }, { "events", REQUEST_EVENTS, 0 }, { "status", REQUEST_STATUS, 0 },
        { "shell", REQUEST_SHELL, 16 }, { "kept", REQUEST_KEPT, 10 },
    };
    const char *space = memchr(line, ' ', len);
    size_t word = space ? (size_t)(space - line) : len;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t n = 0;

        if (strlen(rows[i].word) != word || memcmp(rows[i].word, line, word))
            continue;
        *request = (struct request){ .kind = rows[i].kind };
        if (!rows[i].base) {
            *why = "this request takes no argument";
            return space ? -EINVAL : 0;
        }
        *why = rows[i].base == 10 ? "the argument must be the number of a domain" : "the argument must be a shape";
        if (!space || number(space + 1, len - word - 1, rows[i].base,
                             rows[i].base == 10 ? DOMID_FIRST_RESERVED - 1 : UINT64_MAX, &n))
            return -EINVAL;
        if (rows[i].base == 10)
            request->domid = (uint32_t)n;
        else
            request->shape = n;
        return 0;
    }
    *why = "there is no such request";
    return -EINVAL;
}
