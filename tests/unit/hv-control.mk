# SPDX-License-Identifier: MIT
# hypercall/: entry, multicall, and the control interfaces, over stand-ins of the rooms below.
check_PROGRAMS += tests/unit/test-control
TESTS += tests/unit/test-control tests/check-abi
EXTRA_DIST += tests/check-abi docs/abi.md tests/peer/hypercalls.c
tests_unit_test_control_SOURCES = tests/unit/hv-control/harness.h tests/unit/hv-control/harness.c \
  tests/unit/hv-control/rooms.c tests/unit/hv-control/test-entry.c tests/unit/hv-control/test-guest.c \
  tests/unit/hv-control/test-host.c tests/unit/hv-control/test-domctl.c tests/unit/hv-control/test-domctl-vcpu.c \
  tests/unit/hv-control/test-sweep.c $(hypercall_sources) hypervisor/lib/parse.c
tests_unit_test_control_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_control_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_control_LDADD = $(UNIT_LDADD)
# domain/: a vCPU's context.
check_PROGRAMS += tests/unit/test-context
TESTS += tests/unit/test-context
tests_unit_test_context_SOURCES = tests/unit/hv-control/test-context.c hypervisor/domain/vcpu.c
tests_unit_test_context_CPPFLAGS = $(UNIT_CPPFLAGS) -I$(srcdir)/hypervisor
tests_unit_test_context_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_context_LDADD = $(UNIT_LDADD)
