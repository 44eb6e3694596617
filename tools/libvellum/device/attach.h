/* SPDX-License-Identifier: MIT */
/* Attaching and detaching: what the files of device/ share. Private to device/. */
#ifndef VL_DEVICE_ATTACH_H
#define VL_DEVICE_ATTACH_H

#include <stdarg.h>

#include "device/device.h"

/* The nodes of one device while they are queued. */
struct vl_nodes {
    struct vl_store *store;
    struct vl_device dev;
    char backend[VL_PATH_MAX], frontend[VL_PATH_MAX], libxl[VL_PATH_MAX];
};

/* Queue the directories with their permissions, and what every device has. The domain must be in the store by then. */
void vl_nodes_begin(struct vl_nodes *nodes, struct vl_store *store, const struct vl_device *dev);
void vl_node_front(struct vl_nodes *nodes, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void vl_node_back(struct vl_nodes *nodes, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The back-end's state, XenbusStateUnknown when the node is missing. */
int vl_backend_state(struct vl *vl, const struct vl_device *dev);

/* Wait until each back-end is in one of the `states` (bits by number): 0, -ETIMEDOUT, or -errno of the store. */
int vl_wait_backends(struct vl *vl, const struct vl_device *devs, size_t n, unsigned states, int seconds);
/*
 * Until the driver domain that has a back-end says that it serves it. 0 (after a warning also when it says nothing), or
 * a told -EIO when it refuses.
 */
int vl_wait_served(struct vl *vl, const struct vl_device *dev, int seconds);

#define VL_STATE(s) (1u << (s))

/* Bring a device's resource up or take it away, by the script that its nodes under `base` name, or without a shell. */
int vl_device_script(struct vl *vl, const struct vl_device *dev, const char *base, bool up, bool quiet);
/* The same for a device of this host, by its /libxl nodes. In a driver domain its own `xl devd` does it. */
int vl_device_run_script(struct vl *vl, const struct vl_device *dev, bool up, bool quiet);

/* Queue a disk's or an interface's nodes. -errno when its back-end cannot be found (told). */
int vl_vbd_queue(struct vl *vl, uint32_t domid, const struct vl_disk *disk, struct vl_device *dev);
int vl_vif_queue(struct vl *vl, uint32_t domid, const struct vl_vif *vif, struct vl_device *dev);

/* A script's whole path in `out`: names without a slash are looked for in VL_SCRIPT_DIR. */
void vl_script_path(const char *script, const char *fallback, char out[256]);

#endif
