/* SPDX-License-Identifier: MIT */
#include "base/vl.h"

#include <stdio.h>

#include "base/log.h"

xc_interface *vl_xc(struct vl *vl)
{
    if (vl->xc)
        return vl->xc;
    /* libxenctrl's own messages name its internals; ours say what the user asked for. With -v both are shown. */
    if (!vl->logger)
        vl->logger = (xentoollog_logger *)xtl_createlogger_stdiostream(
            stderr, vl_log_get_level() >= VL_DEBUG ? XTL_DETAIL : XTL_CRITICAL, 0);
    vl->xc = xc_interface_open(vl->logger, vl->logger, XC_OPENFLAG_NON_REENTRANT);
    if (!vl->xc)
        vl_fail_errno("cannot reach the hypervisor (is this a Xen host, and are you root?)");
    return vl->xc;
}

xenforeignmemory_handle *vl_fmem(struct vl *vl)
{
    return vl_xc(vl) ? xc_interface_fmem_handle(vl->xc) : NULL;
}

struct vl_store *vl_store(struct vl *vl)
{
    if (!vl->store)
        vl->store = vl_store_open();
    return vl->store;
}

void vl_close(struct vl *vl)
{
    vl_store_close(vl->store);
    if (vl->xc)
        xc_interface_close(vl->xc);
    if (vl->logger)
        xtl_logger_destroy(vl->logger);
    *vl = (struct vl){ 0 };
}
