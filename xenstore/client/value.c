/* SPDX-License-Identifier: MIT */
/* Values as text: escapes for what does not print, and back. */
#include "client.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *show_value(const char *value, size_t len)
{
    char *text = malloc(len * 4 + 1), *at = text;

    if (text == NULL)
        abort();
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)value[i];

        if (c >= ' ' && c < 127 && c != '\\')
            *at++ = (char)c;
        else if (c == '\\')
            at += sprintf(at, "\\\\");
        else if (c == '\n')
            at += sprintf(at, "\\n");
        else if (c == '\t')
            at += sprintf(at, "\\t");
        else if (c == '\r')
            at += sprintf(at, "\\r");
        else if (c < ' ')
            at += sprintf(at, "\\%03o", c);
        else
            at += sprintf(at, "\\x%02x", c);
    }
    *at = 0;
    return text;
}

static int hex_digit(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

/* The character of the escape at *AT, which stands behind the backslash; *AT moves to its last byte. -1: it is none. */
static int parse_escape(const char **at)
{
    const char *s = *at;
    int v = 0, digits = 0;

    switch (*s) {
    case 'n': return '\n';
    case 't': return '\t';
    case 'r': return '\r';
    case '\\': return '\\';
    case '0': case '1': case '2': case '3': case '4': case '5': case '6': case '7':
        for (; digits < 3 && s[digits] >= '0' && s[digits] <= '7'; digits++)
            v = v * 8 + s[digits] - '0';
        *at = s + digits - 1;
        return v < 256 ? v : -1;
    case 'x':
        for (s++; digits < 2 && isxdigit((unsigned char)s[digits]); digits++)
            v = v * 16 + hex_digit(s[digits]);
        *at = s + digits - 1;
        return digits > 0 ? v : -1;
    default: return -1;
    }
}

int parse_value(char *value)
{
    char *to = value;

    for (const char *at = value; *at != 0; at++) {
        int c = (unsigned char)*at;

        if (c == '\\') {
            at++;
            c = parse_escape(&at);
            if (c < 0)
                return -1;
        }
        *to++ = (char)c;
    }
    return (int)(to - value);
}
