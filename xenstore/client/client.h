/* SPDX-License-Identifier: MIT */
/* The command-line clients: what main.c (choice of the command) shares with the commands. */
#ifndef XENSTORE_CLIENT_H
#define XENSTORE_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <xenstore.h>

struct command {
    const char *name;
    const char *options; /* getopt's */
    const char *usage;
    const char *help;
    int (*run)(struct xs_handle *xs, char **argv, int argc);
};

extern bool opt_prefix, opt_raw, opt_full, opt_perms, opt_tidy, opt_recurse, opt_upto;
extern int opt_count; /* -n; -1: without end */

int run_read(struct xs_handle *xs, char **argv, int argc);
int run_write(struct xs_handle *xs, char **argv, int argc);
int run_list(struct xs_handle *xs, char **argv, int argc);
int run_ls(struct xs_handle *xs, char **argv, int argc);
int run_exists(struct xs_handle *xs, char **argv, int argc);
int run_rm(struct xs_handle *xs, char **argv, int argc);
int run_chmod(struct xs_handle *xs, char **argv, int argc);
int run_watch(struct xs_handle *xs, char **argv, int argc);
int control_main(int argc, char **argv);

/* A value as it is shown: what does not print becomes an escape. The caller frees it. */
char *show_value(const char *value, size_t len);
/* The reverse, in place: the length, or -1 when an escape is not one. */
int parse_value(char *value);

#endif
