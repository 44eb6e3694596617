/* SPDX-License-Identifier: MIT */
/* The table, the hypercall page, continuations and multicall. */
#include "harness.h"

START_TEST(table_is_total)
{
    for (unsigned int i = 0; i < NR_HYPERCALLS; i++) ck_assert_ptr_nonnull((void *)hypercall_table[i]);
    ck_assert_ptr_eq((void *)hypercall_table[__HYPERVISOR_domctl], (void *)hypercall_domctl);
    ck_assert_ptr_eq((void *)hypercall_table[__HYPERVISOR_arch_0], (void *)hypercall_mca);
    ck_assert_int_eq(call(38, 0, 0, 0, 0, 0), -XEN_ENOSYS);
}
END_TEST

START_TEST(page_has_stubs)
{
    static uint8_t page[PAGE_SIZE];
    static const uint8_t call_35[] = { 0x51, 0x41, 0x53, 0xb8, 35, 0, 0, 0, 0x0f, 0x05, 0x41, 0x5b, 0x59, 0xc3, 0xcc };
    static const uint8_t iret[] = { 0x51, 0x41, 0x53, 0x50, 0xb8, 23, 0, 0, 0, 0x0f, 0x05, 0xcc };

    hypercall_page_write(page);
    ck_assert_mem_eq(page + 35 * 32, call_35, sizeof(call_35));
    ck_assert_mem_eq(page + 23 * 32, iret, sizeof(iret));
    ck_assert_uint_eq(page[PAGE_SIZE - 1], 0xcc);
}
END_TEST

static struct multicall_entry *list(unsigned int n, unsigned long op)
{
    struct multicall_entry *m = (struct multicall_entry *)arena;

    for (unsigned int i = 0; i < n; i++) m[i] = (struct multicall_entry){ .op = op, .args = { i + 1 }, .result = 99 };
    return m;
}

START_TEST(multicall_runs_all)
{
    struct multicall_entry *m = list(8, __HYPERVISOR_stack_switch);

    m[3].op = 4711;
    m[4].op = __HYPERVISOR_multicall;
    ck_assert_int_eq(CALL2(__HYPERVISOR_multicall, m, 8), 0);
    ck_assert_uint_eq(rooms.sub_calls[__HYPERVISOR_stack_switch], 6);
    for (unsigned int i = 0; i < 8; i++)
        ck_assert_int_eq((long)m[i].result, i == 3 ? -XEN_ENOSYS : i == 4 ? -XEN_EINVAL : (long)i + 1);
    ck_assert_uint_eq(continuations, 0);
    ck_assert_int_eq(CALL2(__HYPERVISOR_multicall, BAD_ADDRESS, 0), 0);
}
END_TEST

START_TEST(multicall_faults)
{
    struct multicall_entry *m = list(2, __HYPERVISOR_stack_switch);

    ck_assert_int_eq(CALL2(__HYPERVISOR_multicall, BAD_ADDRESS, 1), -XEN_EFAULT);
    /* the list runs out of memory: what was before it is done */
    m = (struct multicall_entry *)(arena + ARENA_SIZE) - 1;
    m->op = __HYPERVISOR_stack_switch;
    ck_assert_int_eq(CALL2(__HYPERVISOR_multicall, m, 2), -XEN_EFAULT);
    ck_assert_uint_eq(rooms.sub_calls[__HYPERVISOR_stack_switch], 1);
    m = list(2, __HYPERVISOR_stack_switch);
    fail_copy_out(1);
    ck_assert_int_eq(CALL2(__HYPERVISOR_multicall, m, 2), -XEN_EFAULT);
    ck_assert(!current->in_multicall);
    /* the count has 32 bits */
    m = list(1, __HYPERVISOR_stack_switch);
    ck_assert_int_eq(CALL2(__HYPERVISOR_multicall, m, 0x700000001UL), 0);
}
END_TEST

static int raise_work(unsigned long a1)
{
    cpu_raise_work(0, WORK_SCHED);
    return (int)a1;
}

START_TEST(multicall_stops_between)
{
    struct multicall_entry *m = list(5, __HYPERVISOR_mmu_update);

    rooms.sub_fn = raise_work;
    ck_assert_int_eq(CALL2(__HYPERVISOR_multicall, m, 5), 0);
    ck_assert_uint_eq(continuations, 4);
    ck_assert_uint_eq(rooms.sub_calls[__HYPERVISOR_mmu_update], 5);
    for (unsigned int i = 0; i < 5; i++) ck_assert_uint_eq(m[i].result, i + 1);
}
END_TEST

START_TEST(multicall_sees_interrupts)
{
    struct multicall_entry *m = list(200, __HYPERVISOR_stack_switch);

    rooms.interrupt = true;
    ck_assert_int_eq(CALL2(__HYPERVISOR_multicall, m, 200), 0);
    ck_assert_uint_ge(continuations, 5);
    ck_assert_uint_le(continuations, 10);
    ck_assert_uint_eq(rooms.sub_calls[__HYPERVISOR_stack_switch], 200);
}
END_TEST

/* Counts its argument down, one a call. */
static int count_down(unsigned long a1)
{
    return a1 > 100 ? (int)hypercall_continue(__HYPERVISOR_mmu_update, 3, a1 - 1, 2UL, 3UL) : (int)a1;
}

START_TEST(continuation_in_multicall)
{
    struct multicall_entry *m = list(3, __HYPERVISOR_mmu_update);

    rooms.sub_fn = count_down;
    m[1].args[0] = 104;
    ck_assert_int_eq(CALL2(__HYPERVISOR_multicall, m, 3), 0);
    ck_assert_uint_eq(continuations, 4);
    ck_assert_uint_eq(rooms.sub_calls[__HYPERVISOR_mmu_update], 7);
    ck_assert_uint_eq(m[0].result, 1);
    ck_assert_uint_eq(m[1].result, 100);
    ck_assert_uint_eq(m[2].result, 3);
    ck_assert(!current->in_multicall);
    ck_assert(!current->preempted);
}
END_TEST

START_TEST(continuation_alone)
{
    rooms.sub_fn = count_down;
    ck_assert_int_eq(CALL1(__HYPERVISOR_mmu_update, 103), 100);
    ck_assert_uint_eq(continuations, 3);
    ck_assert_uint_eq(cpu_info()->guest_regs.rsi, 2);
    ck_assert_uint_eq(cpu_info()->guest_regs.rdx, 3);
}
END_TEST

START_TEST(multicall_ends_with_iret)
{
    struct multicall_entry *m = list(3, __HYPERVISOR_iret);

    m[0].args[0] = 0x1234;
    ck_assert_int_eq(CALL2(__HYPERVISOR_multicall, m, 3), 0x1234);
    ck_assert_uint_eq(rooms.sub_calls[__HYPERVISOR_iret], 1);
    ck_assert_uint_eq(m[0].result, 99);
    ck_assert(!current->in_multicall);
}
END_TEST

TCase *entry_tests(void)
{
    TCase *tc = tcase_create("entry");

    tcase_add_test(tc, table_is_total);
    tcase_add_test(tc, page_has_stubs);
    tcase_add_test(tc, multicall_runs_all);
    tcase_add_test(tc, multicall_faults);
    tcase_add_test(tc, multicall_stops_between);
    tcase_add_test(tc, multicall_sees_interrupts);
    tcase_add_test(tc, continuation_in_multicall);
    tcase_add_test(tc, continuation_alone);
    tcase_add_test(tc, multicall_ends_with_iret);
    return tc;
}
