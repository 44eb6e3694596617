# SPDX-License-Identifier: MIT
# Fuzzing event channels and grant tables: the rooms' real sources on the fake machine.
EXTRA_DIST += tests/fuzz/hv-event.c tests/fuzz/hv-grant.c
fuzz_targets += tests/fuzz/fuzz-hv-event tests/fuzz/fuzz-hv-grant
fuzz_fake = $(addprefix $(srcdir)/,$(filter %.c,$(tests_unit_libfake_a_SOURCES)))
fuzz_hv_event = $(srcdir)/tests/fuzz/hv-event.c $(addprefix $(srcdir)/,$(hv_event_under_test)) $(fuzz_fake)
fuzz_hv_grant = $(srcdir)/tests/fuzz/hv-grant.c $(srcdir)/tests/unit/hv-grant-util.c \
  $(addprefix $(srcdir)/,$(hv_grant_under_test)) $(fuzz_fake)

tests/fuzz/fuzz-hv-event: $(fuzz_hv_event) $(srcdir)/tests/unit/hv-event.h
	$(FUZZ_BUILD) -DFUZZING $(fuzz_hv_event) -lpthread
tests/fuzz/fuzz-hv-grant: $(fuzz_hv_grant) $(srcdir)/tests/unit/hv-grant.h
	$(FUZZ_BUILD) -DFUZZING $(fuzz_hv_grant) -lpthread
