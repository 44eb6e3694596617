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

check_PROGRAMS += tests/unit/front-store
TESTS += tests/unit/front-store
tests_unit_front_store_SOURCES = tests/unit/front/store.c $(UNIT_FRONT_SOURCES)
tests_unit_front_store_CPPFLAGS = $(UNIT_FRONT_CPPFLAGS)
tests_unit_front_store_CFLAGS = $(UNIT_CFLAGS)
tests_unit_front_store_LDADD = $(UNIT_LDADD)

# The guest's network as a process, with Linux behind a tap.
if HAVE_LWIP
check_PROGRAMS += tests/unit/front-tap
TESTS += tests/unit/front-tap
tests_unit_front_tap_SOURCES = tests/unit/front/tap.c $(UNIT_FRONT_SOURCES)
tests_unit_front_tap_CPPFLAGS = $(UNIT_FRONT_CPPFLAGS)
tests_unit_front_tap_CFLAGS = $(UNIT_CFLAGS)
tests_unit_front_tap_LDADD = tests/unit/front/tap-guest.a
UNIT_LWIP_OBJECTS = $(LWIP_FILES:%=tests/unit/lwip/%.o)
UNIT_LWIP_CC = $(AM_V_CC)$(MKDIR_P) $(@D) && $(CC) $(LWIP_CPPFLAGS) -Dmain=guest_main $(UNIT_SAN) -g -O1 -std=gnu11
$(UNIT_LWIP_OBJECTS): tests/unit/lwip/%.o: $(LWIP_DIR)/src/%.c $(srcdir)/pv-drivers/guest/lwip/lwipopts.h
	$(UNIT_LWIP_CC) -w -c -o $@ $<
tests/unit/front/tap-guest.o: $(srcdir)/tests/unit/front/tap-guest.c $(srcdir)/pv-drivers/guest/nettest.c
	$(UNIT_LWIP_CC) -Wall -Wextra $(WERROR) -c -o $@ $<
tests/unit/front/tap-netstack.o: $(srcdir)/pv-drivers/guest/netstack.c $(srcdir)/pv-drivers/guest/netstack.h
	$(UNIT_LWIP_CC) -Wall -Wextra $(WERROR) -c -o $@ $<
tests/unit/front/tap-guest.a: tests/unit/front/tap-guest.o tests/unit/front/tap-netstack.o $(UNIT_LWIP_OBJECTS)
	$(AM_V_AR)rm -f $@ && $(AR) cr $@ $^
CLEANFILES += tests/unit/front/tap-guest.a tests/unit/front/tap-guest.o tests/unit/front/tap-netstack.o $(UNIT_LWIP_OBJECTS)
endif
EXTRA_DIST += tests/unit/front/tap-guest.c tests/unit/front/tap.c
