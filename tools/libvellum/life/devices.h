/* SPDX-License-Identifier: MIT */
/*
 * Devices of running domains: attached and detached under the domain's lock, with the kept configuration following,
 * so that a reboot makes the domain as it was left.
 */
#ifndef VL_LIFE_DEVICES_H
#define VL_LIFE_DEVICES_H

#include "device/device.h"
#include "life/life.h"

int vl_domain_attach_disk(struct vl *vl, uint32_t domid, struct vl_disk *disk);
/* A devid of VL_UNSET takes the first number that is free. */
int vl_domain_attach_vif(struct vl *vl, uint32_t domid, struct vl_vif *vif);
int vl_domain_detach(struct vl *vl, const struct vl_device *dev, bool force);

/* The disk of a name ("xvda") or number, the interface of a number or MAC address. -ENOENT, told, when there is none. */
int vl_domain_find_disk(struct vl *vl, uint32_t domid, const char *text, struct vl_device *dev);
int vl_domain_find_vif(struct vl *vl, uint32_t domid, const char *text, struct vl_device *dev);

#endif
