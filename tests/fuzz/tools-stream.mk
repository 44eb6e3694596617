# SPDX-License-Identifier: MIT
# What a file or another host may send as a saved state.
EXTRA_DIST += tests/fuzz/fuzz-stream.c
fuzz_targets += tests/fuzz/fuzz-stream
fuzz_stream = $(srcdir)/tests/fuzz/fuzz-stream.c $(srcdir)/tests/unit/tools/model.c $(TOOLS_STREAM_SOURCES:%=$(srcdir)/%)
tests/fuzz/fuzz-stream: $(fuzz_stream)
	$(FUZZ_BUILD) $(TOOLS_CPPFLAGS) -I$(srcdir)/tests/unit/tools $(fuzz_stream) $(ZSTD_LIBS)
