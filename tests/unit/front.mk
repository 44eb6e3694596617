# SPDX-License-Identifier: MIT
# The front-end library, its real sources, on a machine that is a few pages of the host's memory.
UNIT_FRONT_CPPFLAGS = -I$(srcdir)/pv-drivers -D__XEN_INTERFACE_VERSION__=__XEN_LATEST_INTERFACE_VERSION__ $(CHECK_CFLAGS)
UNIT_FRONT_SOURCES = tests/unit/front/fake.h tests/unit/front/fake-os.c tests/unit/front/fake-store.c \
  tests/unit/front/fake-blk.c tests/unit/front/fake-net.c $(FRONT_SOURCES)

check_PROGRAMS += tests/unit/front-blk
TESTS += tests/unit/front-blk
tests_unit_front_blk_SOURCES = tests/unit/front/blk.c $(UNIT_FRONT_SOURCES)
tests_unit_front_blk_CPPFLAGS = $(UNIT_FRONT_CPPFLAGS)
tests_unit_front_blk_CFLAGS = $(UNIT_CFLAGS)
tests_unit_front_blk_LDADD = $(UNIT_LDADD)

check_PROGRAMS += tests/unit/front-net
TESTS += tests/unit/front-net
tests_unit_front_net_SOURCES = tests/unit/front/net.c $(UNIT_FRONT_SOURCES)
tests_unit_front_net_CPPFLAGS = $(UNIT_FRONT_CPPFLAGS)
tests_unit_front_net_CFLAGS = $(UNIT_CFLAGS)
tests_unit_front_net_LDADD = $(UNIT_LDADD)
