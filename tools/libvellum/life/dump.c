/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "base/log.h"
#include "life/monitor.h"

int vl_dump_core(struct vl *vl, uint32_t domid, const char *path)
{
    (void)vl;
    return vl_fail(-ENOTSUP, "domain %u: writing a core dump to %s is not supported yet", domid, path);
}
