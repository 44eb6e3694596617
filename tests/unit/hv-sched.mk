# SPDX-License-Identifier: MIT
HV_SCHED_TESTED = hypervisor/sched/core.c hypervisor/sched/queue.c hypervisor/sched/wake.c hypervisor/sched/balance.c \
  hypervisor/sched/cap.c hypervisor/sched/block.c hypervisor/sched/pool.c
check_PROGRAMS += tests/unit/test-sched
tests_unit_test_sched_SOURCES = tests/unit/sched/sim.h tests/unit/sched/sim.c tests/unit/sched/test-sched.c \
  tests/unit/sched/test-fair.c tests/unit/sched/test-cap.c tests/unit/sched/test-place.c tests/unit/sched/test-ops.c \
  tests/unit/sched/test-random.c $(HV_SCHED_TESTED) \
  hypervisor/hypercall/sched.c hypervisor/hypercall/subop.c
tests_unit_test_sched_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_sched_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_sched_LDADD = $(UNIT_LDADD)
TESTS += tests/unit/test-sched
check_PROGRAMS += tests/unit/test-sched-stress
tests_unit_test_sched_stress_SOURCES = tests/unit/sched/test-stress.c $(HV_SCHED_TESTED)
tests_unit_test_sched_stress_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_sched_stress_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_sched_stress_LDADD = $(UNIT_LDADD)
TESTS += tests/unit/test-sched-stress
