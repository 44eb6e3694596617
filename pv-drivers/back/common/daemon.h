/* SPDX-License-Identifier: MIT */
/* How a keeper is started: one for each guest, in the background if asked; or one supervisor for all guests. */
#ifndef BACK_DAEMON_H
#define BACK_DAEMON_H

#include "keeper.h"

struct daemon_options {
    const char *log_file;       /* NULL: standard error as it is */
    bool background;
    int domid;                  /* -1: all guests, each with a keeper of its own */
    char **argv;                /* how a keeper of one guest is started, less "--domain N" */
    unsigned argc;
};

/*
 * Open the file below `state_dir` that a device's successor needs, with its size. It is locked for as long as a keeper or
 * a worker has it open: a predecessor's worker, which ends by itself, is waited for (5 s), so that no ring ever has two.
 * The descriptor or -errno.
 */
int daemon_state_file(const char *path, size_t size);

/*
 * Run `k`, already filled with kind, options and folders, as the options say. A second keeper for the same guest ends at
 * once, successfully. The exit code.
 */
int daemon_run(struct keeper *k, const struct daemon_options *o);

#endif
