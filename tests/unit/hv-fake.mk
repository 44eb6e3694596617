# SPDX-License-Identifier: MIT
# The fake cpu/ and machine. A test links tests/unit/libfake.a last; what it links of the real rooms wins over the fake.
check_LIBRARIES = tests/unit/libfake.a
tests_unit_libfake_a_SOURCES = tests/unit/fake/fake.h tests/unit/fake/fake-cpu.c tests/unit/fake/fake-time.c \
  tests/unit/fake/fake-lock.c tests/unit/fake/fake-mm.c tests/unit/fake/fake-guestcopy.c tests/unit/fake/fake-console.c \
  tests/unit/fake/fake-domain.c tests/unit/fake/fake-sched.c tests/unit/fake/fake-irq.c
tests_unit_libfake_a_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_libfake_a_CFLAGS = $(UNIT_CFLAGS)
UNIT_LDADD = tests/unit/libfake.a $(CHECK_LIBS) -lpthread
