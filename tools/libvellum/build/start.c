/* SPDX-License-Identifier: MIT */
/*
 * What the guest's first instruction finds: start_info, the rings to store and console and the grants that let their
 * daemons in, masked events in shared info, and the registers (xen/xen.h; xen/arch-x86/xen.h).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/arena.h"
#include "base/log.h"
#include "build/guest.h"

uint64_t vl_guest_boot_pages(const struct vl_guest *g)
{
    return g->lay.stack.pfn + g->lay.stack.count - g->lay.start_info.pfn;
}

static void fill_start_info(struct vl_guest *g, start_info_t *si)
{
    const struct vl_layout *lay = &g->lay;

    memset(si, 0, VL_PAGE);
    snprintf(si->magic, sizeof(si->magic), "xen-3.0-x86_64");
    si->nr_pages = g->nr_pages;
    si->shared_info = g->shared_info_mfn * VL_PAGE;
    si->store_mfn = vl_guest_mfn(g, lay->store.pfn);
    si->store_evtchn = g->params->store_port;
    si->console.domU.mfn = vl_guest_mfn(g, lay->console.pfn);
    si->console.domU.evtchn = g->params->console_port;
    si->pt_base = vl_va_of(lay, lay->l4_pfn);
    si->nr_pt_frames = lay->tables.count;
    si->mfn_list = lay->p2m_va;
    if (!lay->p2m_mapped) {
        si->first_p2m_pfn = lay->p2m.pfn;
        si->nr_p2m_frames = lay->p2m.count + lay->p2m_tables.count;
    }
    if (lay->ramdisk.count) {
        si->mod_start = lay->ramdisk_mapped ? vl_va_of(lay, lay->ramdisk.pfn) : lay->ramdisk.pfn;
        si->mod_len = g->ramdisk_size;
        si->flags |= lay->ramdisk_mapped ? 0 : SIF_MOD_START_PFN;
    }
    if (g->params->cmdline)
        memcpy(si->cmd_line, g->params->cmdline, strlen(g->params->cmdline) + 1);
}

/* Events are masked when a guest starts: it has no handler yet. */
static int mask_events(struct vl_guest *g)
{
    xen_pfn_t mfn = g->shared_info_mfn;
    shared_info_t *si;
    int err = 0;

    si = xenforeignmemory_map(vl_fmem(g->vl), g->domid, PROT_READ | PROT_WRITE, 1, &mfn, &err);
    if (!si)
        return vl_fail_errno("cannot map the guest's shared info");
    memset(si, 0, VL_PAGE);
    for (int i = 0; i < XEN_LEGACY_MAX_VCPUS; i++)
        si->vcpu_info[i].evtchn_upcall_mask = 1;
    xenforeignmemory_unmap(vl_fmem(g->vl), si, 1);
    return 0;
}

static void seed(grant_entry_v1_t *entry, uint32_t domid, unsigned long mfn)
{
    entry->domid = (domid_t)domid;
    entry->frame = (uint32_t)mfn;
    __atomic_store_n(&entry->flags, GTF_permit_access, __ATOMIC_RELEASE);
}

int vl_build_grants(struct vl *vl, uint32_t domid, const struct vl_build_params *params,
                    const struct vl_build_result *built)
{
    xenforeignmemory_resource_handle *res;
    void *p = NULL;

    res = xenforeignmemory_map_resource(vl_fmem(vl), (domid_t)domid, XENMEM_resource_grant_table,
                                        XENMEM_resource_grant_table_id_shared, 0, 1, &p, PROT_READ | PROT_WRITE, 0);
    if (!res)
        return vl_fail_errno("cannot map the guest's grant table");
    seed((grant_entry_v1_t *)p + GNTTAB_RESERVED_CONSOLE, params->console_domid, built->console_mfn);
    seed((grant_entry_v1_t *)p + GNTTAB_RESERVED_XENSTORE, params->store_domid, built->store_mfn);
    xenforeignmemory_unmap_resource(vl_fmem(vl), res);
    return 0;
}

static int hypercall_page(struct vl_guest *g)
{
    struct xen_domctl domctl = { .cmd = XEN_DOMCTL_hypercall_init, .domain = (domid_t)g->domid };
    uint64_t pfn = (g->notes.hypercall_page - g->lay.virt_base) / VL_PAGE;

    if (!g->notes.has_hypercall_page)
        return 0;
    if (g->notes.hypercall_page < g->lay.virt_base || g->notes.hypercall_page % VL_PAGE || pfn < g->lay.kernel.pfn ||
        pfn >= g->lay.kernel.pfn + g->lay.kernel.count)
        return vl_fail(-EINVAL, "%s: the kernel's hypercall page 0x%llx lies outside it", g->image->name,
                       (unsigned long long)g->notes.hypercall_page);
    domctl.u.hypercall_init.gmfn = vl_guest_mfn(g, pfn);
    if (xc_domctl(g->vl->xc, &domctl))
        return vl_fail_errno("cannot make the guest's hypercall page");
    return 0;
}

int vl_guest_start_pages(struct vl_guest *g)
{
    const struct vl_layout *lay = &g->lay;
    xen_domctl_getdomaininfo_t info;
    int rc;

    if (xc_domain_getinfolist(g->vl->xc, g->domid, 1, &info) != 1 || info.domain != g->domid)
        return vl_fail(-ESRCH, "domain %u has gone while it was being built", g->domid);
    g->shared_info_mfn = info.shared_info_frame;
    g->result->store_mfn = vl_guest_mfn(g, lay->store.pfn);
    g->result->console_mfn = vl_guest_mfn(g, lay->console.pfn);
    g->boot = vl_guest_map(g, NULL, lay->start_info.pfn, vl_guest_boot_pages(g));
    if (!g->boot)
        return -ENOMEM;
    fill_start_info(g, (start_info_t *)g->boot);
    memset(g->boot + VL_PAGE, 0, 2 * VL_PAGE);
    memset(g->boot + (lay->stack.pfn - lay->start_info.pfn) * VL_PAGE, 0, VL_PAGE);
    rc = mask_events(g);
    if (!rc)
        rc = hypercall_page(g);
    return rc ? rc : vl_build_grants(g->vl, g->domid, g->params, g->result);
}

int vl_guest_first_vcpu(struct vl_guest *g)
{
    vcpu_guest_context_any_t *any = vl_xmalloc(sizeof(*any));
    vcpu_guest_context_x86_64_t *c = &any->x64;
    const struct vl_layout *lay = &g->lay;
    uint64_t stack_top = vl_va_of(lay, lay->stack.pfn + lay->stack.count);
    int rc = 0;

    memset(any, 0, sizeof(*any));
    c->flags = VGCF_in_kernel | VGCF_online;
    c->user_regs.rip = g->notes.has_entry ? g->notes.entry : g->elf.entry;
    c->user_regs.rsp = stack_top;
    c->user_regs.rsi = vl_va_of(lay, lay->start_info.pfn);
    c->user_regs.rflags = 0x200;        /* interrupts on; events are masked */
    c->user_regs.cs = FLAT_KERNEL_CS_X86_64;
    c->user_regs.ss = FLAT_KERNEL_SS_X86_64;
    c->kernel_ss = FLAT_KERNEL_SS_X86_64;
    c->kernel_sp = stack_top;
    c->ctrlreg[3] = vl_guest_mfn(g, lay->l4_pfn) * VL_PAGE;
    if (xc_vcpu_setcontext(g->vl->xc, g->domid, 0, any))
        rc = vl_fail_errno("the hypervisor refused the guest's first registers");
    free(any);
    return rc;
}
