/* SPDX-License-Identifier: MIT */
/*
 * cpu/: the hypervisor's own page tables (cpu/paging.c): direct map, frame table, M2P, device registers, CPU windows.
 */
#ifndef CPU_PAGING_H
#define CPU_PAGING_H

#include <hv/types.h>

#include "x86.h"

#define PTE_HV_RW (PTE_PRESENT | PTE_WRITE | PTE_ACCESSED | PTE_DIRTY | PTE_NX)
#define PTE_HV_RO (PTE_PRESENT | PTE_ACCESSED | PTE_NX)

/* The L1 entries of [va, va + n pages), made if need be; they lie in one L1 table. */
unsigned long *paging_window_ptes(unsigned long va, unsigned int n);

#endif
