# SPDX-License-Identifier: MIT
# The front-end library's real sources against a back-end and a store made of the fuzzer's bytes.
EXTRA_DIST += tests/fuzz/front.c
fuzz_targets += tests/fuzz/fuzz-front
fuzz_front = $(srcdir)/tests/fuzz/front.c $(addprefix $(srcdir)/,$(filter %.c,$(UNIT_FRONT_SOURCES)))
tests/fuzz/fuzz-front: $(fuzz_front) $(srcdir)/tests/unit/front/fake.h
	$(AM_V_GEN)$(MKDIR_P) tests/fuzz && $(FUZZ_CC) -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
	  -g -O1 $(AM_CFLAGS) $(UNIT_FRONT_CPPFLAGS) -o $@ $(fuzz_front)
