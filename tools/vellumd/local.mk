# SPDX-License-Identifier: MIT
# vellumd, and its parts that need no host, which the unit tests use too.
VELLUMD_PURE = tools/vellumd/proto.c tools/vellumd/proto.h tools/vellumd/replay.c tools/vellumd/replay.h \
	tools/vellumd/ring.c tools/vellumd/ring.h
sbin_PROGRAMS += tools/vellumd/vellumd
tools_vellumd_vellumd_CPPFLAGS = -D__XEN_TOOLS__ $(TOOLS_CPPFLAGS) $(XENEVTCHN_CFLAGS) $(XENGNTTAB_CFLAGS)
tools_vellumd_vellumd_CFLAGS = $(AM_CFLAGS) -O2 -g $(LIBEVENT_CFLAGS)
# libevent can resolve names, which a static program cannot; it is never asked to, so the linker need not say so.
tools_vellumd_vellumd_LDFLAGS = $(STATIC) -Wl,--no-warnings
tools_vellumd_vellumd_LDADD = libvellum.a $(LIBEVENT_LIBS) $(TOOLS_LIBS)
tools_vellumd_vellumd_SOURCES = \
	tools/vellumd/act.c tools/vellumd/act.h \
	tools/vellumd/chansock.c tools/vellumd/chansock.h \
	tools/vellumd/conlog.c tools/vellumd/conlog.h \
	tools/vellumd/console.c tools/vellumd/console.h \
	tools/vellumd/domain.c tools/vellumd/domain.h \
	tools/vellumd/events.c tools/vellumd/events.h \
	tools/vellumd/guests.c tools/vellumd/guests.h \
	tools/vellumd/hvlog.c tools/vellumd/hvlog.h \
	tools/vellumd/main.c \
	tools/vellumd/notify.c tools/vellumd/notify.h \
	tools/vellumd/rival.c tools/vellumd/rival.h \
	tools/vellumd/shellnote.c tools/vellumd/shellnote.h \
	tools/vellumd/shells.c tools/vellumd/shells.h \
	tools/vellumd/socket.c tools/vellumd/socket.h \
	tools/vellumd/status.c tools/vellumd/status.h \
	tools/vellumd/vellumd.h \
	tools/vellumd/work.c tools/vellumd/work.h \
	$(VELLUMD_PURE)
systemdsystemunitdir = $(prefix)/lib/systemd/system
# Units name their programs by whole paths: those where this build installs them.
VELLUM_PLACES = $(AM_V_GEN)$(MKDIR_P) $(@D) && sed -e 's|@[s]bindir@|$(sbindir)|g'
systemdsystemunit_DATA = tools/vellumd/vellumd.service tools/vellumd/vellum-guests.service
EXTRA_DIST += tools/vellumd/vellumd.service.in tools/vellumd/vellum-guests.service.in
CLEANFILES += $(systemdsystemunit_DATA)
tools/vellumd/vellumd.service: tools/vellumd/vellumd.service.in Makefile
	$(VELLUM_PLACES) $(srcdir)/$@.in >$@
tools/vellumd/vellum-guests.service: tools/vellumd/vellum-guests.service.in Makefile
	$(VELLUM_PLACES) $(srcdir)/$@.in >$@
dist_man_MANS += tools/vellumd/vellumd.8
