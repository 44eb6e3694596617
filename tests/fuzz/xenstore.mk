# SPDX-License-Identifier: MIT
# What a socket or a guest may send to xenstored.
EXTRA_DIST += tests/fuzz/fuzz-xenstore.c
fuzz_targets += tests/fuzz/fuzz-xenstore
fuzz_xenstore = $(srcdir)/tests/fuzz/fuzz-xenstore.c $(XS_STORE:%=$(srcdir)/%)
tests/fuzz/fuzz-xenstore: $(fuzz_xenstore)
	$(FUZZ_BUILD) -I$(srcdir)/xenstore $(XS_CPPFLAGS) $(fuzz_xenstore)
