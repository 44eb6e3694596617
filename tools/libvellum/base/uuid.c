/* SPDX-License-Identifier: MIT */
#include "base/uuid.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

void vl_uuid_format(const uint8_t u[16], char text[VL_UUID_TEXT])
{
    snprintf(text, VL_UUID_TEXT, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1],
             u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]);
}

bool vl_uuid_parse(const char *text, uint8_t uuid[16])
{
    unsigned n = 0;

    for (; *text && n < 32; text++) {
        const char *digits = "0123456789abcdef", *at;

        if (*text == '-')
            continue;
        at = strchr(digits, *text | 32);
        if (!at || *text < '0')
            return false;
        uuid[n / 2] = (uint8_t)(n % 2 ? uuid[n / 2] | (at - digits) : (at - digits) << 4);
        n++;
    }
    return n == 32 && !*text;
}

void vl_uuid_random(uint8_t uuid[16])
{
    while (getrandom(uuid, 16, 0) != 16)
        ;
    uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x40);       /* RFC 4122: version 4, … */
    uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);       /* … variant 1 */
}
