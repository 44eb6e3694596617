# SPDX-License-Identifier: MIT
hv_sources += hypervisor/console/console.c hypervisor/console/console-internal.h hypervisor/console/uart.c \
  hypervisor/console/ring.c hypervisor/console/log.c hypervisor/console/input.c hypervisor/console/guestio.c \
  hypervisor/console/debugkeys.c hypervisor/console/panic.c hypervisor/console/symbols.c hypervisor/console/no-symbols.c
EXTRA_DIST += hypervisor/console/gen-symbols.awk
