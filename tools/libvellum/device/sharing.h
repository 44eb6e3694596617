/* SPDX-License-Identifier: MIT */
/*
 * The rule that nothing is writable in two places: a file or block device that one disk writes is no other's, not even to
 * read, and what is mounted here is written by none. Two names are the same thing when they are the same file (by device and
 * inode, so hard links are), the same block device, or loop devices of the same file, whichever kind of back-end has them.
 *
 * Lock: /run/xen-hotplug/block, the one that Debian's block script takes; held while a disk is checked and entered, so that
 * two guests which are started at once see each other. Its protocol: lock the file, then see whether it is still the file of
 * that name; the owner removes it.
 */
#ifndef VL_DEVICE_SHARING_H
#define VL_DEVICE_SHARING_H

#include <stdbool.h>

#include "base/vl.h"
#include "device/device.h"

/* A descriptor, or a told -errno. */
int vl_sharing_lock(void);
/* Also takes what vl_sharing_lock returned when it failed. */
void vl_sharing_unlock(int lock);

/* May this disk have what `path` names? 0, or -EBUSY, told with who uses it. Its own nodes need not be there yet. */
int vl_sharing_check(struct vl *vl, const struct vl_device *disk, const char *path, bool writable);

#endif
