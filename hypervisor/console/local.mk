# SPDX-License-Identifier: MIT
hv_sources += hypervisor/console/console-internal.h hypervisor/console/uart.c hypervisor/console/log.c \
  hypervisor/console/input.c hypervisor/console/panic.c
EXTRA_DIST += hypervisor/console/gen-symbols.awk
