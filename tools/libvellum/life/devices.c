/* SPDX-License-Identifier: MIT */
#include "life/devices.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/guard.h"
#include "base/log.h"
#include "life/lock.h"
#include "life/userdata.h"

/* The kept configuration of a domain; NULL when there is none, as for domains that something else has made. */
static struct vl_config *kept(struct vl *vl, uint32_t domid)
{
    xc_domaininfo_t info;

    return vl_domain_info(vl, domid, &info) ? NULL : vl_userdata_load(domid, info.handle);
}

static bool has_device(struct vl *vl, uint32_t domid, int class, unsigned devid, struct vl_device *dev)
{
    struct vl_arena arena = { 0 };
    struct vl_device *devs;
    bool found = false;
    size_t n;

    devs = vl_devices_find(vl, &arena, domid, class, &n);
    for (size_t i = 0; i < n && !found; i++)
        if (devs[i].devid == devid) {
            *dev = devs[i];
            found = true;
        }
    vl_arena_free(&arena);
    return found;
}

/* A disk or interface in the kept configuration: first without one of its number, then with the new one. */
static int keep_disk(struct vl *vl, uint32_t domid, unsigned devid, struct vl_disk *disk)
{
    struct vl_config *c = kept(vl, domid);
    size_t n = 0;
    int rc = 0;

    if (!c)
        return 0;
    for (size_t i = 0; i < c->n_disks; i++)
        if (c->disks[i]->devid != devid)
            c->disks[n++] = c->disks[i];
    c->n_disks = n;
    if (disk)
        VL_PUSH(&c->arena, c->disks, c->n_disks, disk);
    rc = vl_userdata_save(domid, c);
    vl_config_free(c);
    return rc;
}

static int keep_vif(struct vl *vl, uint32_t domid, unsigned devid, struct vl_vif *vif)
{
    struct vl_config *c = kept(vl, domid);
    size_t n = 0;
    int rc = 0;

    if (!c)
        return 0;
    for (size_t i = 0; i < c->n_vifs; i++)
        if (c->vifs[i]->devid != (int)devid)
            c->vifs[n++] = c->vifs[i];
    c->n_vifs = n;
    if (vif)
        VL_PUSH(&c->arena, c->vifs, c->n_vifs, vif);
    rc = vl_userdata_save(domid, c);
    vl_config_free(c);
    return rc;
}

int vl_domain_attach_disk(struct vl *vl, uint32_t domid, struct vl_disk *disk)
{
    struct vl_device dev;
    int lock = vl_store(vl) ? vl_domain_lock(vl, domid) : -EIO, rc = lock < 0 ? lock : 0;

    if (!rc && has_device(vl, domid, VL_DEV_VBD, disk->devid, &dev))
        rc = vl_fail(-EEXIST, "domain %u has a disk %s already", domid, disk->vdev);
    if (!rc)
        rc = vl_guard_start_device("block-detach", domid, disk->devid, true);
    if (!rc)
        rc = vl_disk_plug(vl, domid, disk);
    if (!rc)
        rc = keep_disk(vl, domid, disk->devid, disk);
    vl_guard_dismiss();
    vl_domain_unlock(lock);
    return rc;
}

static int free_vif(struct vl *vl, uint32_t domid)
{
    struct vl_device dev;
    unsigned devid = 0;

    while (has_device(vl, domid, VL_DEV_VIF, devid, &dev))
        devid++;
    return (int)devid;
}

int vl_domain_attach_vif(struct vl *vl, uint32_t domid, struct vl_vif *vif)
{
    struct vl_device dev;
    int lock = vl_store(vl) ? vl_domain_lock(vl, domid) : -EIO, rc = lock < 0 ? lock : 0;

    if (!rc && vif->devid == VL_UNSET)
        vif->devid = free_vif(vl, domid);
    else if (!rc && has_device(vl, domid, VL_DEV_VIF, (unsigned)vif->devid, &dev))
        rc = vl_fail(-EEXIST, "domain %u has a network interface %d already", domid, vif->devid);
    if (!rc)
        rc = vl_guard_start_device("network-detach", domid, (unsigned)vif->devid, true);
    if (!rc)
        rc = vl_vif_plug(vl, domid, vif);
    if (!rc)
        rc = keep_vif(vl, domid, (unsigned)vif->devid, vif);
    vl_guard_dismiss();
    vl_domain_unlock(lock);
    return rc;
}

int vl_domain_detach(struct vl *vl, const struct vl_device *dev, bool force)
{
    int lock = vl_domain_lock(vl, dev->domid), rc = lock < 0 ? lock : 0;

    if (!rc)
        rc = vl_guard_start_device(dev->class == VL_DEV_VBD ? "block-detach" : "network-detach", dev->domid, dev->devid, false);
    if (!rc)
        rc = vl_device_unplug(vl, dev, force);
    if (lock >= 0 && (!rc || force)) {
        if (dev->class == VL_DEV_VBD)
            keep_disk(vl, dev->domid, dev->devid, NULL);
        else if (dev->class == VL_DEV_VIF)
            keep_vif(vl, dev->domid, dev->devid, NULL);
    }
    vl_guard_dismiss();
    vl_domain_unlock(lock);
    return rc;
}

int vl_domain_find_disk(struct vl *vl, uint32_t domid, const char *text, struct vl_device *dev)
{
    long devid = vl_vdev_number(text);

    if (devid < 0)
        return vl_fail(-EINVAL, "'%s' is not a virtual device (xvda, 51712 …)", text);
    if (!vl_store(vl))
        return -EIO;
    return has_device(vl, domid, VL_DEV_VBD, (unsigned)devid, dev) ? 0
        : vl_fail(-ENOENT, "domain %u has no disk '%s'", domid, text);
}

int vl_domain_find_vif(struct vl *vl, uint32_t domid, const char *text, struct vl_device *dev)
{
    struct vl_arena arena = { 0 };
    struct vl_device *devs;
    bool by_mac = strlen(text) == 17, found = false;
    unsigned long devid;
    size_t n;
    char *end;

    if (!vl_store(vl))
        return -EIO;
    devid = strtoul(text, &end, 10);
    if (!by_mac && (!isdigit((unsigned char)*text) || *end))
        return vl_fail(-EINVAL, "'%s' is neither the number nor the MAC address of an interface", text);
    devs = vl_devices_find(vl, &arena, domid, VL_DEV_VIF, &n);
    for (size_t i = 0; i < n && !found; i++) {
        char path[VL_PATH_MAX], *mac;

        vl_libxl_path(&devs[i], path);
        mac = by_mac ? vl_store_read(vl->store, &arena, "%s/mac", path) : NULL;
        found = by_mac ? mac && !strcasecmp(mac, text) : devs[i].devid == devid;
        *dev = devs[i];
    }
    vl_arena_free(&arena);
    return found ? 0 : vl_fail(-ENOENT, "domain %u has no network interface '%s'", domid, text);
}
