/* SPDX-License-Identifier: MIT */
/*
 * Frames and page types: what a guest may and may not do with its tables, and long random sequences. After each step audit() recomputes
 * every count from the tables; at the end every frame must be free again.
 */
#include <pthread.h>
#include <time.h>

#include "mm.h"
#include "../../../hypervisor/mm/private.h"
#include "../run-suite.h"

#define P  PT_PRESENT
#define W  PT_WRITE

START_TEST(pin_needs_valid_entries)
{
    ck_assert_int_eq(guest_mmuext(MMUEXT_PIN_L1_TABLE, fa[0], DOMID_SELF), 0);
    ck_assert_int_eq(guest_mmuext(MMUEXT_PIN_L1_TABLE, fa[0], DOMID_SELF), -XEN_EINVAL);  /* twice */
    MUST_BE_SOUND();
    ck_assert_int_eq(guest_mmuext(MMUEXT_UNPIN_TABLE, fa[0], DOMID_SELF), 0);
    ck_assert_int_eq(guest_mmuext(MMUEXT_UNPIN_TABLE, fa[0], DOMID_SELF), -XEN_EINVAL);
    ck_assert_int_eq(guest_mmuext(MMUEXT_PIN_L1_TABLE, fb[0], DOMID_SELF), -XEN_EINVAL);  /* not ours */
    *(pte_t *)mfn_to_virt(fa[1]) = pte(fb[0], P);
    ck_assert_int_eq(guest_mmuext(MMUEXT_PIN_L1_TABLE, fa[1], DOMID_SELF), -XEN_EINVAL);
    *(pte_t *)mfn_to_virt(fa[1]) = pte(fa[1], P | W);       /* itself, writable */
    ck_assert_int_eq(guest_mmuext(MMUEXT_PIN_L1_TABLE, fa[1], DOMID_SELF), -XEN_EINVAL);
    *(pte_t *)mfn_to_virt(fa[1]) = pte(fa[1], P);           /* itself, read-only: as Linux maps its tables */
    ck_assert_int_eq(guest_mmuext(MMUEXT_PIN_L1_TABLE, fa[1], DOMID_SELF), 0);
    *(pte_t *)mfn_to_virt(fa[2]) = pte(fa[2], P | W);       /* itself, as a table of another level */
    for (unsigned int cmd = MMUEXT_PIN_L2_TABLE; cmd <= MMUEXT_PIN_L4_TABLE; cmd++)
        ck_assert_int_eq(guest_mmuext(cmd, fa[2], DOMID_SELF), -XEN_EINVAL);
    MUST_BE_SOUND();
}
END_TEST

START_TEST(tables_are_never_writable)
{
    ck_assert_int_eq(guest_mmuext(MMUEXT_PIN_L1_TABLE, fa[0], DOMID_SELF), 0);
    ck_assert_int_eq(guest_mmuext(MMUEXT_PIN_L1_TABLE, fa[1], DOMID_SELF), 0);
    ck_assert_int_eq(guest_mmu_update(entry_at(fa[0], 3), pte(fa[1], P | W), DOMID_SELF), -XEN_EINVAL);
    ck_assert_int_eq(guest_mmu_update(entry_at(fa[0], 3), pte(fa[1], P), DOMID_SELF), 0);
    ck_assert_int_eq(guest_mmu_update(entry_at(fa[0], 4), pte(fa[2], P | W), DOMID_SELF), 0);
    ck_assert_int_eq(guest_mmuext(MMUEXT_PIN_L1_TABLE, fa[2], DOMID_SELF), -XEN_EINVAL);  /* writable somewhere */
    ck_assert_int_eq(guest_mmu_update(entry_at(fa[0], 4), pte(fa[2], P), DOMID_SELF), 0);
    ck_assert_int_eq(guest_mmuext(MMUEXT_PIN_L1_TABLE, fa[2], DOMID_SELF), 0);
    MUST_BE_SOUND();
}
END_TEST

#define ROUND       20000u
#define COLLISIONS  2000u
static struct { pthread_barrier_t start; unsigned int failed, collisions, word; bool stop; } hold;

/* Rounds that all CPUs begin together. The word is what a table's type would be without another try: how often a
 * compare-and-swap of it fails tells how often the CPUs met. */
static void *hold_and_release(void *arg)
{
    while (pthread_barrier_wait(&hold.start), !READ_ONCE(hold.stop)) {
        for (unsigned int i = 0; i < ROUND; i++) {
            unsigned int x = READ_ONCE(hold.word);

            if (!__atomic_compare_exchange_n(&hold.word, &x, x + 1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
                __atomic_add_fetch(&hold.collisions, 1, __ATOMIC_RELAXED);
            if (pt_hold_l1(mfn_to_frame(fa[0]), a))
                pt_release_l1(mfn_to_frame(fa[0]));
            else
                __atomic_add_fetch(&hold.failed, 1, __ATOMIC_RELAXED);
        }
        pthread_barrier_wait(&hold.start);
    }
    return arg;
}

/* CPUs that update entries of one table at once: none may be told that it is no table, because another was faster. It
 * goes on until they surely met, or for so long that this machine has one CPU only. */
START_TEST(many_hold_a_table_at_once)
{
    time_t end = time(NULL) + 20;
    pthread_t thread[2];

    memset(&hold, 0, sizeof(hold));
    pthread_barrier_init(&hold.start, NULL, 3);
    ck_assert_int_eq(guest_mmuext(MMUEXT_PIN_L1_TABLE, fa[0], DOMID_SELF), 0);
    for (unsigned int i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&thread[i], NULL, hold_and_release, NULL), 0);
    while (hold.collisions < COLLISIONS && !hold.failed && time(NULL) < end) {
        pthread_barrier_wait(&hold.start);      /* begins a round */
        pthread_barrier_wait(&hold.start);      /* ends it */
    }
    WRITE_ONCE(hold.stop, true);
    pthread_barrier_wait(&hold.start);
    for (unsigned int i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
    ck_assert_uint_eq(hold.failed, 0);
    MUST_BE_SOUND();
}
END_TEST

/* Linux hands in a counter with an earlier call's count in it, and skips as many entries as it finds there. */
START_TEST(count_done_is_this_calls)
{
    struct mmu_update u[70];
    struct mmuext_op op[3] = { { .cmd = MMUEXT_PIN_L1_TABLE }, { .cmd = MMUEXT_PIN_L1_TABLE }, { .cmd = 200 } };
    uint32_t done = 77;

    ck_assert_int_eq(guest_mmuext(MMUEXT_PIN_L1_TABLE, fa[0], DOMID_SELF), 0);
    for (unsigned int i = 0; i < 70; i++)
        u[i] = (struct mmu_update){ entry_at(fa[0], i), i == 66 ? pte(fa[0], P | W) : pte(fa[1], P) };
    ck_assert_int_eq(guest_mmu_updates(u, 66, &done, DOMID_SELF), 0);
    ck_assert_uint_eq(done, 66);
    ck_assert_int_eq(guest_mmu_updates(u, 70, &done, DOMID_SELF), -XEN_EINVAL);
    ck_assert_uint_eq(done, 66);
    fake_preempt = true;
    ck_assert_int_eq(guest_mmu_updates(u, 70, &done, DOMID_SELF), -XEN_EINVAL);
    ck_assert_uint_eq(done, 66);
    ck_assert_int_ne(guest_mmu_updates(u, 70, &done, 999), 0);
    ck_assert_uint_eq(done, 0);
    done = 77;
    ck_assert_int_eq(guest_mmu_updates(u, 0, &done, DOMID_SELF), 0);
    ck_assert_uint_eq(done, 0);

    op[0].arg1.mfn = fa[2];
    op[1].arg1.mfn = fa[3];
    done = 77;
    ck_assert_int_eq(guest_mmuexts(op, 3, &done, DOMID_SELF), -XEN_ENOSYS);
    ck_assert_uint_eq(done, 2);
    ck_assert_int_ne(guest_mmuexts(op, 3, &done, 999), 0);
    ck_assert_uint_eq(done, 0);
    MUST_BE_SOUND();
}
END_TEST

START_TEST(levels_do_not_mix)
{
    ck_assert_int_eq(guest_mmuext(MMUEXT_PIN_L2_TABLE, fa[0], DOMID_SELF), 0);
    ck_assert_int_eq(guest_mmuext(MMUEXT_PIN_L1_TABLE, fa[1], DOMID_SELF), 0);
    ck_assert_int_eq(guest_mmu_update(entry_at(fa[0], 0), pte(fa[1], P | W), DOMID_SELF), 0);
    ck_assert_int_eq(guest_mmu_update(entry_at(fa[0], 1), pte(fa[0], P | W), DOMID_SELF), -XEN_EINVAL);   /* an L2 as an L1 */
    ck_assert_int_eq(guest_mmu_update(entry_at(fa[0], 1), pte(fa[2], P | W | PT_PSE), DOMID_SELF), -XEN_EINVAL);
    ck_assert_int_eq(guest_mmuext(MMUEXT_PIN_L3_TABLE, fa[1], DOMID_SELF), -XEN_EINVAL);
    MUST_BE_SOUND();
}
END_TEST

START_TEST(our_slots_are_ours)
{
    ck_assert_int_eq(guest_mmuext(MMUEXT_PIN_L4_TABLE, fa[0], DOMID_SELF), 0);
    ck_assert_int_eq(guest_mmuext(MMUEXT_PIN_L3_TABLE, fa[1], DOMID_SELF), 0);
    for (unsigned int i = HV_SLOT_FIRST; i <= HV_SLOT_LAST; i++)
        ck_assert_int_eq(guest_mmu_update(entry_at(fa[0], i), pte(fa[1], P), DOMID_SELF), -XEN_EINVAL);
    ck_assert_int_eq(guest_mmu_update(entry_at(fa[0], HV_SLOT_LAST + 1), pte(fa[1], P), DOMID_SELF), 0);
    ck_assert_int_eq(guest_mmu_update(entry_at(fa[0], HV_SLOT_FIRST - 1), pte(fa[1], P), DOMID_SELF), 0);
    MUST_BE_SOUND();
}
END_TEST

START_TEST(flags_are_made_safe)
{
    pte_t *t = mfn_to_virt(fa[0]);

    ck_assert_int_eq(guest_mmuext(MMUEXT_PIN_L1_TABLE, fa[0], DOMID_SELF), 0);
    ck_assert_int_eq(guest_mmu_update(entry_at(fa[0], 0), pte(fa[1], P | W | PT_GLOBAL), DOMID_SELF), 0);
    ck_assert_uint_eq(t[0] & (PT_USER | PT_GLOBAL), PT_USER);
    t[0] |= PT_ACCESSED | PT_DIRTY;                     /* as the CPU does */
    ck_assert_int_eq(guest_mmu_update(entry_at(fa[0], 0) | MMU_PT_UPDATE_PRESERVE_AD, pte(fa[1], P), DOMID_SELF), 0);
    ck_assert_uint_eq(t[0] & (PT_ACCESSED | PT_DIRTY | W), PT_ACCESSED | PT_DIRTY);
    MUST_BE_SOUND();
}
END_TEST

START_TEST(frames_of_others)
{
    ck_assert_int_eq(guest_mmuext(MMUEXT_PIN_L1_TABLE, fa[0], DOMID_SELF), 0);
    ck_assert_int_lt(guest_mmu_update(entry_at(fa[0], 0), pte(fb[0], P), DOMID_SELF), 0);
    ck_assert_int_eq(guest_mmu_update(entry_at(fa[0], 0), pte(fb[0], P), b->id), -XEN_EPERM);
    ck_assert_int_lt(guest_mmu_update(entry_at(fb[0], 0), pte(fb[1], P), DOMID_SELF), 0);
    ck_assert_int_eq(guest_mmuext(MMUEXT_PIN_L1_TABLE, fb[0], b->id), -XEN_EPERM);
    ck_assert_int_lt(guest_mmu_update(entry_at(FAKE_FRAMES + 7, 0), 0, DOMID_SELF), 0);
    ck_assert_int_lt(guest_mmu_update(entry_at(fa[0], 0), pte(1, P), DOMID_SELF), 0);    /* the hypervisor's */
    MUST_BE_SOUND();
}
END_TEST

START_TEST(privileged_maps_others)
{
    mfn_t t = frames_alloc_domain(dom0, 0, 0);

    fake_run(dom0->vcpu[0]);
    ck_assert_int_eq(guest_mmuext(MMUEXT_PIN_L1_TABLE, t, DOMID_SELF), 0);
    ck_assert_int_eq(guest_mmu_update(entry_at(t, 0), pte(fb[0], P | W), b->id), 0);
    ck_assert_int_lt(guest_mmu_update(entry_at(t, 1), pte(fb[0], P | W), a->id), 0);     /* not a's */
    ck_assert_int_eq(guest_mmuext(MMUEXT_PIN_L1_TABLE, fb[0], b->id), -XEN_EINVAL);      /* writable in dom0 */
    MUST_BE_SOUND();
    /* b dies; its frame stays until dom0 lets go */
    b->dying = true;
    ck_assert_int_eq(frames_relinquish(b), 0);
    ck_assert_uint_eq(b->tot_pages, 1);
    ck_assert_int_eq(guest_mmu_update(entry_at(t, 0), 0, DOMID_SELF), 0);
    ck_assert_uint_eq(b->tot_pages, 0);
    MUST_BE_SOUND();
    fake_run(a->vcpu[0]);
}
END_TEST

START_TEST(giving_back)
{
    ck_assert_int_eq(guest_mmuext(MMUEXT_PIN_L1_TABLE, fa[0], DOMID_SELF), 0);
    ck_assert_int_eq(guest_mmu_update(entry_at(fa[0], 0), pte(fa[1], P | W), DOMID_SELF), 0);
    ck_assert_int_eq(guest_give_back(fa[1]), 1);        /* stays while it is mapped */
    ck_assert_uint_eq(a->tot_pages, SET);
    ck_assert_int_eq(guest_give_back(fa[1]), 0);        /* not twice */
    ck_assert_int_eq(guest_mmu_update(entry_at(fa[0], 0), 0, DOMID_SELF), 0);
    ck_assert_uint_eq(a->tot_pages, SET - 1);
    ck_assert_int_eq(guest_give_back(fb[0]), 0);
    ck_assert_int_eq(guest_give_back(fa[0]), 1);        /* a pinned table is unpinned for it */
    MUST_BE_SOUND();
}
END_TEST

/* Four single frames, the first of them fa[first], for one of order 2. */
static long exchange(unsigned int first, xen_pfn_t *out)
{
    xen_pfn_t in[4];
    struct xen_memory_exchange x = { .in = { .nr_extents = 4, .domid = DOMID_SELF },
                                     .out = { .nr_extents = 1, .extent_order = 2, .domid = DOMID_SELF } };
    long rc;

    for (unsigned int i = 0; i < 4; i++)
        in[i] = fa[first + i];
    x.in.extent_start.p = in;
    x.out.extent_start.p = out;
    rc = hypercall_memory_op(XENMEM_exchange, (unsigned long)&x, 0, 0, 0, 0);
    ck_assert_uint_eq(x.nr_exchanged, rc ? 0 : 4);
    return rc;
}

/* A large extent stops half way, and each frame is given back once. */
START_TEST(giving_back_a_block)
{
    mfn_t m = frames_alloc_domain(a, 6, 0);
    unsigned long before = mm_free_frames(), pages = a->tot_pages;
    unsigned int restarts = guest_restarts;

    fake_preempt = true;
    ck_assert_int_eq(guest_decrease(m, 6), 1);
    ck_assert_uint_gt(guest_restarts, restarts);
    ck_assert_uint_eq(mm_free_frames(), before + 64);
    ck_assert_uint_eq(a->tot_pages, pages - 64);
    ck_assert_int_eq(guest_decrease(m, 6), 0);
    MUST_BE_SOUND();
}
END_TEST

/* fa[0]: an L3 over two L2s with two L1s each; pinned. */
static void make_tree(void)
{
    for (unsigned int i = 0; i < 2; i++) {
        ((pte_t *)mfn_to_virt(fa[0]))[i] = pte(fa[1 + i], P | W);
        for (unsigned int k = 0; k < 2; k++)
            ((pte_t *)mfn_to_virt(fa[1 + i]))[k * 9] = pte(fa[3 + 2 * i + k], P | W);
    }
    ck_assert_int_eq(guest_mmuext(MMUEXT_PIN_L3_TABLE, fa[0], DOMID_SELF), 0);
}

/* Another CPU unpins a table of a domain that is being taken apart: whoever takes the pin off gives its use back, once. */
START_TEST(unpinned_while_dying)
{
    bool done = false;

    make_tree();
    a->dying = true;
    for (int i = 0; i < _i && !done; i++) {
        fake_preempt = true;
        done = frames_relinquish(a) == 0;
        MUST_BE_SOUND();
    }
    fake_run(dom0->vcpu[0]);
    if (frame_get(mfn_to_frame(fa[0]), a)) {
        pt_unpin(mfn_to_frame(fa[0]));
        frame_put(mfn_to_frame(fa[0]));
    }
    MUST_BE_SOUND();
}
END_TEST

START_TEST(pinned_table_given_back)
{
    make_tree();
    fake_preempt = true;
    ck_assert_int_eq(guest_give_back(fa[0]), 1);
    fake_preempt = false;
    ck_assert_uint_eq(a->vcpu[0]->deferred_put, INVALID_MFN);
    ck_assert_uint_eq(mfn_to_frame(fa[1])->type & TYPE_COUNT_MASK, 0);
    MUST_BE_SOUND();
}
END_TEST

/* dom0, on CPU 1, has a's frame mapped writable and lets it go; when a, which is on CPU 0, makes a table of it, CPU 1 is flushed. */
START_TEST(foreign_mappings_are_flushed)
{
    mfn_t table = frames_alloc_domain(dom0, 0, 0);
    uint32_t stamp;

    fake_run(dom0->vcpu[0]);
    ck_assert_int_eq(guest_mmuext(MMUEXT_PIN_L1_TABLE, table, DOMID_SELF), 0);
    ck_assert_int_eq(guest_mmu_update(entry_at(table, 0), pte(fa[0], P | W), a->id), 0);
    ck_assert_int_eq(guest_mmu_update(entry_at(table, 0), 0, a->id), 0);
    fake_run(a->vcpu[0]);
    stamp = tlb_now();
    ck_assert_uint_eq(tlb_stale(2, stamp), 2);
    ck_assert_int_eq(guest_mmuext(MMUEXT_PIN_L1_TABLE, fa[0], DOMID_SELF), 0);
    ck_assert_uint_eq(tlb_stale(2, stamp), 0);
    /* a's own mappings concern its own CPUs only */
    ck_assert_int_eq(guest_mmu_update(entry_at(fa[0], 0), pte(fa[1], P | W), DOMID_SELF), 0);
    ck_assert_int_eq(guest_mmu_update(entry_at(fa[0], 0), 0, DOMID_SELF), 0);
    stamp = tlb_now();
    ck_assert_int_eq(guest_mmuext(MMUEXT_PIN_L1_TABLE, fa[1], DOMID_SELF), 0);
    ck_assert_uint_eq(tlb_stale(3, stamp), 2);
    MUST_BE_SOUND();
}
END_TEST

/* A table that CPU 1 may have in its paging-structure caches becomes writable: CPU 1 is flushed, though in between (_i) it
 * could not become a table again. */
START_TEST(failed_tables_are_flushed)
{
    uint32_t stamp;

    a->dirty_cpus = 3;
    ck_assert_int_eq(guest_mmuext(MMUEXT_PIN_L1_TABLE, fa[4], DOMID_SELF), 0);
    *(pte_t *)mfn_to_virt(fa[2]) = pte(fa[3], P);
    *(pte_t *)mfn_to_virt(fa[1]) = pte(fa[2], P);
    ck_assert_int_eq(guest_mmuext(MMUEXT_PIN_L2_TABLE, fa[1], DOMID_SELF), 0);
    tlb_flush_mask(3);
    ck_assert_int_eq(guest_mmu_update(entry_at(fa[1], 0), 0, DOMID_SELF), 0);
    stamp = mfn_to_frame(fa[2])->extra;
    ck_assert_uint_eq(tlb_stale(2, stamp), 2);
    if (_i) {
        ck_assert_int_eq(guest_give_back(fa[3]), 1);
        ck_assert_int_eq(guest_mmuext(MMUEXT_PIN_L1_TABLE, fa[2], DOMID_SELF), -XEN_EINVAL);
    }
    ck_assert_int_eq(guest_mmu_update(entry_at(fa[4], 0), pte(fa[2], P | W), DOMID_SELF), 0);
    ck_assert_uint_eq(tlb_stale(2, stamp), 0);
    MUST_BE_SOUND();
}
END_TEST

/* Frames that are not yet the guest's for good, and that it finds: it can give them back, but not have them gone. */
START_TEST(held_frames_stay)
{
    unsigned long before = mm_free_frames();
    mfn_t m = frames_alloc_domain(a, 0, MEMF_HELD);

    ck_assert(!frame_steal(mfn_to_frame(m), a));
    ck_assert_int_eq(guest_give_back(m), 1);
    ck_assert_uint_eq(mm_free_frames(), before - 1);
    ck_assert_uint_eq(mfn_to_frame(m)->owner, a->id);
    ck_assert(!frame_release_allocated(mfn_to_frame(m)));
    frame_put(mfn_to_frame(m));
    ck_assert_uint_eq(mm_free_frames(), before);
    MUST_BE_SOUND();
}
END_TEST

/* Its last reference has just been put, and who did that waits for the lock to free it. */
START_TEST(freed_while_dying)
{
    struct frame *f = mfn_to_frame(fa[_i]);
    unsigned long before = mm_free_frames();

    ck_assert_int_eq(guest_mmuext(MMUEXT_PIN_L1_TABLE, fa[1], DOMID_SELF), 0);
    f->count = 0;
    a->dying = true;
    while (frames_relinquish(a))
        ;
    ck_assert_uint_eq(f->count, 0);
    ck_assert_uint_eq(mm_free_frames(), before + SET - 1);
    frame_free(f);
    ck_assert_uint_eq(mm_free_frames(), before + SET);
}
END_TEST

START_TEST(exchanging)
{
    unsigned long before = mm_free_frames();
    xen_pfn_t m = 77;

    a->max_pages = a->tot_pages;
    ck_assert_int_eq(guest_mmuext(MMUEXT_PIN_L1_TABLE, fa[0], DOMID_SELF), 0);
    ck_assert_int_eq(guest_mmu_update(entry_at(fa[0], 0), pte(fa[4], P), DOMID_SELF), 0);
    ck_assert_int_eq(exchange(1, &m), -XEN_EINVAL);     /* the last of them is mapped */
    ck_assert_int_eq(exchange(0, &m), -XEN_EINVAL);     /* the first is a table */
    MUST_BE_SOUND();
    ck_assert_uint_eq(a->tot_pages, SET);
    ck_assert_uint_eq(mm_free_frames(), before);
    ck_assert_int_eq(guest_mmu_update(entry_at(fa[0], 0), 0, DOMID_SELF), 0);
    ck_assert_int_eq(exchange(1, &m), 0);
    ck_assert_uint_eq(m & 3, 0);
    for (unsigned int i = 0; i < 4; i++) {
        ck_assert_int_eq(guest_mmu_update(entry_at(fa[0], i), pte(m + i, P | W), DOMID_SELF), 0);
        ck_assert_int_lt(guest_mmu_update(entry_at(fa[0], 9), pte(fa[1 + i], P), DOMID_SELF), 0);
    }
    ck_assert_uint_eq(a->tot_pages, SET);
    ck_assert_uint_eq(mm_free_frames(), before);
    MUST_BE_SOUND();
}
END_TEST

START_TEST(base_registers)
{
    ck_assert_int_eq(guest_mmuext(MMUEXT_NEW_BASEPTR, fa[0], DOMID_SELF), 0);
    ck_assert_uint_eq(cpu_info()->cr3, MFN_TO_PADDR(fa[0]));
    ck_assert_int_eq(guest_mmuext(MMUEXT_NEW_USER_BASEPTR, fa[1], DOMID_SELF), 0);
    ck_assert_int_eq(guest_mmuext(MMUEXT_NEW_BASEPTR, fb[0], DOMID_SELF), -XEN_EINVAL);
    for (unsigned int bit = 40; bit < 64; bit++)     /* no machine has such a frame, nor CR3 such bits */
        ck_assert_int_eq(guest_mmuext(MMUEXT_NEW_BASEPTR, fa[2] | 1ul << bit, DOMID_SELF), -XEN_EINVAL);
    ck_assert_int_eq(guest_mmuext(MMUEXT_NEW_BASEPTR, fa[2], DOMID_SELF), 0);
    ck_assert_int_eq(guest_mmuext(MMUEXT_NEW_USER_BASEPTR, 0, DOMID_SELF), 0);
    ck_assert_uint_eq(a->vcpu[0]->cr3_user, 0);
    MUST_BE_SOUND();
}
END_TEST

/* Memory that we and others map as cached is not for guests without a device to map otherwise. */
START_TEST(caching_is_not_a_guests)
{
    static const uint64_t flags[] = { PT_PWT, PT_PCD, PT_PAT, PT_PWT | PT_PCD };

    *(pte_t *)mfn_to_virt(fa[0]) = pte(fa[1], P | PT_PCD);
    ck_assert_int_eq(guest_mmuext(MMUEXT_PIN_L1_TABLE, fa[0], DOMID_SELF), -XEN_EINVAL);
    *(pte_t *)mfn_to_virt(fa[0]) = pte(fa[1], P);
    ck_assert_int_eq(guest_mmuext(MMUEXT_PIN_L1_TABLE, fa[0], DOMID_SELF), 0);
    for (unsigned int i = 0; i < ARRAY_SIZE(flags); i++)
        for (unsigned int entry = 0; entry < 2; entry++)
            ck_assert_int_eq(guest_mmu_update(entry_at(fa[0], entry), pte(fa[1], P | flags[i]), DOMID_SELF), -XEN_EINVAL);
    *(pte_t *)mfn_to_virt(fa[2]) = pte(fa[0], P | W);
    ck_assert_int_eq(guest_mmuext(MMUEXT_PIN_L2_TABLE, fa[2], DOMID_SELF), 0);
    a->privileged = true;
    ck_assert_int_eq(guest_mmu_update(entry_at(fa[0], 0), pte(fa[1], P | PT_PCD), DOMID_SELF), 0);
    for (unsigned int i = 0; i < ARRAY_SIZE(flags); i++)    /* tables are cached for everybody */
        for (unsigned int entry = 0; entry < 2; entry++)
            ck_assert_int_eq(guest_mmu_update(entry_at(fa[2], entry), pte(fa[0], P | W | flags[i]), DOMID_SELF), -XEN_EINVAL);
    a->privileged = false;
    MUST_BE_SOUND();
}
END_TEST

/* One random operation. Few frames and few entry indices, so that operations meet. */
static void random_step(void)
{
    static const uint64_t flags[] = { 0, P, P | W, P | W | PT_NX, P | PT_GLOBAL, P | W | PT_PSE, P | W | PT_ACCESSED };
    static const unsigned int index[] = { 0, 1, 255, 256, 271, 272, 511 };
    mfn_t x = fa[rand() % SET], y = rand() % 20 ? fa[rand() % SET] : fb[rand() % SET];
    uint64_t e = entry_at(x, index[rand() % ARRAY_SIZE(index)]);

    fake_preempt = rand() % 4 == 0;
    switch (rand() % 12) {
    case 0: guest_mmuext(MMUEXT_PIN_L1_TABLE + (unsigned)rand() % 4, x, DOMID_SELF); break;
    case 1: guest_mmuext(MMUEXT_UNPIN_TABLE, x, DOMID_SELF); break;
    case 2: guest_mmuext(rand() % 2 ? MMUEXT_NEW_BASEPTR : MMUEXT_NEW_USER_BASEPTR, x, DOMID_SELF); break;
    case 3: guest_mmuext(rand() % 2 ? MMUEXT_CLEAR_PAGE : MMUEXT_COPY_PAGE, x, DOMID_SELF); break;
    case 4:
        if (rand() % 50 == 0)
            guest_give_back(x);
        break;
    default:
        guest_mmu_update(e | (rand() % 5 ? 0 : MMU_PT_UPDATE_PRESERVE_AD), pte(y, flags[(unsigned)rand() % ARRAY_SIZE(flags)]), DOMID_SELF);
        break;
    }
    fake_preempt = false;
}

START_TEST(random_sequences)
{
    srand((unsigned)_i);
    for (unsigned int n = 0; n < 8000; n++) {
        random_step();
        MUST_BE_SOUND();
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("mm");
    TCase *t = tcase_create("page types");

    tcase_add_checked_fixture(t, mm_setup, mm_teardown);
    tcase_set_timeout(t, 300);
    tcase_add_test(t, pin_needs_valid_entries);
    tcase_add_test(t, tables_are_never_writable);
    tcase_add_test(t, many_hold_a_table_at_once);
    tcase_add_test(t, count_done_is_this_calls);
    tcase_add_test(t, levels_do_not_mix);
    tcase_add_test(t, our_slots_are_ours);
    tcase_add_test(t, flags_are_made_safe);
    tcase_add_test(t, frames_of_others);
    tcase_add_test(t, privileged_maps_others);
    tcase_add_test(t, giving_back);
    tcase_add_test(t, giving_back_a_block);
    tcase_add_test(t, pinned_table_given_back);
    tcase_add_loop_test(t, unpinned_while_dying, 0, 40);
    tcase_add_test(t, foreign_mappings_are_flushed);
    tcase_add_test(t, exchanging);
    tcase_add_loop_test(t, failed_tables_are_flushed, 0, 2);
    tcase_add_test(t, held_frames_stay);
    tcase_add_test(t, freed_while_dying);
    tcase_add_test(t, base_registers);
    tcase_add_test(t, caching_is_not_a_guests);
    tcase_add_loop_test(t, random_sequences, 0, 6);
    suite_add_tcase(s, t);
    suite_add_tcase(s, step_tests());
    suite_add_tcase(s, heap_tests());
    return run_suite(s);
}
