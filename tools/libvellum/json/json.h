/* SPDX-License-Identifier: MIT */
/*
 * Writing JSON: a thin layer on libyajl that ends the process when memory is out, so callers just say what they mean.
 * Layout is libxl's: four spaces of indentation.
 */
#ifndef VL_JSON_JSON_H
#define VL_JSON_JSON_H

#include <stdbool.h>
#include <stdio.h>

struct vl_json;

struct vl_json *vl_json_new(bool pretty);
/* The text so far, valid until the next call on `json`. */
const char *vl_json_text(struct vl_json *json, size_t *len);
/* Print the text, and end it: with a newline if asked. Returns 0 or -EIO. */
int vl_json_print(struct vl_json *json, FILE *to);
void vl_json_free(struct vl_json *json);

/* Values. `key` comes before a value in a map, and is NULL in an array or at the top. */
void vl_json_map(struct vl_json *json, const char *key);
void vl_json_map_end(struct vl_json *json);
void vl_json_array(struct vl_json *json, const char *key);
void vl_json_array_end(struct vl_json *json);
void vl_json_string(struct vl_json *json, const char *key, const char *value);
void vl_json_number(struct vl_json *json, const char *key, long long value);
void vl_json_real(struct vl_json *json, const char *key, double value);
void vl_json_bool(struct vl_json *json, const char *key, bool value);
void vl_json_null(struct vl_json *json, const char *key);

/* A string that may hold bytes that are no UTF-8 (names and values from elsewhere): such bytes become U+FFFD. */
void vl_json_text_string(struct vl_json *json, const char *key, const char *value);

#endif
