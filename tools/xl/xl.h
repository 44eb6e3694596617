/* SPDX-License-Identifier: MIT */
/*
 * xl: commands on domains and the host. Each file here is one family of commands: it parses options, calls libvellum,
 * prints. A command is a row of xl_commands (main.c) and returns the exit code.
 */
#ifndef XL_XL_H
#define XL_XL_H

#include <getopt.h>
#include <stdbool.h>

#include "base/log.h"
#include "base/vl.h"
#include "config/config.h"
#include "life/life.h"

struct xl_command {
    const char *name;
    int (*run)(int argc, char **argv);
    bool changes;               /* takes -f or -N, as xl's usage line says */
    const char *args;           /* what follows the name in the usage line */
    const char *summary;
    const char *options;        /* lines of help, or NULL */
};

/* The global options. */
extern bool xl_dry_run, xl_force;
extern struct vl xl_vl;         /* the handle that all commands use */
extern const struct xl_command *xl_current;

/* Usage of the current command, on standard error; returns 1. */
int xl_usage(void);

/*
 * getopt_long with -h and --help added: returns the option, -1 at the end. On -h prints the usage and exits with 0,
 * on an unknown option with 1. `wanted` and more non-option arguments must be left at the end (optind), else it
 * exits with 1 too; `most` of them at most, when it is not -1.
 */
int xl_getopt(int argc, char **argv, const char *options, const struct option *longs, int wanted, int most);

/* The domain an argument names, or exit 1 after telling. */
uint32_t xl_find_domain(const char *text);

/* The families. */
int xl_create(int argc, char **argv);
int xl_list(int argc, char **argv);
int xl_destroy(int argc, char **argv);
int xl_pause(int argc, char **argv);
int xl_unpause(int argc, char **argv);
int xl_shutdown(int argc, char **argv);
int xl_reboot(int argc, char **argv);
int xl_console(int argc, char **argv);
int xl_info(int argc, char **argv);
int xl_dmesg(int argc, char **argv);
int xl_events(int argc, char **argv);
int xl_monitor(int argc, char **argv);
int xl_help(int argc, char **argv);

#endif
