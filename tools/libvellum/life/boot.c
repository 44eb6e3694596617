/* SPDX-License-Identifier: MIT */
#include "life/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/place.h"

#define OURS "pvgrub64"
#define DEBIANS "/usr/lib/grub-xen/grub-x86_64-xen.bin"
#define IMAGE_MAX (64 << 20)
/* How arguments.cfg in OURS begins, and its size (tools/boot/local.mk): a comment of blanks, in whose place the variables go. */
#define PLACE "#vellum-arguments:"
#define PLACE_SIZE 4096

/* pygrub's options that mean something here, and the variable of grub.cfg that each sets. */
static const struct { const char *option, *variable; } options[] = {
    { "--args", "vellum_args" }, { "--kernel", "vellum_kernel" }, { "--ramdisk", "vellum_ramdisk" },
    { "--entry", "vellum_entry" },
};

/* A variable of grub.cfg, in GRUB's words: a quote within quotes is written as one outside of them. */
static int add_variable(struct vl_boot *boot, const char *variable, const char *value)
{
    char *quoted = vl_alloc(&boot->arena, 4 * strlen(value) + 1), *to = quoted;
    const char *c;

    for (c = value; (unsigned char)*c >= ' ' && *c != 127; c++) {
        size_t n = *c == '\'' ? 4 : 1;

        memcpy(to, n == 4 ? "'\\''" : c, n);
        to += n;
    }
    *to = 0;
    if (*c)
        return vl_fail(-EINVAL, "'%.80s': a boot loader's argument cannot hold control characters", value);
    boot->variables = vl_printf(&boot->arena, "%sset %s='%s'\n", boot->variables ? boot->variables : "", variable, quoted);
    return 0;
}

/* The whole of a file, or NULL. */
static char *read_file(struct vl_arena *arena, const char *path, size_t *len)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *data = NULL;
    struct stat st;

    if (fd >= 0 && !fstat(fd, &st) && st.st_size > 0 && st.st_size <= IMAGE_MAX) {
        *len = (size_t)st.st_size;
        data = vl_alloc(arena, *len);
        if (read(fd, data, *len) != (ssize_t)*len)
            data = NULL;
    }
    if (fd >= 0)
        close(fd);
    return data;
}

/* GRUB reads no command line, but a file of its own within the image, which has room for what we have to say. */
static int write_variables(struct vl_boot *boot)
{
    size_t len = 0, said = strlen(boot->variables);
    char *image = read_file(&boot->arena, boot->kernel, &len), *place;

    place = image ? memmem(image, len, PLACE, strlen(PLACE)) : NULL;
    if (!place || (size_t)(image + len - place) < PLACE_SIZE)
        return vl_fail(-ENOTSUP, "%s takes no arguments: they need the GRUB that comes with vellum", boot->kernel);
    if (said > PLACE_SIZE - 2)
        return vl_fail(-E2BIG, "the boot loader's arguments have %zu characters; %d are the most", said, PLACE_SIZE - 2);
    memset(place, ' ', PLACE_SIZE - 1);
    memcpy(place, boot->variables, said);
    place[said] = '#';
    boot->fd = memfd_create(OURS, MFD_CLOEXEC);
    if (boot->fd < 0 || write(boot->fd, image, len) != (ssize_t)len)
        return vl_fail_errno("cannot write the boot loader's arguments");
    boot->kernel = vl_printf(&boot->arena, "/proc/self/fd/%d", boot->fd);
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
    if (!rc && extra)
        rc = add_variable(boot, "vellum_args", extra);
    return rc || !boot->variables ? rc : write_variables(boot);
}

static bool is_pygrub(const char *path)
{
    const char *slash = strrchr(path, '/');

    return !strcmp(slash ? slash + 1 : path, "pygrub");
}

int vl_boot_choose(const struct vl_config *c, struct vl_boot *boot)
{
    char path[PATH_MAX];

    *boot = (struct vl_boot){ .kernel = c->kernel, .ramdisk = c->ramdisk, .cmdline = c->cmdline, .fd = -1 };
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
    if (boot->fd >= 0)
        close(boot->fd);
    boot->fd = -1;
    vl_arena_free(&boot->arena);
}
