# SPDX-License-Identifier: MIT
hv_sources += hypervisor/event/private.h hypervisor/event/channel.c hypervisor/event/bind.c hypervisor/event/virq.c \
  hypervisor/event/fifo.c hypervisor/event/ops.c
