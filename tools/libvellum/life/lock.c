/* SPDX-License-Identifier: MIT */
#include "life/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/uuid.h"
#include "life/life.h"

/* Lock a file; it may be removed and made anew while we wait. */
static int lock_file(const char *path)
{
    struct stat ours, named;

    for (;;) {
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

        if (fd < 0)
            return vl_fail_errno("%s", path);
        while (flock(fd, LOCK_EX))
            if (errno != EINTR) {
                close(fd);
                return vl_fail_errno("%s", path);
            }
        if (!fstat(fd, &ours) && !stat(path, &named) && ours.st_ino == named.st_ino && ours.st_dev == named.st_dev)
            return fd;
        close(fd);
    }
}

int vl_domain_lock(struct vl *vl, uint32_t domid)
{
    char path[160], uuid[VL_UUID_TEXT];
    xc_domaininfo_t info;
    int rc = vl_domain_info(vl, domid, &info);

    if (rc)
        return vl_fail(rc, "domain %u has gone", domid);
    vl_uuid_format(info.handle, uuid);
    snprintf(path, sizeof(path), "/var/lib/xen/userdata-l.%u.%s.domain-userdata-lock", domid, uuid);
    return lock_file(path);
}

void vl_domain_unlock(int lock)
{
    if (lock >= 0)
        close(lock);
}
