# SPDX-License-Identifier: MIT
hypercall_sources = hypervisor/hypercall/private.h hypervisor/hypercall/call.c hypervisor/hypercall/domctl.c \
  hypervisor/hypercall/domctl_vcpu.c hypervisor/hypercall/physdev.c hypervisor/hypercall/platform.c \
  hypervisor/hypercall/subop.c hypervisor/hypercall/sysctl.c hypervisor/hypercall/table.c hypervisor/hypercall/vcpu.c \
  hypervisor/hypercall/version.c
hv_sources += $(hypercall_sources) hypervisor/hypercall/cpustate.c hypervisor/hypercall/descriptor.c \
  hypervisor/hypercall/event.c hypervisor/hypercall/memory.c hypervisor/hypercall/mmu.c hypervisor/hypercall/sched.c
