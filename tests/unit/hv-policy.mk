# SPDX-License-Identifier: MIT
# CPUID/MSR policy, privileged-instruction emulation, page-table-write decoder, rights.
hv_policy_sources = tests/unit/hv-policy/machine.c tests/unit/hv-policy/machine.h \
  hypervisor/domain/emulate.c hypervisor/domain/emulate_decode.c hypervisor/domain/emulate_msr.c \
  hypervisor/domain/emulate_port.c hypervisor/domain/policy.c hypervisor/domain/policy_cpuid.c \
  hypervisor/domain/policy_leaves.c hypervisor/domain/policy_serial.c hypervisor/domain/rights.c \
  hypervisor/domain/ptwrite_decode.c hypervisor/lib/containers.c
check_PROGRAMS += tests/unit/test-policy
TESTS += tests/unit/test-policy
tests_unit_test_policy_SOURCES = tests/unit/hv-policy/test-policy.c $(hv_policy_sources)
tests_unit_test_policy_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_policy_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_policy_LDADD = $(UNIT_LDADD)
check_PROGRAMS += tests/unit/test-ptwrite
TESTS += tests/unit/test-ptwrite
tests_unit_test_ptwrite_SOURCES = tests/unit/hv-policy/test-ptwrite.c tests/unit/hv-policy/native.S $(hv_policy_sources)
tests_unit_test_ptwrite_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_ptwrite_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_ptwrite_LDADD = $(UNIT_LDADD)
check_PROGRAMS += tests/unit/test-emulate
TESTS += tests/unit/test-emulate
tests_unit_test_emulate_SOURCES = tests/unit/hv-policy/test-emulate.c tests/unit/hv-policy/emu.h \
  tests/unit/hv-policy/emu-ports.c tests/unit/hv-policy/emu-msrs.c tests/unit/hv-policy/emu-insns.c $(hv_policy_sources)
tests_unit_test_emulate_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_emulate_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_emulate_LDADD = $(UNIT_LDADD)
