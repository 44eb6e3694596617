# SPDX-License-Identifier: MIT
# Commands of xl that are programs of their own, for the libraries they need: xl runs them from its library folder.
vellumlibdir = $(libdir)/vellum
vellumlib_PROGRAMS = tools/lib/xl-domxml
DOMXML_SOURCES = tools/domxml/domxml.h tools/domxml/read.c tools/domxml/write.c
tools_lib_xl_domxml_SOURCES = tools/domxml/main.c $(DOMXML_SOURCES)
tools_lib_xl_domxml_CPPFLAGS = $(TOOLS_CPPFLAGS) $(LIBXML2_CFLAGS)
tools_lib_xl_domxml_CFLAGS = $(AM_CFLAGS) -O2 -g
tools_lib_xl_domxml_LDADD = libvellum.a $(LIBXML2_LIBS) $(XENCTRL_LIBS) $(XENFOREIGN_LIBS) $(XENTOOLLOG_LIBS) $(YAJL_LIBS)
