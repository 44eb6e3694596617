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
