/* SPDX-License-Identifier: MIT */
/* Comma-separated specifications of devices: walking their parameters. Private to config/. */
#ifndef VL_CONFIG_SPEC_H
#define VL_CONFIG_SPEC_H

#include <stdbool.h>

#include "config/config.h"

/* One parameter: `key` is NULL for a positional one or a flag, whose text is `value`. Both are in the arena. */
struct vl_param {
    char *key, *value;
    const char *rest;           /* the specification from the value on, for parameters that take all of it */
};

/* The next parameter of *spec, without the white space around it, or false at the end. Empty ones are given too. */
bool vl_param_next(struct vl_arena *arena, const char **spec, struct vl_param *param);

/* A number that must be the whole of `text`, from min to max; -EINVAL after telling. */
int vl_param_number(const struct vl_place *place, const char *what, const char *text, int base, long min, long max,
                    long *out);

/*
 * A rate: "10Mb/s", "250KB/s@20ms". Bytes a second (K, M and G are powers of 1000, b are bits), and the period in µs behind
 * the '@', 0 without one; where a period means nothing `usecs` is NULL, and one is refused. -EINVAL after telling.
 */
int vl_param_rate(const struct vl_place *place, const char *what, const char *text, uint64_t *bytes, uint32_t *usecs);

/* A boolean as xl.cfg's: a number. */
int vl_param_bool(const struct vl_place *place, const char *what, const char *text, bool *out);

#endif
