# SPDX-License-Identifier: MIT
hv_grant_under_test = hypervisor/grant/copy.c hypervisor/grant/entry.c hypervisor/grant/map.c hypervisor/grant/ops.c \
  hypervisor/grant/table.c

check_PROGRAMS += tests/unit/hv-grant
TESTS += tests/unit/hv-grant
tests_unit_hv_grant_SOURCES = tests/unit/hv-grant.c tests/unit/hv-grant-util.c tests/unit/hv-grant.h $(hv_grant_under_test)
tests_unit_hv_grant_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_hv_grant_CFLAGS = $(UNIT_CFLAGS)
tests_unit_hv_grant_LDADD = $(UNIT_LDADD)

check_PROGRAMS += tests/unit/hv-grant-copy
TESTS += tests/unit/hv-grant-copy
tests_unit_hv_grant_copy_SOURCES = tests/unit/hv-grant-copy.c tests/unit/hv-grant-util.c tests/unit/hv-grant.h $(hv_grant_under_test)
tests_unit_hv_grant_copy_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_hv_grant_copy_CFLAGS = $(UNIT_CFLAGS)
tests_unit_hv_grant_copy_LDADD = $(UNIT_LDADD)
