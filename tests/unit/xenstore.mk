# SPDX-License-Identifier: MIT
# xenstored: the store's unit tests under sanitizers, and kill -9 under load of the real daemon.
XS_STORE = xenstore/store.c xenstore/mutate.c xenstore/domain.c xenstore/watch.c xenstore/txn.c xenstore/request.c xenstore/request-domain.c xenstore/request-list.c \
  xenstore/control.c xenstore/node.c xenstore/path.c xenstore/perms.c xenstore/pool.c xenstore/util.c

check_PROGRAMS += tests/unit/xenstore-store
TESTS += tests/unit/xenstore-store
tests_unit_xenstore_store_SOURCES = tests/unit/xenstore-store.c tests/unit/xenstore-store.h tests/unit/xenstore-model.c \
  tests/unit/xenstore-path.c tests/unit/xenstore-domains.c tests/unit/xenstore-limits.c $(XS_STORE)
tests_unit_xenstore_store_CPPFLAGS = $(XS_CPPFLAGS) $(CHECK_CFLAGS)
tests_unit_xenstore_store_CFLAGS = $(UNIT_CFLAGS)
tests_unit_xenstore_store_LDADD = $(CHECK_LIBS)

check_PROGRAMS += tests/unit/xenstore-recover
TESTS += tests/unit/xenstore-recover
XS_NOHYP = tests/unit/xenstore-nohyp.c tests/unit/xenstore-nohyp.h xenstore/daemon.c xenstore/journal.c xenstore/live.c \
  xenstore/loader.c xenstore/recover.c xenstore/ring.c xenstore/server.c xenstore/snapshot.c xenstore/socket.c $(XS_STORE)
tests_unit_xenstore_recover_SOURCES = tests/unit/xenstore-recover.c $(XS_NOHYP)
tests_unit_xenstore_recover_CPPFLAGS = $(XS_CPPFLAGS) $(CHECK_CFLAGS) $(LIBEVENT_CFLAGS)
tests_unit_xenstore_recover_CFLAGS = $(UNIT_CFLAGS)
tests_unit_xenstore_recover_LDADD = $(CHECK_LIBS) $(LIBEVENT_LIBS)

check_PROGRAMS += tests/unit/xenstore-ring
TESTS += tests/unit/xenstore-ring
tests_unit_xenstore_ring_SOURCES = tests/unit/xenstore-ring.c $(XS_NOHYP)
tests_unit_xenstore_ring_CPPFLAGS = $(XS_CPPFLAGS) $(CHECK_CFLAGS) $(LIBEVENT_CFLAGS)
tests_unit_xenstore_ring_CFLAGS = $(UNIT_CFLAGS)
tests_unit_xenstore_ring_LDADD = $(CHECK_LIBS) $(LIBEVENT_LIBS)

check_PROGRAMS += tests/unit/xenstore-crash
tests_unit_xenstore_crash_SOURCES = tests/unit/xenstore-crash.c tests/unit/xenstore-sim.h
check_PROGRAMS += tests/unit/xenstore-hostile
tests_unit_xenstore_hostile_SOURCES = tests/unit/xenstore-hostile.c tests/unit/xenstore-sim.h
EXTRA_DIST += tests/unit/xenstore-kill tests/peer/xenstore-simhost.c
check_DATA += tests/peer/xenstore-simhost.so
CLEANFILES += tests/peer/xenstore-simhost.so
tests/peer/xenstore-simhost.so: $(srcdir)/tests/peer/xenstore-simhost.c
	$(AM_V_CC)$(MKDIR_P) tests/peer && $(CC) $(AM_CFLAGS) -D_GNU_SOURCE -O1 -shared -fPIC -o $@ $(srcdir)/tests/peer/xenstore-simhost.c -ldl
TESTS += tests/unit/xenstore-kill

TESTS += tests/unit/xenstore-man tests/unit/xenstore-journal
EXTRA_DIST += tests/unit/xenstore-man tests/unit/xenstore-journal
