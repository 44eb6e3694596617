/* SPDX-License-Identifier: MIT */
/*
 * Reading a kept configuration. Files come from us or from Debian's libxl, but also from saved states and migration
 * streams, so nothing in them is trusted: every member is checked as a configuration file's would be.
 */
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xen/xen.h>
#include <yajl/yajl_tree.h>

#include "base/log.h"
#include "json/domain.h"

#define MEMKB_MAX (1ll << 40)

static yajl_val member(yajl_val map, const char *key)
{
    const char *path[] = { key, NULL };

    return YAJL_IS_OBJECT(map) ? yajl_tree_get(map, path, yajl_t_any) : NULL;
}

static const char *text(yajl_val map, const char *key)
{
    yajl_val v = member(map, key);

    return YAJL_IS_STRING(v) ? YAJL_GET_STRING(v) : NULL;
}

static void take_text(struct vl_config *c, yajl_val map, const char *key, char **out)
{
    const char *s = text(map, key);

    if (s && *s)
        *out = vl_strdup(&c->arena, s);
}

/* An integer within bounds, or what it was. */
static long long number(yajl_val map, const char *key, long long min, long long max, long long otherwise)
{
    yajl_val v = member(map, key);

    if (!YAJL_IS_INTEGER(v) || YAJL_GET_INTEGER(v) < min || YAJL_GET_INTEGER(v) > max)
        return otherwise;
    return YAJL_GET_INTEGER(v);
}

static bool truth(yajl_val map, const char *key, bool otherwise)
{
    yajl_val v = member(map, key);

    const char *s = YAJL_GET_STRING(v);

    if (s)
        return !strcmp(s, "True");
    if (YAJL_IS_TRUE(v) || YAJL_IS_FALSE(v))
        return YAJL_IS_TRUE(v);
    return otherwise;
}

static void read_identity(struct vl_config *c, yajl_val info)
{
    const char *uuid = text(info, "uuid"), *pass = text(info, "passthrough");

    take_text(c, info, "name", &c->name);
    c->wanted_domid = (uint32_t)number(info, "domid", 1, DOMID_FIRST_RESERVED - 1, 0);
    take_text(c, info, "ssid_label", &c->seclabel);
    take_text(c, info, "pool_name", &c->pool);
    if (!uuid || !vl_uuid_parse(uuid, c->uuid))
        vl_uuid_random(c->uuid);
    c->driver_domain = truth(info, "driver_domain", false);
    c->suspend_evtchn_compat = truth(info, "xend_suspend_evtchn_compat", false);
    if (pass && !strcmp(pass, "disabled"))
        c->passthrough = 0;
    else if (pass && strcmp(pass, "default"))
        c->passthrough = 1;
}

/* [[0, 1], [2]] → "0,1" and "2" */
static void read_affinity(struct vl_config *c, yajl_val info, const char *key, char ***lists, size_t *n, bool *per)
{
    yajl_val all = member(info, key);

    if (!YAJL_IS_ARRAY(all))
        return;
    for (size_t i = 0; i < YAJL_GET_ARRAY(all)->len && i < VL_MAX_VCPUS; i++) {
        yajl_val one = YAJL_GET_ARRAY(all)->values[i];
        char *list = vl_strdup(&c->arena, "");

        for (size_t k = 0; YAJL_IS_ARRAY(one) && k < YAJL_GET_ARRAY(one)->len; k++) {
            yajl_val cpu = YAJL_GET_ARRAY(one)->values[k];

            if (YAJL_IS_INTEGER(cpu) && YAJL_GET_INTEGER(cpu) >= 0 && YAJL_GET_INTEGER(cpu) < 65536)
                list = vl_printf(&c->arena, "%s%s%lld", list, *list ? "," : "", YAJL_GET_INTEGER(cpu));
        }
        VL_PUSH(&c->arena, *lists, *n, list);
        *per = true;
    }
}

static void read_ranges(struct vl_config *c, yajl_val info, const char *key, const char *first,
                        struct vl_range **out, size_t *n)
{
    yajl_val all = member(info, key);

    for (size_t i = 0; YAJL_IS_ARRAY(all) && i < YAJL_GET_ARRAY(all)->len; i++) {
        yajl_val one = YAJL_GET_ARRAY(all)->values[i];
        struct vl_range r = { 0, 1 };

        if (YAJL_IS_INTEGER(one) && YAJL_GET_INTEGER(one) >= 0) {
            r.first = (uint64_t)YAJL_GET_INTEGER(one);
        } else {
            r.first = (uint64_t)number(one, first, 0, LLONG_MAX, 0);
            r.count = (uint64_t)number(one, "number", 1, LLONG_MAX, 1);
        }
        VL_PUSH(&c->arena, *out, *n, r);
    }
}

static void read_build(struct vl_config *c, yajl_val info)
{
    static const char *const tsc[] = { "default", "always_emulate", "native", "native_paravirt" };
    yajl_val sched = member(info, "sched_params"), args = member(info, "bootloader_args"), avail;
    const char *mode = text(info, "tsc_mode");

    c->max_vcpus = (unsigned)number(info, "max_vcpus", 1, VL_MAX_VCPUS, 1);
    avail = member(info, "avail_vcpus");
    c->vcpus = YAJL_IS_ARRAY(avail) && YAJL_GET_ARRAY(avail)->len >= 1 && YAJL_GET_ARRAY(avail)->len <= c->max_vcpus
        ? (unsigned)YAJL_GET_ARRAY(avail)->len : c->max_vcpus;
    read_affinity(c, info, "vcpu_hard_affinity", &c->cpus, &c->n_cpus, &c->cpus_per_vcpu);
    read_affinity(c, info, "vcpu_soft_affinity", &c->cpus_soft, &c->n_cpus_soft, &c->cpus_soft_per_vcpu);
    for (int i = 0; mode && i < 4; i++)
        if (!strcmp(mode, tsc[i]))
            c->tsc_mode = i;
    c->maxmem_kb = (uint64_t)number(info, "max_memkb", 4, MEMKB_MAX, 32 << 10);
    c->memory_kb = (uint64_t)number(info, "target_memkb", 4, MEMKB_MAX, (long long)c->maxmem_kb);
    if (c->memory_kb > c->maxmem_kb)
        c->maxmem_kb = c->memory_kb;
    c->rtc_timeoffset = (int)number(info, "rtc_timeoffset", INT_MIN, INT_MAX, 0);
    c->localtime = truth(info, "localtime", false);
    c->nomigrate = truth(info, "disable_migrate", false);
    c->max_grant_frames = (int)number(info, "max_grant_frames", 1, 1 << 20, VL_UNSET);
    c->max_maptrack_frames = (int)number(info, "max_maptrack_frames", 0, 1 << 20, VL_UNSET);
    c->max_grant_version = (int)number(info, "max_grant_version", 1, 2, VL_UNSET);
    c->max_event_channels = (int)number(info, "event_channels", 1, 131071, VL_DEFAULT_EVENT_CHANNELS);
    c->cpu_weight = (int)number(sched, "weight", 1, 65535, VL_UNSET);
    c->cap = (int)number(sched, "cap", 0, 100 * 4096, VL_UNSET);
    c->rtds_period = (int)number(sched, "period", 1, INT_MAX, VL_UNSET);
    c->rtds_budget = (int)number(sched, "budget", 1, INT_MAX, VL_UNSET);
    c->rtds_extratime = (int)number(sched, "extratime", 0, 1, VL_UNSET);
    read_ranges(c, info, "ioports", "first", &c->ioports, &c->n_ioports);
    read_ranges(c, info, "irqs", "first", &c->irqs, &c->n_irqs);
    read_ranges(c, info, "iomem", "start", &c->iomem, &c->n_iomem);
    take_text(c, info, "kernel", &c->kernel);
    take_text(c, info, "cmdline", &c->cmdline);
    take_text(c, info, "ramdisk", &c->ramdisk);
    take_text(c, info, "bootloader", &c->bootloader);
    for (size_t i = 0; YAJL_IS_ARRAY(args) && i < YAJL_GET_ARRAY(args)->len; i++)
        if (YAJL_IS_STRING(YAJL_GET_ARRAY(args)->values[i]))
            VL_PUSH(&c->arena, c->bootloader_args, c->n_bootloader_args,
                    vl_strdup(&c->arena, YAJL_GET_STRING(YAJL_GET_ARRAY(args)->values[i])));
    c->e820_host = truth(member(info, "type.pv"), "e820_host", false);
    c->msr_relaxed = truth(member(info, "arch_x86"), "msr_relaxed", false);
}

static int read_disk(struct vl_config *c, const struct vl_place *place, yajl_val v)
{
    static const char *const backends[] = { "unknown", "phy", "qdisk", "tap", "standalone" };
    struct vl_disk *d = vl_alloc(&c->arena, sizeof(*d));
    const char *format = text(v, "format"), *backend = text(v, "backend");
    long number_of;

    d->place = *place;
    take_text(c, v, "backend_domname", &d->backend_domain);
    take_text(c, v, "pdev_path", &d->target);
    take_text(c, v, "vdev", &d->vdev);
    take_text(c, v, "script", &d->script);
    for (int i = 0; format && i <= VL_DISK_EMPTY; i++)
        if (!strcmp(format, vl_disk_format_names[i]))
            d->format = (enum vl_disk_format)i;
    for (int i = 1; backend && i < 5; i++)
        if (!strcmp(backend, backends[i]))
            d->backend = (enum vl_disk_backend)i;
    d->readonly = !number(v, "readwrite", 0, 1, 0);
    d->cdrom = number(v, "is_cdrom", 0, 1, 0) != 0;
    d->direct_io_safe = truth(v, "direct_io_safe", false);
    d->no_discard = !truth(v, "discard_enable", true);
    d->untrusted = !truth(v, "trusted", true);
    number_of = d->vdev ? vl_vdev_number(d->vdev) : -1;
    if (number_of < 0)
        return vl_place_error(place, "a disk has no valid virtual device");
    d->devid = (unsigned)number_of;
    d->limit_iops = (uint32_t)number(v, "limit_iops", 1, VL_LIMIT_IOPS_MAX, 0);
    d->limit_bytes = (uint64_t)number(v, "limit_bytes", 1, VL_LIMIT_BYTES_MAX, 0);
    if (vl_disk_check_limits(d))
        return -EINVAL;
    VL_PUSH(&c->arena, c->disks, c->n_disks, d);
    return 0;
}

static int read_nic(struct vl_config *c, const struct vl_place *place, yajl_val v, int at)
{
    struct vl_vif *vif;
    const char *mac = text(v, "mac"), *antispoof = text(v, "antispoof");

    if (!mac)
        return vl_place_error(place, "a network interface has no MAC address");
    vif = vl_vif_parse(&c->arena, place, vl_printf(&c->arena, "mac=%s", mac),
                       (int)number(v, "devid", 0, 65535, at));
    if (!vif)
        return -EINVAL;
    take_text(c, v, "backend_domname", &vif->backend_domain);
    take_text(c, v, "model", &vif->model);
    take_text(c, v, "ip", &vif->ip);
    take_text(c, v, "bridge", &vif->bridge);
    take_text(c, v, "ifname", &vif->vifname);
    take_text(c, v, "script", &vif->script);
    take_text(c, v, "gatewaydev", &vif->gatewaydev);
    vif->mtu = (int)number(v, "mtu", 68, 65535, 0);
    vif->rate_bytes = (uint64_t)number(v, "rate_bytes_per_interval", 0, LLONG_MAX, 0);
    vif->rate_usecs = (uint32_t)number(v, "rate_interval_usecs", 0, 100000000, 0);
    vif->untrusted = !truth(v, "trusted", true);
    vif->process = truth(v, "backend_process", false);
    if (antispoof && !vl_antispoof_parse(antispoof, &vif->antispoof))
        return vl_place_error(place, "a network interface has no valid 'antispoof'");
    if (vl_vif_check_antispoof(vif))
        return -EINVAL;
    VL_PUSH(&c->arena, c->vifs, c->n_vifs, vif);
    return 0;
}

static void read_pci(struct vl_config *c, const struct vl_place *place, yajl_val v)
{
    struct vl_pci *p = vl_alloc(&c->arena, sizeof(*p));
    long long slot = number(v, "vdevfn", 0, 255, -1);

    p->place = *place;
    p->function = (unsigned)number(v, "func", 0, 7, 0);
    p->device = (unsigned)number(v, "dev", 0, 31, 0);
    p->bus = (unsigned)number(v, "bus", 0, 255, 0);
    p->domain = (unsigned)number(v, "domain", 0, 65535, 0);
    p->vslot = slot < 0 ? VL_UNSET : (int)(slot >> 3);
    p->msitranslate = truth(v, "msitranslate", false);
    p->power_mgmt = truth(v, "power_mgmt", false);
    p->permissive = truth(v, "permissive", false);
    p->seize = truth(v, "seize", false);
    take_text(c, v, "name", &p->name);
    VL_PUSH(&c->arena, c->pci, c->n_pci, p);
}

static int read_channel(struct vl_config *c, const struct vl_place *place, yajl_val v)
{
    struct vl_channel *ch = vl_alloc(&c->arena, sizeof(*ch));
    yajl_val socket = member(v, "connection.socket");

    ch->place = *place;
    take_text(c, v, "name", &ch->name);
    take_text(c, v, "backend_domname", &ch->backend_domain);
    ch->socket = socket != NULL;
    if (socket)
        take_text(c, socket, "path", &ch->path);
    if (vl_channel_check(ch))
        return -EINVAL;
    VL_PUSH(&c->arena, c->channels, c->n_channels, ch);
    return 0;
}

static int read_devices(struct vl_config *c, const struct vl_place *place, yajl_val root)
{
    static const char *const keys[] = { "disks", "nics", "pcidevs", "channels" };
    int rc = 0;

    for (int k = 0; k < 4; k++) {
        yajl_val all = member(root, keys[k]);

        for (size_t i = 0; !rc && YAJL_IS_ARRAY(all) && i < YAJL_GET_ARRAY(all)->len; i++) {
            yajl_val v = YAJL_GET_ARRAY(all)->values[i];

            if (k == 0)
                rc = read_disk(c, place, v);
            else if (k == 1)
                rc = read_nic(c, place, v, (int)i);
            else if (k == 2)
                read_pci(c, place, v);
            else
                rc = read_channel(c, place, v);
        }
    }
    return rc;
}

static enum vl_action action(yajl_val root, const char *key)
{
    static const char *const names[VL_ACT_COUNT] = {
        "destroy", "restart", "restart_rename", "preserve", "coredump_destroy", "coredump_restart", "soft_reset",
    };
    const char *s = text(root, key);

    for (int i = 0; s && i < VL_ACT_COUNT; i++)
        if (!strcmp(s, names[i]))
            return (enum vl_action)i;
    return VL_ACT_DESTROY;
}

static int read_all(struct vl_config *c, const struct vl_place *place, yajl_val root)
{
    const char *type = text(member(root, "c_info"), "type");

    if (!YAJL_IS_OBJECT(member(root, "c_info")) || !YAJL_IS_OBJECT(member(root, "b_info")))
        return vl_place_error(place, "this is not a domain's configuration");
    if (type && strcmp(type, "pv"))
        return vl_place_error(place, "the domain is of type '%s'; only PV guests run here", type);
    c->passthrough = VL_UNSET;
    read_identity(c, member(root, "c_info"));
    read_build(c, member(root, "b_info"));
    c->on_poweroff = action(root, "on_poweroff");
    c->on_reboot = action(root, "on_reboot");
    c->on_watchdog = action(root, "on_watchdog");
    c->on_crash = action(root, "on_crash");
    c->on_soft_reset = action(root, "on_soft_reset");
    if (!c->name || vl_name_check(place, c->name))
        return c->name ? -EINVAL : vl_place_error(place, "the domain has no name");
    return read_devices(c, place, root);
}

struct vl_config *vl_json_config_read(const char *name, const char *data, size_t len)
{
    char error[256] = "", *copy = vl_xmalloc(len + 1);
    struct vl_place place = { name, 0, 0 };
    struct vl_config *c = calloc(1, sizeof(*c));
    yajl_val root;
    int rc;

    memcpy(copy, data, len);
    copy[len] = 0;
    root = c && strlen(copy) == len ? yajl_tree_parse(copy, error, sizeof(error)) : NULL;
    free(copy);
    if (!root) {
        error[strcspn(error, "\n")] = 0;
        vl_place_error(&place, "this is not JSON%s%s", *error ? ": " : "", error);
        free(c);
        return NULL;
    }
    place.file = vl_strdup(&c->arena, name);
    rc = read_all(c, &place, root);
    yajl_tree_free(root);
    if (rc) {
        vl_config_free(c);
        return NULL;
    }
    return c;
}
