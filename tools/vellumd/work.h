/* SPDX-License-Identifier: MIT */
/* Workers: this program or xl, executed for one task. At most WORKERS run at once, further ones wait their turn. */
#ifndef VELLUMD_WORK_H
#define VELLUMD_WORK_H

#include "vellumd/vellumd.h"

#define WORKERS 4
#define WORK_OUTPUT 4096        /* what is kept of a worker's standard output */

/* `status` as wait(2) gives it, -1 when it could not be started; `output` is NUL-terminated. */
typedef void work_done(struct vellumd *d, void *arg, int status, const char *output);

int work_start(struct vellumd *d);
/* No more is reaped; workers under way finish by themselves. */
void work_stop(struct vellumd *d);

/* Run our program argv[0] with `argv` (copied; ends with NULL), `input` on its standard input (NULL: none). */
void work_add(struct vellumd *d, char *const *argv, const char *input, work_done *done, void *arg);

#endif
