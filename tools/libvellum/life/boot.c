/* SPDX-License-Identifier: MIT */
#include "life/boot.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/place.h"

#define OURS "pvgrub64"
#define DEBIANS "/usr/lib/grub-xen/grub-x86_64-xen.bin"

/* pygrub's options that mean something here, and the variable of grub.cfg that each sets. */
static const struct { const char *option, *variable; } options[] = {
    { "--args", "vellum_args" }, { "--kernel", "vellum_kernel" }, { "--ramdisk", "vellum_ramdisk" },
    { "--entry", "vellum_entry" },
};

/* GRUB takes variables from a PV kernel's command line by this prefix, in quotes when they hold spaces. */
static int add_variable(struct vl_boot *boot, const char *variable, const char *value)
{
    if (strpbrk(value, "\"\\\n"))
        return vl_fail(-EINVAL, "'%.80s': a boot loader's argument cannot hold quotes or backslashes", value);
    boot->cmdline = vl_printf(&boot->arena, "%s%sxen_grub_env_%s=\"%s\"", boot->cmdline ? boot->cmdline : "",
                              boot->cmdline ? " " : "", variable, value);
    return 0;
}

/* pygrub's -q, -i and -n have no meaning where GRUB itself shows the menu. */
static int add_arguments(const struct vl_config *c, struct vl_boot *boot)
{
    const char *extra = c->cmdline;
    int rc = 0;

    for (size_t i = 0; i < c->n_bootloader_args && !rc; i++) {
        const char *arg = c->bootloader_args[i];
        size_t n = 0, len = strcspn(arg, "=");

        while (n < sizeof(options) / sizeof(options[0]) &&
               (strlen(options[n].option) != len || strncmp(arg, options[n].option, len)))
            n++;
        if (n < sizeof(options) / sizeof(options[0]) && arg[len]) {
            if (!strcmp(options[n].variable, "vellum_args"))
                extra = extra ? vl_printf(&boot->arena, "%s %s", arg + len + 1, extra) : arg + len + 1;
            else
                rc = add_variable(boot, options[n].variable, arg + len + 1);
        } else if (arg[0] != '-' || arg[1] == '-') {
            vl_warn("bootloader_args: '%.80s' has no meaning here", arg);
        }
    }
    return rc || !extra ? rc : add_variable(boot, "vellum_args", extra);
}

static bool is_pygrub(const char *path)
{
    const char *slash = strrchr(path, '/');

    return !strcmp(slash ? slash + 1 : path, "pygrub");
}

int vl_boot_choose(const struct vl_config *c, struct vl_boot *boot)
{
    char path[PATH_MAX];

    *boot = (struct vl_boot){ .kernel = c->kernel, .ramdisk = c->ramdisk, .cmdline = c->cmdline };
    if (c->kernel)
        return 0;
    if (c->bootloader && !is_pygrub(c->bootloader))
        return vl_fail(-ENOTSUP, "bootloader \"%s\": only \"pygrub\" is supported (GRUB inside the guest)", c->bootloader);
    if (!c->bootloader && c->firmware && strcmp(c->firmware, "pvgrub64"))
        return vl_fail(-ENOTSUP, "firmware \"%s\": only \"pvgrub64\" is supported", c->firmware);
    if (!c->n_disks)
        return vl_fail(-EINVAL, "%s has no disk to boot from", c->name);
    if (vl_installed(OURS, path))
        snprintf(path, sizeof(path), DEBIANS);
    if (access(path, R_OK))
        return vl_fail(-ENOENT, "%s: the boot loader's kernel is not installed", path);
    boot->kernel = vl_strdup(&boot->arena, path);
    boot->ramdisk = boot->cmdline = NULL;
    return add_arguments(c, boot);
}

void vl_boot_free(struct vl_boot *boot)
{
    vl_arena_free(&boot->arena);
}
