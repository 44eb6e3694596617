/* SPDX-License-Identifier: MIT */
#include "life/shell.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/guard.h"
#include "base/log.h"
#include "base/uuid.h"
#include "device/device.h"
#include "life/create.h"
#include "life/handover.h"
#include "life/life.h"
#include "life/userdata.h"

/* FNV-1a: shapes come from root's own configurations, so nobody gains by making two of them meet. */
static void mix(uint64_t *h, const void *data, size_t len)
{
    const uint8_t *p = data;

    for (size_t i = 0; i < len; i++)
        *h = (*h ^ p[i]) * 0x100000001b3ull;
}

static void mix_number(uint64_t *h, long long n)
{
    mix(h, &n, sizeof(n));
}

static void mix_string(uint64_t *h, const char *s)
{
    mix(h, s ? s : "", s ? strlen(s) + 1 : 1);
}

/* A file by its name and by what tells that it has been replaced. */
static bool mix_file(uint64_t *h, const char *path)
{
    struct stat st;

    mix_string(h, path);
    if (!path)
        return true;
    if (stat(path, &st))
        return false;
    mix_number(h, (long long)st.st_dev);
    mix_number(h, (long long)st.st_ino);
    mix_number(h, st.st_size);
    mix(h, &st.st_mtim, sizeof(st.st_mtim));
    return true;
}

static void mix_lists(uint64_t *h, char *const *lists, size_t n)
{
    for (size_t i = 0; i < n; i++)
        mix_string(h, lists[i]);
    mix_number(h, (long long)n);
}

bool vl_shape(const struct vl_config *c, uint64_t *shape)
{
    uint64_t h = 0xcbf29ce484222325ull;

    if (!c->kernel || c->n_pci || c->n_channels || c->n_ioports || c->n_iomem || c->n_irqs || c->bootloader ||
        c->driver_domain || c->seclabel || c->rtc_timeoffset || c->localtime || c->rtds_period != VL_UNSET ||
        c->rtds_budget != VL_UNSET || c->rtds_extratime != VL_UNSET)
        return false;
    if (!mix_file(&h, c->kernel) || !mix_file(&h, c->ramdisk))
        return false;
    mix_string(&h, c->cmdline);
    mix_number(&h, (long long)c->memory_kb);
    mix_number(&h, (long long)c->maxmem_kb);
    mix_number(&h, c->vcpus);
    mix_number(&h, c->max_vcpus);
    mix_lists(&h, c->cpus, c->n_cpus);
    mix_lists(&h, c->cpus_soft, c->n_cpus_soft);
    mix_number(&h, c->cpus_per_vcpu + 2 * c->cpus_soft_per_vcpu + 4 * c->msr_relaxed + 8 * c->suspend_evtchn_compat);
    mix_string(&h, c->pool);
    mix_number(&h, c->cpu_weight);
    mix_number(&h, c->cap);
    mix_number(&h, c->max_grant_frames);
    mix_number(&h, c->max_maptrack_frames);
    mix_number(&h, c->max_grant_version);
    mix_number(&h, c->max_event_channels);
    mix_number(&h, c->tsc_mode);
    mix_number(&h, c->rtds_period);
    mix_number(&h, c->rtds_budget);
    mix_number(&h, c->rtds_extratime);
    mix_number(&h, c->driver_domain + 2 * c->localtime + 4 * c->nomigrate);
    mix_number(&h, c->rtc_timeoffset);
    mix_string(&h, c->seclabel);
    *shape = h;
    return true;
}

int vl_shell_make(struct vl *vl, struct vl_config *c, uint32_t *domid)
{
    char text[VL_UUID_TEXT];

    vl_uuid_format(c->uuid, text);
    c->name = vl_printf(&c->arena, VL_SHELL_PREFIX "%.13s", text);
    c->n_disks = c->n_vifs = 0;
    return vl_create(vl, c, domid);
}

/*
 * The shell's nodes become the guest's, its name last: until then it is a shell. A guest that may have any UUID takes the
 * shell's, and with it the nodes below /vm as they are; another gets its own, in one change.
 */
static int enter(struct vl *vl, struct vl_config *c, uint32_t domid)
{
    struct vl_store *s = vl_store(vl);
    char old[VL_UUID_TEXT], uuid[VL_UUID_TEXT];
    xc_domaininfo_t info;

    if (vl_domain_info(vl, domid, &info))
        return vl_fail(-ESRCH, "the ready-made domain %u has gone", domid);
    vl_uuid_format(info.handle, old);
    if (c->uuid_random) {
        memcpy(c->uuid, info.handle, sizeof(c->uuid));
        vl_store_write(s, c->name, "/vm/%s/name", old);
        vl_create_start_time(s, old);
        vl_store_write(s, c->name, "/local/domain/%u/name", domid);
        return vl_store_apply_each(s);
    }
    if (xc_domain_sethandle(vl->xc, domid, c->uuid))
        return vl_fail_errno("cannot set the UUID of domain %u", domid);
    vl_uuid_format(c->uuid, uuid);
    vl_store_expect(s, "/local/domain/%u", domid);
    vl_store_rm(s, "/vm/%s", old);
    vl_create_vm_nodes(s, c, domid, uuid);
    vl_store_write(s, vl_printf(&c->arena, "/vm/%s", uuid), "/local/domain/%u/vm", domid);
    vl_store_write(s, c->name, "/local/domain/%u/name", domid);
    return vl_store_apply(s);
}

int vl_shell_take(struct vl *vl, struct vl_config *c, uint32_t domid)
{
    int lock = -1, rc;

    if (!vl_xc(vl) || !vl_store(vl))
        return -EIO;
    vl_log_phase("hypervisor and store opened");
    rc = vl_create_check_name(vl, c, false, &lock);
    vl_log_phase("name checked");
    if (!rc)
        vl_guard_arm();
    if (!rc)
        rc = enter(vl, c, domid);
    vl_create_unlock_name(lock);
    vl_log_phase("shell entered in the store");
    if (!rc)
        rc = vl_create_equip(vl, domid, c);
    if (rc)
        vl_destroy_unmade(vl, domid);
    return rc;
}
