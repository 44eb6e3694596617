/* SPDX-License-Identifier: MIT */
#include "device/pci.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

#define DEVICES "/sys/bus/pci/devices"
#define PCIBACK "/sys/bus/pci/drivers/pciback"

void vl_pci_text(const struct vl_pci_address *a, char text[VL_PCI_TEXT])
{
    snprintf(text, VL_PCI_TEXT, "%04x:%02x:%02x.%01x", a->domain & 0xffff, a->bus & 0xff, a->device & 0x1f,
             a->function & 7);
}

bool vl_pci_address_parse(const char *text, struct vl_pci_address *a)
{
    int n = 0;

    *a = (struct vl_pci_address){ 0 };
    if (sscanf(text, "%4x:%2x:%2x.%1x%n", &a->domain, &a->bus, &a->device, &a->function, &n) != 4) {
        a->domain = 0;
        if (sscanf(text, "%2x:%2x.%1x%n", &a->bus, &a->device, &a->function, &n) != 3)
            return false;
    }
    return !text[n] && a->device < 32 && a->function < 8;
}

static int write_sysfs(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC), rc;

    if (fd < 0)
        return vl_fail_errno("%s", path);
    rc = write(fd, text, strlen(text)) < 0 ? vl_fail_errno("%s: %s", path, text) : 0;
    close(fd);
    return rc;
}

/* The driver that holds a device now: its name in `name`, or "" for none. */
static void driver_of(const char *bdf, char name[64])
{
    char path[128], target[256], *slash;
    ssize_t n;

    *name = 0;
    snprintf(path, sizeof(path), DEVICES "/%s/driver", bdf);
    n = readlink(path, target, sizeof(target) - 1);
    if (n <= 0)
        return;
    target[n] = 0;
    slash = strrchr(target, '/');
    snprintf(name, 64, "%.63s", slash ? slash + 1 : target);
}

/* The store's node of a device that pciback holds: no colons or dots in it, as libxl writes it. */
static void node_of(const struct vl_pci_address *a, char node[64])
{
    snprintf(node, 64, "/libxl/pciback/%04x-%02x-%02x-%01x", a->domain, a->bus, a->device, a->function);
}

int vl_pci_assignable(struct vl *vl, struct vl_arena *arena, struct vl_pci_address **all, size_t *n)
{
    DIR *dir = opendir(PCIBACK);
    struct dirent *e;

    (void)vl;
    *all = NULL;
    *n = 0;
    if (!dir)
        return vl_fail(-ENODEV, "no PCI device can be assigned: the driver xen-pciback is not loaded");
    while ((e = readdir(dir))) {
        struct vl_pci_address a;

        if (vl_pci_address_parse(e->d_name, &a))
            VL_PUSH(arena, *all, *n, a);
    }
    closedir(dir);
    return 0;
}

char *vl_pci_name(struct vl *vl, struct vl_arena *arena, const struct vl_pci_address *a)
{
    char node[64];

    node_of(a, node);
    return vl_store(vl) ? vl_store_read(vl->store, arena, "%s/name", node) : NULL;
}

bool vl_pci_named(struct vl *vl, const char *name, struct vl_pci_address *a)
{
    struct vl_arena arena = { 0 };
    bool found = false;
    size_t n = 0;
    char **nodes = vl_store(vl) ? vl_store_list(vl->store, &arena, &n, "/libxl/pciback") : NULL;

    for (size_t i = 0; i < n && !found; i++) {
        char *its = vl_store_read(vl->store, &arena, "/libxl/pciback/%s/name", nodes[i]);

        found = its && !strcmp(its, name) &&
                sscanf(nodes[i], "%4x-%2x-%2x-%1x", &a->domain, &a->bus, &a->device, &a->function) == 4;
    }
    vl_arena_free(&arena);
    return found;
}

/* Take a device from its driver and give it to another one, which knows it by a slot of its own. */
static int bind(const char *bdf, const char *from, const char *to)
{
    char path[192];
    int rc = 0;

    if (*from) {
        snprintf(path, sizeof(path), "/sys/bus/pci/drivers/%s/unbind", from);
        rc = write_sysfs(path, bdf);
    }
    if (!rc && !strcmp(to, "pciback"))
        rc = write_sysfs(PCIBACK "/new_slot", bdf);
    if (!rc) {
        snprintf(path, sizeof(path), "/sys/bus/pci/drivers/%s/bind", to);
        rc = write_sysfs(path, bdf);
    }
    return rc;
}

static int check_name(struct vl *vl, const char *name)
{
    struct vl_pci_address other;

    if (!*name || strpbrk(name, "/:, \t\n"))
        return vl_fail(-EINVAL, "'%s' is not a name for a device", name);
    return vl_pci_named(vl, name, &other) ? vl_fail(-EEXIST, "another device has the name '%s'", name) : 0;
}

int vl_pci_make_assignable(struct vl *vl, const struct vl_pci_address *a, const char *name)
{
    char bdf[VL_PCI_TEXT], path[64], driver[64], node[64];
    int rc = name ? check_name(vl, name) : 0;

    vl_pci_text(a, bdf);
    node_of(a, node);
    snprintf(path, sizeof(path), DEVICES "/%s", bdf);
    if (rc || !vl_store(vl))
        return rc ? rc : -EIO;
    if (access(path, F_OK))
        return vl_fail(-ENODEV, "there is no PCI device %s", bdf);
    if (access(PCIBACK, F_OK))
        return vl_fail(-ENODEV, "%s cannot be made assignable: the driver xen-pciback is not loaded", bdf);
    driver_of(bdf, driver);
    if (!strcmp(driver, "pciback")) {
        vl_warn("%s is assignable already", bdf);
    } else {
        rc = bind(bdf, driver, "pciback");
        if (rc)
            return rc;
        if (*driver)
            vl_store_write(vl->store, driver, "%s/driver_path", node);
    }
    if (name)
        vl_store_write(vl->store, name, "%s/name", node);
    return vl_store_apply(vl->store);
}

int vl_pci_take_back(struct vl *vl, const struct vl_pci_address *a, bool rebind)
{
    struct vl_arena arena = { 0 };
    char bdf[VL_PCI_TEXT], driver[64], node[64], *old, *slash;
    int rc;

    vl_pci_text(a, bdf);
    node_of(a, node);
    driver_of(bdf, driver);
    if (strcmp(driver, "pciback"))
        return vl_fail(-ENODEV, "%s is not assignable", bdf);
    if (!vl_store(vl))
        return -EIO;
    rc = write_sysfs(PCIBACK "/unbind", bdf);
    if (!rc)
        rc = write_sysfs(PCIBACK "/remove_slot", bdf);
    old = vl_store_read(vl->store, &arena, "%s/driver_path", node);
    slash = old ? strrchr(old, '/') : NULL;     /* libxl keeps the driver's whole path */
    if (!rc && rebind && old)
        rc = bind(bdf, "", slash ? slash + 1 : old);
    else if (!rc && rebind)
        vl_warn("%s had no driver before", bdf);
    vl_store_rm(vl->store, "%s", node);
    if (vl_store_apply(vl->store))
        rc = -EIO;
    vl_arena_free(&arena);
    return rc;
}

int vl_pci_of_domain(struct vl *vl, struct vl_arena *arena, uint32_t domid, struct vl_pci_owned **all, size_t *n)
{
    long count;

    *all = NULL;
    *n = 0;
    if (!vl_store(vl))
        return -EIO;
    count = vl_store_read_number(vl->store, 1024, "/local/domain/0/backend/pci/%u/0/num_devs", domid);
    for (long i = 0; i < count; i++) {
        char *bdf = vl_store_read(vl->store, arena, "/local/domain/0/backend/pci/%u/0/dev-%ld", domid, i);
        char *slot = vl_store_read(vl->store, arena, "/local/domain/0/backend/pci/%u/0/vdevfn-%ld", domid, i);
        struct vl_pci_owned p = { .vslot = slot ? (int)strtol(slot, NULL, 16) : -1 };

        if (bdf && vl_pci_address_parse(bdf, &p.address))
            VL_PUSH(arena, *all, *n, p);
    }
    return 0;
}

int vl_pci_supported(struct vl *vl)
{
    xc_physinfo_t info;

    if (!vl_xc(vl) || xc_physinfo(vl->xc, &info))
        return vl_fail_errno("cannot read what the host is");
    if (!(info.capabilities & XEN_SYSCTL_PHYSCAP_directio))
        return vl_fail(-EOPNOTSUPP, "PCI devices cannot be handed to guests here: the hypervisor drives no IOMMU "
                       "(virt_caps of 'xl info' lacks pv_directio)");
    return vl_fail(-EOPNOTSUPP, "handing PCI devices to guests is not supported");
}
