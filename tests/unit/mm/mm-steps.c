/* SPDX-License-Identifier: MIT */
/* Page tables given back bit by bit, as calls are preempted. */
#include "mm.h"

#define P PT_PRESENT
#define W PT_WRITE

/* a's vCPU gives a table up bit by bit; meanwhile another one (here dom0 for it) wants it again. again_ok: its entries are still good. */
static void taken_while_given_up(bool again_ok)
{
    struct mmuext_op op = { .cmd = MMUEXT_UNPIN_TABLE };
    struct vcpu *v = a->vcpu[0];

    op.arg1.mfn = fa[0];
    for (unsigned int i = 0; i < 8; i++)
        *((pte_t *)mfn_to_virt(fa[0]) + i) = pte(fa[1 + i], P | W);
    ck_assert_int_eq(guest_mmuext(MMUEXT_PIN_L2_TABLE, fa[0], DOMID_SELF), 0);
    fake_preempt = true;
    hypercall_mmuext_op((unsigned long)&op, 1, 0, DOMID_SELF, 0, 0);
    ck_assert_int_eq(pt_finish_deferred(v), -XEN_ERESTART);
    ck_assert_uint_eq(v->deferred_put, fa[0]);
    MUST_BE_SOUND();
    fake_run(dom0->vcpu[0]);
    if (again_ok) {                     /* stopped half way, too */
        op.cmd = MMUEXT_PIN_L2_TABLE;
        ck_assert_int_eq(pt_finish_deferred(v), -XEN_ERESTART);
        hypercall_mmuext_op((unsigned long)&op, 1, 0, a->id, 0, 0);
        MUST_BE_SOUND();
        fake_preempt = false;
        ck_assert_int_eq(guest_mmuext(MMUEXT_PIN_L2_TABLE, fa[0], a->id), 0);
    } else {
        fake_preempt = false;
        ck_assert_int_eq(guest_mmuext(MMUEXT_PIN_L2_TABLE, fa[8], a->id), 0);   /* an L1 no more */
        ck_assert_int_eq(guest_mmuext(MMUEXT_PIN_L2_TABLE, fa[0], a->id), -XEN_EINVAL);
    }
    MUST_BE_SOUND();
    fake_run(v);
    ck_assert_int_eq(pt_finish_deferred(v), 0);
    MUST_BE_SOUND();
}

START_TEST(taken_again) { taken_while_given_up(true); } END_TEST
START_TEST(not_taken_again) { taken_while_given_up(false); } END_TEST

/* dom0 pins a table bit by bit; its owner dies meanwhile: nothing of it stays, and it is not gone on with. */
START_TEST(owner_dies_meanwhile)
{
    struct mmuext_op op = { .cmd = MMUEXT_PIN_L2_TABLE };
    unsigned long before = mm_free_frames();

    op.arg1.mfn = fa[0];
    for (unsigned int i = 0; i < 8; i++)
        *((pte_t *)mfn_to_virt(fa[0]) + i) = pte(fa[1 + i], P | W);
    fake_run(dom0->vcpu[0]);
    fake_preempt = true;
    hypercall_mmuext_op((unsigned long)&op, 1, 0, a->id, 0, 0);
    ck_assert_uint_ne(mfn_to_frame(fa[0])->type & TYPE_PARTIAL, 0);
    MUST_BE_SOUND();
    a->dying = true;
    fake_preempt = false;
    ck_assert_int_eq(guest_mmuext(MMUEXT_PIN_L2_TABLE, fa[0], a->id), -XEN_ESRCH);
    ck_assert_int_eq(guest_mmuext(MMUEXT_PIN_L1_TABLE, fa[9], a->id), -XEN_ESRCH);
    ck_assert_int_eq(guest_mmu_update(entry_at(fa[0], 9), pte(fa[9], P), (domid_t)a->id), -XEN_ESRCH);
    while (frames_relinquish(a))
        ;
    ck_assert_uint_eq(mm_free_frames(), before + SET);
    MUST_BE_SOUND();
}
END_TEST

/* What was validated of a table that cannot be pinned is given back bit by bit, also of the tables below it: an error
 * costs no CPU more than a step of success. */
START_TEST(failed_pin_undone_in_steps)
{
    struct vcpu *v = a->vcpu[0];
    unsigned int steps = 0;
    int rc;

    for (unsigned int i = 0; i < 6; i++)
        *((pte_t *)mfn_to_virt(fa[1]) + i) = pte(fa[2 + i], P | W);
    *((pte_t *)mfn_to_virt(fa[1]) + 6) = _i == 1 ? pte(fb[0], P | W) : 0;
    *(pte_t *)mfn_to_virt(fa[0]) = pte(fa[1], P | W);
    *((pte_t *)mfn_to_virt(fa[0]) + 1) = _i == 0 ? pte(fb[0], P | W) : 0;
    fake_preempt = true;
    do {
        rc = frame_get_type(mfn_to_frame(fa[0]), TYPE_L3);
        MUST_BE_SOUND();
    } while (rc == -XEN_ERESTART);
    ck_assert_int_eq(rc, -XEN_EINVAL);
    ck_assert_uint_eq(v->deferred_put, fa[0]);
    while (pt_finish_deferred(v) == -XEN_ERESTART) {
        MUST_BE_SOUND();
        steps++;
    }
    ck_assert_uint_ge(steps, _i ? 2 : 4);
    for (unsigned int i = 0; i < 8; i++)
        ck_assert_uint_eq(mfn_to_frame(fa[i])->type & TYPE_COUNT_MASK, 0);
}
END_TEST

/* The last use of a table may be that of a list of updates which goes on to another table. */
START_TEST(list_lets_go_in_steps)
{
    struct frame *f = mfn_to_frame(fa[0]);
    mfn_t *left = &a->vcpu[0]->deferred_cache;

    for (unsigned int i = 0; i < 6; i++)
        *((pte_t *)mfn_to_virt(fa[0]) + i) = pte(fa[2 + i], P | W);
    ck_assert(frame_get(f, a));
    ck_assert_int_eq(frame_get_type(f, TYPE_L2), 0);
    fake_preempt = true;
    frame_put_deferrable(f, left);
    ck_assert_uint_eq(*left, fa[0]);
    for (unsigned int i = 0; i < 4; i++)
        ck_assert_int_eq(pt_finish_deferred(a->vcpu[0]), -XEN_ERESTART);
    ck_assert_int_eq(guest_mmu_update(entry_at(fa[1], 0), pte(fa[8], P), DOMID_SELF), 0);
    ck_assert_uint_eq(*left, INVALID_MFN);
    MUST_BE_SOUND();
}
END_TEST

TCase *step_tests(void)
{
    TCase *t = tcase_create("steps");

    tcase_add_checked_fixture(t, mm_setup, mm_teardown);
    tcase_add_test(t, taken_again);
    tcase_add_test(t, not_taken_again);
    tcase_add_test(t, owner_dies_meanwhile);
    tcase_add_loop_test(t, failed_pin_undone_in_steps, 0, 2);
    tcase_add_test(t, list_lets_go_in_steps);
    return t;
}
