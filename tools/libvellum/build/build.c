/* SPDX-License-Identifier: MIT */
#include "build/build.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "build/guest.h"

static int check_cmdline(const char *cmdline)
{
    size_t len = cmdline ? strlen(cmdline) : 0;

    if (len >= MAX_GUEST_CMDLINE)
        return vl_fail(-EINVAL, "the kernel's command line has %zu characters; a PV guest can be given %d", len,
                       MAX_GUEST_CMDLINE - 1);
    return 0;
}

int vl_build(struct vl *vl, uint32_t domid, const struct vl_build_params *params, struct vl_image *image,
             struct vl_build_result *result)
{
    struct vl_guest g = { .vl = vl, .domid = domid, .params = params, .result = result, .image = image,
                          .elf = image->elf, .nr_pages = params->memory_kb / 4, .ramdisk_fd = -1 };
    static const struct { int (*run)(struct vl_guest *); const char *name; } steps[] = {
        { vl_guest_open_ramdisk, "ramdisk opened" }, { vl_guest_populate, "memory populated" },
        { vl_guest_load, "kernel, ramdisk, P2M loaded" }, { vl_guest_start_pages, "start pages written" },
        { vl_guest_write_tables, "page tables written, pinned" }, { vl_guest_first_vcpu, "first vCPU set" },
    };
    int rc = check_cmdline(params->cmdline);

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && !rc; i++) {
        rc = steps[i].run(&g);
        vl_log_phase(steps[i].name);
    }
    if (g.boot)
        vl_guest_unmap(&g, g.boot, vl_guest_boot_pages(&g));
    if (g.ramdisk_fd >= 0)
        close(g.ramdisk_fd);
    vl_guest_forget(&g);
    return rc;
}
