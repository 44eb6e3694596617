/* SPDX-License-Identifier: MIT */
#include <sanitizer/asan_interface.h>

#include "mm.h"

#include <hv/event.h>
#include <hv/grant.h>
#include <hv/guest.h>

void heap_add(mfn_t start, mfn_t end);
void heap_forget(void);
#include <hv/boot.h>

struct domain *a, *b;
mfn_t fa[SET], fb[SET];
static unsigned long free_at_start;
static struct { bool pending; unsigned int nr; unsigned long arg[6]; } again;
unsigned int guest_restarts;

/* --- what mm/ and the hypercalls ask of rooms that are not linked ---------------------------------------------------------- */
struct domain *domain_any(domid_t id) { return id < DOMID_COUNT ? domain_find(id) : NULL; }
mfn_t hole_end;
bool mfn_valid(mfn_t m) { return m >= hole_end && m < FAKE_FRAMES; }
bool msi_table_page(mfn_t m) { (void)m; return false; }
void cpu_write_cr3(unsigned long cr3) { cpu_info()->cr3 = cr3; }
void cpu_load_ldt(struct vcpu *v) { (void)v; }
void evtchn_walk_refs(struct domain *d, void (*f)(mfn_t, bool, void *), void *arg) { (void)d; (void)f; (void)arg; }
void grant_walk_refs(void (*f)(mfn_t, bool, void *), void *arg) { (void)f; (void)arg; }
int grant_acquire(struct domain *d, uint32_t id, unsigned int n, unsigned int k, mfn_t *m) { (void)d; (void)id; (void)n; (void)k; (void)m; return -XEN_EINVAL; }
unsigned int grant_resource_frames(struct domain *d, uint32_t id) { (void)d; (void)id; return 0; }
mfn_t m2p_chunk_mfn(unsigned long i) { (void)i; return INVALID_MFN; }
struct boot_info boot_info;
void cpu_load_gdt(struct vcpu *v) { (void)v; }

long hypercall_continue(unsigned int nr, unsigned int nargs, ...)
{
    va_list ap;

    again.pending = true;
    guest_restarts++;
    again.nr = nr;
    va_start(ap, nargs);
    for (unsigned int i = 0; i < nargs; i++)
        again.arg[i] = va_arg(ap, unsigned long);
    va_end(ap);
    return 0;
}

/* As a guest re-executes its system call. Preemption is asked for at random; now and then it is not, so that calls end. */
static long call(hypercall_fn fn, unsigned long a1, unsigned long a2, unsigned long a3, unsigned long a4)
{
    long rc;

    again.pending = false;
    rc = fn(a1, a2, a3, a4, 0, 0);
    for (unsigned int n = 0; again.pending; n++) {
        ck_assert_uint_lt(n, 10000);
        again.pending = false;
        fake_preempt = fake_preempt && n % 3 != 0;
        rc = fn(again.arg[0], again.arg[1], again.arg[2], again.arg[3], 0, 0);
    }
    return rc;
}

long guest_mmu_update(uint64_t ptr, uint64_t val, domid_t foreign)
{
    struct mmu_update u = { ptr, val };

    return call(hypercall_mmu_update, (unsigned long)&u, 1, 0, foreign);
}

long guest_mmu_updates(const struct mmu_update *list, unsigned int count, uint32_t *done, domid_t foreign)
{
    return call(hypercall_mmu_update, (unsigned long)list, count, (unsigned long)done, foreign);
}

long guest_mmuexts(const struct mmuext_op *list, unsigned int count, uint32_t *done, domid_t domid)
{
    return call(hypercall_mmuext_op, (unsigned long)list, count, (unsigned long)done, domid);
}

long guest_mmuext(unsigned int cmd, unsigned long arg1, domid_t domid)
{
    struct mmuext_op op = { .cmd = cmd };

    op.arg1.mfn = arg1;
    return call(hypercall_mmuext_op, (unsigned long)&op, 1, 0, domid);
}

long guest_decrease(mfn_t m, unsigned int order)
{
    xen_pfn_t pfn = m;
    struct xen_memory_reservation r = { .nr_extents = 1, .extent_order = order, .domid = DOMID_SELF };

    r.extent_start.p = &pfn;
    return call(hypercall_memory_op, XENMEM_decrease_reservation, (unsigned long)&r, 0, 0);
}

long guest_give_back(mfn_t m) { return guest_decrease(m, 0); }

static struct domain *make(domid_t id, bool privileged)
{
    struct domain *d = fake_domain_new(id, privileged, 1);

    d->relinquished = NIL_LINK;
    d->deferred_put = INVALID_MFN;
    d->vcpu[0]->deferred_put = d->vcpu[0]->deferred_cache = INVALID_MFN;
    d->vcpu[0]->in_kernel = true;
    d->dirty_cpus = 1;
    return d;
}

void mm_setup(void)
{
    fake_reset(2);
    __asan_unpoison_memory_region(fake_ram, FAKE_FRAMES * PAGE_SIZE);
    for (mfn_t m = 0; m < FAKE_FRAMES; m++)
        fake_frame_table[m] = (struct frame){ .owner = DOMID_INVALID };
    max_mfn = FAKE_FRAMES;
    heap_forget();
    heap_add(16, FAKE_FRAMES);
    free_at_start = mm_free_frames();
    make(0, true);
    a = make(1, false);
    b = make(2, false);
    fake_run(a->vcpu[0]);
    for (unsigned int i = 0; i < SET; i++) {
        fa[i] = frames_alloc_domain(a, 0, 0);
        fb[i] = frames_alloc_domain(b, 0, 0);
        ck_assert(fa[i] != INVALID_MFN && fb[i] != INVALID_MFN);
    }
    fake_preempt = false;
}

static void kill(struct domain *d)
{
    d->dying = true;
    while (pt_drop_bases(d->vcpu[0]))
        MUST_BE_SOUND();
    while (pt_finish_deferred(d->vcpu[0]))
        MUST_BE_SOUND();
    while (frames_relinquish(d))
        fake_preempt = false;
    MUST_BE_SOUND();
}

void mm_teardown(void)
{
    fake_preempt = true;                /* stops after each frame */
    kill(dom0);
    fake_preempt = true;
    kill(a);
    kill(b);
    fake_preempt = false;
    ck_assert_uint_eq(a->tot_pages, 0);
    ck_assert_uint_eq(b->tot_pages, 0);
    fake_domains_reset();
    ck_assert_uint_eq(mm_free_frames(), free_at_start);
}
