/* SPDX-License-Identifier: MIT */
/* The last steps of a restore, when the guest's memory is there. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/arena.h"
#include "base/log.h"
#include "state/target.h"
#include "state/vcpu.h"

#define PER_FRAME (VL_PAGE_SIZE / 8)
#define PIN_BATCH 256u
#define P2M_BATCH 256u

static void *map_page(struct vl_target *t, uint64_t mfn, const char *what)
{
    xen_pfn_t frame = mfn;
    int err = 0;
    void *p = xenforeignmemory_map(vl_fmem(t->vl), t->domid, PROT_READ | PROT_WRITE, 1, &frame, &err);

    if (!p)
        vl_fail_errno("cannot map the guest's %s", what);
    return p;
}

/* A frame that holds plain data, for us to write: none that was or becomes a page table. */
static int plain_frame(struct vl_target *t, uint64_t pfn, const char *what, unsigned long *mfn)
{
    uint64_t found = vl_target_mfn(t, pfn);

    if (found == VL_NO_FRAME || t->type[pfn] != VL_PAGE_NORMAL)
        return vl_fail(-EINVAL, "the guest's %s is page %#llx, which is %s", what, (unsigned long long)pfn,
                       found == VL_NO_FRAME ? "not there" : "a page table");
    *mfn = found;
    return 0;
}

/* Registers, from the guest's frames to the machine's; vCPU 0's tell where start_info is. */
static int translate_vcpus(struct vl_target *t, uint64_t *start_info)
{
    bool first = false;
    int rc = 0;

    for (struct vl_vcpu_blob *b = t->blobs; b && !rc; b = b->next) {
        if (b->record != VL_REC_VCPU_BASIC)
            continue;
        if (b->len != sizeof(vcpu_guest_context_x86_64_t))
            return vl_fail(-EINVAL, "vCPU %u: registers of %zu bytes, not %zu", b->vcpu, b->len,
                           sizeof(vcpu_guest_context_x86_64_t));
        first |= !b->vcpu;
        rc = vl_vcpu_to_machine(b->vcpu, (vcpu_guest_context_x86_64_t *)b->bytes, vl_target_mfn, t, start_info);
    }
    if (!rc && !first)
        rc = vl_fail(-EINVAL, "the saved guest has no vCPU 0");
    return rc;
}

/* The guest wrote frame numbers of its own there before it suspended, and wants the machine's back. */
static int write_start_info(struct vl_target *t, uint64_t pfn, uint64_t shared_info_mfn)
{
    unsigned long mfn = 0;
    start_info_t *si;
    int rc = plain_frame(t, pfn, "start_info", &mfn);

    si = rc ? NULL : map_page(t, mfn, "start_info");
    if (!si)
        return -EINVAL;
    rc = plain_frame(t, si->store_mfn, "store ring", &t->built->store_mfn);
    if (!rc)
        rc = plain_frame(t, si->console.domU.mfn, "console ring", &t->built->console_mfn);
    if (!rc) {
        si->nr_pages = t->populated;
        si->shared_info = shared_info_mfn * VL_PAGE_SIZE;
        si->flags = 0;
        si->store_mfn = t->built->store_mfn;
        si->store_evtchn = t->params->store_port;
        si->console.domU.mfn = t->built->console_mfn;
        si->console.domU.evtchn = t->params->console_port;
    }
    xenforeignmemory_unmap(vl_fmem(t->vl), si, 1);
    return rc;
}

/* Map some of the P2M's own frames; NULL after a told error. */
static uint64_t *map_p2m(struct vl_target *t, size_t at, size_t n)
{
    xen_pfn_t mfn[P2M_BATCH];
    int err[P2M_BATCH];
    void *p;

    for (size_t i = 0; i < n; i++) {
        unsigned long found = 0;

        if (plain_frame(t, t->p2m_frames[at + i], "P2M", &found))
            return NULL;
        mfn[i] = found;
    }
    p = xenforeignmemory_map(vl_fmem(t->vl), t->domid, PROT_READ | PROT_WRITE, n, mfn, err);
    for (size_t i = 0; p && i < n; i++)
        if (err[i]) {
            errno = -err[i];
            xenforeignmemory_unmap(vl_fmem(t->vl), p, n);
            p = NULL;
        }
    if (!p)
        vl_fail_errno("cannot map the guest's P2M");
    return p;
}

static int write_p2m(struct vl_target *t)
{
    for (size_t at = 0; at < t->n_p2m_frames; at += P2M_BATCH) {
        size_t n = t->n_p2m_frames - at < P2M_BATCH ? t->n_p2m_frames - at : P2M_BATCH;
        uint64_t *list = map_p2m(t, at, n);

        if (!list)
            return -EINVAL;
        for (uint64_t i = 0; i < n * PER_FRAME; i++)
            list[i] = vl_target_mfn(t, at * PER_FRAME + i);
        xenforeignmemory_unmap(vl_fmem(t->vl), list, n);
    }
    return 0;
}

/* vCPU information stays, but for the time, which is this machine's and not that of where it was saved; events begin anew,
 * masked; the guest tells anew where its P2M is. */
static int write_shared_info(struct vl_target *t, uint64_t mfn)
{
    const shared_info_t *from = (const shared_info_t *)t->shared_info;
    shared_info_t *to = map_page(t, mfn, "shared info");

    if (!to)
        return -ENOMEM;
    for (int i = 0; i < XEN_LEGACY_MAX_VCPUS; i++) {
        struct vcpu_time_info here = to->vcpu_info[i].time;
        to->vcpu_info[i] = from->vcpu_info[i];
        to->vcpu_info[i].time = here;
        to->vcpu_info[i].evtchn_pending_sel = 0;
    }
    to->arch = from->arch;
    to->arch.pfn_to_mfn_frame_list_list = 0;
    to->arch.p2m_cr3 = 0;
    memset(to->evtchn_pending, 0, sizeof(to->evtchn_pending));
    memset(to->evtchn_mask, 0xff, sizeof(to->evtchn_mask));
    xenforeignmemory_unmap(vl_fmem(t->vl), to, 1);
    return 0;
}

static int pin_some(struct vl_target *t, struct mmuext_op *op, unsigned n)
{
    if (n && xc_mmuext_op(t->vl->xc, op, n, t->domid) < 0)
        return vl_fail_errno("the hypervisor refused the guest's page tables");
    return 0;
}

static int pin_tables(struct vl_target *t)
{
    static const unsigned how[] = { 0, MMUEXT_PIN_L1_TABLE, MMUEXT_PIN_L2_TABLE, MMUEXT_PIN_L3_TABLE,
                                    MMUEXT_PIN_L4_TABLE };
    struct mmuext_op op[PIN_BATCH];
    unsigned n = 0;
    int rc = 0;

    memset(op, 0, sizeof(op));
    for (uint64_t pfn = 0; pfn <= t->last && !rc; pfn++) {
        unsigned level = vl_page_level(t->type[pfn]);

        if (!level || !(t->type[pfn] & VL_PAGE_PINNED))
            continue;
        op[n].cmd = how[level];
        op[n++].arg1.mfn = vl_target_mfn(t, pfn);
        if (n == PIN_BATCH) {
            rc = pin_some(t, op, n);
            n = 0;
        }
    }
    return rc ? rc : pin_some(t, op, n);
}

/* The registers first: they bring a vCPU up, to which the rest is added. */
static int set_vcpus(struct vl_target *t)
{
    static const uint32_t order[] = { VL_REC_VCPU_BASIC, VL_REC_VCPU_EXTENDED, VL_REC_VCPU_XSAVE, VL_REC_VCPU_MSRS };
    int rc = 0;

    for (unsigned i = 0; i < 4; i++)
        for (struct vl_vcpu_blob *b = t->blobs; b && !rc; b = b->next)
            if (b->record == order[i])
                rc = vl_vcpu_set(t->vl, t->domid, b->record, b->vcpu, b->bytes, b->len);
    return rc;
}

int vl_target_finish(void *target)
{
    struct vl_target *t = target;
    xc_domaininfo_t info;
    uint64_t start_info = 0;
    int rc;

    if (xc_domain_getinfolist(t->vl->xc, t->domid, 1, &info) != 1 || info.domain != t->domid)
        return vl_fail(-ESRCH, "domain %u has gone while it was being restored", t->domid);
    rc = translate_vcpus(t, &start_info);
    if (!rc)
        rc = write_start_info(t, start_info, info.shared_info_frame);
    if (!rc)
        rc = write_p2m(t);
    if (!rc)
        rc = write_shared_info(t, info.shared_info_frame);
    if (!rc)
        rc = pin_tables(t);
    if (!rc)
        rc = set_vcpus(t);
    if (!rc && t->has_tsc)
        rc = vl_tsc_set(t->vl, t->domid, &t->tsc);
    return rc ? rc : vl_build_grants(t->vl, t->domid, t->params, t->built);
}
