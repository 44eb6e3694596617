/* SPDX-License-Identifier: MIT */
/* Set-up of the tests' domains, guest memory, and the way into a hypercall. */
#include "harness.h"
#include "../run-suite.h"

#include <stdio.h>

uint8_t arena[ARENA_SIZE] __aligned(4096);
struct domain *guest, *other;
unsigned int continuations;
static unsigned int fail_out;
static unsigned long objects_before;

/* --- guest memory: the arena alone ------------------------------------------------------------ */
bool guest_range_ok(const void *gva, size_t n)
{
    uintptr_t a = (uintptr_t)gva, base = (uintptr_t)arena;

    return a >= base && n <= ARENA_SIZE && a - base <= ARENA_SIZE - n;
}

int copy_from_guest(void *dst, const void *gva, size_t n)
{
    if (!guest_range_ok(gva, n)) return -XEN_EFAULT;
    memcpy(dst, gva, n);
    return 0;
}

void fail_copy_out(unsigned int nth) { fail_out = nth; }

int copy_to_guest(void *gva, const void *src, size_t n)
{
    if ((fail_out && --fail_out == 0) || !guest_range_ok(gva, n)) return -XEN_EFAULT;
    memcpy(gva, src, n);
    return 0;
}

int clear_guest(void *gva, size_t n)
{
    if (!guest_range_ok(gva, n)) return -XEN_EFAULT;
    memset(gva, 0, n);
    return 0;
}

/* --- domains ---------------------------------------------------------------------------------- */
static void timer_nothing(void *arg) { (void)arg; }

static struct domain *make_domain(domid_t id, bool privileged, unsigned int vcpus)
{
    struct domain *d = fake_domain_new(id, privileged, vcpus);
    struct vcpu *v;

    for_each_vcpu(d, v) {
        v->sched.hard = v->sched.soft = ~0UL;
        ck_assert_int_eq(fpu_vcpu_init(v), 0);
        v->xcr0 = 7;
        timer_init(&v->singleshot, timer_nothing, v, 0);
        timer_init(&v->periodic, timer_nothing, v, 0);
        if (v->id) set_bit(VPF_DOWN, &v->pause_flags);
    }
    memset(d->uuid, 0x10 + id, sizeof(d->uuid));
    return d;
}

void run_as(struct domain *d, unsigned int vcpu) { fake_run(d->vcpu[vcpu]); }

void setup(void)
{
    fake_reset(2);
    memset(&rooms, 0, sizeof(rooms));
    rooms.pool = cpu_online_map;
    memset(arena, 0, sizeof(arena));
    fail_out = 0;
    fpu_state_size = 832;
    fake_frame_table[0].owner = DOMID_XEN;
    objects_before = fake_live_objects;
    make_domain(0, true, 2);
    guest = make_domain(1, false, 2);
    other = make_domain(5, false, 1);
    guest->control_pause = 1;
    run_as(dom0, 0);
}

void teardown(void)
{
    struct domain *d;
    struct vcpu *v;

    ck_assert_uint_eq(fake_locks_held(), 0);
    ck_assert_uint_eq(rooms.paused, 0);
    for_each_domain(d)
        for_each_vcpu(d, v) fpu_vcpu_destroy(v);
    ck_assert_uint_eq(fake_live_objects, objects_before);
    fake_domains_reset();
}

/* --- calls ------------------------------------------------------------------------------------ */
long call(unsigned int nr, unsigned long a1, unsigned long a2, unsigned long a3, unsigned long a4, unsigned long a5)
{
    struct cpu_user_regs *r = &cpu_info()->guest_regs;
    const uint64_t rip = 0x400002;

    *r = (struct cpu_user_regs){ .rax = nr, .rdi = a1, .rsi = a2, .rdx = a3, .r10 = a4, .r8 = a5, .rip = rip };
    for (continuations = 0;; continuations++) {
        long rc = hypercall_table[r->rax](r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9);

        ck_assert_uint_eq(fake_locks_held(), 0);
        cpu_info()->pending = 0;            /* exit work is done */
        if (r->rip == rip) return rc;
        ck_assert_uint_eq(r->rip, rip - 2); /* the guest executes syscall again, with rax as returned */
        r->rip = rip;
        r->rax = (uint64_t)rc;
        ck_assert_uint_lt(continuations, 10000);
    }
}

struct xen_domctl *domctl(uint32_t cmd, domid_t domain)
{
    struct xen_domctl *op = (struct xen_domctl *)arena;

    memset(op, 0, sizeof(*op));
    op->cmd = cmd;
    op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op->domain = domain;
    return op;
}

struct xen_sysctl *sysctl(uint32_t cmd)
{
    struct xen_sysctl *op = (struct xen_sysctl *)arena;

    memset(op, 0, sizeof(*op));
    op->cmd = cmd;
    op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    return op;
}

struct xen_platform_op *platform(uint32_t cmd)
{
    struct xen_platform_op *op = (struct xen_platform_op *)arena;

    memset(op, 0, sizeof(*op));
    op->cmd = cmd;
    op->interface_version = XENPF_INTERFACE_VERSION;
    return op;
}

int main(void)
{
    Suite *s = suite_create("hypercall");
    TCase *(*const cases[])(void) = { entry_tests, guest_tests, host_tests, domctl_tests, domctl_vcpu_tests,
                                      sweep_tests };

    for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
        TCase *tc = cases[i]();

        tcase_add_checked_fixture(tc, setup, teardown);
        suite_add_tcase(s, tc);
    }
    return run_suite(s);
}
