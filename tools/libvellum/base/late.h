/* SPDX-License-Identifier: MIT */
/*
 * Mappings that are no longer wanted. In a PV dom0 munmap writes each page-table entry by itself, and each of these
 * writes traps into the hypervisor: for a kernel that is as much time as loading it takes. When a process ends, its
 * page tables are given up as a whole. So what creates a domain and then ends leaves its mappings to its end; what goes
 * on calls vl_late_unmap_now when nobody waits.
 *
 * Not thread-safe.
 */
#ifndef VL_BASE_LATE_H
#define VL_BASE_LATE_H

#include <stddef.h>

/* Unmap this at some time. Whole pages; NULL is nothing. */
void vl_late_unmap(const void *p, size_t bytes);
void vl_late_unmap_now(void);

#endif
