# SPDX-License-Identifier: MIT
# What a socket or a guest may send to xenstored: messages to the store, and bytes and ring indices to the whole daemon.
EXTRA_DIST += tests/fuzz/fuzz-xenstore.c tests/fuzz/fuzz-xenstore-io.c
xs_fuzz_targets = tests/fuzz/fuzz-xenstore tests/fuzz/fuzz-xenstore-io
fuzz_targets += $(xs_fuzz_targets)
fuzz_xenstore = $(srcdir)/tests/fuzz/fuzz-xenstore.c $(XS_STORE:%=$(srcdir)/%)
fuzz_xenstore_io = $(srcdir)/tests/fuzz/fuzz-xenstore-io.c $(srcdir)/tests/unit/xenstore-nohyp.c \
  $(addprefix $(srcdir)/,$(filter-out xenstore/hyp.c,$(filter %.c,$(xenstore_libstore_a_SOURCES))))
tests/fuzz/fuzz-xenstore: $(fuzz_xenstore)
	$(FUZZ_BUILD) -I$(srcdir)/xenstore $(XS_CPPFLAGS) $(fuzz_xenstore)
tests/fuzz/fuzz-xenstore-io: $(fuzz_xenstore_io)
	$(FUZZ_BUILD) -I$(srcdir)/xenstore $(XS_CPPFLAGS) $(LIBEVENT_CFLAGS) $(fuzz_xenstore_io) $(LIBEVENT_LIBS)
