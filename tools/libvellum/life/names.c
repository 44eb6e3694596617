/* SPDX-License-Identifier: MIT */
#include "life/names.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/run-lock.h"
#include "base/store.h"

#define FOLDER "/run/vellum/names"
#define NAME_ROOM 250           /* a file's name may have 255 bytes; longer names have no hint */

int vl_name_lock(const char *name)
{
    uint32_t hash = 2166136261u;

    for (const char *s = name; *s; s++)
        hash = (hash ^ (unsigned char)*s) * 16777619u;
    return vl_run_lock("names", hash, -1);
}

static bool path_of(const char *name, char path[300])
{
    if (strlen(name) > NAME_ROOM || strchr(name, '/'))
        return false;
    snprintf(path, 300, FOLDER "/n-%s", name);
    return true;
}

void vl_name_hint_set(const char *name, uint32_t domid)
{
    char path[300], target[16];

    if (!path_of(name, path))
        return;
    snprintf(target, sizeof(target), "%u", domid);
    for (int i = 0; i < 3 && symlink(target, path); i++) {
        if (errno == EEXIST) {
            unlink(path);
        } else if (errno == ENOENT) {
            mkdir("/run/vellum", 0755);
            mkdir(FOLDER, 0700);
        }
    }
}

uint32_t vl_name_hint(const char *name)
{
    char path[300], target[16], *end;
    unsigned long domid;
    ssize_t n;

    if (!path_of(name, path))
        return VL_NOBODY;
    n = readlink(path, target, sizeof(target) - 1);
    if (n <= 0)
        return VL_NOBODY;
    target[n] = 0;
    domid = strtoul(target, &end, 10);
    return *end || domid >= 0x7ff0 ? VL_NOBODY : (uint32_t)domid;
}

void vl_name_hint_drop(const char *name, uint32_t domid)
{
    char path[300];

    if (vl_name_hint(name) == domid && path_of(name, path))
        unlink(path);
}
