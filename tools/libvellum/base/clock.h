/* SPDX-License-Identifier: MIT */
/* The clock that is never set. */
#ifndef VL_CLOCK_H
#define VL_CLOCK_H

#include <time.h>

static inline long vl_now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

#endif
