# SPDX-License-Identifier: MIT
hv_sources += hypervisor/domain/debug.c hypervisor/domain/dom0.c hypervisor/domain/domain.c hypervisor/domain/emulate.c \
  hypervisor/domain/emulate.h hypervisor/domain/emulate_decode.c hypervisor/domain/emulate_msr.c hypervisor/domain/emulate_port.c \
  hypervisor/domain/inject.c hypervisor/domain/policy.c hypervisor/domain/policy_cpuid.c hypervisor/domain/policy_features.h \
  hypervisor/domain/policy_leaves.c hypervisor/domain/policy_serial.c hypervisor/domain/private.h hypervisor/domain/ptwrite.c \
  hypervisor/domain/ptwrite_decode.c hypervisor/domain/rights.c hypervisor/domain/switch.c hypervisor/domain/time.c \
  hypervisor/domain/vcpu.c
