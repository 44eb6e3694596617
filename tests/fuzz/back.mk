# SPDX-License-Identifier: MIT
# What a guest may do to the user-space back-ends.
EXTRA_DIST += tests/fuzz/fuzz-back-blk.c tests/fuzz/fuzz-back-net.c
fuzz_targets += tests/fuzz/fuzz-back-blk tests/fuzz/fuzz-back-net
fuzz_back_blk = $(srcdir)/tests/fuzz/fuzz-back-blk.c $(srcdir)/tests/unit/back-peer.c $(srcdir)/pv-drivers/back/blk/queue.c \
  $(srcdir)/pv-drivers/back/blk/grants.c $(srcdir)/pv-drivers/back/blk/loop.c $(srcdir)/pv-drivers/back/common/log.c
tests/fuzz/fuzz-back-blk: $(fuzz_back_blk)
	$(FUZZ_BUILD) $(BACK_TEST_CPPFLAGS) $(fuzz_back_blk) $(LIBURING_LIBS)
fuzz_back_net = $(srcdir)/tests/fuzz/fuzz-back-net.c $(srcdir)/tests/unit/back-peer.c $(srcdir)/pv-drivers/back/net/tx.c \
  $(srcdir)/pv-drivers/back/net/rx.c $(srcdir)/pv-drivers/back/net/vif.c $(srcdir)/pv-drivers/back/net/ctrl.c $(srcdir)/pv-drivers/back/net/hash.c $(srcdir)/pv-drivers/back/net/packet.c $(srcdir)/pv-drivers/back/net/split.c \
  $(srcdir)/pv-drivers/back/common/arena.c $(srcdir)/pv-drivers/back/common/log.c
tests/fuzz/fuzz-back-net: $(fuzz_back_net)
	$(FUZZ_BUILD) $(BACK_TEST_CPPFLAGS) $(fuzz_back_net)
