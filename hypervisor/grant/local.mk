# SPDX-License-Identifier: MIT
hv_sources += hypervisor/grant/private.h hypervisor/grant/entry.c hypervisor/grant/table.c hypervisor/grant/version.c \
  hypervisor/grant/maptrack.c hypervisor/grant/map.c hypervisor/grant/copy.c hypervisor/grant/ops.c hypervisor/grant/debug.c
