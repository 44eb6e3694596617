/* SPDX-License-Identifier: MIT */
/*
 * xen_version (xen/version.h): who we are and what we offer. The sub-operations return 0 but for version and pagesize.
 */
#include "subop.h"

#include <hv/boot.h>
#include <hv/cpu.h>
#include <hv/domain.h>
#include <hv/hypercall.h>
#include <hv/lib.h>
#include <hv/mm.h>

#include <xen/version.h>

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "unknown"
#endif

#define XEN_MAJOR 4         /* the ABI that we speak */
#define XEN_MINOR 17
#define EXTRAVERSION "-vellum"
#define CAPABILITIES "xen-3.0-x86_64 "     /* a blank after each entry */

/* What a 64-bit PV guest may rely on (xen/features.h). direct_mapped: a guest's frames are its machine frames. */
#define PV_FEATURES (BIT(XENFEAT_pae_pgdir_above_4gb) | BIT(XENFEAT_mmu_pt_update_preserve_ad) | \
                     BIT(XENFEAT_highmem_assist) | BIT(XENFEAT_gnttab_map_avail_bits) | BIT(XENFEAT_direct_mapped))

/* A string of fixed size, zero filled. */
static long put_string(unsigned long garg, const char *s, size_t size)
{
    char buf[1024];

    memset(buf, 0, size);
    hv_strlcpy(buf, s, size);
    return copy_to_guest((void *)garg, buf, size);
}

static long version_extraversion(void *ctx __unused, void *arg)
{
    return put_string(*(unsigned long *)arg, EXTRAVERSION, sizeof(xen_extraversion_t));
}

static long version_compile_info(void *ctx __unused, void *arg)
{
    struct xen_compile_info info = { .compiler = "" };

    /* No builder, host or date: a build is the same wherever it is made. */
    hv_strlcpy(info.compiler, __VERSION__, sizeof(info.compiler));
    hv_strlcpy(info.compile_by, "vellum", sizeof(info.compile_by));
    return copy_to_guest(*(void **)arg, &info, sizeof(info));
}

static long version_capabilities(void *ctx __unused, void *arg)
{
    return put_string(*(unsigned long *)arg, CAPABILITIES, sizeof(xen_capabilities_info_t));
}

static long version_changeset(void *ctx __unused, void *arg)
{
    return put_string(*(unsigned long *)arg, "vellum-" PACKAGE_VERSION, sizeof(xen_changeset_info_t));
}

static long version_platform_parameters(void *ctx __unused, void *arg)
{
    struct xen_platform_parameters params = { .virt_start = HYPERVISOR_VIRT_START };

    return copy_to_guest(*(void **)arg, &params, sizeof(params));
}

static long version_get_features(void *ctx __unused, void *arg)
{
    struct xen_feature_info fi;

    if (copy_from_guest(&fi, *(void **)arg, sizeof(fi)))
        return -XEN_EFAULT;
    if (fi.submap_idx != 0)
        return -XEN_EINVAL;
    fi.submap = PV_FEATURES;
    if (current->domain->privileged)
        fi.submap |= BIT(XENFEAT_dom0);
    return copy_to_guest(*(void **)arg, &fi, sizeof(fi));
}

static long version_pagesize(void *ctx __unused, void *arg)
{
    return *(unsigned long *)arg ? -XEN_EINVAL : (long)PAGE_SIZE;
}

static long version_guest_handle(void *ctx __unused, void *arg)
{
    struct domain *d = current->domain;

    return copy_to_guest(*(void **)arg, d->uuid, sizeof(d->uuid));
}

static long version_commandline(void *ctx __unused, void *arg)
{
    /* A guest is told nothing of the host's set-up; as an error would be shown to its users, it gets a word. */
    const char *s = current->domain->privileged ? hv_cmdline : "<denied>";

    return put_string(*(unsigned long *)arg, s, sizeof(xen_commandline_t));
}

/* Handlers get the guest address: most of them only write. */
static const struct subop ops[] = {
    [XENVER_extraversion]        = SUBOP("extraversion", version_extraversion, 0, 0),
    [XENVER_compile_info]        = SUBOP("compile_info", version_compile_info, 0, 0),
    [XENVER_capabilities]        = SUBOP("capabilities", version_capabilities, 0, 0),
    [XENVER_changeset]           = SUBOP("changeset", version_changeset, 0, 0),
    [XENVER_platform_parameters] = SUBOP("platform_parameters", version_platform_parameters, 0, 0),
    [XENVER_get_features]        = SUBOP("get_features", version_get_features, 0, 0),
    [XENVER_pagesize]            = SUBOP("pagesize", version_pagesize, 0, 0),
    [XENVER_guest_handle]        = SUBOP("guest_handle", version_guest_handle, 0, 0),
    [XENVER_commandline]         = SUBOP("commandline", version_commandline, 0, 0),
    [XENVER_build_id]            = SUBOP_REFUSED("build_id", XEN_ENODATA, 0),
};

HYPERCALL(xen_version)
{
    const struct subop *row;
    long rc;

    if (likely(a1 == XENVER_version))   /* also what Linux calls to have its events delivered */
        return XEN_MAJOR << 16 | XEN_MINOR;
    row = subop_find(ops, ARRAY_SIZE(ops), (unsigned int)a1, &rc);
    return row ? row->fn(NULL, &a2) : rc;
}
