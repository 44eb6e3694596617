/* SPDX-License-Identifier: MIT */
/* The order and the names of members are libxl 4.17's, as its files and listings show them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json/domain.h"

/* libxl's booleans with a default are strings. */
static void defbool(struct vl_json *j, const char *key, bool value)
{
    vl_json_string(j, key, value ? "True" : "False");
}

static void optional(struct vl_json *j, const char *key, const char *value)
{
    if (value)
        vl_json_text_string(j, key, value);
}

static void c_info(struct vl_json *j, const struct vl_config *c, enum vl_json_form form,
                   const struct vl_json_live *live)
{
    char uuid[VL_UUID_TEXT];

    vl_uuid_format(c->uuid, uuid);
    vl_json_map(j, "c_info");
    vl_json_string(j, "type", "pv");
    optional(j, "ssid_label", c->seclabel);
    vl_json_text_string(j, "name", c->name);
    if (form == VL_JSON_SAVED ? live && live->has_domid : form != VL_JSON_CHECKED)
        vl_json_number(j, "domid", form == VL_JSON_SAVED ? live->domid : 4294967295ll);
    vl_json_string(j, "uuid", uuid);
    optional(j, "pool_name", c->pool);
    defbool(j, "run_hotplug_scripts", true);
    if (c->driver_domain)
        defbool(j, "driver_domain", true);
    if (c->passthrough != VL_UNSET)
        vl_json_string(j, "passthrough", c->passthrough ? "enabled" : "disabled");
    if (c->suspend_evtchn_compat)
        defbool(j, "xend_suspend_evtchn_compat", true);
    vl_json_map_end(j);
}

static void affinity(struct vl_json *j, const char *key, const struct vl_config *c, char *const *lists, size_t n,
                     bool per_vcpu)
{
    if (!n)
        return;
    vl_json_array(j, key);
    for (unsigned i = 0; i < (per_vcpu ? n : c->max_vcpus); i++) {
        const char *s = lists[per_vcpu ? i : 0];

        vl_json_array(j, NULL);
        while (*s >= '0' && *s <= '9') {
            char *end;

            vl_json_number(j, NULL, (long long)strtoul(s, &end, 10));
            s = *end == ',' ? end + 1 : end;
        }
        vl_json_array_end(j);
    }
    vl_json_array_end(j);
}

static void vcpus(struct vl_json *j, const struct vl_config *c, enum vl_json_form form)
{
    bool checked = form == VL_JSON_CHECKED;

    if (checked && !c->vcpus_said && !c->max_vcpus_said)
        return;
    vl_json_number(j, "max_vcpus", c->max_vcpus);
    if (!checked || c->vcpus_said) {
        vl_json_array(j, "avail_vcpus");
        for (unsigned i = 0; i < c->vcpus; i++)
            vl_json_number(j, NULL, i);
        vl_json_array_end(j);
    }
    affinity(j, "vcpu_hard_affinity", c, c->cpus, c->n_cpus, c->cpus_per_vcpu);
    affinity(j, "vcpu_soft_affinity", c, c->cpus_soft, c->n_cpus_soft, c->cpus_soft_per_vcpu);
    if (c->n_cpus_soft)
        defbool(j, "numa_placement", false);
}

static void set_number(struct vl_json *j, const char *key, int value)
{
    if (value != VL_UNSET)
        vl_json_number(j, key, value);
}

static void sched(struct vl_json *j, const struct vl_config *c, const struct vl_json_live *live)
{
    vl_json_map(j, "sched_params");
    if (live && live->scheduler) {
        vl_json_string(j, "sched", live->scheduler);
        vl_json_number(j, "weight", live->weight);
        vl_json_number(j, "cap", live->cap);
    } else {
        set_number(j, "weight", c->cpu_weight);
        set_number(j, "cap", c->cap);
        set_number(j, "period", c->rtds_period);
        set_number(j, "budget", c->rtds_budget);
        set_number(j, "extratime", c->rtds_extratime);
    }
    vl_json_map_end(j);
}

static void ranges(struct vl_json *j, const struct vl_config *c)
{
    if (c->n_ioports) {
        vl_json_array(j, "ioports");
        for (size_t i = 0; i < c->n_ioports; i++) {
            vl_json_map(j, NULL);
            vl_json_number(j, "first", (long long)c->ioports[i].first);
            vl_json_number(j, "number", (long long)c->ioports[i].count);
            vl_json_map_end(j);
        }
        vl_json_array_end(j);
    }
    if (c->n_irqs) {
        vl_json_array(j, "irqs");
        for (size_t i = 0; i < c->n_irqs; i++)
            vl_json_number(j, NULL, (long long)c->irqs[i].first);
        vl_json_array_end(j);
    }
    if (c->n_iomem) {
        vl_json_array(j, "iomem");
        for (size_t i = 0; i < c->n_iomem; i++) {
            vl_json_map(j, NULL);
            vl_json_number(j, "start", (long long)c->iomem[i].first);
            vl_json_number(j, "number", (long long)c->iomem[i].count);
            vl_json_map_end(j);
        }
        vl_json_array_end(j);
    }
}

static void b_info(struct vl_json *j, const struct vl_config *c, enum vl_json_form form,
                   const struct vl_json_live *live)
{
    static const char *const tsc[] = { "default", "always_emulate", "native", "native_paravirt" };

    vl_json_map(j, "b_info");
    vcpus(j, c, form);
    if (c->tsc_mode)
        vl_json_string(j, "tsc_mode", tsc[c->tsc_mode]);
    vl_json_number(j, "max_memkb", (long long)c->maxmem_kb);
    vl_json_number(j, "target_memkb", (long long)(live && live->target_kb ? live->target_kb : c->memory_kb));
    if (form != VL_JSON_CHECKED)
        vl_json_number(j, "video_memkb", 0);
    if (c->rtc_timeoffset)
        vl_json_number(j, "rtc_timeoffset", c->rtc_timeoffset);
    if (c->localtime)
        defbool(j, "localtime", true);
    if (c->nomigrate)
        defbool(j, "disable_migrate", true);
    set_number(j, "max_grant_frames", c->max_grant_frames);
    set_number(j, "max_maptrack_frames", c->max_maptrack_frames);
    set_number(j, "max_grant_version", c->max_grant_version);
    sched(j, c, live);
    ranges(j, c);
    defbool(j, "claim_mode", true);
    if (c->max_event_channels != VL_DEFAULT_EVENT_CHANNELS)
        vl_json_number(j, "event_channels", c->max_event_channels);
    optional(j, "kernel", c->kernel);
    optional(j, "cmdline", c->cmdline);
    optional(j, "ramdisk", c->ramdisk);
    optional(j, "bootloader", c->bootloader);
    if (c->n_bootloader_args) {
        vl_json_array(j, "bootloader_args");
        for (size_t i = 0; i < c->n_bootloader_args; i++)
            vl_json_text_string(j, NULL, c->bootloader_args[i]);
        vl_json_array_end(j);
    }
    vl_json_map(j, "type.pv");
    if (c->e820_host || c->n_pci)
        defbool(j, "e820_host", true);
    vl_json_map_end(j);
    vl_json_map(j, "arch_arm");
    vl_json_map_end(j);
    vl_json_map(j, "arch_x86");
    if (c->msr_relaxed || form != VL_JSON_CHECKED)
        defbool(j, "msr_relaxed", c->msr_relaxed);
    vl_json_map_end(j);
    vl_json_map_end(j);
}

static void disk(struct vl_json *j, const struct vl_disk *d, enum vl_json_form form)
{
    static const char *const backends[] = { NULL, "phy", "qdisk", "tap", "standalone" };

    vl_json_map(j, NULL);
    optional(j, "backend_domname", d->backend_domain);
    vl_json_text_string(j, "pdev_path", d->target ? d->target : "");
    vl_json_text_string(j, "vdev", d->vdev);
    optional(j, "backend", backends[d->backend]);
    vl_json_string(j, "format", vl_disk_format_names[d->format]);
    optional(j, "script", d->script);
    if (d->cdrom)
        vl_json_number(j, "removable", 1);
    if (!d->readonly)
        vl_json_number(j, "readwrite", 1);
    if (d->cdrom)
        vl_json_number(j, "is_cdrom", 1);
    if (d->direct_io_safe)
        vl_json_bool(j, "direct_io_safe", true);
    if (d->no_discard)
        defbool(j, "discard_enable", false);
    if (form != VL_JSON_CHECKED)
        defbool(j, "colo_restore_enable", false);
    if (d->untrusted)
        defbool(j, "trusted", false);
    if (d->limit_iops)
        vl_json_number(j, "limit_iops", d->limit_iops);
    if (d->limit_bytes)
        vl_json_number(j, "limit_bytes", (long long)d->limit_bytes);
    vl_json_map_end(j);
}

static void nic(struct vl_json *j, const struct vl_vif *v, enum vl_json_form form)
{
    char mac[18];

    snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", v->mac[0], v->mac[1], v->mac[2], v->mac[3], v->mac[4],
             v->mac[5]);
    vl_json_map(j, NULL);
    optional(j, "backend_domname", v->backend_domain);
    vl_json_number(j, "devid", v->devid);
    if (v->mtu)
        vl_json_number(j, "mtu", v->mtu);
    optional(j, "model", v->model);
    if (form != VL_JSON_CHECKED || !v->mac_random)
        vl_json_string(j, "mac", mac);
    optional(j, "ip", v->ip);
    optional(j, "bridge", v->bridge ? v->bridge : form == VL_JSON_CHECKED ? NULL : VL_DEFAULT_BRIDGE);
    optional(j, "ifname", v->vifname);
    optional(j, "script", v->script);
    if (form != VL_JSON_CHECKED)
        vl_json_string(j, "nictype", "vif");
    else if (v->type)
        vl_json_string(j, "nictype", !strcmp(v->type, "ioemu") ? "vif_ioemu" : "vif");
    if (v->rate_bytes) {
        vl_json_number(j, "rate_bytes_per_interval", (long long)v->rate_bytes);
        vl_json_number(j, "rate_interval_usecs", v->rate_usecs);
    }
    optional(j, "gatewaydev", v->gatewaydev);
    if (v->untrusted)
        defbool(j, "trusted", false);
    if (v->process)
        defbool(j, "backend_process", true);
    optional(j, "antispoof", vl_antispoof_names[v->antispoof]);
    vl_json_map_end(j);
}

static void pci(struct vl_json *j, const struct vl_pci *p)
{
    vl_json_map(j, NULL);
    if (p->function)
        vl_json_number(j, "func", p->function);
    if (p->device)
        vl_json_number(j, "dev", p->device);
    if (p->bus)
        vl_json_number(j, "bus", p->bus);
    if (p->domain)
        vl_json_number(j, "domain", p->domain);
    if (p->vslot != VL_UNSET)
        vl_json_number(j, "vdevfn", p->vslot << 3);
    vl_json_number(j, "vfunc_mask", 1);
    if (p->msitranslate)
        vl_json_bool(j, "msitranslate", true);
    if (p->power_mgmt)
        vl_json_bool(j, "power_mgmt", true);
    if (p->permissive)
        vl_json_bool(j, "permissive", true);
    if (p->seize)
        vl_json_bool(j, "seize", true);
    vl_json_string(j, "rdm_policy", "strict");
    optional(j, "name", p->name);
    vl_json_map_end(j);
}

static void channels(struct vl_json *j, const struct vl_config *c)
{
    vl_json_array(j, "channels");
    for (size_t i = 0; i < c->n_channels; i++) {
        const struct vl_channel *ch = c->channels[i];

        vl_json_map(j, NULL);
        optional(j, "backend_domname", ch->backend_domain);
        vl_json_number(j, "devid", (long long)i);
        vl_json_text_string(j, "name", ch->name);
        vl_json_map(j, ch->socket ? "connection.socket" : "connection.pty");
        if (ch->socket)
            optional(j, "path", ch->path);
        vl_json_map_end(j);
        vl_json_map_end(j);
    }
    vl_json_array_end(j);
}

static void devices(struct vl_json *j, const struct vl_config *c, enum vl_json_form form)
{
    if (c->n_disks) {
        vl_json_array(j, "disks");
        for (size_t i = 0; i < c->n_disks; i++)
            disk(j, c->disks[i], form);
        vl_json_array_end(j);
    }
    if (c->n_vifs) {
        vl_json_array(j, "nics");
        for (size_t i = 0; i < c->n_vifs; i++)
            nic(j, c->vifs[i], form);
        vl_json_array_end(j);
    }
    if (c->n_pci) {
        vl_json_array(j, "pcidevs");
        for (size_t i = 0; i < c->n_pci; i++)
            pci(j, c->pci[i]);
        vl_json_array_end(j);
    }
    if (c->n_channels)
        channels(j, c);
}

/* Actions that are not libxl's default (destroy) are said. */
static void action(struct vl_json *j, const char *key, enum vl_action a)
{
    static const char *const names[VL_ACT_COUNT] = {
        "destroy", "restart", "restart_rename", "preserve", "coredump_destroy", "coredump_restart", "soft_reset",
    };

    if (a != VL_ACT_DESTROY)
        vl_json_string(j, key, names[a]);
}

void vl_json_config(struct vl_json *j, const char *key, const struct vl_config *c, enum vl_json_form form,
                    const struct vl_json_live *live)
{
    vl_json_map(j, key);
    c_info(j, c, form, live);
    b_info(j, c, form, live);
    devices(j, c, form);
    action(j, "on_poweroff", c->on_poweroff);
    action(j, "on_reboot", c->on_reboot);
    action(j, "on_watchdog", c->on_watchdog);
    action(j, "on_crash", c->on_crash);
    action(j, "on_soft_reset", c->on_soft_reset);
    vl_json_map_end(j);
}

void vl_json_foreign(struct vl_json *j, const char *key, const char *name, unsigned long long max_kb,
                     unsigned long long now_kb, const struct vl_json_live *live)
{
    vl_json_map(j, key);
    vl_json_map(j, "c_info");
    vl_json_string(j, "type", "pv");
    vl_json_text_string(j, "name", name);
    vl_json_map_end(j);
    vl_json_map(j, "b_info");
    vl_json_number(j, "max_memkb", (long long)max_kb);
    vl_json_number(j, "target_memkb", (long long)(live->target_kb ? live->target_kb : now_kb));
    vl_json_map(j, "sched_params");
    if (live->scheduler) {
        vl_json_string(j, "sched", live->scheduler);
        vl_json_number(j, "weight", live->weight);
        vl_json_number(j, "cap", live->cap);
    }
    vl_json_map_end(j);
    vl_json_map(j, "type.pv");
    vl_json_map_end(j);
    vl_json_map(j, "arch_arm");
    vl_json_map_end(j);
    vl_json_map(j, "arch_x86");
    vl_json_map_end(j);
    vl_json_map_end(j);
    vl_json_map_end(j);
}
