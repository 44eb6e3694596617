/* SPDX-License-Identifier: MIT */
/*
 * Disks on the host: loop devices for files, and the rule that nothing is writable in two places.
 *
 * Lock: /run/xen-hotplug/block, the one that Debian's block script takes; held while a device is checked and entered,
 * so that two guests which are started at once see each other. Its protocol: lock the file, then see whether it is
 * still the file of that name; the owner removes it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/log.h"
#include "device/builtin.h"

#define LOCK_FOLDER "/run/xen-hotplug"
#define LOCK_FILE LOCK_FOLDER "/block"
#define LOOP_TRIES 64

static int take_lock(void)
{
    struct stat ours, named;

    if (mkdir(LOCK_FOLDER, 0755) && errno != EEXIST)
        return -1;
    for (;;) {
        int fd = open(LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

        if (fd < 0)
            return -1;
        while (flock(fd, LOCK_EX))
            if (errno != EINTR) {
                close(fd);
                return -1;
            }
        if (!fstat(fd, &ours) && !stat(LOCK_FILE, &named) && ours.st_ino == named.st_ino &&
            ours.st_dev == named.st_dev)
            return fd;
        close(fd);
    }
}

static void drop_lock(int fd)
{
    if (fd < 0)
        return;
    unlink(LOCK_FILE);
    close(fd);
}

/* A disk while it is brought up: what its nodes say and what it turned out to be. */
struct disk {
    const char *params;
    bool writable, is_file;
    struct stat st;
    char device[300];           /* the block device: the target itself, or its loop device */
    dev_t number;
    int loop;                   /* the loop device while it would go with this process, else -1 */
};

/* Calls `look` with the number of each loop device that is bound to the same file; stops when it returns true. */
static bool each_loop(const struct stat *file, bool (*look)(dev_t loop, void *arg), void *arg)
{
    DIR *dir = opendir("/sys/block");
    struct dirent *e;
    bool found = false;

    while (dir && !found && (e = readdir(dir))) {
        struct loop_info64 info;
        struct stat st;
        char path[300];
        int fd;

        if (strncmp(e->d_name, "loop", 4))
            continue;
        snprintf(path, sizeof(path), "/sys/block/%s/loop/backing_file", e->d_name);
        if (access(path, F_OK))
            continue;
        snprintf(path, sizeof(path), "/dev/%s", e->d_name);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            continue;
        if (!ioctl(fd, LOOP_GET_STATUS64, &info) && info.lo_inode == file->st_ino &&
            info.lo_device == file->st_dev && !fstat(fd, &st))
            found = look(st.st_rdev, arg);
        close(fd);
    }
    if (dir)
        closedir(dir);
    return found;
}

/* Is a block device mounted in a way that stands against this use? Lines of mountinfo: id parent MAJ:MIN root dir options. */
static bool mounted(dev_t number, bool writable)
{
    FILE *f = fopen("/proc/self/mountinfo", "re");
    char *line = NULL;
    size_t room = 0;
    bool found = false;

    while (f && !found && getline(&line, &room, f) > 0) {
        unsigned major_number, minor_number;
        char options[128];

        if (sscanf(line, "%*d %*d %u:%u %*s %*s %127s", &major_number, &minor_number, options) == 3 &&
            makedev(major_number, minor_number) == number)
            found = writable || !strncmp(options, "rw", 2);
    }
    free(line);
    if (f)
        fclose(f);
    return found;
}

/* Who else uses a device: other guests' disks, by the nodes of their back-ends. */
struct search {
    struct vl *vl;
    const struct vl_device *self;
    bool writable;
    char found[160];
};

static bool same_guest(struct vl *vl, struct vl_arena *arena, uint32_t a, const char *b)
{
    char *mine = vl_store_read(vl_store(vl), arena, "/local/domain/%u/vm", a);
    char *other = vl_store_read(vl_store(vl), arena, "/local/domain/%s/vm", b);

    return mine && other && !strcmp(mine, other);
}

static bool in_use(dev_t number, void *arg)
{
    struct search *s = arg;
    struct vl_arena arena = { 0 };
    char mine[24];
    size_t n_doms, n_devs;
    char **doms = vl_store_list(vl_store(s->vl), &arena, &n_doms, "/local/domain/%u/backend/vbd",
                                s->self->backend_domid);

    snprintf(mine, sizeof(mine), "%x:%x", major(number), minor(number));
    if (mounted(number, s->writable))
        snprintf(s->found, sizeof(s->found), "it is mounted here");
    for (size_t i = 0; i < n_doms && !*s->found; i++) {
        char **devs = vl_store_list(vl_store(s->vl), &arena, &n_devs, "/local/domain/%u/backend/vbd/%s",
                                    s->self->backend_domid, doms[i]);

        for (size_t k = 0; k < n_devs && !*s->found; k++) {
            char *phys = vl_store_read(vl_store(s->vl), &arena, "/local/domain/%u/backend/vbd/%s/%s/physical-device",
                                       s->self->backend_domid, doms[i], devs[k]);
            char *mode = vl_store_read(vl_store(s->vl), &arena, "/local/domain/%u/backend/vbd/%s/%s/mode",
                                       s->self->backend_domid, doms[i], devs[k]);

            if (!phys || strcmp(phys, mine) || (!s->writable && mode && *mode != 'w'))
                continue;
            if (strtoul(doms[i], NULL, 10) != s->self->domid && same_guest(s->vl, &arena, s->self->domid, doms[i]))
                continue;
            snprintf(s->found, sizeof(s->found), "domain %.20s uses it", doms[i]);
        }
    }
    vl_arena_free(&arena);
    return *s->found != 0;
}

static int check_sharing(struct vl *vl, const struct vl_device *dev, const struct disk *d)
{
    struct search s = { .vl = vl, .self = dev, .writable = d->writable };

    if (d->is_file)
        each_loop(&d->st, in_use, &s);
    else
        in_use(d->st.st_rdev, &s);
    if (!*s.found)
        return 0;
    return vl_fail(-EBUSY, "disk %u: %s cannot be used %s: %s", dev->devid, d->params,
                   d->writable ? "for writing" : "for reading", s.found);
}

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
    rc = check_sharing(vl, dev, d);
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
        lock = take_lock();
        rc = lock < 0 ? vl_fail_errno(LOCK_FILE) : bring_up(vl, dev, &d);
        drop_lock(lock);
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
        lock = take_lock();
        unbind_loop(node);
        drop_lock(lock);
    }
    vl_arena_free(&arena);
    return 0;
}
