# SPDX-License-Identifier: MIT
hv_sources += hypervisor/mm/alloc.c hypervisor/mm/audit.c hypervisor/mm/frame.c hypervisor/mm/grantmap.c hypervisor/mm/guestcopy.c \
  hypervisor/mm/init.c hypervisor/mm/pagetable.c hypervisor/mm/private.h
