/* SPDX-License-Identifier: MIT */
#include "vellumd/conlog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

static void close_file(struct conlog *log)
{
    if (log->fd >= 0)
        close(log->fd);
    log->fd = -1;
}

/* It goes wrong: told the first time, and left alone for a while. The file is closed: it may have been removed to make room. -errno. */
static int stumble(struct conlog *log)
{
    int rc = -errno;

    if (!log->next_try)
        vl_fail(rc, "%s: %s: what comes is not logged until there is room", log->path, strerror(errno));
    log->next_try = vl_now_ms() + CONLOG_RETRY_S * 1000L;
    close_file(log);
    return rc;
}

static int open_file(struct conlog *log)
{
    struct stat st;

    log->fd = open(log->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (log->fd < 0)
        return stumble(log);
    log->size = fstat(log->fd, &st) ? 0 : st.st_size;
    return 0;
}

/* With the one that it is in, which a fresh host may lack. */
static void make_folder(const char *folder)
{
    char parent[sizeof(((struct conlog *)0)->path)], *slash;

    if (!mkdir(folder, 0755) || errno != ENOENT || snprintf(parent, sizeof(parent), "%s", folder) >= (int)sizeof(parent))
        return;
    slash = strrchr(parent, '/');
    if (slash && slash != parent) {
        *slash = 0;
        mkdir(parent, 0755);
        mkdir(folder, 0755);
    }
}

int conlog_open(struct conlog *log, const char *folder, const char *name, off_t limit, unsigned keep)
{
    size_t start;

    *log = (struct conlog){ .fd = -1, .limit = limit, .keep = keep };
    start = strlen(folder) + 1;
    if (snprintf(log->path, sizeof(log->path), "%s/%s.log", folder, name) >= (int)sizeof(log->path)) {
        log->path[0] = 0;
        return vl_fail(-ENAMETOOLONG, "the name of the log %s.log is too long", name);
    }
    /* Other tools allow names that are no file's name. */
    for (char *s = log->path + start; *s; s++)
        if (*s == '/')
            *s = '_';
    make_folder(folder);
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

/* All of it, or as much as goes: what was not written is left in *len. 0, or -1 and errno. */
static int write_all(struct conlog *log, const char *data, size_t *len)
{
    while (*len) {
        ssize_t n = write(log->fd, data, *len);

        if (n < 0 && errno != EINTR)
            return -1;
        if (n > 0) {
            data += n;
            *len -= (size_t)n;
            log->size += n;
        }
    }
    return 0;
}

/* After a failure: is there a file that takes a line again? */
static bool recover(struct conlog *log)
{
    char line[96];
    size_t len;

    if (vl_now_ms() < log->next_try || open_file(log))
        return false;
    len = (size_t)snprintf(line, sizeof(line), "\n[%llu bytes were lost here: the log could not be written]\n", log->lost);
    if (log->lost && write_all(log, line, &len)) {
        stumble(log);
        return false;
    }
    vl_note("%s is written again; %llu bytes were lost", log->path, log->lost);
    log->lost = 0;
    log->next_try = 0;
    return true;
}

void conlog_write(struct conlog *log, const char *data, size_t len)
{
    if (!log->path[0])
        return;
    if (!log->next_try && log->limit && log->size + (off_t)len > log->limit && log->size)
        rotate(log);
    if (!log->next_try || recover(log)) {
        if (!write_all(log, data, &len))
            return;
        stumble(log);
    }
    log->lost += len;
}

void conlog_reopen(struct conlog *log)
{
    if (!log->path[0])
        return;
    close_file(log);
    if (log->next_try)
        log->next_try = 1;      /* with the next output: whoever asks has made room */
    else
        open_file(log);
}

void conlog_close(struct conlog *log)
{
    close_file(log);
    log->path[0] = 0;
}
