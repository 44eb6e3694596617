# SPDX-License-Identifier: MIT
# cpu/: ACPI tables, system time, timers, calls between CPUs, interrupts.
HV_CPU_CPPFLAGS = $(UNIT_CPPFLAGS) -I$(srcdir)/hypervisor/cpu
HV_CPU_TESTS = tests/unit/test-acpi tests/unit/test-call tests/unit/test-irq tests/unit/test-time tests/unit/test-timer
check_PROGRAMS += $(HV_CPU_TESTS)
TESTS += $(HV_CPU_TESTS)

tests_unit_test_acpi_SOURCES = tests/unit/cpu/test-acpi.c hypervisor/cpu/acpi.c
tests_unit_test_acpi_CPPFLAGS = $(HV_CPU_CPPFLAGS)
tests_unit_test_acpi_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_acpi_LDADD = $(UNIT_LDADD)

tests_unit_test_call_SOURCES = tests/unit/cpu/test-call.c hypervisor/cpu/call.c
tests_unit_test_call_CPPFLAGS = $(HV_CPU_CPPFLAGS)
tests_unit_test_call_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_call_LDADD = $(UNIT_LDADD)

tests_unit_test_irq_SOURCES = tests/unit/cpu/test-irq.c hypervisor/cpu/irq.c hypervisor/cpu/pirq.c hypervisor/lib/printf.c
tests_unit_test_irq_CPPFLAGS = $(HV_CPU_CPPFLAGS)
tests_unit_test_irq_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_irq_LDADD = $(UNIT_LDADD)

tests_unit_test_time_SOURCES = tests/unit/cpu/test-time.c hypervisor/cpu/time.c
tests_unit_test_time_CPPFLAGS = $(HV_CPU_CPPFLAGS)
tests_unit_test_time_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_time_LDADD = $(UNIT_LDADD)

tests_unit_test_timer_SOURCES = tests/unit/cpu/test-timer.c hypervisor/cpu/timer.c hypervisor/lib/containers.c hypervisor/lib/printf.c
tests_unit_test_timer_CPPFLAGS = $(HV_CPU_CPPFLAGS)
tests_unit_test_timer_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_timer_LDADD = $(UNIT_LDADD)
