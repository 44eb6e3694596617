/* SPDX-License-Identifier: MIT */
#include "device/sharing.h"

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

#define LOCK_FOLDER "/run/xen-hotplug"
#define LOCK_FILE LOCK_FOLDER "/block"

int vl_sharing_lock(void)
{
    struct stat ours, named;

    if (mkdir(LOCK_FOLDER, 0755) && errno != EEXIST)
        return vl_fail_errno(LOCK_FOLDER);
    for (;;) {
        int fd = open(LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0600), rc;

        if (fd < 0)
            return vl_fail_errno(LOCK_FILE);
        while ((rc = flock(fd, LOCK_EX) ? -errno : 0) == -EINTR)
            ;
        if (!rc && !fstat(fd, &ours) && !stat(LOCK_FILE, &named) && ours.st_ino == named.st_ino &&
            ours.st_dev == named.st_dev)
            return fd;
        close(fd);
        if (rc)
            return vl_fail(rc, "cannot lock %s: %s", LOCK_FILE, strerror(-rc));
    }
}

void vl_sharing_unlock(int lock)
{
    if (lock < 0)
        return;
    unlink(LOCK_FILE);
    close(lock);
}

/* A loop device and the file behind it. */
struct loop {
    dev_t number, device;
    ino_t inode;
};

struct loops {
    struct loop *all;
    size_t n;
};

/* What a disk is made of: a block device, a file, or a loop device and the file behind it. */
struct medium {
    bool is_device, is_file;
    dev_t number;
    dev_t device;
    ino_t inode;
};

static void read_loops(struct vl_arena *arena, struct loops *loops)
{
    DIR *dir = opendir("/sys/block");
    struct dirent *e;

    while (dir && (e = readdir(dir))) {
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
        if (!ioctl(fd, LOOP_GET_STATUS64, &info) && !fstat(fd, &st)) {
            struct loop loop = { st.st_rdev, (dev_t)info.lo_device, (ino_t)info.lo_inode };

            VL_PUSH(arena, loops->all, loops->n, loop);
        }
        close(fd);
    }
    if (dir)
        closedir(dir);
}

static struct medium of_device(const struct loops *loops, dev_t number)
{
    struct medium m = { .is_device = true, .number = number };

    for (size_t i = 0; i < loops->n && !m.is_file; i++)
        if (loops->all[i].number == number) {
            m.is_file = true;
            m.device = loops->all[i].device;
            m.inode = loops->all[i].inode;
        }
    return m;
}

/* Neither of both for what is not there, or is something else. */
static struct medium of_path(const struct loops *loops, const char *path)
{
    struct medium m = { 0 };
    struct stat st;

    if (*path != '/' || stat(path, &st))
        return m;
    if (S_ISBLK(st.st_mode))
        return of_device(loops, st.st_rdev);
    m.is_file = S_ISREG(st.st_mode);
    m.device = st.st_dev;
    m.inode = st.st_ino;
    return m;
}

static bool same(const struct medium *a, const struct medium *b)
{
    return (a->is_file && b->is_file && a->device == b->device && a->inode == b->inode) ||
           (a->is_device && b->is_device && a->number == b->number);
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

/* The device itself, and each loop device of the same file. */
static bool mounted_anyhow(const struct loops *loops, const struct medium *m, bool writable)
{
    bool found = m->is_device && mounted(m->number, writable);

    for (size_t i = 0; i < loops->n && !found; i++) {
        struct medium loop = of_device(loops, loops->all[i].number);

        found = same(&loop, m) && mounted(loop.number, writable);
    }
    return found;
}

static bool same_guest(struct vl *vl, struct vl_arena *arena, uint32_t a, const char *b)
{
    char *mine = vl_store_read(vl_store(vl), arena, "/local/domain/%u/vm", a);
    char *other = vl_store_read(vl_store(vl), arena, "/local/domain/%s/vm", b);

    return mine && other && !strcmp(mine, other);
}

/* What the disk at `base` is made of: by the number that a script has entered, or by the path that a process was given. */
static struct medium of_nodes(struct vl *vl, struct vl_arena *arena, const struct loops *loops, const char *base)
{
    char *number = vl_store_read(vl_store(vl), arena, "%s/physical-device", base);
    char *params = number ? NULL : vl_store_read(vl_store(vl), arena, "%s/params", base);
    char *path = params ? strchr(params, ':') : NULL;
    unsigned major_number, minor_number;

    if (number && sscanf(number, "%x:%x", &major_number, &minor_number) == 2)
        return of_device(loops, makedev(major_number, minor_number));
    /* FORMAT:PATH; a kernel's disk without a number yet has no FORMAT, and finds us when it has its turn with the lock. */
    return path && strstr(base, "/qdisk/") ? of_path(loops, path + 1) : (struct medium){ 0 };
}

/* The guest that uses it, by one kind of back-ends' nodes, or NULL. */
static char *user_of(struct vl *vl, struct vl_arena *arena, const struct vl_device *self, const char *kind,
                     const struct loops *loops, const struct medium *wanted, bool writable)
{
    char *top = vl_printf(arena, "/local/domain/%u/backend/%s", self->backend_domid, kind);
    size_t n_doms, n_devs;
    char **doms = vl_store_list(vl_store(vl), arena, &n_doms, "%s", top);

    for (size_t i = 0; i < n_doms; i++) {
        char **devs = vl_store_list(vl_store(vl), arena, &n_devs, "%s/%s", top, doms[i]);

        for (size_t k = 0; k < n_devs; k++) {
            char *base = vl_printf(arena, "%s/%s/%s", top, doms[i], devs[k]);
            char *mode = vl_store_read(vl_store(vl), arena, "%s/mode", base);
            struct medium has = of_nodes(vl, arena, loops, base);
            bool own = strtoul(doms[i], NULL, 10) == self->domid;

            if (own && strtoul(devs[k], NULL, 10) == self->devid)
                continue;
            if (!same(&has, wanted) || (!writable && mode && *mode != 'w'))
                continue;
            if (own || !same_guest(vl, arena, self->domid, doms[i]))
                return doms[i];
        }
    }
    return NULL;
}

int vl_sharing_check(struct vl *vl, const struct vl_device *disk, const char *path, bool writable)
{
    static const char *const kinds[] = { "vbd", "qdisk" };
    struct vl_arena arena = { 0 };
    struct loops loops = { 0 };
    const char *how = writable ? "for writing" : "for reading";
    struct medium wanted;
    char *user = NULL;
    int rc = 0;

    read_loops(&arena, &loops);
    wanted = of_path(&loops, path);
    if (mounted_anyhow(&loops, &wanted, writable))
        rc = vl_fail(-EBUSY, "disk %u: %s cannot be used %s: it is mounted here", disk->devid, path, how);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && !rc && !user; i++)
        user = user_of(vl, &arena, disk, kinds[i], &loops, &wanted, writable);
    if (user)
        rc = vl_fail(-EBUSY, "disk %u: %s cannot be used %s: domain %.20s uses it", disk->devid, path, how, user);
    vl_arena_free(&arena);
    return rc;
}
