# SPDX-License-Identifier: MIT
TOP_SOURCES = tools/top/figures.c tools/top/print.c tools/top/sample.h tools/top/top.h
vellumlib_PROGRAMS += tools/lib/xl-top tools/lib/xl-metrics
tools_lib_xl_top_SOURCES = tools/top/main.c tools/top/sample.c tools/top/screen.c $(TOP_SOURCES)
tools_lib_xl_top_CPPFLAGS = $(TOOLS_CPPFLAGS) $(NCURSES_CFLAGS)
tools_lib_xl_top_CFLAGS = $(AM_CFLAGS) -O2 -g
tools_lib_xl_top_LDADD = libvellum.a $(NCURSES_LIBS) $(XENCTRL_LIBS) $(XENFOREIGN_LIBS) $(XENTOOLLOG_LIBS) $(YAJL_LIBS)
tools_lib_xl_metrics_SOURCES = tools/metrics/main.c tools/metrics/text.c tools/metrics/text.h tools/top/sample.c \
	tools/top/sample.h
tools_lib_xl_metrics_CPPFLAGS = $(TOOLS_CPPFLAGS) $(MICROHTTPD_CFLAGS)
tools_lib_xl_metrics_CFLAGS = $(AM_CFLAGS) -O2 -g
tools_lib_xl_metrics_LDADD = libvellum.a $(MICROHTTPD_LIBS) $(XENCTRL_LIBS) $(XENFOREIGN_LIBS) $(XENTOOLLOG_LIBS) \
	$(YAJL_LIBS)
