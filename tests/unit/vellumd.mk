# SPDX-License-Identifier: MIT
# vellumd, its consoles, libvirt's XML, booting from the guest's disk.
check_PROGRAMS += tests/unit/tools/vellumd tests/unit/tools/conlog tests/unit/tools/console tests/unit/tools/rival tests/unit/tools/shellnote tests/unit/tools/flood tests/unit/tools/domxml tests/unit/tools/boot tests/unit/tools/figures
TESTS += tests/unit/tools/vellumd tests/unit/tools/conlog tests/unit/tools/console tests/unit/tools/rival tests/unit/tools/shellnote tests/unit/tools/flood tests/unit/tools/domxml tests/unit/tools/boot tests/unit/tools/figures
tests_unit_tools_vellumd_CPPFLAGS = -D__XEN_TOOLS__ $(UNIT_TOOLS_CPPFLAGS)
tests_unit_tools_vellumd_CFLAGS = $(UNIT_CFLAGS)
tests_unit_tools_vellumd_SOURCES = tests/unit/tools/vellumd.c tools/libvellum/base/arena.c $(VELLUMD_PURE)
tests_unit_tools_vellumd_LDADD = $(CHECK_LIBS)
tests_unit_tools_conlog_CPPFLAGS = $(UNIT_TOOLS_CPPFLAGS)
tests_unit_tools_conlog_CFLAGS = $(UNIT_CFLAGS)
tests_unit_tools_conlog_SOURCES = tests/unit/tools/conlog.c tests/unit/tools/messages.h tools/libvellum/base/log.c \
	tools/vellumd/conlog.c tools/vellumd/conlog.h
tests_unit_tools_conlog_LDADD = $(CHECK_LIBS)
tests_unit_tools_console_CPPFLAGS = -D__XEN_TOOLS__ $(UNIT_TOOLS_CPPFLAGS) $(XENEVTCHN_CFLAGS) $(XENGNTTAB_CFLAGS)
tests_unit_tools_console_CFLAGS = $(UNIT_CFLAGS) $(LIBEVENT_CFLAGS)
tests_unit_tools_console_SOURCES = tests/unit/tools/console.c tests/unit/tools/success.h $(VELLUMD_PURE)
tests_unit_tools_console_LDADD = libvellum.a $(LIBEVENT_LIBS) $(TOOLS_LIBS) $(CHECK_LIBS)
tests_unit_tools_rival_CPPFLAGS = $(UNIT_TOOLS_CPPFLAGS)
tests_unit_tools_rival_CFLAGS = $(UNIT_CFLAGS)
tests_unit_tools_rival_SOURCES = tests/unit/tools/rival.c tools/vellumd/rival.c tools/vellumd/rival.h
tests_unit_tools_rival_LDADD = $(CHECK_LIBS)
tests_unit_tools_shellnote_CPPFLAGS = -D__XEN_TOOLS__ $(UNIT_TOOLS_CPPFLAGS) $(XENEVTCHN_CFLAGS) $(XENGNTTAB_CFLAGS)
tests_unit_tools_shellnote_CFLAGS = $(UNIT_CFLAGS) $(LIBEVENT_CFLAGS)
tests_unit_tools_shellnote_SOURCES = tests/unit/tools/shellnote.c tests/unit/tools/messages.h \
	tools/libvellum/base/log.c tools/libvellum/base/uuid.c tools/vellumd/shellnote.c tools/vellumd/shellnote.h
tests_unit_tools_shellnote_LDADD = $(CHECK_LIBS)
tests_unit_tools_flood_CPPFLAGS = -D__XEN_TOOLS__ $(UNIT_TOOLS_CPPFLAGS) $(XENEVTCHN_CFLAGS) $(XENGNTTAB_CFLAGS)
tests_unit_tools_flood_CFLAGS = $(UNIT_CFLAGS) $(LIBEVENT_CFLAGS)
tests_unit_tools_flood_SOURCES = tests/unit/tools/flood.c
tests_unit_tools_flood_LDADD = libvellum.a $(LIBEVENT_LIBS) $(TOOLS_LIBS) $(CHECK_LIBS)
tests_unit_tools_domxml_CPPFLAGS = $(UNIT_TOOLS_CPPFLAGS) $(LIBXML2_CFLAGS)
tests_unit_tools_domxml_CFLAGS = $(UNIT_CFLAGS)
tests_unit_tools_domxml_SOURCES = tests/unit/tools/domxml.c tests/unit/tools/messages.h $(DOMXML_SOURCES) \
	$(TOOLS_CONFIG_SOURCES)
nodist_tests_unit_tools_domxml_SOURCES = tools/libvellum/config/parse.c tools/libvellum/config/scan.c
tests_unit_tools_domxml_LDADD = $(CHECK_LIBS) $(YAJL_LIBS) $(LIBXML2_LIBS)
tests_unit_tools_boot_CPPFLAGS = $(UNIT_TOOLS_CPPFLAGS)
tests_unit_tools_boot_CFLAGS = $(UNIT_CFLAGS)
tests_unit_tools_boot_SOURCES = tests/unit/tools/boot.c tests/unit/tools/messages.h tools/libvellum/life/boot.c \
	tools/libvellum/base/place.c $(TOOLS_CONFIG_SOURCES)
nodist_tests_unit_tools_boot_SOURCES = tools/libvellum/config/parse.c tools/libvellum/config/scan.c
tests_unit_tools_boot_LDADD = $(CHECK_LIBS) $(YAJL_LIBS)
tests_unit_tools_figures_CPPFLAGS = $(UNIT_TOOLS_CPPFLAGS)
tests_unit_tools_figures_CFLAGS = $(UNIT_CFLAGS)
tests_unit_tools_figures_SOURCES = tests/unit/tools/figures.c tools/metrics/text.c tools/top/figures.c tools/top/print.c \
	tools/libvellum/json/json.c tools/libvellum/base/arena.c
tests_unit_tools_figures_LDADD = $(CHECK_LIBS) $(YAJL_LIBS)
