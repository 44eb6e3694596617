/* SPDX-License-Identifier: MIT */
/* Copies to and from the running guest by its own virtual addresses. Those in the hypervisor's slots are refused;
 * everything else is left to the MMU, with a fix-up when it faults. */
#include "private.h"

size_t guest_copy_raw(void *dst, const void *src, size_t n);
size_t guest_clear_raw(void *dst, size_t n);

bool guest_range_ok(const void *gva, size_t n)
{
    unsigned long a = (unsigned long)gva;
    return a + n >= a && (a + n <= (unsigned long)M2P_VIRT || a >= (unsigned long)HV_VIRT_END);
}

int copy_from_guest(void *dst, const void *gva, size_t n)
{
    return likely(guest_range_ok(gva, n)) && likely(!guest_copy_raw(dst, gva, n)) ? 0 : -XEN_EFAULT;
}

int copy_to_guest(void *gva, const void *src, size_t n)
{
    return likely(guest_range_ok(gva, n)) && likely(!guest_copy_raw(gva, src, n)) ? 0 : -XEN_EFAULT;
}

int clear_guest(void *gva, size_t n)
{
    return likely(guest_range_ok(gva, n)) && likely(!guest_clear_raw(gva, n)) ? 0 : -XEN_EFAULT;
}
