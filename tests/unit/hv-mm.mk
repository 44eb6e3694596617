# SPDX-License-Identifier: MIT
check_PROGRAMS += tests/unit/mm/mm
TESTS += tests/unit/mm/mm
tests_unit_mm_mm_SOURCES = tests/unit/mm/mm.c tests/unit/mm/mm-heap.c tests/unit/mm/mm-setup.c tests/unit/mm/mm-steps.c tests/unit/mm/mm.h hypervisor/mm/alloc.c hypervisor/mm/audit.c \
  hypervisor/mm/frame.c hypervisor/mm/pagetable.c hypervisor/hypercall/descriptor.c hypervisor/hypercall/mmu.c \
  hypervisor/hypercall/memory.c hypervisor/hypercall/subop.c
tests_unit_mm_mm_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_mm_mm_CFLAGS = $(UNIT_CFLAGS)
tests_unit_mm_mm_LDADD = $(UNIT_LDADD)
