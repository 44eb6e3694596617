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
    unsigned long long lost;    /* bytes that could not be written since the last one that was */
    long next_try;              /* when that is tried again, in ms of the clock that is never set; 0: nothing is wrong */
};

/*
 * Open FOLDER/NAME.log; the folder is made, and slashes in the name become underscores. 0 or a told -errno, after which
 * conlog_write tries again, as after its own failures.
 */
int conlog_open(struct conlog *log, const char *folder, const char *name, off_t limit, unsigned keep);

/*
 * Failures to write lose output, not the guest: they are told once, writing is tried again every CONLOG_RETRY_S seconds,
 * and when it goes on a line in the log says how much is missing there.
 */
#define CONLOG_RETRY_S 5
void conlog_write(struct conlog *log, const char *data, size_t len);

/* Open the file anew, as after logrotate has moved it. */
void conlog_reopen(struct conlog *log);
void conlog_close(struct conlog *log);

#endif
