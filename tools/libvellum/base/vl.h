/* SPDX-License-Identifier: MIT */
/*
 * The tools' handle on the host: hypervisor and store, opened when first used. One per process (after fork a child
 * makes its own: libxenctrl's handle and the store's must not be shared). Not thread-safe.
 */
#ifndef VL_BASE_VL_H
#define VL_BASE_VL_H

#include <stdbool.h>
#include <stdint.h>

#include <xenctrl.h>
#include <xenforeignmemory.h>

#include "base/store.h"

struct vl {
    xc_interface *xc;
    struct vl_store *store;
    xentoollog_logger *logger;
};

/* The handles, or NULL after an error that has been told: not on a Xen host, or not root; no store daemon. */
xc_interface *vl_xc(struct vl *vl);
struct vl_store *vl_store(struct vl *vl);
xenforeignmemory_handle *vl_fmem(struct vl *vl);

/* Closes what is open. The struct may be used again. */
void vl_close(struct vl *vl);

#endif
