/* SPDX-License-Identifier: MIT */
#include "json/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_gen.h>

#include "base/arena.h"

struct vl_json {
    yajl_gen gen;
};

struct vl_json *vl_json_new(bool pretty)
{
    struct vl_json *json = vl_xmalloc(sizeof(*json));

    json->gen = yajl_gen_alloc(NULL);
    if (!json->gen) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
    yajl_gen_config(json->gen, yajl_gen_beautify, pretty);
    yajl_gen_config(json->gen, yajl_gen_indent_string, "    ");
    return json;
}

const char *vl_json_text(struct vl_json *json, size_t *len)
{
    const unsigned char *text = NULL;
    size_t n = 0;

    yajl_gen_get_buf(json->gen, &text, &n);
    if (len)
        *len = n;
    return (const char *)text;
}

int vl_json_print(struct vl_json *json, FILE *to)
{
    size_t len;
    const char *text = vl_json_text(json, &len);

    if (fwrite(text, 1, len, to) != len)
        return -EIO;
    if (!len || text[len - 1] != '\n')
        fputc('\n', to);
    return ferror(to) ? -EIO : 0;
}

void vl_json_free(struct vl_json *json)
{
    if (!json)
        return;
    yajl_gen_free(json->gen);
    free(json);
}

static void key_of(struct vl_json *json, const char *key)
{
    if (key)
        yajl_gen_string(json->gen, (const unsigned char *)key, strlen(key));
}

void vl_json_map(struct vl_json *json, const char *key)
{
    key_of(json, key);
    yajl_gen_map_open(json->gen);
}

void vl_json_map_end(struct vl_json *json)
{
    yajl_gen_map_close(json->gen);
}

void vl_json_array(struct vl_json *json, const char *key)
{
    key_of(json, key);
    yajl_gen_array_open(json->gen);
}

void vl_json_array_end(struct vl_json *json)
{
    yajl_gen_array_close(json->gen);
}

void vl_json_string(struct vl_json *json, const char *key, const char *value)
{
    key_of(json, key);
    yajl_gen_string(json->gen, (const unsigned char *)value, strlen(value));
}

void vl_json_number(struct vl_json *json, const char *key, long long value)
{
    key_of(json, key);
    yajl_gen_integer(json->gen, value);
}

void vl_json_real(struct vl_json *json, const char *key, double value)
{
    char text[40];
    int n = snprintf(text, sizeof(text), "%.9g", value);

    key_of(json, key);
    yajl_gen_number(json->gen, text, (size_t)n);
}

void vl_json_bool(struct vl_json *json, const char *key, bool value)
{
    key_of(json, key);
    yajl_gen_bool(json->gen, value);
}

void vl_json_null(struct vl_json *json, const char *key)
{
    key_of(json, key);
    yajl_gen_null(json->gen);
}

/* How many bytes the UTF-8 character at `s` has; 0 when it is none. Overlong forms and surrogates are none. */
static size_t utf8(const unsigned char *s)
{
    if (s[0] < 0x80)
        return 1;
    if (s[0] >= 0xc2 && s[0] <= 0xdf && (s[1] & 0xc0) == 0x80)
        return 2;
    if ((s[0] & 0xf0) == 0xe0 && (s[1] & 0xc0) == 0x80 && (s[2] & 0xc0) == 0x80)
        return (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ? 0 : 3;
    if (s[0] >= 0xf0 && s[0] <= 0xf4 && (s[1] & 0xc0) == 0x80 && (s[2] & 0xc0) == 0x80 && (s[3] & 0xc0) == 0x80)
        return (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f) ? 0 : 4;
    return 0;
}

void vl_json_text_string(struct vl_json *json, const char *key, const char *value)
{
    char *clean = vl_xmalloc(3 * strlen(value) + 1), *to = clean;
    const unsigned char *s = (const unsigned char *)value;

    while (*s) {
        size_t n = utf8(s);

        if (n) {
            memcpy(to, s, n);
            to += n;
            s += n;
        } else {
            memcpy(to, "\xef\xbf\xbd", 3);
            to += 3;
            s++;
        }
    }
    *to = 0;
    vl_json_string(json, key, clean);
    free(clean);
}
