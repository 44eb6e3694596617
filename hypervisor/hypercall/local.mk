# SPDX-License-Identifier: MIT
hv_sources += hypervisor/hypercall/event.c hypervisor/hypercall/grant.c
hv_sources += hypervisor/hypercall/sched.c
hypercall_sources = hypervisor/hypercall/table.c hypervisor/hypercall/continue.c hypervisor/hypercall/multicall.c \
  hypervisor/hypercall/subop.c hypervisor/hypercall/subop.h hypervisor/hypercall/page.c hypervisor/hypercall/version.c \
  hypervisor/hypercall/console.c hypervisor/hypercall/physdev.c \
  hypervisor/hypercall/platform.c hypervisor/hypercall/vcpu.c hypervisor/hypercall/vcpu.h hypervisor/hypercall/misc.c hypervisor/hypercall/mca.c \
  hypervisor/hypercall/ctl.c hypervisor/hypercall/ctl.h hypervisor/hypercall/sysctl.c hypervisor/hypercall/sysctl_host.c \
  hypervisor/hypercall/domctl.c hypervisor/hypercall/domctl.h hypervisor/hypercall/domctl_life.c \
  hypervisor/hypercall/domctl_vcpu.c hypervisor/hypercall/domctl_xstate.c hypervisor/hypercall/domctl_sched.c \
  hypervisor/hypercall/domctl_mem.c
hv_sources += $(hypercall_sources)
hv_sources += hypervisor/hypercall/cpustate.c \
  hypervisor/hypercall/memory.c \
  hypervisor/hypercall/mmu.c \
  hypervisor/hypercall/mmuext.c
