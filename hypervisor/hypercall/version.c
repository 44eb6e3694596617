/* SPDX-License-Identifier: MIT */
/* xen_version (xen/version.h): who we are and what we offer. */
#include "private.h"

#include <xen/version.h>

#define XEN_MAJOR 4         /* the ABI that we speak */
#define XEN_MINOR 17
#define EXTRAVERSION "-vellum"
#define CAPABILITIES "xen-3.0-x86_64 "     /* a blank after each entry */

/* What a 64-bit PV guest may rely on (xen/features.h). direct_mapped: a guest's frames are its machine frames. */
#define PV_FEATURES (BIT(XENFEAT_pae_pgdir_above_4gb) | BIT(XENFEAT_mmu_pt_update_preserve_ad) | \
                     BIT(XENFEAT_highmem_assist) | BIT(XENFEAT_gnttab_map_avail_bits) | BIT(XENFEAT_direct_mapped))

/* A string of fixed size, zero filled. */
static long put_string(void *garg, const char *s, size_t size)
{
    char buf[1024];
    memset(buf, 0, size);
    hv_strlcpy(buf, s, size);
    return copy_to_guest(garg, buf, size);
}

/* Handlers get the guest address, as most of them only write. */
#define VERSION_HANDLER(name) static long name(void *garg, void *arg __unused)

VERSION_HANDLER(extraversion) { return put_string(garg, EXTRAVERSION, sizeof(xen_extraversion_t)); }
VERSION_HANDLER(capabilities) { return put_string(garg, CAPABILITIES, sizeof(xen_capabilities_info_t)); }
VERSION_HANDLER(changeset)    { return put_string(garg, "vellum-" PACKAGE_VERSION, sizeof(xen_changeset_info_t)); }
VERSION_HANDLER(pagesize)     { return garg ? -XEN_EINVAL : (long)PAGE_SIZE; }
VERSION_HANDLER(guest_handle) { return copy_to_guest(garg, current->domain->uuid, sizeof(current->domain->uuid)); }

/* A guest is told nothing of the host's set-up; as an error would be shown to its users, it gets a word. */
VERSION_HANDLER(commandline)
{
    return put_string(garg, current->domain->privileged ? hv_cmdline : "<denied>", sizeof(xen_commandline_t));
}

/* No builder, host or date: a build is the same wherever it is made. */
VERSION_HANDLER(compile_info)
{
    struct xen_compile_info info = { .compile_by = "vellum" };
    hv_strlcpy(info.compiler, __VERSION__, sizeof(info.compiler));
    return copy_to_guest(garg, &info, sizeof(info));
}

VERSION_HANDLER(platform_parameters)
{
    struct xen_platform_parameters params = { .virt_start = HYPERVISOR_VIRT_START };
    return copy_to_guest(garg, &params, sizeof(params));
}

VERSION_HANDLER(get_features)
{
    struct xen_feature_info fi;
    if (copy_from_guest(&fi, garg, sizeof(fi)))
        return -XEN_EFAULT;
    if (fi.submap_idx != 0)
        return -XEN_EINVAL;
    fi.submap = PV_FEATURES | (current->domain->privileged ? BIT(XENFEAT_dom0) : 0);
    return copy_to_guest(garg, &fi, sizeof(fi));
}

#define ROW(n)          [XENVER_##n] = SUBOP(n, 0)
#define REFUSED(n, err) [XENVER_##n] = SUBOP_REFUSED(err)
static const struct subop ops[] = {
    ROW(extraversion), ROW(compile_info), ROW(capabilities), ROW(changeset), ROW(platform_parameters),
    ROW(get_features), ROW(pagesize), ROW(guest_handle), ROW(commandline),
    REFUSED(build_id, ENODATA),
};

HYPERCALL(xen_version)
{
    long rc;
    if (likely(a1 == XENVER_version))   /* also what Linux calls to have its events delivered */
        return XEN_MAJOR << 16 | XEN_MINOR;
    const struct subop *row = subop_find(ops, ARRAY_SIZE(ops), (unsigned int)a1, &rc);
    return row ? row->fn((void *)a2, NULL) : rc;
}
