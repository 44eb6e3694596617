/* SPDX-License-Identifier: MIT */
/*
 * Making a domain: an empty one in the hypervisor, its name and nodes in the store, the builder's work, the rings
 * made known to the daemons, the devices. Each step may fail; then vl_destroy takes down whatever there is.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/guard.h"
#include "base/log.h"
#include "build/build.h"
#include "build/keep.h"
#include "config/hostconf.h"
#include "device/device.h"
#include "life/apply.h"
#include "life/balloon.h"
#include "life/boot.h"
#include "life/create.h"
#include "life/life.h"
#include "life/lock.h"
#include "life/names.h"
#include "life/userdata.h"

#define SSID_DOMU 12            /* what an unlabelled guest has in XSM's numbering; ignored without XSM */
#define SLACK_KB 1024           /* room above the guest's memory that libxl gives too */

/* A creation under way. */
struct creation {
    struct vl *vl;
    const struct vl_config *config;
    const struct vl_filler *filler;     /* NULL: the builder */
    uint32_t domid, pool;
    int name_lock, memory_lock;
    struct vl_boot boot;
    struct vl_image image;
    struct vl_build_params params;
    struct vl_build_result built;
};

int vl_create_check_name(struct vl *vl, const struct vl_config *config, bool moving, int *lock)
{
    struct vl_domain_list list;
    int rc;

    *lock = vl_name_lock(config->name);
    if (*lock < 0)
        return *lock;
    rc = vl_domains(vl, &list, true);
    /* One that is dying is no longer anyone's: a guest that restarts may find its former self still being taken down. */
    for (size_t i = 0; i < list.count && !rc; i++)
        if (list.all[i].info.flags & XEN_DOMINF_dying)
            continue;
        else if (!strcmp(list.all[i].name, config->name))
            rc = vl_fail(-EEXIST, "a domain with the name '%s' exists already (id %u)", config->name,
                         list.all[i].info.domain);
        else if (!moving && !memcmp(list.all[i].info.handle, config->uuid, 16))
            rc = vl_fail(-EEXIST, "the domain '%s' has the same UUID", list.all[i].name);
    vl_domains_free(&list);
    return rc;
}

void vl_create_unlock_name(int lock)
{
    if (lock >= 0)
        close(lock);
}

/* What the guest's configuration says, else the host's. */
static int either(int guest, int host)
{
    return guest != VL_UNSET ? guest : host;
}

static int make_domain(struct creation *c)
{
    const struct vl_config *cfg = c->config;
    const struct vl_hostconf *conf = vl_hostconf();
    int version = either(cfg->max_grant_version, conf->max_grant_version);
    struct xen_domctl_createdomain create = {
        .ssidref = SSID_DOMU,
        .max_vcpus = cfg->max_vcpus,
        .max_evtchn_port = (uint32_t)cfg->max_event_channels,
        .max_grant_frames = either(cfg->max_grant_frames, conf->max_grant_frames),
        .max_maptrack_frames = either(cfg->max_maptrack_frames, conf->max_maptrack_frames),
        .grant_opts = XEN_DOMCTL_GRANT_version(version > 0 ? (uint32_t)version : 2),
        .cpupool_id = c->pool,
        .arch.misc_flags = cfg->msr_relaxed ? XEN_X86_MSR_RELAXED : 0,
    };
    uint32_t domid = c->filler ? c->filler->domid : 0;
    int rc;

    memcpy(create.handle, c->filler ? c->filler->handle : cfg->uuid, sizeof(create.handle));
    vl_guard_arm();
    if (xc_domain_create(c->vl->xc, &domid, &create))
        return vl_fail_errno("the hypervisor did not make a domain");
    c->domid = domid;
    vl_guard_number(domid);     /* by which its nodes are found even when it has gone */
    if (xc_domain_max_vcpus(c->vl->xc, domid, cfg->max_vcpus))
        return vl_fail_errno("cannot give the domain %u vCPUs", cfg->max_vcpus);
    /* What it may grow to: kernels lay out their memory by this map, not by the limit of the moment. */
    if (xc_domain_set_memmap_limit(c->vl->xc, domid, cfg->maxmem_kb))
        return vl_fail_errno("cannot set the domain's memory map");
    if (xc_domain_setmaxmem(c->vl->xc, domid, cfg->memory_kb + SLACK_KB))
        return vl_fail_errno("cannot set the domain's memory limit");
    rc = vl_balloon_claim(c->vl, domid, cfg->memory_kb, &c->memory_lock);
    return rc ? rc : vl_apply(c->vl, domid, cfg);
}

static void queue_node(struct vl_store *store, uint32_t domid, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
static void queue_node(struct vl_store *store, uint32_t domid, const char *name, const char *fmt, ...)
{
    char value[VL_STORE_VALUE_MAX];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(value, sizeof(value), fmt, ap);
    va_end(ap);
    vl_store_write(store, value, "/local/domain/%u/%s", domid, name);
}

/* Nodes that the guest itself writes. */
static void queue_guest_nodes(struct vl_store *s, const struct creation *c)
{
    static const char *const own[] = { "control/shutdown", "control/feature-poweroff", "control/feature-reboot",
                                       "control/feature-suspend", "control/sysrq", "data", "drivers", "feature",
                                       "attr", "error" };

    if (!c->config->suspend_evtchn_compat) {
        queue_node(s, c->domid, "device/suspend/event-channel", "%s", "");
        vl_store_perms(s, c->domid, VL_NOBODY, "/local/domain/%u/device/suspend/event-channel", c->domid);
    }
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        queue_node(s, c->domid, own[i], "%s", "");
        vl_store_perms(s, c->domid, VL_NOBODY, "/local/domain/%u/%s", c->domid, own[i]);
    }
}

/* What a driver domain may write of its own: libxl in it looks there. Its back-ends' nodes come with the devices. */
static void queue_driver_nodes(struct vl_store *s, const struct creation *c)
{
    static const char *const own[] = { "device-model", "libxl" };

    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        vl_store_mkdir(s, "/local/domain/%u/%s", c->domid, own[i]);
        vl_store_perms(s, c->domid, VL_NOBODY, "/local/domain/%u/%s", c->domid, own[i]);
    }
}

void vl_create_start_time(struct vl_store *s, const char *uuid)
{
    struct timeval now;
    char start[40];

    gettimeofday(&now, NULL);
    snprintf(start, sizeof(start), "%lld.%02ld", (long long)now.tv_sec, (long)now.tv_usec / 10000);
    vl_store_write(s, start, "/vm/%s/start_time", uuid);
}

void vl_create_vm_nodes(struct vl_store *s, const struct vl_config *cfg, uint32_t domid, const char *uuid)
{
    vl_store_mkdir(s, "/vm/%s", uuid);
    vl_store_perms(s, 0, domid, "/vm/%s", uuid);
    vl_store_write(s, cfg->name, "/vm/%s/name", uuid);
    vl_store_write(s, uuid, "/vm/%s/uuid", uuid);
    vl_store_write(s, "linux", "/vm/%s/image/ostype", uuid);
    if (cfg->kernel)
        vl_store_write(s, cfg->kernel, "/vm/%s/image/kernel", uuid);
    if (cfg->ramdisk)
        vl_store_write(s, cfg->ramdisk, "/vm/%s/image/ramdisk", uuid);
    if (cfg->cmdline)
        vl_store_write(s, cfg->cmdline, "/vm/%s/image/cmdline", uuid);
    vl_create_start_time(s, uuid);
}

/* The domain's tree, before the build: from here on it has a name. */
static int enter_domain(struct creation *c)
{
    const struct vl_config *cfg = c->config;
    struct vl_store *s = vl_store(c->vl);
    char uuid[VL_UUID_TEXT];

    vl_uuid_format(cfg->uuid, uuid);
    vl_store_rm(s, "/local/domain/%u", c->domid);
    vl_store_rm(s, "/vm/%s", uuid);
    vl_store_rm(s, "/libxl/%u", c->domid);
    vl_store_mkdir(s, "/local/domain/%u", c->domid);
    vl_store_perms(s, 0, c->domid, "/local/domain/%u", c->domid);
    vl_store_write(s, "", "/libxl/%u", c->domid);
    vl_store_perms(s, 0, VL_NOBODY, "/libxl/%u", c->domid);
    queue_node(s, c->domid, "vm", "/vm/%s", uuid);
    queue_node(s, c->domid, "name", "%s", cfg->name);
    for (unsigned i = 0; i < cfg->max_vcpus; i++) {
        char node[40];

        snprintf(node, sizeof(node), "cpu/%u/availability", i);
        queue_node(s, c->domid, node, "%s", i < cfg->vcpus ? "online" : "offline");
    }
    queue_node(s, c->domid, "memory/static-max", "%" PRIu64, cfg->maxmem_kb);
    queue_node(s, c->domid, "memory/target", "%" PRIu64, cfg->memory_kb);
    queue_node(s, c->domid, "memory/videoram", "0");
    queue_guest_nodes(s, c);
    queue_node(s, c->domid, "control/platform-feature-multiprocessor-suspend", "1");
    queue_node(s, c->domid, "control/platform-feature-xs_reset_watches", "1");
    queue_node(s, c->domid, "domid", "%u", c->domid);
    if (cfg->driver_domain)
        queue_driver_nodes(s, c);
    vl_store_write(s, "pv", "/libxl/%u/type", c->domid);
    vl_store_write(s, "qemu_xen", "/libxl/%u/dm-version", c->domid);
    vl_create_vm_nodes(s, cfg, c->domid, uuid);
    return vl_store_apply(s);
}

static int allocate_port(struct creation *c, uint32_t remote, uint32_t *port)
{
    int rc = xc_evtchn_alloc_unbound(c->vl->xc, c->domid, remote);

    if (rc < 0)
        return vl_fail_errno("cannot make an event channel for the guest");
    *port = (uint32_t)rc;
    return 0;
}

static int build(struct creation *c)
{
    const struct vl_config *cfg = c->config;
    int rc;

    c->params.kernel = c->boot.kernel;
    c->params.ramdisk = c->boot.ramdisk;
    c->params.cmdline = c->boot.cmdline;
    c->params.memory_kb = cfg->memory_kb;
    c->params.maxmem_kb = cfg->maxmem_kb;
    rc = allocate_port(c, c->params.store_domid, &c->params.store_port);
    if (!rc)
        rc = allocate_port(c, c->params.console_domid, &c->params.console_port);
    if (rc)
        return rc;
    if (c->filler) {
        rc = c->filler->fill(c->filler->ctx, c->domid, &c->params, &c->built);
        xc_domain_claim_pages(c->vl->xc, c->domid, 0);      /* it may have less memory than it was to have */
        return rc;
    }
    return vl_build(c->vl, c->domid, &c->params, &c->image, &c->built);
}

/* The rings' places, for the console's daemon, and the store's own connection. */
static int introduce(struct creation *c)
{
    struct vl_store *s = vl_store(c->vl);
    int rc;

    vl_store_expect(s, "/local/domain/%u", c->domid);
    queue_node(s, c->domid, "store/port", "%u", c->params.store_port);
    queue_node(s, c->domid, "store/ring-ref", "%lu", c->built.store_mfn);
    vl_console_queue(s, c->domid, c->built.console_mfn, c->params.console_port);
    rc = vl_store_apply(s);
    if (rc)
        return rc;
    rc = vl_store_introduce(s, c->domid, c->built.store_mfn, c->params.store_port);
    return rc ? vl_fail(rc, "xenstored did not take the domain: %s", strerror(-rc)) : 0;
}

int vl_create_equip(struct vl *vl, uint32_t domid, const struct vl_config *config)
{
    int lock = vl_domain_lock(vl, domid), rc = lock < 0 ? lock : vl_devices_attach(vl, domid, config);

    vl_log_phase("devices attached");
    if (!rc)
        rc = vl_userdata_save(domid, config);
    vl_log_phase("configuration kept");
    vl_domain_unlock(lock);
    return rc;
}

int vl_create(struct vl *vl, const struct vl_config *config, uint32_t *domid)
{
    return vl_create_filled(vl, config, NULL, domid);
}

int vl_create_filled(struct vl *vl, const struct vl_config *config, const struct vl_filler *filler, uint32_t *domid)
{
    struct creation c = { .vl = vl, .config = config, .filler = filler, .domid = VL_NOBODY, .name_lock = -1,
                          .memory_lock = -1, .boot = VL_BOOT_NONE };
    int rc;

    if (!vl_xc(vl) || !vl_store(vl))
        return -EIO;
    vl_log_phase("start");
    rc = vl_apply_check(vl, config);
    if (!rc)
        rc = vl_apply_pool(vl, config, &c.pool);
    if (!rc && !filler)
        rc = vl_boot_choose(config, &c.boot);
    if (!rc && !filler)
        rc = vl_image_open(&c.image, c.boot.kernel);
    if (rc) {
        vl_boot_free(&c.boot);
        return rc;
    }
    vl_log_phase("kernel opened");
    rc = vl_create_check_name(vl, config, filler, &c.name_lock);
    vl_log_phase("name checked");
    if (!rc)
        rc = vl_balloon_make_room(vl, config->memory_kb, &c.memory_lock);
    if (!rc)
        rc = make_domain(&c);
    if (c.memory_lock >= 0)     /* on failure; else the claim has closed it */
        close(c.memory_lock);
    vl_log_phase("domain made");
    if (!rc)
        rc = enter_domain(&c);
    if (!rc)
        vl_name_hint_set(config->name, c.domid);
    vl_log_phase("domain entered in the store");
    vl_create_unlock_name(c.name_lock);
    if (!rc)
        rc = build(&c);
    if (!rc)
        rc = introduce(&c);
    vl_log_phase("rings introduced");
    if (!rc)
        rc = vl_create_equip(vl, c.domid, config);
    if (!rc && !filler && vl_image_wants_keeping(&c.image))
        vl_keep_kernel_later(c.boot.kernel);
    vl_image_close(&c.image);
    vl_boot_free(&c.boot);
    if (rc && c.domid != VL_NOBODY)
        vl_destroy_unmade(vl, c.domid);
    *domid = c.domid;
    return rc;
}
