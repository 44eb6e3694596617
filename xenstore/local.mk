# SPDX-License-Identifier: MIT
# xenstored, and the command-line clients (one program by many names).
XS_CPPFLAGS = -D__XEN_TOOLS__ -I$(srcdir)/xenstore

noinst_LIBRARIES += xenstore/libstore.a
xenstore_libstore_a_SOURCES = \
  xenstore/control.c xenstore/daemon.c xenstore/domain.c xenstore/hyp.c xenstore/journal.c xenstore/journal.h \
  xenstore/live.c xenstore/loader.c xenstore/loader.h xenstore/mutate.c xenstore/node.c xenstore/node.h xenstore/path.c xenstore/path.h xenstore/perms.c \
  xenstore/perms.h xenstore/pool.c xenstore/pool.h xenstore/recover.c xenstore/request.c xenstore/request-domain.c xenstore/request-list.c xenstore/request.h xenstore/ring.c xenstore/server.c xenstore/server.h \
  xenstore/snapshot.c xenstore/snapshot.h xenstore/socket.c xenstore/store.c xenstore/store.h xenstore/txn.c \
  xenstore/util.c xenstore/util.h xenstore/watch.c
xenstore_libstore_a_CPPFLAGS = $(XS_CPPFLAGS)
xenstore_libstore_a_CFLAGS = $(AM_CFLAGS) $(XS_CFLAGS) $(LIBEVENT_CFLAGS) $(XENCTRL_CFLAGS)
XS_LIBS = xenstore/libstore.a $(LIBEVENT_LIBS) $(XENCTRL_LIBS) $(XENEVTCHN_LIBS) $(XENGNTTAB_LIBS) $(XENFOREIGN_LIBS)

sbin_PROGRAMS += xenstore/xenstored
xenstore_xenstored_SOURCES = xenstore/main.c
xenstore_xenstored_CPPFLAGS = $(XS_CPPFLAGS)
xenstore_xenstored_CFLAGS = $(AM_CFLAGS) $(LIBEVENT_CFLAGS)
xenstore_xenstored_LDADD = $(XS_LIBS)

bin_PROGRAMS += xenstore/xenstore
xenstore_xenstore_SOURCES = \
  xenstore/client/client.h xenstore/client/commands.c xenstore/client/control.c xenstore/client/ls.c \
  xenstore/client/main.c xenstore/client/value.c
xenstore_xenstore_LDADD = $(XENSTORE_LIBS)
XENSTORE_NAMES = chmod control exists list ls read rm watch write

install-xenstore-links:
	cd $(DESTDIR)$(bindir) && for n in $(XENSTORE_NAMES); do ln -sf xenstore xenstore-$$n || exit 1; done
install-xenstore-pages:
	cd $(DESTDIR)$(man1dir) && for n in $(XENSTORE_NAMES); do ln -sf xenstore.1 xenstore-$$n.1 || exit 1; done
install-exec-hook: install-xenstore-links
install-data-hook: install-xenstore-pages
.PHONY: install-xenstore-links install-xenstore-pages
dist_man_MANS += xenstore/xenstored.8 xenstore/xenstore.1
