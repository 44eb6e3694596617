/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "state/state.h"
#include "state/target.h"

#define SLACK_KB 1024           /* as a created domain has above its memory */

struct restore {
    struct vl *vl;
    struct vl_in *in;
    const struct vl_config *config;
};

/*
 * The stream says how much memory there is: at most what the configuration's maximum allows, for a guest can be between
 * two sizes. Afterwards the limit is what it has, or is to have.
 */
static int fill(void *ctx, uint32_t domid, const struct vl_build_params *params, struct vl_build_result *built)
{
    struct restore *r = ctx;
    uint64_t most = r->config->maxmem_kb + SLACK_KB, kb;
    struct vl_target target;
    struct vl_stream_sink sink;
    int rc;

    if (xc_domain_setmaxmem(r->vl->xc, domid, most))
        return vl_fail_errno("cannot set the domain's memory limit");
    vl_target_open(&target, r->vl, domid, params, built, most / 4, r->config->max_vcpus);
    sink = vl_target_sink(&target);
    rc = vl_stream_read(r->in, &sink);
    kb = target.populated * 4 > r->config->memory_kb ? target.populated * 4 : r->config->memory_kb;
    vl_target_close(&target);
    if (!rc && xc_domain_setmaxmem(r->vl->xc, domid, kb + SLACK_KB))
        rc = vl_fail_errno("cannot set the domain's memory limit");
    return rc;
}

int vl_restore(struct vl *vl, struct vl_in *in, const struct vl_config *config, const uint8_t token[16],
               uint32_t *domid)
{
    struct restore r = { .vl = vl, .in = in, .config = config };
    struct vl_filler filler = { .domid = *domid, .ctx = &r, .fill = fill };

    memcpy(filler.handle, token, sizeof(filler.handle));
    return vl_create_filled(vl, config, &filler, domid);
}

int vl_restore_finish(struct vl *vl, uint32_t domid, const struct vl_config *config, const char *name)
{
    xen_domain_handle_t handle;

    memcpy(handle, config->uuid, sizeof(handle));
    if (xc_domain_sethandle(vl->xc, domid, handle))
        return vl_fail_errno("cannot set the UUID of domain %u", domid);
    return name ? vl_domain_rename(vl, domid, name) : 0;
}
