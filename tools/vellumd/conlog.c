/* SPDX-License-Identifier: MIT */
#include "vellumd/conlog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

static void close_file(struct conlog *log)
{
    if (log->fd >= 0)
        close(log->fd);
    log->fd = -1;
}

static int open_file(struct conlog *log)
{
    struct stat st;

    log->fd = open(log->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (log->fd < 0)
        return vl_fail_errno("%s", log->path);
    log->size = fstat(log->fd, &st) ? 0 : st.st_size;
    return 0;
}

int conlog_open(struct conlog *log, const char *folder, const char *name, unsigned number, off_t limit, unsigned keep)
{
    char which[16] = "";
    size_t start;

    *log = (struct conlog){ .fd = -1, .limit = limit, .keep = keep };
    if (mkdir(folder, 0755) && errno != EEXIST)
        return vl_fail_errno("%s", folder);
    if (number)
        snprintf(which, sizeof(which), "-%u", number);
    start = strlen(folder) + 1;
    if (snprintf(log->path, sizeof(log->path), "%s/guest-%s%s.log", folder, name, which) >= (int)sizeof(log->path))
        return vl_fail(-ENAMETOOLONG, "the name of %s's console log is too long", name);
    /* Other tools allow names that are no file's name. */
    for (char *s = log->path + start; *s; s++)
        if (*s == '/')
            *s = '_';
    return open_file(log);
}

static void rotate(struct conlog *log)
{
    char from[sizeof(log->path) + 16], to[sizeof(log->path) + 16];

    close_file(log);
    for (unsigned i = log->keep; i > 0; i--) {
        snprintf(to, sizeof(to), "%s.%u", log->path, i);
        if (i > 1)
            snprintf(from, sizeof(from), "%s.%u", log->path, i - 1);
        else
            snprintf(from, sizeof(from), "%s", log->path);
        rename(from, to);
    }
    if (!log->keep)
        unlink(log->path);
    open_file(log);
}

void conlog_write(struct conlog *log, const char *data, size_t len)
{
    if (log->limit && log->size + (off_t)len > log->limit && log->size)
        rotate(log);
    while (len && log->fd >= 0) {
        ssize_t n = write(log->fd, data, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            vl_fail_errno("%s: no more is logged", log->path);
            close_file(log);
            return;
        }
        data += n;
        len -= (size_t)n;
        log->size += n;
    }
}

void conlog_reopen(struct conlog *log)
{
    if (!log->path[0])
        return;
    close_file(log);
    open_file(log);
}

void conlog_close(struct conlog *log)
{
    close_file(log);
    log->path[0] = 0;
}
