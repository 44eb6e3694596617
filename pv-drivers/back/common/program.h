/* SPDX-License-Identifier: MIT */
/* The command line of a back-end: what both have, and what each adds. */
#ifndef BACK_PROGRAM_H
#define BACK_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>

#include "keeper.h"
#include "stats.h"

/* An option of the kind's own. A supervisor hands it on to each keeper. */
struct program_option {
    const char *name;
    bool has_argument;
    void (*set)(const char *argument);  /* ends the program when the argument is wrong */
};

/* What a keeper tells its worker on the command line. */
struct worker_setup {
    uint16_t domid, self;       /* the guest; the domain that we run in */
    const char *option;         /* the keeper's worker_option, or NULL */
};

struct program {
    const struct backend_kind *kind;
    const void *options;        /* the kind's */
    const char *help;
    const struct stats_kind *stats;
    const struct program_option *own;
    unsigned n_own;
    void (*state_dir)(const char *dir); /* told where state lies, or NULL */
    int (*worker)(const struct worker_setup *setup);    /* the confined half */
};

/* A number in bounds, or the end of the program with a message about --option. */
unsigned program_number(const char *option, const char *text, unsigned min, unsigned max);

/* The exit code of the whole program. */
int program_main(const struct program *p, int argc, char **argv);

#endif
