/* SPDX-License-Identifier: MIT */
#ifndef VL_BASE_UUID_H
#define VL_BASE_UUID_H

#include <stdbool.h>
#include <stdint.h>

#define VL_UUID_TEXT 37         /* with the NUL */

/* Text of a uuid; vl_uuid_parse takes 32 hex digits with or without dashes and returns whether it is one. */
void vl_uuid_format(const uint8_t uuid[16], char text[VL_UUID_TEXT]);
bool vl_uuid_parse(const char *text, uint8_t uuid[16]);
void vl_uuid_random(uint8_t uuid[16]);

#endif
