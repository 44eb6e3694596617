/* SPDX-License-Identifier: MIT */
#include "life/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/uuid.h"
#include "life/life.h"

#define LOOK_MS 20

/* Take the lock within `ms`, or (-1) whenever it comes. 0, -EBUSY, or another -errno, not told. */
static int take(int fd, int ms)
{
    const struct timespec pause = { 0, LOOK_MS * 1000000l };

    for (;;) {
        if (!flock(fd, ms < 0 ? LOCK_EX : LOCK_EX | LOCK_NB))
            return 0;
        if (errno != EINTR && errno != EWOULDBLOCK)
            return -errno;
        if (errno == EWOULDBLOCK && (ms -= LOOK_MS) < 0)
            return -EBUSY;
        if (ms >= 0)
            nanosleep(&pause, NULL);
    }
}

/* Lock a file; it may be removed and made anew while we wait. */
static int lock_file(const char *path, int ms)
{
    struct stat ours, named;

    for (;;) {
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600), rc;

        if (fd < 0)
            return vl_fail_errno("%s", path);
        rc = take(fd, ms);
        if (rc) {
            close(fd);
            return rc == -EBUSY ? rc : vl_fail(rc, "%s: %s", path, strerror(-rc));
        }
        if (!fstat(fd, &ours) && !stat(path, &named) && ours.st_ino == named.st_ino && ours.st_dev == named.st_dev)
            return fd;
        close(fd);
    }
}

static bool is_there(struct vl *vl, uint32_t domid, xc_domaininfo_t *info)
{
    return !vl_domain_info(vl, domid, info) && !(info->flags & XEN_DOMINF_dying);
}

/* A descriptor; -ESRCH and -EBUSY not told. */
static int lock_domain(struct vl *vl, uint32_t domid, int ms)
{
    char path[160], uuid[VL_UUID_TEXT];
    xc_domaininfo_t info;
    int lock;

    if (!is_there(vl, domid, &info))
        return -ESRCH;
    vl_uuid_format(info.handle, uuid);
    snprintf(path, sizeof(path), "/var/lib/xen/userdata-l.%u.%s.domain-userdata-lock", domid, uuid);
    lock = lock_file(path, ms);
    if (lock >= 0 && !is_there(vl, domid, &info)) {     /* destroyed by whoever had the lock, and the file with it */
        unlink(path);
        close(lock);
        return -ESRCH;
    }
    return lock;
}

int vl_domain_lock(struct vl *vl, uint32_t domid)
{
    int lock = lock_domain(vl, domid, -1);

    return lock == -ESRCH ? vl_fail(lock, "domain %u has gone", domid) : lock;
}

int vl_domain_lock_soon(struct vl *vl, uint32_t domid, int seconds)
{
    return lock_domain(vl, domid, seconds * 1000);
}

void vl_domain_unlock(int lock)
{
    if (lock >= 0)
        close(lock);
}
