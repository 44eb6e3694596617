/* SPDX-License-Identifier: MIT */
#include "base/place.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int vl_installed(const char *name, char *path)
{
    const char *other = getenv("VELLUM_LIB");
    char here[PATH_MAX / 2], *slash;
    ssize_t n = readlink("/proc/self/exe", here, sizeof(here) - 1);

    here[n > 0 ? n : 0] = 0;
    slash = strrchr(here, '/');
    if (slash)
        *slash = 0;
    if (other)
        snprintf(path, PATH_MAX, "%s/%s", other, name);
    else
        snprintf(path, PATH_MAX, "%s/../lib/%s", here, name);
    if (access(path, R_OK) && !other)
        snprintf(path, PATH_MAX, "%s/../lib/vellum/%s", here, name);
    return access(path, R_OK) ? -ENOENT : 0;
}

int vl_program(const char *name, char *path)
{
    ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);
    char *slash;

    path[n > 0 ? n : 0] = 0;
    slash = strrchr(path, '/');
    if (slash && strcmp(slash + 1, name))
        snprintf(slash + 1, (size_t)(path + PATH_MAX - slash - 1), "%s", name);
    if (!slash || access(path, X_OK))
        snprintf(path, PATH_MAX, "/usr/sbin/%s", name);
    return access(path, X_OK) ? -ENOENT : 0;
}
