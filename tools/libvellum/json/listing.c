/* SPDX-License-Identifier: MIT */
#include "json/listing.h"

#include <stdlib.h>
#include <string.h>

#include "device/device.h"
#include "life/pool.h"
#include "life/power.h"

static void state(struct vl_json *j, const xc_domaininfo_t *info)
{
    uint32_t f = info->flags;

    vl_json_map(j, "state");
    vl_json_bool(j, "running", f & XEN_DOMINF_running);
    vl_json_bool(j, "blocked", f & XEN_DOMINF_blocked);
    vl_json_bool(j, "paused", f & XEN_DOMINF_paused);
    vl_json_bool(j, "shutdown", f & XEN_DOMINF_shutdown);
    vl_json_bool(j, "dying", f & XEN_DOMINF_dying);
    if (f & XEN_DOMINF_shutdown)
        vl_json_string(j, "shutdown_reason", vl_power_reason(vl_shutdown_reason(info)));
    else
        vl_json_null(j, "shutdown_reason");
    vl_json_map_end(j);
}

static void memory(struct vl_json *j, struct vl *vl, const xc_domaininfo_t *info)
{
    long target = vl_store_read_number(vl_store(vl), 1l << 42, "/local/domain/%u/memory/target", info->domain);

    vl_json_map(j, "memory");
    vl_json_number(j, "current_kb", (long long)info->tot_pages * 4);
    vl_json_number(j, "outstanding_kb", (long long)info->outstanding_pages * 4);
    if (target >= 0)
        vl_json_number(j, "target_kb", target);
    else
        vl_json_null(j, "target_kb");
    if (info->max_pages >> 40)          /* the hypervisor's word for no limit */
        vl_json_null(j, "limit_kb");
    else
        vl_json_number(j, "limit_kb", (long long)info->max_pages * 4);
    vl_json_number(j, "shared_kb", (long long)info->shr_pages * 4);
    vl_json_map_end(j);
}

/* A node of the device's own, when there is one. */
static void member(struct vl_json *j, struct vl *vl, const char *base, const char *node, const char *key)
{
    struct vl_arena arena = { 0 };
    char *value = vl_store_read(vl_store(vl), &arena, "%s/%s", base, node);

    if (value)
        vl_json_text_string(j, key, value);
    vl_arena_free(&arena);
}

static void device(struct vl_json *j, struct vl *vl, const struct vl_device *d)
{
    static const struct { enum vl_device_class class; const char *node, *key; } extra[] = {
        { VL_DEV_VBD, "dev", "vdev" }, { VL_DEV_VBD, "params", "target" }, { VL_DEV_VBD, "mode", "mode" },
        { VL_DEV_VIF, "mac", "mac" }, { VL_DEV_VIF, "bridge", "bridge" }, { VL_DEV_VIF, "ip", "ip" },
        { VL_DEV_VIF, "vifname", "vifname" }, { VL_DEV_CONSOLE, "name", "name" },
    };
    char path[VL_PATH_MAX];
    long number;

    vl_json_map(j, NULL);
    vl_json_string(j, "class", vl_device_class_name(d->class));
    vl_json_number(j, "id", d->devid);
    vl_json_number(j, "backend_domid", d->backend_domid);
    vl_frontend_path(d, path);
    vl_json_string(j, "frontend", path);
    vl_backend_path(d, path);
    vl_json_string(j, "backend", path);
    number = vl_store_read_number(vl_store(vl), 100, "%s/state", path);
    if (number >= 0)
        vl_json_number(j, "backend_state", number);
    vl_libxl_path(d, path);
    for (size_t i = 0; i < sizeof(extra) / sizeof(extra[0]); i++)
        if (extra[i].class == d->class)
            member(j, vl, path, extra[i].node, extra[i].key);
    vl_json_map_end(j);
}

static void devices(struct vl_json *j, struct vl *vl, uint32_t domid)
{
    struct vl_arena arena = { 0 };
    size_t n;
    struct vl_device *devs = vl_devices_find(vl, &arena, domid, -1, &n);

    vl_json_array(j, "devices");
    for (size_t i = 0; i < n; i++)
        device(j, vl, &devs[i]);
    vl_json_array_end(j);
    vl_arena_free(&arena);
}

void vl_json_listing_domain(struct vl_json *j, const char *key, struct vl *vl, const struct vl_domain *d)
{
    struct vl_arena arena = { 0 };
    char uuid[VL_UUID_TEXT], *pool;

    if (!vl_store(vl))
        return;
    vl_uuid_format(d->info.handle, uuid);
    vl_json_map(j, key);
    vl_json_text_string(j, "name", d->name);
    vl_json_number(j, "domid", d->info.domain);
    vl_json_string(j, "uuid", uuid);
    state(j, &d->info);
    memory(j, vl, &d->info);
    vl_json_map(j, "vcpus");
    vl_json_number(j, "online", d->info.nr_online_vcpus);
    vl_json_number(j, "max", d->info.max_vcpu_id + 1ll);
    vl_json_map_end(j);
    vl_json_real(j, "cpu_seconds", (double)d->info.cpu_time / 1e9);
    pool = vl_pool_name(vl, &arena, d->info.cpupool);
    vl_json_text_string(j, "cpupool", pool ? pool : "");
    devices(j, vl, d->info.domain);
    vl_json_map_end(j);
    vl_arena_free(&arena);
}
