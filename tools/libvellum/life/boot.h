/* SPDX-License-Identifier: MIT */
/*
 * What a guest is started with. Either its configuration names kernel and ramdisk, or it asks for a boot loader: then
 * the kernel is GRUB's PV kernel, which finds the real one on the guest's disks. So nobody in dom0 ever reads a
 * guest's file system: a hostile one meets GRUB inside the guest, with no more rights than the guest has.
 */
#ifndef VL_LIFE_BOOT_H
#define VL_LIFE_BOOT_H

#include "base/arena.h"
#include "config/config.h"

struct vl_boot {
    struct vl_arena arena;
    const char *kernel, *ramdisk, *cmdline;
    const char *variables;      /* for GRUB, NULL: none */
    int fd;                     /* GRUB's image with them in it, or -1 */
};

#define VL_BOOT_NONE { .fd = -1 }       /* nothing chosen yet: may be freed */

/*
 * 0, or a told -errno: a boot loader that we do not have, no disk to boot from, arguments that it cannot take. The
 * kernel's name is good until vl_boot_free, which is due in any case.
 */
int vl_boot_choose(const struct vl_config *config, struct vl_boot *boot);
void vl_boot_free(struct vl_boot *boot);

#endif
