# SPDX-License-Identifier: MIT
# vellumd, its consoles, libvirt's XML, booting from the guest's disk.
check_PROGRAMS += tests/unit/tools/vellumd tests/unit/tools/console tests/unit/tools/domxml tests/unit/tools/boot tests/unit/tools/figures
TESTS += tests/unit/tools/vellumd tests/unit/tools/console tests/unit/tools/domxml tests/unit/tools/boot tests/unit/tools/figures
tests_unit_tools_vellumd_CPPFLAGS = -D__XEN_TOOLS__ $(UNIT_TOOLS_CPPFLAGS)
tests_unit_tools_vellumd_CFLAGS = $(UNIT_CFLAGS)
tests_unit_tools_vellumd_SOURCES = tests/unit/tools/vellumd.c tools/libvellum/base/arena.c $(VELLUMD_PURE)
tests_unit_tools_vellumd_LDADD = $(CHECK_LIBS)
tests_unit_tools_console_CPPFLAGS = -D__XEN_TOOLS__ $(UNIT_TOOLS_CPPFLAGS) $(XENEVTCHN_CFLAGS) $(XENGNTTAB_CFLAGS)
tests_unit_tools_console_CFLAGS = $(UNIT_CFLAGS) $(LIBEVENT_CFLAGS)
tests_unit_tools_console_SOURCES = tests/unit/tools/console.c $(VELLUMD_PURE)
tests_unit_tools_console_LDADD = libvellum.a $(LIBEVENT_LIBS) $(TOOLS_LIBS) $(CHECK_LIBS)
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
