/* SPDX-License-Identifier: MIT */
/*
 * Every sub-operation with arguments nobody chose: a guest can pass any bytes. The sanitizers judge, and the harness:
 * no lock held, no object left, no domain paused. Random numbers are from a fixed seed.
 */
#include "harness.h"

static uint64_t seed = 0x9e3779b97f4a7c15;

static uint64_t rnd(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    return seed ^= seed << 17;
}

/* Words that are hard on code: pointers into the arena and beyond it, small numbers, edges. */
static uint64_t nasty(void)
{
    switch (rnd() % 10) {
    case 0: return 0;
    case 1: return (uintptr_t)arena + rnd() % ARENA_SIZE;
    case 2: return (uintptr_t)arena + 0x8000;
    case 3: return (uintptr_t)arena + ARENA_SIZE - rnd() % 64;
    case 4: return rnd() % 8;
    case 5: return ~0UL - rnd() % 4;
    case 6: return 1UL << rnd() % 64;
    case 7: return rnd() % 70000;
    case 8: return (rnd() % 8) << 32 | rnd() % 8;
    default: return rnd();
    }
}

static void fill(size_t offset, size_t size)
{
    for (size_t i = offset; i + 8 <= offset + size; i += 8) {
        uint64_t w = nasty();

        memcpy(arena + i, &w, 8);
    }
}

/* Domains that a call made go again, and what it changed is set back. */
static void tidy(void)
{
    struct domain *d;

    for (unsigned int id = 1; id < 64; id++) {
        if (id != 1 && id != 5 && (d = domain_find((domid_t)id))) fake_domain_free(d);
    }
    physdev_domain_release(dom0);
    physdev_domain_release(guest);
    rooms.rc = rnd() % 4 ? 0 : -XEN_EINVAL;
    rooms.console_len = 0;
    rooms.keys[0] = 0;
    rooms.interrupt = rnd() % 2;
}

static void run_random(void (*one)(void), unsigned int times)
{
    for (unsigned int i = 0; i < times; i++) {
        fill(0, 0x400);
        fill(0x8000, 0x200);
        tidy();
        fail_copy_out(rnd() % 4 ? 0 : 1 + rnd() % 3);
        fake_alloc_fail(rnd() % 16 ? 0 : 1 + (long)(rnd() % 2));
        one();
        ck_assert_uint_eq(rooms.paused, 0);
        ck_assert_uint_eq(fake_locks_held(), 0);
    }
    fake_alloc_fail(0);
    fail_copy_out(0);
    tidy();
}

/* destroydomain of the domains that the harness needs is left out. */
static void random_domctl(void)
{
    static const domid_t ids[] = { 0, 1, 1, 1, 5, 7, DOMID_SELF };
    struct xen_domctl *op = (struct xen_domctl *)arena;

    op->cmd = rnd() % 32 ? rnd() % 90 : (uint32_t)nasty();
    op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op->domain = ids[rnd() % ARRAY_SIZE(ids)];
    if (op->cmd == XEN_DOMCTL_createdomain) {
        op->domain = (domid_t)(rnd() % 64);
        op->u.createdomain.max_vcpus %= 4;
        op->u.createdomain.flags = op->u.createdomain.iommu_opts = op->u.createdomain.cpupool_id = 0;
    }
    if (op->cmd != XEN_DOMCTL_destroydomain && op->cmd != XEN_DOMCTL_get_cpu_policy) DOMCTL(op);
}

static void random_sysctl(void)
{
    struct xen_sysctl *op = (struct xen_sysctl *)arena;

    op->cmd = (uint32_t)(rnd() % 32);
    op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    if (op->cmd == XEN_SYSCTL_debug_keys) op->u.debug_keys.nr_keys %= 60;
    SYSCTL(op);
}

static void random_platform(void)
{
    struct xen_platform_op *op = (struct xen_platform_op *)arena;

    op->cmd = (uint32_t)(rnd() % 70);
    op->interface_version = XENPF_INTERFACE_VERSION;
    PLATFORM(op);
}

static void random_mca(void)
{
    struct { uint32_t cmd, version; } *op = (void *)arena;

    op->cmd = (uint32_t)(rnd() % 9);
    op->version = 0x01ecc003;
    CALL1(__HYPERVISOR_arch_0, op);
}

static void random_physdev(void)
{
    run_as(rnd() % 2 ? dom0 : guest, 0);
    CALL2(__HYPERVISOR_physdev_op, rnd() % 40, rnd() % 8 ? (uintptr_t)arena : nasty());
    run_as(dom0, 0);
}

static void random_vcpu(void)
{
    struct domain *d = rnd() % 2 ? dom0 : guest;

    run_as(d, 0);
    CALL3(__HYPERVISOR_vcpu_op, rnd() % 16, rnd() % 4, rnd() % 8 ? (uintptr_t)arena : nasty());
    run_as(dom0, 0);
}

static void random_version(void)
{
    CALL2(__HYPERVISOR_xen_version, rnd() % 14, nasty());
    CALL3(__HYPERVISOR_console_io, rnd() % 3, rnd() % 2000, nasty());
    CALL2(__HYPERVISOR_nmi_op, rnd() % 3, nasty());
}

static void random_multicall(void)
{
    struct multicall_entry *m = (struct multicall_entry *)arena;

    for (unsigned int i = 0; i < 8; i++)
        m[i].op = rnd() % 4 ? __HYPERVISOR_xen_version : nasty() % (NR_HYPERCALLS + 4);
    for (unsigned int i = 0; i < 8; i++) {      /* what makes or ends domains is tried above */
        if (m[i].op == __HYPERVISOR_domctl || m[i].op == __HYPERVISOR_sysctl || m[i].op == __HYPERVISOR_physdev_op)
            m[i].op = __HYPERVISOR_stack_switch;
    }
    CALL2(__HYPERVISOR_multicall, m, rnd() % 10);
    ck_assert(!current->in_multicall && !current->preempted);
}

START_TEST(anything)
{
    static void (*const kinds[])(void) = { random_domctl, random_sysctl, random_platform, random_physdev, random_vcpu,
                                           random_version, random_multicall, random_mca };

    run_random(kinds[_i], 20000);
}
END_TEST

TCase *sweep_tests(void)
{
    TCase *tc = tcase_create("sweep");

    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, anything, 0, 8);
    return tc;
}
