/* SPDX-License-Identifier: MIT */
#include "vellumd/shellnote.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

#define PATH_ROOM 300

static void path_of(const struct options *o, const char *uuid, char path[PATH_ROOM])
{
    snprintf(path, PATH_ROOM, "%.200s/" SHELLS_FOLDER "/%.60s", o->run_folder, uuid);
}

int shellnote_write(const struct options *o, const char uuid[VL_UUID_TEXT])
{
    char path[PATH_ROOM];
    FILE *f;

    path_of(o, "", path);
    if (mkdir(path, 0700) && errno != EEXIST)
        return vl_fail_errno("%s", path);
    path_of(o, uuid, path);
    f = fopen(path, "we");
    if (!f)
        return vl_fail_errno("%s", path);
    fprintf(f, "%d\n", (int)getpid());
    if (!fclose(f))
        return 0;
    unlink(path);
    return vl_fail(-EIO, "%s: cannot be written", path);
}

void shellnote_drop(const struct options *o, const uint8_t uuid[16])
{
    char path[PATH_ROOM], text[VL_UUID_TEXT];

    vl_uuid_format(uuid, text);
    path_of(o, text, path);
    unlink(path);
}

int shellnote_hold(const struct options *o, const char *uuid, pid_t *daemon)
{
    char path[PATH_ROOM], text[16];
    ssize_t n;
    int fd;

    path_of(o, uuid, path);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB))
        return vl_fail_errno("%s", path);
    n = read(fd, text, sizeof(text) - 1);
    text[n > 0 ? n : 0] = 0;
    *daemon = (pid_t)strtol(text, NULL, 10);
    return *daemon > 0 ? 0 : vl_fail(-EINVAL, "%s: no process id", path);
}

static void clear_one(int folder, const char *name, const struct vl_domain_list *list,
                      void (*undo)(void *arg, uint32_t domid), void *arg)
{
    uint8_t uuid[16];
    int fd;

    if (!vl_uuid_parse(name, uuid))
        return;
    for (size_t i = 0; i < list->count; i++)
        if (!memcmp(list->all[i].info.handle, uuid, sizeof(uuid)))
            undo(arg, list->all[i].info.domain);
    fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0 && !flock(fd, LOCK_EX | LOCK_NB))
        unlinkat(folder, name, 0);
    if (fd >= 0)
        close(fd);
}

void shellnotes_clear(const struct options *o, const struct vl_domain_list *list,
                      void (*undo)(void *arg, uint32_t domid), void *arg)
{
    char path[PATH_ROOM];
    struct dirent *e;
    DIR *dir;

    path_of(o, "", path);
    dir = opendir(path);
    while (dir && (e = readdir(dir)))
        clear_one(dirfd(dir), e->d_name, list, undo, arg);
    if (dir)
        closedir(dir);
}
