/* SPDX-License-Identifier: MIT */
/*
 * The domain builder: fills an empty PV domain with a kernel, a ramdisk and all that a PV guest finds at its start
 * (xen/xen.h, "Start-of-day memory layout"), ready to be unpaused. Made for speed: memory is populated in the largest
 * extents, the kernel is expanded straight into the guest's frames, each page is mapped and written once.
 */
#ifndef VL_BUILD_BUILD_H
#define VL_BUILD_BUILD_H

#include <stdint.h>

#include "base/vl.h"
#include "build/image.h"

struct vl_build_params {
    const char *kernel, *ramdisk;       /* paths; ramdisk may be NULL */
    const char *cmdline;                /* NULL: none */
    uint64_t memory_kb, maxmem_kb;
    uint32_t store_domid, console_domid;
    uint32_t store_port, console_port;  /* event channels, allocated by the caller */
};

struct vl_build_result {
    unsigned long store_mfn, console_mfn;
};

/*
 * Build into the domain `domid`, which has max_mem and max_vcpus set and no memory yet. The kernel's file is already
 * open (vl_image_open), so that a missing or foreign one costs no domain. Returns 0, or -errno after one told line;
 * then the caller destroys the domain.
 */
int vl_build(struct vl *vl, uint32_t domid, const struct vl_build_params *params, struct vl_image *image,
             struct vl_build_result *result);

/*
 * The daemons of dom0 map the two rings by grant: enter them where the ABI reserves entries for it. Part of vl_build;
 * for what fills a domain otherwise.
 */
int vl_build_grants(struct vl *vl, uint32_t domid, const struct vl_build_params *params,
                    const struct vl_build_result *built);

#endif
