/* SPDX-License-Identifier: MIT */
#include "base/run-lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

#define PARENT "/run/vellum"
#define FOLDER PARENT "/locks"
#define LOOK_MS 10

static const char *folder = FOLDER;

void vl_run_lock_folder(const char *other)
{
    folder = other ? other : FOLDER;
}

/* The folder, made if need be; -errno, told, for one that others can write in. */
static int open_folder(void)
{
    struct stat st;
    int fd;

    if (mkdir(folder, 0700) && errno == ENOENT) {
        mkdir(PARENT, 0755);
        mkdir(folder, 0700);
    }
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return vl_fail_errno("%s", folder);
    if (fstat(fd, &st) || st.st_uid != geteuid() || st.st_mode & 022) {
        close(fd);
        return vl_fail(-EPERM, "%s: others can write in it, so locks there keep nobody out", folder);
    }
    return fd;
}

int vl_run_lock(const char *name, uint32_t which, int patience_ms)
{
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = which, .l_len = 1 };
    const struct timespec pause = { 0, LOOK_MS * 1000000l };
    bool waits = patience_ms < 0;
    int at = open_folder(), fd, rc;

    if (at < 0)
        return at;
    fd = openat(at, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    rc = fd < 0 ? vl_fail_errno("%s/%s", folder, name) : 0;
    close(at);
    if (rc)
        return rc;
    while ((rc = fcntl(fd, waits ? F_OFD_SETLKW : F_OFD_SETLK, &lock) ? -errno : 0)) {
        if (rc == -EINTR)
            continue;
        if ((rc != -EAGAIN && rc != -EACCES) || (patience_ms -= LOOK_MS) < 0)
            break;
        nanosleep(&pause, NULL);
    }
    if (!rc)
        return fd;
    close(fd);
    return rc == -EAGAIN || rc == -EACCES ? -EBUSY : vl_fail(rc, "cannot lock %s/%s: %s", folder, name, strerror(-rc));
}
