# SPDX-License-Identifier: MIT
# The toolstack's parsers: configuration files, and the specifications of devices on their own.
EXTRA_DIST += tests/fuzz/fuzz-config.c tests/fuzz/fuzz-spec.c tests/fuzz/config.dict tests/fuzz/spec.dict
fuzz_targets += tests/fuzz/fuzz-config tests/fuzz/fuzz-spec
FUZZ_TOOLS_BUILD = $(AM_V_GEN)$(MKDIR_P) tests/fuzz && $(FUZZ_CC) -fsanitize=fuzzer,address,undefined \
  -fno-sanitize-recover=undefined -g -O1 $(AM_CFLAGS) $(DEFS) -I. $(TOOLS_CPPFLAGS) -o $@
fuzz_tools_sources = $(TOOLS_CONFIG_SOURCES:%.c=$(srcdir)/%.c)
fuzz_tools_made = tools/libvellum/config/parse.c tools/libvellum/config/scan.c
tests/fuzz/fuzz-config: $(srcdir)/tests/fuzz/fuzz-config.c $(fuzz_tools_sources) $(fuzz_tools_made)
	$(FUZZ_TOOLS_BUILD) $(srcdir)/tests/fuzz/fuzz-config.c $(fuzz_tools_sources) $(fuzz_tools_made) $(YAJL_LIBS)
tests/fuzz/fuzz-spec: $(srcdir)/tests/fuzz/fuzz-spec.c $(fuzz_tools_sources) $(fuzz_tools_made)
	$(FUZZ_TOOLS_BUILD) $(srcdir)/tests/fuzz/fuzz-spec.c $(fuzz_tools_sources) $(fuzz_tools_made) $(YAJL_LIBS)
