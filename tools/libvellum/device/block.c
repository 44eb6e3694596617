/* SPDX-License-Identifier: MIT */
/* Disks that Linux's back-end serves: loop devices for files. */
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/log.h"
#include "device/builtin.h"
#include "device/sharing.h"

#define LOOP_TRIES 64

/* A disk while it is brought up: what its nodes say and what it turned out to be. */
struct disk {
    const char *params;
    bool writable, is_file;
    struct stat st;
    char device[300];           /* the block device: the target itself, or its loop device */
    dev_t number;
    int loop;                   /* the loop device while it would go with this process, else -1 */
};

/*
 * Bind a free loop device to the file. Another process may take a free one first: then the next. Until it stands in
 * the store it clears itself when we close it, be it because we were killed.
 */
static int bind_loop(struct disk *d)
{
    struct loop_config config = { .fd = 0 };
    int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC), file, rc = -EBUSY;

    if (control < 0)
        return vl_fail_errno("/dev/loop-control");
    file = open(d->params, (d->writable ? O_RDWR : O_RDONLY) | O_CLOEXEC);
    if (file < 0) {
        rc = vl_fail_errno("%s", d->params);
        close(control);
        return rc;
    }
    config.fd = (uint32_t)file;
    config.info.lo_flags = LO_FLAGS_AUTOCLEAR | (d->writable ? 0 : LO_FLAGS_READ_ONLY);
    snprintf((char *)config.info.lo_file_name, sizeof(config.info.lo_file_name), "%s", d->params);
    for (int i = 0; i < LOOP_TRIES && rc == -EBUSY; i++) {
        int n = ioctl(control, LOOP_CTL_GET_FREE), loop;
        struct stat st;

        if (n < 0)
            break;
        snprintf(d->device, sizeof(d->device), "/dev/loop%d", n);
        loop = open(d->device, (d->writable ? O_RDWR : O_RDONLY) | O_CLOEXEC);
        if (loop < 0) {
            rc = -errno;
            break;
        }
        rc = ioctl(loop, LOOP_CONFIGURE, &config) || fstat(loop, &st) ? -errno : 0;
        if (rc) {
            close(loop);
        } else {
            d->number = st.st_rdev;
            d->loop = loop;
        }
    }
    close(file);
    close(control);
    return rc ? vl_fail(rc, "cannot make a loop device for %s: %s", d->params, strerror(-rc)) : 0;
}

/* From here on the loop device stays until it is unbound. */
static void keep_loop(struct disk *d)
{
    struct loop_info64 info;

    if (ioctl(d->loop, LOOP_GET_STATUS64, &info) == 0) {
        info.lo_flags &= ~(uint32_t)LO_FLAGS_AUTOCLEAR;
        if (ioctl(d->loop, LOOP_SET_STATUS64, &info))
            vl_warn("%s: %s", d->device, strerror(errno));
    }
}

static void unbind_loop(const char *device)
{
    int fd = open(device, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return;
    if (ioctl(fd, LOOP_CLR_FD, 0) && errno != ENXIO)
        vl_warn("%s: %s", device, strerror(errno));
    close(fd);
}

static int enter(struct vl *vl, const struct vl_device *dev, const struct disk *d)
{
    struct vl_store *s = vl_store(vl);
    char path[VL_PATH_MAX], number[24];

    vl_backend_path(dev, path);
    snprintf(number, sizeof(number), "%x:%x", major(d->number), minor(d->number));
    vl_store_expect(s, "%s", path);
    if (d->is_file)
        vl_store_write(s, d->device, "%s/node", path);
    vl_store_write(s, d->device, "%s/physical-device-path", path);
    vl_store_write(s, number, "%s/physical-device", path);
    vl_store_write(s, "connected", "%s/hotplug-status", path);
    return vl_store_apply(s);
}

static int bring_up(struct vl *vl, const struct vl_device *dev, struct disk *d)
{
    int rc;

    if (stat(d->params, &d->st))
        return vl_fail_errno("disk %u: %s", dev->devid, d->params);
    d->is_file = S_ISREG(d->st.st_mode);
    if (!d->is_file && !S_ISBLK(d->st.st_mode))
        return vl_fail(-ENOTBLK, "disk %u: %s is neither a file nor a block device", dev->devid, d->params);
    rc = vl_sharing_check(vl, dev, d->params, d->writable);
    if (rc)
        return rc;
    if (d->is_file) {
        rc = bind_loop(d);
    } else {
        snprintf(d->device, sizeof(d->device), "%s", d->params);
        d->number = d->st.st_rdev;
    }
    if (rc)
        return rc;
    rc = enter(vl, dev, d);
    if (d->is_file) {
        if (!rc)
            keep_loop(d);
        close(d->loop);
    }
    return rc;
}

int vl_block_up(struct vl *vl, const struct vl_device *dev)
{
    struct vl_arena arena = { 0 };
    struct disk d = { 0 };
    char path[VL_PATH_MAX], *mode;
    int lock, rc = 0;

    vl_backend_path(dev, path);
    d.params = vl_store_read(vl_store(vl), &arena, "%s/params", path);
    mode = vl_store_read(vl_store(vl), &arena, "%s/mode", path);
    d.writable = mode && *mode == 'w';
    if (d.params && *d.params) {        /* an empty cdrom drive has nothing to bring up */
        lock = vl_sharing_lock();
        rc = lock < 0 ? lock : bring_up(vl, dev, &d);
        vl_sharing_unlock(lock);
    }
    vl_arena_free(&arena);
    return rc;
}

int vl_block_down(struct vl *vl, const struct vl_device *dev)
{
    struct vl_arena arena = { 0 };
    char path[VL_PATH_MAX], *node;
    int lock;

    vl_backend_path(dev, path);
    node = vl_store_read(vl_store(vl), &arena, "%s/node", path);
    if (node && !strncmp(node, "/dev/loop", 9)) {
        lock = vl_sharing_lock();
        unbind_loop(node);
        vl_sharing_unlock(lock);
    }
    vl_arena_free(&arena);
    return 0;
}
