/* SPDX-License-Identifier: MIT */
#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "common/log.h"
#include "server.h"

/* The words for formats, and what qemu-nbd calls them; NULL: raw. */
static const struct { const char *name, *qemu; } formats[] = {
    { "raw", NULL }, { "aio", NULL }, { "phy", NULL }, { "file", NULL }, { "host_device", NULL }, { "qcow2", "qcow2" },
    { "qcow", "qcow" }, { "qed", "qed" }, { "vmdk", "vmdk" }, { "vdi", "vdi" }, { "vhd", "vpc" }, { "vpc", "vpc" },
    { "vhdx", "vhdx" }, { "gzip", "gzip" }, { "xz", "xz" }, { "auto", "auto" },
};

/* "qcow2:/x" → "qcow2" and "/x". A word before a colon that is no format belongs to the target. */
static const char *split(const char *params, const char **qemu)
{
    size_t n = strcspn(params, ":");

    *qemu = NULL;
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
        if (params[n] == ':' && strlen(formats[i].name) == n && !strncasecmp(params, formats[i].name, n)) {
            *qemu = formats[i].qemu;
            return params + n + 1;
        }
    return params;
}

/* Formats by their first bytes; only when asked for. */
static const char *guess(int fd)
{
    static const struct { unsigned at, len; const char *bytes, *qemu; } marks[] = {
        { 0, 4, "QFI\xfb", "qcow2" }, { 0, 4, "QED\0", "qed" }, { 0, 4, "KDMV", "vmdk" }, { 0, 4, "COWD", "vmdk" },
        { 64, 4, "\x7f\x10\xda\xbe", "vdi" }, { 0, 8, "vhdxfile", "vhdx" }, { 0, 8, "conectix", "vpc" },
        { 0, 2, "\x1f\x8b", "gzip" }, { 0, 6, "\xfd" "7zXZ\0", "xz" }, { 0, 20, "# Disk DescriptorFile", "vmdk" },
    };
    char head[512] = "";
    ssize_t n = pread(fd, head, sizeof(head), 0);

    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
        if (n >= (ssize_t)(marks[i].at + marks[i].len) && !memcmp(head + marks[i].at, marks[i].bytes, marks[i].len)) {
            if (!strcmp(marks[i].qemu, "qcow2") && head[7] == 1)
                return "qcow";
            return marks[i].qemu;
        }
    return NULL;
}

/* Direct where the storage can, since dom0's page cache is no place for guests' disks. */
static int open_file(struct image *i, const char *path, const struct image_options *o)
{
    int flags = (i->readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC;
    struct statfs fs;
    struct stat st;

    i->fd = open(path, flags);
    if (i->fd < 0)
        return -errno;
    /* Of a device's node this says where the node is. */
    if (!fstat(i->fd, &st) && S_ISREG(st.st_mode) && !fstatfs(i->fd, &fs) && (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC)) {
        i->synchronous = true;
        return 0;
    }
    if (!o->buffered && !fcntl(i->fd, F_SETFL, fcntl(i->fd, F_GETFL) | O_DIRECT))
        i->direct = true;
    return 0;
}

/* One writer, or readers only: between all our daemons, by a lock on the file itself, which ends with us. */
static int lock_file(struct image *i)
{
    if (!flock(i->fd, (i->readonly ? LOCK_SH : LOCK_EX) | LOCK_NB))
        return 0;
    return errno == EWOULDBLOCK ? -EBUSY : 0;
}

static int open_raw(struct image *i, const char *path, const struct image_options *o, char why[256])
{
    struct stat st;
    int rc = open_file(i, path, o), sector = 512;

    if (rc) {
        snprintf(why, 256, "%s: %s", path, strerror(-rc));
        return rc;
    }
    if (fstat(i->fd, &st) || (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))) {
        snprintf(why, 256, "%s is neither a file nor a block device", path);
        return -EINVAL;
    }
    rc = lock_file(i);
    if (rc) {
        snprintf(why, 256, "%s: another guest uses it, and one of the two writes", path);
        return rc;
    }
    i->medium = BLK_FILE;
    i->block_device = S_ISBLK(st.st_mode);
    if (i->block_device && ioctl(i->fd, BLKSSZGET, &sector))
        sector = 512;
    i->sector_size = (uint32_t)sector;
    i->bytes = image_size(i);
    if (!i->bytes) {
        snprintf(why, 256, "%s holds less than a sector", path);
        return -EINVAL;
    }
    return 0;
}

uint64_t image_size(const struct image *i)
{
    uint64_t bytes = 0;
    struct stat st;

    if (i->medium != BLK_FILE)
        return i->bytes;
    if (i->block_device)
        return ioctl(i->fd, BLKGETSIZE64, &bytes) ? i->bytes : bytes;
    return fstat(i->fd, &st) ? i->bytes : (uint64_t)st.st_size & ~511ull;
}

int image_open(struct image *i, const char *params, bool readonly, const struct image_options *o, char why[256])
{
    const char *format, *target = split(params, &format);
    int rc;

    *i = (struct image){ .fd = -1, .words = -1, .readonly = readonly, .sector_size = 512 };
    if (!*target) {
        i->medium = BLK_EMPTY;
        return 0;
    }
    if (format && !strcmp(format, "auto")) {
        int fd = open(target, O_RDONLY | O_NONBLOCK | O_CLOEXEC);     /* a FIFO is not waited for */

        format = fd < 0 ? NULL : guess(fd);
        if (fd >= 0)
            close(fd);
        /* Its guest could write another format's first bytes to it, and name any file of the folder as its base. */
        if (!format && fd >= 0 && !readonly) {
            snprintf(why, 256, "%.150s has no known format's first bytes; one that may be written has to be said to be raw", target);
            return -EINVAL;
        }
    }
    if (*target == '/' && !format)
        rc = open_raw(i, target, o, why);
    else
        rc = server_open(i, format, target, o, why);
    if (rc)
        image_close(i);
    return rc;
}

void image_close(struct image *i)
{
    server_stop(i);
    if (i->fd >= 0)
        close(i->fd);
    i->fd = -1;
    i->medium = BLK_EMPTY;
}
