/* SPDX-License-Identifier: MIT */
/* A console's log: a file that is renamed to FILE.1, FILE.2 … when it has grown to its limit. */
#ifndef VELLUMD_CONLOG_H
#define VELLUMD_CONLOG_H

#include <stddef.h>
#include <sys/types.h>

struct conlog {
    char path[256];
    int fd;                     /* -1: not open */
    off_t size, limit;          /* a limit of 0: the file may grow */
    unsigned keep;              /* how many old ones */
};

/* Open FOLDER/guest-NAME.log (and -N for further consoles); the folder is made. 0 or a told -errno. */
int conlog_open(struct conlog *log, const char *folder, const char *name, unsigned number, off_t limit, unsigned keep);

/* Failures to write lose output, not the guest: they are told once. */
void conlog_write(struct conlog *log, const char *data, size_t len);

/* Open the file anew, as after logrotate has moved it. */
void conlog_reopen(struct conlog *log);
void conlog_close(struct conlog *log);

#endif
