# SPDX-License-Identifier: MIT
# The user-space back-ends, with a hostile guest in the same process.
BACK_TEST_CPPFLAGS = -I$(srcdir)/tests/unit $(BACK_CPPFLAGS) $(LIBURING_CFLAGS) $(CHECK_CFLAGS)
EXTRA_DIST += tests/unit/back-peer.h tests/unit/back-net.h tests/bench/pv

check_PROGRAMS += tests/unit/back-blk
TESTS += tests/unit/back-blk
tests_unit_back_blk_SOURCES = tests/unit/back-blk.c tests/unit/back-peer.c pv-drivers/back/blk/queue.c \
  pv-drivers/back/blk/grants.c pv-drivers/back/blk/loop.c pv-drivers/back/common/log.c
tests_unit_back_blk_CPPFLAGS = $(BACK_TEST_CPPFLAGS)
tests_unit_back_blk_CFLAGS = $(UNIT_CFLAGS)
tests_unit_back_blk_LDADD = $(CHECK_LIBS) $(LIBURING_LIBS)

check_PROGRAMS += tests/unit/back-net
TESTS += tests/unit/back-net
tests_unit_back_net_SOURCES = tests/unit/back-net.c tests/unit/back-net-spread.c tests/unit/back-net-guest.c \
  tests/unit/back-peer.c pv-drivers/back/net/tx.c pv-drivers/back/net/rx.c \
  pv-drivers/back/net/vif.c pv-drivers/back/net/ctrl.c pv-drivers/back/net/hash.c pv-drivers/back/net/packet.c pv-drivers/back/net/split.c \
  pv-drivers/back/common/arena.c pv-drivers/back/common/log.c
tests_unit_back_net_CPPFLAGS = $(BACK_TEST_CPPFLAGS)
tests_unit_back_net_CFLAGS = $(UNIT_CFLAGS)
tests_unit_back_net_LDADD = $(CHECK_LIBS)

check_PROGRAMS += tests/unit/back-mapping
TESTS += tests/unit/back-mapping
tests_unit_back_mapping_SOURCES = tests/unit/back-mapping.c pv-drivers/back/blk/mapping.c pv-drivers/back/blk/medium-file.c \
  pv-drivers/back/common/log.c
tests_unit_back_mapping_CPPFLAGS = $(BACK_TEST_CPPFLAGS)
tests_unit_back_mapping_CFLAGS = $(UNIT_CFLAGS)
tests_unit_back_mapping_LDADD = $(CHECK_LIBS) $(LIBURING_LIBS)

check_PROGRAMS += tests/unit/back-worker
TESTS += tests/unit/back-worker
tests_unit_back_worker_SOURCES = tests/unit/back-worker.c pv-drivers/back/blk/queue.c pv-drivers/back/blk/grants.c \
  pv-drivers/back/blk/loop.c pv-drivers/back/blk/mapping.c pv-drivers/back/blk/medium-file.c pv-drivers/back/blk/medium-nbd.c \
  pv-drivers/back/blk/libnbd-late.c pv-drivers/back/blk/journal.c pv-drivers/back/common/channel.c \
  pv-drivers/back/common/confine.c pv-drivers/back/common/peer-xen.c pv-drivers/back/common/log.c
tests_unit_back_worker_CPPFLAGS = $(BACK_TEST_CPPFLAGS) $(LIBNBD_CFLAGS) -I$(srcdir)/pv-drivers/back/blk
tests_unit_back_worker_CFLAGS = $(UNIT_CFLAGS)
tests_unit_back_worker_LDADD = $(BACK_LIBS) $(CHECK_LIBS) $(LIBURING_LIBS) -ldl

check_PROGRAMS += tests/unit/back-image
TESTS += tests/unit/back-image
EXTRA_DIST += tests/unit/back-http.py
tests_unit_back_image_SOURCES = tests/unit/back-image.c tests/unit/back-peer.c pv-drivers/back/blk/queue.c \
  pv-drivers/back/blk/grants.c pv-drivers/back/blk/loop.c pv-drivers/back/blk/image.c pv-drivers/back/blk/server.c \
  pv-drivers/back/blk/address.c \
  pv-drivers/back/blk/chain.c pv-drivers/back/blk/mapping.c pv-drivers/back/blk/medium-file.c pv-drivers/back/blk/medium-nbd.c \
  pv-drivers/back/blk/libnbd-late.c pv-drivers/back/common/log.c pv-drivers/back/common/confine.c
tests_unit_back_image_CPPFLAGS = $(BACK_TEST_CPPFLAGS) $(LIBNBD_CFLAGS) -DTOP_SRCDIR='"$(abs_top_srcdir)"'
tests_unit_back_image_CFLAGS = $(UNIT_CFLAGS)
tests_unit_back_image_LDADD = $(LIBSECCOMP_LIBS) $(CHECK_LIBS) $(LIBURING_LIBS) $(YAJL_LIBS) -ldl

check_PROGRAMS += tests/unit/back-address
TESTS += tests/unit/back-address
tests_unit_back_address_SOURCES = tests/unit/back-address.c pv-drivers/back/blk/image.c pv-drivers/back/blk/server.c \
  pv-drivers/back/blk/address.c pv-drivers/back/blk/chain.c pv-drivers/back/blk/libnbd-late.c pv-drivers/back/common/log.c
tests_unit_back_address_CPPFLAGS = $(BACK_TEST_CPPFLAGS) $(LIBNBD_CFLAGS)
tests_unit_back_address_CFLAGS = $(UNIT_CFLAGS)
tests_unit_back_address_LDADD = $(CHECK_LIBS) $(YAJL_LIBS) -ldl

check_PROGRAMS += tests/unit/back-keeper
TESTS += tests/unit/back-keeper
tests_unit_back_keeper_SOURCES = tests/unit/back-keeper.c pv-drivers/back/common/keeper.c pv-drivers/back/common/store.c \
  pv-drivers/back/common/channel.c pv-drivers/back/common/log.c
tests_unit_back_keeper_CPPFLAGS = $(BACK_TEST_CPPFLAGS)
tests_unit_back_keeper_CFLAGS = $(UNIT_CFLAGS)
tests_unit_back_keeper_LDADD = $(CHECK_LIBS) $(LIBEVENT_LIBS) -lpthread

check_PROGRAMS += tests/unit/back-confine
TESTS += tests/unit/back-confine
tests_unit_back_confine_SOURCES = tests/unit/back-confine.c pv-drivers/back/common/confine.c pv-drivers/back/common/log.c
tests_unit_back_confine_CPPFLAGS = $(BACK_TEST_CPPFLAGS)
tests_unit_back_confine_CFLAGS = $(UNIT_CFLAGS)
tests_unit_back_confine_LDADD = $(LIBSECCOMP_LIBS) $(CHECK_LIBS)

# Our front ends on our back-ends, without a hypervisor.
EXTRA_DIST += tests/unit/pair.h
check_PROGRAMS += tests/unit/pair-net tests/unit/pair-blk
TESTS += tests/unit/pair-net tests/unit/pair-blk
tests_unit_pair_net_SOURCES = tests/unit/pair-net.c tests/unit/pair.c pv-drivers/back/net/tx.c pv-drivers/back/net/rx.c \
  pv-drivers/back/net/vif.c pv-drivers/back/net/ctrl.c pv-drivers/back/net/hash.c pv-drivers/back/net/packet.c pv-drivers/back/net/split.c \
  pv-drivers/back/common/arena.c pv-drivers/back/common/log.c $(UNIT_FRONT_SOURCES)
tests_unit_pair_net_CPPFLAGS = $(BACK_TEST_CPPFLAGS) -I$(srcdir)/pv-drivers
tests_unit_pair_net_CFLAGS = $(UNIT_CFLAGS)
tests_unit_pair_net_LDADD = $(CHECK_LIBS)
tests_unit_pair_blk_SOURCES = tests/unit/pair-blk.c tests/unit/pair.c pv-drivers/back/blk/queue.c pv-drivers/back/blk/grants.c \
  pv-drivers/back/blk/loop.c pv-drivers/back/blk/mapping.c pv-drivers/back/blk/medium-file.c pv-drivers/back/common/log.c $(UNIT_FRONT_SOURCES)
tests_unit_pair_blk_CPPFLAGS = $(BACK_TEST_CPPFLAGS) -I$(srcdir)/pv-drivers
tests_unit_pair_blk_CFLAGS = $(UNIT_CFLAGS)
tests_unit_pair_blk_LDADD = $(CHECK_LIBS) $(LIBURING_LIBS)
