/* SPDX-License-Identifier: MIT */
/*
 * What is kept of a running domain in /var/lib/xen: its configuration, in the file and the form that libxl uses, so
 * that either xl can restart, list or save the other's domains.
 */
#ifndef VL_LIFE_USERDATA_H
#define VL_LIFE_USERDATA_H

#include <stdint.h>

#include "config/config.h"

/* Write the file, replacing an older one whole. 0 or a told -errno. */
int vl_userdata_save(uint32_t domid, const struct vl_config *config);

/* Read it back: NULL when there is none (not told) or it is damaged (told). */
struct vl_config *vl_userdata_load(uint32_t domid, const uint8_t uuid[16]);

/* Remove all files of a domain id, of whatever kind and UUID. */
void vl_userdata_remove(uint32_t domid);

#endif
