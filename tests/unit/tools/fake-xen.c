/* SPDX-License-Identifier: MIT */
#include "fake-xen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xencall.h>

#include "build/build.h"
#include "state/format.h"

struct fake_domain fake_domain[FAKE_DOMAINS];
uint8_t fake_owner[FAKE_FRAMES], fake_pinned[FAKE_FRAMES];
long fake_mappings;
uint64_t fake_pages_left;
static uint8_t *memory;
static int memory_fd = -1;
static uint64_t next_frame;

void fake_start(void)
{
    memory_fd = memfd_create("frames", MFD_CLOEXEC);
    if (ftruncate(memory_fd, (off_t)FAKE_FRAMES * VL_PAGE_SIZE))
        abort();
    memory = mmap(NULL, FAKE_FRAMES * VL_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, memory_fd, 0);
    memset(fake_owner, 0, sizeof(fake_owner));
    memset(fake_pinned, 0, sizeof(fake_pinned));
    memset(fake_domain, 0, sizeof(fake_domain));
    fake_mappings = 0;
    fake_pages_left = FAKE_FRAMES;
    next_frame = 7;
}

void fake_end(void)
{
    munmap(memory, FAKE_FRAMES * VL_PAGE_SIZE);
    close(memory_fd);
}

void *fake_frame(uint64_t mfn)
{
    return memory + mfn * VL_PAGE_SIZE;
}

uint64_t fake_take(uint32_t domid)
{
    do
        next_frame = (next_frame * 5 + 3) % FAKE_FRAMES;        /* all of them, in no order */
    while (fake_owner[next_frame] || !next_frame);
    fake_owner[next_frame] = (uint8_t)domid;
    memset(fake_frame(next_frame), 0xaa, VL_PAGE_SIZE);
    return next_frame;
}

void fake_destroy(uint32_t domid)
{
    for (unsigned m = 0; m < FAKE_FRAMES; m++)
        if (fake_owner[m] == domid)
            fake_owner[m] = fake_pinned[m] = 0;
    memset(&fake_domain[domid], 0, sizeof(fake_domain[domid]));
}

xc_interface *vl_xc(struct vl *vl)
{
    return vl->xc;
}

xenforeignmemory_handle *vl_fmem(struct vl *vl)
{
    (void)vl;
    return (xenforeignmemory_handle *)memory;
}

/* --- mappings ------------------------------------------------------------------------------------------ */

static int may_map(uint32_t dom, uint64_t mfn, int prot)
{
    if (mfn >= FAKE_FRAMES || fake_owner[mfn] != dom)
        return -EINVAL;
    return prot & PROT_WRITE && fake_pinned[mfn] ? -EPERM : 0;
}

void *xenforeignmemory_map(xenforeignmemory_handle *h, uint32_t dom, int prot, size_t n, const xen_pfn_t arr[], int err[])
{
    uint8_t *at = mmap(NULL, n * VL_PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    unsigned bad = 0;

    (void)h;
    for (size_t i = 0; i < n; i++) {
        err[i] = may_map(dom, arr[i], prot);
        bad += err[i] != 0;
        if (!err[i] && mmap(at + i * VL_PAGE_SIZE, VL_PAGE_SIZE, prot, MAP_SHARED | MAP_FIXED, memory_fd,
                            (off_t)arr[i] * VL_PAGE_SIZE) == MAP_FAILED)
            abort();
    }
    if (bad == n) {
        errno = -err[0];
        munmap(at, n * VL_PAGE_SIZE);
        return NULL;
    }
    fake_mappings += (long)n;
    return at;
}

int xenforeignmemory_unmap(xenforeignmemory_handle *h, void *addr, size_t n)
{
    (void)h;
    fake_mappings -= (long)n;
    return munmap(addr, n * VL_PAGE_SIZE);
}

xencall_handle *xc_interface_xcall_handle(xc_interface *xch)
{
    return (xencall_handle *)xch;
}

void *xencall_alloc_buffer_pages(xencall_handle *h, size_t pages)
{
    (void)h;
    return malloc(pages * VL_PAGE_SIZE);
}

void xencall_free_buffer_pages(xencall_handle *h, void *p, size_t pages)
{
    (void)h;
    (void)pages;
    free(p);
}

/* --- memory of domains ----------------------------------------------------------------------------------- */

int xc_maximum_ram_page(xc_interface *xch, unsigned long *max)
{
    (void)xch;
    *max = FAKE_FRAMES - 1;
    return 0;
}

int xc_domain_populate_physmap(xc_interface *xch, uint32_t domid, unsigned long n, unsigned order, unsigned flags,
                               xen_pfn_t *extents)
{
    (void)xch;
    (void)flags;
    if (order)                  /* memory is in pieces */
        return 0;
    for (unsigned long i = 0; i < n; i++) {
        if (!fake_pages_left)
            return (int)i;
        fake_pages_left--;
        fake_domain[domid].pages++;
        extents[i] = fake_take(domid);
    }
    return (int)n;
}

int xc_domain_populate_physmap_exact(xc_interface *xch, uint32_t domid, unsigned long n, unsigned order, unsigned flags,
                                     xen_pfn_t *extents)
{
    if (xc_domain_populate_physmap(xch, domid, n, order, flags, extents) == (int)n)
        return 0;
    errno = ENOMEM;
    return -1;
}

int xc_domain_decrease_reservation_exact(xc_interface *xch, uint32_t domid, unsigned long n, unsigned order,
                                         xen_pfn_t *extents)
{
    (void)xch;
    (void)order;
    for (unsigned long i = 0; i < n; i++)
        fake_owner[extents[i]] = 0;
    fake_domain[domid].pages -= n;
    return 0;
}

/* A table and all below it: entries must be the domain's. */
static int pin(uint32_t dom, uint64_t mfn, unsigned level)
{
    const uint64_t *entry = fake_frame(mfn);

    if (mfn >= FAKE_FRAMES || fake_owner[mfn] != dom)
        return -1;
    fake_pinned[mfn] = (uint8_t)level;
    for (unsigned i = 0; i < 512; i++)
        if (entry[i] & 1) {
            uint64_t to = entry[i] >> 12 & 0xffffffff;

            if (to >= FAKE_FRAMES || fake_owner[to] != dom || (level > 1 && pin(dom, to, level - 1)))
                return -1;
        }
    return 0;
}

int xc_mmuext_op(xc_interface *xch, struct mmuext_op *op, unsigned n, uint32_t dom)
{
    (void)xch;
    for (unsigned i = 0; i < n; i++)
        if (pin(dom, op[i].arg1.mfn, op[i].cmd - MMUEXT_PIN_L1_TABLE + 1)) {
            errno = EINVAL;
            return -1;
        }
    return 0;
}

int vl_build_grants(struct vl *vl, uint32_t domid, const struct vl_build_params *params,
                    const struct vl_build_result *built)
{
    (void)vl;
    (void)params;
    return fake_owner[built->store_mfn] == domid && fake_owner[built->console_mfn] == domid ? 0 : -EINVAL;
}

/* --- domains and vCPUs ------------------------------------------------------------------------------------ */

int xc_domain_getinfolist(xc_interface *xch, uint32_t first, unsigned max, xc_domaininfo_t *info)
{
    (void)xch;
    (void)max;
    memset(info, 0, sizeof(*info));
    info->domain = (domid_t)first;
    info->shared_info_frame = fake_domain[first].shared_info_mfn;
    info->max_vcpu_id = fake_domain[first].vcpus - 1;
    return 1;
}

int xc_vcpu_getinfo(xc_interface *xch, uint32_t domid, uint32_t vcpu, xc_vcpuinfo_t *info)
{
    (void)xch;
    memset(info, 0, sizeof(*info));
    info->online = vcpu < fake_domain[domid].vcpus;
    return 0;
}

int xc_vcpu_getcontext(xc_interface *xch, uint32_t domid, uint32_t vcpu, vcpu_guest_context_any_t *c)
{
    (void)xch;
    memset(c, 0, sizeof(*c));
    c->x64 = fake_domain[domid].context[vcpu];
    return 0;
}

int xc_vcpu_setcontext(xc_interface *xch, uint32_t domid, uint32_t vcpu, vcpu_guest_context_any_t *c)
{
    (void)xch;
    if (fake_pinned[c->x64.ctrlreg[3] >> 12] != 4) {
        errno = EINVAL;
        return -1;
    }
    fake_domain[domid].context[vcpu] = c->x64;
    return 0;
}

int xc_domain_get_tsc_info(xc_interface *xch, uint32_t domid, uint32_t *mode, uint64_t *nsec, uint32_t *khz,
                           uint32_t *incarnation)
{
    (void)xch;
    *mode = 0;
    *nsec = *incarnation = 1;
    *khz = fake_domain[domid].tsc_khz;
    return 0;
}

int xc_domain_set_tsc_info(xc_interface *xch, uint32_t domid, uint32_t mode, uint64_t nsec, uint32_t khz,
                           uint32_t incarnation)
{
    (void)xch;
    (void)mode;
    (void)nsec;
    (void)incarnation;
    fake_domain[domid].tsc_khz = khz;
    return 0;
}

static int page_types(const struct xen_domctl *op)
{
    for (uint64_t i = 0; i < op->u.getpageframeinfo3.num; i++) {
        xen_pfn_t *p = op->u.getpageframeinfo3.array.p + i;

        if (*p >= FAKE_FRAMES || fake_owner[*p] != op->domain)
            *p = XEN_DOMCTL_PFINFO_XTAB;
        else
            *p = (xen_pfn_t)fake_pinned[*p] << 28 | (fake_pinned[*p] == 4 ? XEN_DOMCTL_PFINFO_LPINTAB : 0);
    }
    return 0;
}

static int xsave(struct fake_domain *d, struct xen_domctl *op)
{
    void *buffer = op->u.vcpuextstate.buffer.p;

    if (op->cmd == XEN_DOMCTL_setvcpuextstate)
        memcpy(d->xsave, buffer, sizeof(d->xsave));
    else if (buffer)
        memcpy(buffer, d->xsave, sizeof(d->xsave));
    op->u.vcpuextstate.size = sizeof(d->xsave);
    op->u.vcpuextstate.xfeature_mask = 7;
    return 0;
}

int xc_domctl(xc_interface *xch, struct xen_domctl *op)
{
    struct fake_domain *d = &fake_domain[op->domain];

    (void)xch;
    switch (op->cmd) {
    case XEN_DOMCTL_getpageframeinfo3:
        return page_types(op);
    case XEN_DOMCTL_getvcpuextstate:
    case XEN_DOMCTL_setvcpuextstate:
        return xsave(d, op);
    case XEN_DOMCTL_get_cpu_policy:
        op->u.cpu_policy.nr_leaves = op->u.cpu_policy.nr_msrs = 2;
        return 0;
    case XEN_DOMCTL_set_cpu_policy:
        d->policies++;
        return 0;
    case XEN_DOMCTL_get_vcpu_msrs:
    case XEN_DOMCTL_set_vcpu_msrs:
    case XEN_DOMCTL_get_ext_vcpucontext:
    case XEN_DOMCTL_set_ext_vcpucontext:
        return 0;
    default:
        errno = ENOSYS;
        return -1;
    }
}
