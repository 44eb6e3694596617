/* SPDX-License-Identifier: MIT */
/* domain/vcpu.c: what a context sets of a vCPU, what it leaves alone, and that a context that was read can be set again. */
#include <check.h>
#include <stdlib.h>

#include "fake.h"

#include <hv/event.h>
#include <hv/guest.h>
#include <hv/pagetable.h>
#include <hv/sched.h>

#include "domain/private.h"
#include "../run-suite.h"

static struct domain *guest;
static struct vcpu *v;
static struct vcpu_guest_context *c;
static unsigned long ldt_base, ldt_entries;
static int ldt_answer;

/* --- what vcpu.c asks of rooms that are not linked ---------------------------------------------------------- */
int sched_vcpu_init(struct vcpu *w, unsigned int cpu) { (void)w; (void)cpu; return 0; }
void sched_vcpu_destroy(struct vcpu *w) { (void)w; }
void time_update_vcpu(struct vcpu *w) { (void)w; }
void virq_send_vcpu(struct vcpu *w, unsigned int virq) { (void)w; (void)virq; }
int evtchn_vcpu_init(struct vcpu *w) { (void)w; return 0; }
void evtchn_vcpu_destroy(struct vcpu *w) { (void)w; }
int fpu_vcpu_init(struct vcpu *w) { (void)w; return 0; }
void fpu_vcpu_destroy(struct vcpu *w) { (void)w; }
void fpu_import_legacy(struct vcpu *w, const void *image) { (void)w; (void)image; }
void fpu_export_legacy(struct vcpu *w, void *image) { (void)w; (void)image; }
void cpu_save_segments(struct vcpu *w) { (void)w; }
int vcpu_set_debugreg(struct vcpu *w, unsigned int i, unsigned long value) { w->dr[i] = value; return 0; }
void vcpu_check_fast_syscall(struct vcpu *w) { (void)w; }
void vcpu_unload(struct vcpu *w) { (void)w; }
void inject_nmi(struct vcpu *w) { (void)w; }
int pt_drop_bases(struct vcpu *w) { w->cr3_kernel = w->cr3_user = 0; return 0; }
int pt_finish_deferred(struct vcpu *w) { (void)w; return 0; }
void vcpu_drop_descriptors(struct vcpu *w) { w->gdt_entries = w->ldt_entries = 0; }

int pt_set_base(struct vcpu *w, mfn_t m, bool user)
{
    *(user ? &w->cr3_user : &w->cr3_kernel) = MFN_TO_PADDR(m);
    return 0;
}

int vcpu_set_gdt(struct vcpu *w, const unsigned long *mfns, unsigned int entries)
{
    memcpy(w->gdt_mfn, mfns, (entries + 511) / 512 * sizeof(mfn_t));
    w->gdt_entries = entries;
    return 0;
}

int vcpu_set_ldt(struct vcpu *w, unsigned long base, unsigned long entries)
{
    w->ldt_base = ldt_base = base;
    w->ldt_entries = (unsigned int)(ldt_entries = entries);
    return ldt_answer;
}

/* --- the tests ------------------------------------------------------------------------------------------------ */
static void setup(void)
{
    fake_reset(1);
    guest = fake_domain_new(1, false, 1);
    v = guest->vcpu[0];
    v->traps = hv_pages_alloc(0);
    memset(v->traps, 0, 4096);
    v->initialised = false;
    c = calloc(1, sizeof(*c));
    c->flags = VGCF_in_kernel | VGCF_online | VGCF_syscall_disables_events;
    c->ctrlreg[3] = xen_pfn_to_cr3(5);
    c->user_regs.rip = 0xffffffff81000000;
    c->event_callback_eip = 0xffffffff81000100;
    c->syscall_callback_eip = 0xffffffff81000200;
    ldt_answer = 0;
    ldt_base = ldt_entries = 77;
}

static void teardown(void)
{
    hv_pages_free(v->traps, 0);
    free(c);
    fake_domains_reset();
}

START_TEST(read_and_set_again)
{
    struct vcpu_guest_context *again = calloc(1, sizeof(*again));

    ck_assert_int_eq(vcpu_set_context(v, c), 0);
    vcpu_get_context(v, again);
    ck_assert_uint_eq(again->user_regs.rip, c->user_regs.rip);
    ck_assert(again->flags & VGCF_syscall_disables_events);
    ck_assert(!(again->flags & VGCF_failsafe_disables_events));
    again->user_regs.rax = 1;
    ck_assert_int_eq(vcpu_set_context(v, again), 0);
    ck_assert_uint_eq(v->regs.rax, 1);
    ck_assert_uint_eq(v->syscall_cb, c->syscall_callback_eip);
    free(again);
}
END_TEST

/* As the toolstack resumes a suspended guest: what a context has no room for stays. */
START_TEST(callbacks_stay)
{
    ck_assert_int_eq(vcpu_set_context(v, c), 0);
    v->syscall32_cb = 0xffffffff81000300;
    v->callback_flags |= VCPU_SYSCALL32_DISABLES | VCPU_SYSENTER_DISABLES;
    c->flags &= ~(unsigned long)VGCF_syscall_disables_events;
    ck_assert_int_eq(vcpu_set_context(v, c), 0);
    ck_assert_uint_eq(v->syscall32_cb, 0xffffffff81000300);
    ck_assert_uint_eq(v->callback_flags, VCPU_SYSCALL32_DISABLES | VCPU_SYSENTER_DISABLES);
}
END_TEST

START_TEST(local_descriptors)
{
    c->ldt_base = 0xffffc90000001000;
    c->ldt_ents = 600;
    ck_assert_int_eq(vcpu_set_context(v, c), 0);
    ck_assert_uint_eq(ldt_base, c->ldt_base);
    ck_assert_uint_eq(ldt_entries, 600);
    memset(c, 0, sizeof(*c));
    vcpu_get_context(v, c);
    ck_assert_uint_eq(c->ldt_ents, 600);
    c->flags |= VGCF_in_kernel;
    c->ctrlreg[3] = xen_pfn_to_cr3(5);
    c->ldt_ents = 0;                            /* its base is not looked at then */
    ck_assert_int_eq(vcpu_set_context(v, c), 0);
    ck_assert_uint_eq(ldt_base, 0);
    ck_assert_uint_eq(ldt_entries, 0);
    c->ldt_ents = 8193;
    ck_assert_int_eq(vcpu_set_context(v, c), -XEN_EINVAL);
    ck_assert(v->initialised);                  /* refused before anything changed */
    c->ldt_ents = 1;
    ldt_answer = -XEN_EINVAL;
    ck_assert_int_eq(vcpu_set_context(v, c), -XEN_EINVAL);
    ck_assert(!v->initialised && test_bit(VPF_DOWN, &v->pause_flags));
}
END_TEST

START_TEST(refused)
{
    c->gdt_ents = FIRST_RESERVED_GDT_ENTRY + 1;
    ck_assert_int_eq(vcpu_set_context(v, c), -XEN_EINVAL);
    c->gdt_ents = 0;
    c->event_callback_eip = 0x8000000000000000;
    ck_assert_int_eq(vcpu_set_context(v, c), -XEN_EINVAL);
    c->event_callback_eip = 0;
    c->trap_ctxt[255].address = 0x8000000000000000;
    ck_assert_int_eq(vcpu_set_context(v, c), -XEN_EINVAL);
    c->trap_ctxt[255].address = 0;
    c->flags = 0;                               /* user mode without its page tables */
    ck_assert_int_eq(vcpu_set_context(v, c), -XEN_EINVAL);
    ck_assert(!v->initialised);
}
END_TEST

/* Beyond the shared page, each vCPU has a place of its own: what a guest does there is no other's. */
START_TEST(infos_are_not_shared)
{
    struct domain *other = fake_domain_new(2, false, 1);
    struct domain *both[] = { guest, other };
    struct vcpu *high[2], *first, *fakes = other->vcpu[0];

    for (unsigned int i = 0; i < 2; i++) {
        both[i]->vcpu = realloc(both[i]->vcpu, 41 * sizeof(*both[i]->vcpu));
        high[i] = vcpu_create(both[i], 40);
        ck_assert(high[i]->info->evtchn_upcall_mask);
    }
    vcpu_mark_events_pending(high[0]);
    ck_assert(high[0]->info->evtchn_upcall_pending);
    high[0]->info->evtchn_upcall_mask = 0;
    ck_assert(high[1]->info->evtchn_upcall_mask && !high[1]->info->evtchn_upcall_pending);
    first = vcpu_create(other, 0);
    ck_assert_ptr_eq(first->info, &other->shared_info->vcpu_info[0]);
    vcpu_free(first);
    other->vcpu[0] = fakes;
    for (unsigned int i = 0; i < 2; i++)
        vcpu_free(high[i]);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("context");
    TCase *t = tcase_create("context");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, read_and_set_again);
    tcase_add_test(t, callbacks_stay);
    tcase_add_test(t, local_descriptors);
    tcase_add_test(t, refused);
    tcase_add_test(t, infos_are_not_shared);
    suite_add_tcase(s, t);
    return run_suite(s);
}
