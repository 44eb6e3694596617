/* SPDX-License-Identifier: MIT */
/* Counters lie in the files that outlive a worker, so printing them asks no running daemon anything. */
#ifndef BACK_STATS_H
#define BACK_STATS_H

#include <stddef.h>

struct stats_kind {
    const char *program;
    const char *prefix;         /* of the files: PREFIX-DOMID-DEVICE */
    size_t file_size;
    size_t n_fields;
    struct stats_field { const char *name; size_t offset; } const *fields;      /* uint64_t each, from the file's start */
};

/* Print the counters of a guest's devices (domid -1: of all guests') as JSON on standard output. The exit code. */
int stats_print(const struct stats_kind *kind, const char *state_dir, int domid);

#endif
