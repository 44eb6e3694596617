# SPDX-License-Identifier: MIT
# Domain XML, vellumd's socket and consoles.
EXTRA_DIST += tests/fuzz/fuzz-domxml.c tests/fuzz/domxml.dict tests/fuzz/fuzz-vellumd.c
fuzz_targets += tests/fuzz/fuzz-domxml tests/fuzz/fuzz-vellumd
fuzz_domxml = $(srcdir)/tests/fuzz/fuzz-domxml.c $(addprefix $(srcdir)/,$(filter %.c,$(DOMXML_SOURCES) $(TOOLS_CONFIG_SOURCES))) \
  tools/libvellum/config/parse.c tools/libvellum/config/scan.c
tests/fuzz/fuzz-domxml: $(fuzz_domxml)
	$(FUZZ_BUILD) $(TOOLS_CPPFLAGS) $(LIBXML2_CFLAGS) $(fuzz_domxml) $(YAJL_LIBS) $(LIBXML2_LIBS)
fuzz_vellumd = $(srcdir)/tests/fuzz/fuzz-vellumd.c $(addprefix $(srcdir)/,$(filter %.c,$(VELLUMD_PURE))) \
  $(srcdir)/tools/libvellum/base/arena.c
tests/fuzz/fuzz-vellumd: $(fuzz_vellumd)
	$(FUZZ_BUILD) -D__XEN_TOOLS__ $(TOOLS_CPPFLAGS) $(fuzz_vellumd)
