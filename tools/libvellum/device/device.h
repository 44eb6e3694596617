/* SPDX-License-Identifier: MIT */
/*
 * Paravirtual devices in the store: each is a back-end node (read by the guest), a front-end node (read by the
 * back-end's domain) and a copy under /libxl, as Debian's libxl writes them, so that its xl and ours work on the same
 * guests. The states of the two ends are xen/io/xenbus.h's.
 */
#ifndef VL_DEVICE_DEVICE_H
#define VL_DEVICE_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/vl.h"
#include "config/config.h"

#define VL_HOTPLUG_SECONDS 40   /* what a script may take */
#define VL_STATE_SECONDS 10     /* what a back-end may take to come or go */
#define VL_SCRIPT_DIR "/etc/xen/scripts"

enum vl_device_class { VL_DEV_CONSOLE, VL_DEV_VBD, VL_DEV_VIF, VL_DEV_PCI, VL_DEV_CLASSES };

/* A device by its place. */
struct vl_device {
    enum vl_device_class class;
    uint32_t domid, backend_domid;
    unsigned devid;
    bool process;               /* its back-end is vellum-blkd or vellum-netd, not the kernel's */
};

/* "console", "vbd", "vif", "pci" */
const char *vl_device_class_name(enum vl_device_class class);

/* The folder of its back-end: the class's name, or "qdisk" and "vnif" for processes. */
const char *vl_backend_folder(const struct vl_device *dev);

/* Paths in the store, each in a buffer of VL_PATH_MAX. */
#define VL_PATH_MAX 128
void vl_backend_path(const struct vl_device *dev, char path[VL_PATH_MAX]);
void vl_frontend_path(const struct vl_device *dev, char path[VL_PATH_MAX]);
void vl_libxl_path(const struct vl_device *dev, char path[VL_PATH_MAX]);

/* Queue the nodes of a guest's first console; they go with the domain's own in one transaction. */
void vl_console_queue(struct vl_store *store, uint32_t domid, unsigned long mfn, uint32_t port);

/*
 * Queue a channel's nodes: the guest's console `number`, from 1 on. Its ring comes from the guest's driver, and only
 * vellumd serves it. -EINVAL, told, when it asks for what there is not.
 */
int vl_channel_queue(struct vl *vl, uint32_t domid, const struct vl_channel *channel, unsigned number);

/*
 * Give a guest that is being made all disks and interfaces of its configuration: nodes, then back-ends and hotplug
 * scripts until they are ready, or their time is over. 0, or a told -errno; then the caller removes all.
 */
int vl_devices_attach(struct vl *vl, uint32_t domid, const struct vl_config *config);

/*
 * Hot-plug one disk or interface. 0, or a told -errno; then it has been taken away again. The caller holds the
 * domain's lock and has seen that its number is free.
 */
int vl_disk_plug(struct vl *vl, uint32_t domid, const struct vl_disk *disk);
int vl_vif_plug(struct vl *vl, uint32_t domid, const struct vl_vif *vif);

/*
 * Take one device away from a running guest. The guest gets VL_STATE_SECONDS to let go of it: then -ETIMEDOUT, told,
 * and it keeps the device. With `force` it is not asked, and the device goes in any case.
 */
int vl_device_unplug(struct vl *vl, const struct vl_device *dev, bool force);

/* The devices of a domain that any xl has entered, of one class or (-1) of all, in `arena`. */
struct vl_device *vl_devices_find(struct vl *vl, struct vl_arena *arena, uint32_t domid, int class, size_t *n);

/*
 * Detach all devices of a domain: back-ends are asked to close, get VL_STATE_SECONDS, scripts run, nodes go. Never
 * stops half way; the first error is the result. The domain may be dead already.
 */
int vl_devices_detach_all(struct vl *vl, uint32_t domid);

/*
 * The same for what is found at dom0's back-ends: of a domain that has gone, whose own nodes another command has removed
 * while a device was being entered.
 */
int vl_devices_detach_orphans(struct vl *vl, uint32_t domid);

#endif
