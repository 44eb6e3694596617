/* SPDX-License-Identifier: MIT */
/* Guest copies: the host's addresses are the guest's; low addresses and one page of no access fault. */
#include <stdlib.h>
#include <sys/mman.h>
#include "fake.h"

char *fake_bad_page;
static long fail_nth;

void fake_copy_fail(long nth)
{
    fail_nth = nth;
    if (!fake_bad_page) {
        fake_bad_page = mmap(NULL, PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (fake_bad_page == MAP_FAILED)
            abort();
    }
}

__weak_sym bool guest_range_ok(const void *gva, size_t n)
{
    uintptr_t a = (uintptr_t)gva, bad = (uintptr_t)fake_bad_page;

    return a >= 0x10000 && a + n >= a && a + n < 0x800000000000 && (a + n <= bad || a >= bad + PAGE_SIZE);
}

static bool faults(const void *gva, size_t n)
{
    if (fail_nth > 0 && --fail_nth == 0)
        return true;
    return n && !guest_range_ok(gva, n);
}

__weak_sym int copy_from_guest(void *dst, const void *gva, size_t n)
{
    if (faults(gva, n))
        return -XEN_EFAULT;
    if (n)
        memcpy(dst, gva, n);
    return 0;
}

__weak_sym int copy_to_guest(void *gva, const void *src, size_t n)
{
    if (faults(gva, n))
        return -XEN_EFAULT;
    if (n)
        memcpy(gva, src, n);
    return 0;
}

__weak_sym int clear_guest(void *gva, size_t n)
{
    if (faults(gva, n))
        return -XEN_EFAULT;
    if (n)
        memset(gva, 0, n);
    return 0;
}
