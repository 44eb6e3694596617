# SPDX-License-Identifier: MIT
hv_sources += hypervisor/grant/private.h hypervisor/grant/copy.c hypervisor/grant/entry.c hypervisor/grant/map.c hypervisor/grant/ops.c \
  hypervisor/grant/table.c
