# SPDX-License-Identifier: MIT
hv_sources += hypervisor/sched/private.h hypervisor/sched/core.c hypervisor/sched/queue.c hypervisor/sched/wake.c \
  hypervisor/sched/balance.c hypervisor/sched/cap.c hypervisor/sched/block.c hypervisor/sched/pool.c
