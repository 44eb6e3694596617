/* SPDX-License-Identifier: MIT */
/* Devices come here: nodes, back-ends' states, scripts, in the order that Linux's back-ends expect. */
#include "device/attach.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <xen/io/xenbus.h>

#include "base/log.h"
#include "config/hostconf.h"
#include "device/builtin.h"
#include "device/daemon.h"
#include "device/hotplug.h"
#include "device/sharing.h"

void vl_script_path(const char *script, const char *fallback, char out[256])
{
    const char *name = script ? script : fallback;

    snprintf(out, 256, strchr(name, '/') ? "%s" : VL_SCRIPT_DIR "/%s", name);
}

/* A domain by number or name, for `backend=`; the host's domain when there is none. */
static int backend_domain(struct vl *vl, const struct vl_place *place, const char *name, uint32_t *domid)
{
    struct vl_arena arena = { 0 };
    size_t n = 0;
    char **ids, *text, *end;
    int rc = -ESRCH;

    *domid = 0;
    if (!name)
        return 0;
    ids = vl_store_list(vl_store(vl), &arena, &n, "/local/domain");
    for (size_t i = 0; i < n && rc; i++) {
        text = vl_store_read(vl_store(vl), &arena, "/local/domain/%s/name", ids[i]);
        if (strcmp(ids[i], name) && (!text || strcmp(text, name)))
            continue;
        *domid = (uint32_t)strtoul(ids[i], &end, 10);
        rc = *end ? rc : 0;
    }
    vl_arena_free(&arena);
    return rc ? vl_place_error(place, "there is no domain '%s' for the back-end", name) : 0;
}

/* The path of a disk without a script: names that do not start at the root are in /dev. */
static void disk_path(const struct vl_disk *disk, char path[VL_STORE_VALUE_MAX])
{
    if (disk->target && vl_disk_is_address(disk))
        snprintf(path, VL_STORE_VALUE_MAX, "%s", disk->target);
    else
        snprintf(path, VL_STORE_VALUE_MAX, "%s%s", disk->script || !disk->target || *disk->target == '/' ? "" : "/dev/",
             disk->target ? disk->target : "");
}

/* A raw disk's target must be there: a file or a block device that can be opened as asked. */
static int check_target(const struct vl_disk *disk, const char *path)
{
    struct stat st;

    if (disk->script || !disk->target || disk->backend_domain || vl_disk_is_address(disk))
        return 0;
    if (stat(path, &st)) {
        int err = errno;

        return vl_place_error(&disk->place, "disk %s: %s: %s", disk->vdev, path, strerror(err));
    }
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
        return vl_place_error(&disk->place, "disk %s: %s is neither a file nor a block device", disk->vdev,
                              path);
    return 0;
}

int vl_vbd_queue(struct vl *vl, uint32_t domid, const struct vl_disk *disk, struct vl_device *dev)
{
    struct vl_nodes n;
    char script[256], path[VL_STORE_VALUE_MAX];

    disk_path(disk, path);
    *dev = (struct vl_device){ VL_DEV_VBD, domid, 0, disk->devid, vl_disk_by_process(disk) };
    if (backend_domain(vl, &disk->place, disk->backend_domain, &dev->backend_domid) || check_target(disk, path))
        return -EINVAL;
    if (disk->backend == VL_BACKEND_TAP || disk->backend == VL_BACKEND_STANDALONE || (dev->process && disk->script))
        return vl_place_error(&disk->place, "disk %s: only the back-end types phy and qdisk are supported, and a script only with phy",
                              disk->vdev);
    vl_script_path(disk->script, "block", script);
    vl_nodes_begin(&n, vl_store(vl), dev);
    if (dev->process && *path)
        vl_node_back(&n, "params", "%s:%s", vl_disk_format_names[disk->format], path);
    else
        vl_node_back(&n, "params", "%s", path);
    if (!dev->process)
        vl_node_back(&n, "script", "%s", script);
    if (disk->script)
        vl_store_write(n.store, "1", "%s/asked-script", n.libxl);
    vl_node_back(&n, "removable", "%d", disk->cdrom);
    vl_node_back(&n, "bootable", "1");
    vl_node_back(&n, "dev", "%s", disk->vdev);
    vl_node_back(&n, "type", dev->process ? "qdisk" : "phy");
    vl_node_back(&n, "mode", "%c", disk->readonly ? 'r' : 'w');
    vl_node_back(&n, "device-type", "%s", disk->cdrom ? "cdrom" : "disk");
    vl_node_back(&n, "discard-enable", "%d", !disk->no_discard);
    vl_node_back(&n, "specification", "xen");
    if (disk->limit_iops)
        vl_node_back(&n, "limit-iops", "%u", disk->limit_iops);
    if (disk->limit_bytes)
        vl_node_back(&n, "limit-bytes", "%llu", (unsigned long long)disk->limit_bytes);
    vl_node_front(&n, "state", "%d", XenbusStateInitialising);
    vl_node_front(&n, "virtual-device", "%u", disk->devid);
    vl_node_front(&n, "device-type", "%s", disk->cdrom ? "cdrom" : "disk");
    vl_node_front(&n, "trusted", "%d", !disk->untrusted);
    vl_node_front(&n, "protocol", "x86_64-abi");
    return 0;
}

#define DEFAULT_MTU 1500

int vl_vif_queue(struct vl *vl, uint32_t domid, const struct vl_vif *vif, struct vl_device *dev)
{
    const struct vl_hostconf *conf = vl_hostconf();
    const char *bridge = vif->bridge ? vif->bridge : conf->vif_bridge ? conf->vif_bridge : VL_DEFAULT_BRIDGE;
    const char *gatewaydev = vif->gatewaydev ? vif->gatewaydev : conf->vif_gatewaydev;
    struct vl_nodes n;
    char script[256], mac[18];

    *dev = (struct vl_device){ VL_DEV_VIF, domid, 0, (unsigned)vif->devid, vif->process };
    if (backend_domain(vl, &vif->place, vif->backend_domain ? vif->backend_domain : conf->vif_backend,
                       &dev->backend_domid))
        return -EINVAL;
    vl_script_path(vif->script, conf->vif_script ? conf->vif_script : "vif-bridge", script);
    snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", vif->mac[0], vif->mac[1], vif->mac[2], vif->mac[3],
             vif->mac[4], vif->mac[5]);
    vl_nodes_begin(&n, vl_store(vl), dev);
    if (vif->vifname)
        vl_node_back(&n, "vifname", "%s", vif->vifname);
    vl_node_back(&n, "script", "%s", script);
    if (vif->script)
        vl_store_write(n.store, "1", "%s/asked-script", n.libxl);
    vl_node_back(&n, "mac", "%s", mac);
    if (vif->ip)
        vl_node_back(&n, "ip", "%s", vif->ip);
    if (vif->rate_bytes)
        vl_node_back(&n, "rate", "%llu,%u", (unsigned long long)vif->rate_bytes, vif->rate_usecs);
    if (vif->antispoof != VL_ANTISPOOF_UNSET)
        vl_node_back(&n, "antispoof", "%s", vl_antispoof_names[vif->antispoof]);
    if (gatewaydev)
        vl_node_back(&n, "gatewaydev", "%s", gatewaydev);
    vl_node_back(&n, "bridge", "%s", bridge);
    if (vif->mtu)
        vl_node_back(&n, "mtu", "%d", vif->mtu);
    vl_node_back(&n, "handle", "%d", vif->devid);
    vl_node_back(&n, "type", "vif");
    vl_node_back(&n, "hotplug-status", "%s", "");
    vl_node_front(&n, "state", "%d", XenbusStateInitialising);
    vl_node_front(&n, "handle", "%d", vif->devid);
    vl_node_front(&n, "mac", "%s", mac);
    vl_node_front(&n, "trusted", "%d", !vif->untrusted);
    vl_node_front(&n, "mtu", "%d", vif->mtu ? vif->mtu : DEFAULT_MTU);
    vl_store_perms(n.store, 0, domid, "%s/mtu", n.frontend);
    return 0;
}

/* Is this one of the two scripts whose work we do ourselves? A configuration that names them gets them. */
static bool builtin(struct vl_arena *arena, struct vl *vl, const struct vl_device *dev, const char *base,
                    const char *script)
{
    if (strcmp(script, dev->class == VL_DEV_VBD ? VL_SCRIPT_DIR "/block" : VL_SCRIPT_DIR "/vif-bridge"))
        return false;
    return !vl_store_read(vl_store(vl), arena, "%s/asked-script", base);
}

int vl_device_script(struct vl *vl, const struct vl_device *dev, const char *base, bool up, bool quiet)
{
    struct vl_arena arena = { 0 };
    char name[32], *script, *gatewaydev;
    int rc = 0;

    script = dev->class == VL_DEV_VBD || dev->class == VL_DEV_VIF
        ? vl_store_read(vl_store(vl), &arena, "%s/script", base) : NULL;
    if (!script || !*script) {
        rc = 0;
    } else if (builtin(&arena, vl, dev, base, script)) {
        if (dev->class == VL_DEV_VBD)
            rc = up ? vl_block_up(vl, dev) : vl_block_down(vl, dev);
        else
            rc = up ? vl_bridge_up(vl, dev) : vl_bridge_down(vl, dev);
    } else if (dev->class == VL_DEV_VBD) {
        rc = vl_hotplug_run(vl, dev, script, up ? "add" : "remove", NULL, NULL, quiet);
    } else {
        snprintf(name, sizeof(name), "vif%u.%u", dev->domid, dev->devid);
        gatewaydev = vl_store_read(vl_store(vl), &arena, "%s/gatewaydev", base);
        rc = vl_hotplug_run(vl, dev, script, up ? "online" : "offline", name, gatewaydev, quiet);
    }
    vl_arena_free(&arena);
    return rc;
}

int vl_device_run_script(struct vl *vl, const struct vl_device *dev, bool up, bool quiet)
{
    char libxl[VL_PATH_MAX];

    if (dev->backend_domid || !vl_hostconf()->run_hotplug_scripts)
        return 0;
    vl_libxl_path(dev, libxl);
    return vl_device_script(vl, dev, libxl, up, quiet);
}

/* A process may have to start a server for each image, one after the other. */
static int seconds_to_come(const struct vl_device *devs, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (devs[i].process)
            return VL_HOTPLUG_SECONDS;
    return VL_STATE_SECONDS;
}

/* A guest that runs already connects at once: nobody has to have seen its back-end wait for it. */
#define HAS_COME (VL_STATE(XenbusStateInitWait) | VL_STATE(XenbusStateInitialised) | VL_STATE(XenbusStateConnected))

static int bring_up(struct vl *vl, const struct vl_device *devs, size_t n)
{
    int rc = vl_daemons_start(vl, devs, n), seconds = seconds_to_come(devs, n);

    if (!rc)
        rc = vl_wait_backends(vl, devs, n, HAS_COME | VL_STATE(XenbusStateClosed), seconds);
    for (size_t i = 0; i < n && !rc; i++)
        rc = vl_daemon_error(vl, &devs[i]);
    for (size_t i = 0; i < n && rc == -ETIMEDOUT; i++)
        if (!(HAS_COME & VL_STATE(vl_backend_state(vl, &devs[i]))))
            return vl_fail(rc, "%s device %u: the back-end did not come up within %d s (is its driver loaded?)",
                           vl_device_class_name(devs[i].class), devs[i].devid, seconds);
    for (size_t i = 0; i < n && !rc; i++)
        rc = devs[i].backend_domid ? vl_wait_served(vl, &devs[i], VL_STATE_SECONDS)
                                   : vl_device_run_script(vl, &devs[i], true, false);
    return rc;
}

/*
 * Enter the queued nodes of devices, of which the first `n` are the disks. A process opens its image as soon as it sees the
 * nodes, so what the image is used for is looked at before; the kernel's disks have their turn when they are brought up.
 */
static int enter(struct vl *vl, struct vl_disk *const *disks, const struct vl_device *devs, size_t n)
{
    int lock = -1, rc = 0;

    for (size_t i = 0; i < n && !rc; i++) {
        char path[VL_STORE_VALUE_MAX];

        if (!devs[i].process || devs[i].backend_domid)
            continue;
        if (lock < 0)
            lock = vl_sharing_lock();
        disk_path(disks[i], path);
        rc = lock < 0 ? lock : vl_sharing_check(vl, &devs[i], path, !disks[i]->readonly);
    }
    if (rc)
        vl_store_discard(vl_store(vl));
    else
        rc = vl_store_apply(vl_store(vl));
    vl_sharing_unlock(lock);
    return rc;
}

int vl_devices_attach(struct vl *vl, uint32_t domid, const struct vl_config *config)
{
    size_t n = 0, total = config->n_disks + config->n_vifs;
    struct vl_device *devs;
    int rc = 0;

    if (!total && !config->n_channels)
        return 0;
    devs = vl_xmalloc((total + 1) * sizeof(*devs));
    for (size_t i = 0; i < config->n_channels && !rc; i++)
        rc = vl_channel_queue(vl, domid, config->channels[i], (unsigned)i + 1);
    for (size_t i = 0; i < config->n_disks && !rc; i++)
        rc = vl_vbd_queue(vl, domid, config->disks[i], &devs[n++]);
    for (size_t i = 0; i < config->n_vifs && !rc; i++)
        rc = vl_vif_queue(vl, domid, config->vifs[i], &devs[n++]);
    if (rc)
        vl_store_discard(vl_store(vl));
    else
        rc = enter(vl, config->disks, devs, config->n_disks);
    if (!rc && n)
        rc = bring_up(vl, devs, n);
    free(devs);
    return rc;
}

/* Enter the queued nodes of one device, and bring it up; when that fails it is taken away again. */
static int plug(struct vl *vl, const struct vl_disk *disk, const struct vl_device *dev, int rc)
{
    struct vl_disk *disks[] = { (struct vl_disk *)disk };

    if (rc) {
        vl_store_discard(vl_store(vl));
        return rc;
    }
    rc = enter(vl, disks, dev, disk ? 1 : 0);
    if (rc)
        return rc;
    rc = bring_up(vl, dev, 1);
    if (rc)
        vl_device_unplug(vl, dev, true);
    return rc;
}

int vl_disk_plug(struct vl *vl, uint32_t domid, const struct vl_disk *disk)
{
    struct vl_device dev;

    return plug(vl, disk, &dev, vl_vbd_queue(vl, domid, disk, &dev));
}

int vl_vif_plug(struct vl *vl, uint32_t domid, const struct vl_vif *vif)
{
    struct vl_device dev;

    return plug(vl, NULL, &dev, vl_vif_queue(vl, domid, vif, &dev));
}
