# SPDX-License-Identifier: MIT
# The toolstack's pure parts: configuration, kernel images, JSON.
UNIT_TOOLS_CPPFLAGS = $(TOOLS_CPPFLAGS) -I$(srcdir)/tests/unit/tools $(CHECK_CFLAGS)
TOOLS_CONFIG_SOURCES = \
	tools/libvellum/base/arena.c tools/libvellum/base/log.c tools/libvellum/base/uuid.c \
	tools/libvellum/config/custom.c tools/libvellum/config/disk.c tools/libvellum/config/hostconf.c tools/libvellum/config/keys.c \
	tools/libvellum/config/load.c tools/libvellum/config/pci.c tools/libvellum/config/spec.c \
	tools/libvellum/config/value.c tools/libvellum/config/vif.c \
	tools/libvellum/json/domain_in.c tools/libvellum/json/domain_out.c tools/libvellum/json/json.c
TOOLS_KERNEL_SOURCES = \
	tools/libvellum/base/arena.c tools/libvellum/base/late.c tools/libvellum/base/log.c tools/libvellum/build/cache.c \
	tools/libvellum/build/elf.c \
	tools/libvellum/build/expand.c tools/libvellum/build/image.c tools/libvellum/build/layout.c \
	tools/libvellum/build/lz4.c tools/libvellum/build/packed.c

check_PROGRAMS += tests/unit/tools/config tests/unit/tools/kernel tests/unit/tools/layout tests/unit/tools/load
TESTS += tests/unit/tools/config tests/unit/tools/kernel tests/unit/tools/layout tests/unit/tools/load
tests_unit_tools_config_CPPFLAGS = $(UNIT_TOOLS_CPPFLAGS)
tests_unit_tools_config_CFLAGS = $(UNIT_CFLAGS)
tests_unit_tools_config_SOURCES = tests/unit/tools/config.c tests/unit/tools/messages.h $(TOOLS_CONFIG_SOURCES)
nodist_tests_unit_tools_config_SOURCES = tools/libvellum/config/parse.c tools/libvellum/config/scan.c
tests_unit_tools_config_LDADD = $(CHECK_LIBS) $(YAJL_LIBS)
tests_unit_tools_kernel_CPPFLAGS = $(UNIT_TOOLS_CPPFLAGS)
tests_unit_tools_kernel_CFLAGS = $(UNIT_CFLAGS)
tests_unit_tools_kernel_SOURCES = tests/unit/tools/kernel.c tests/unit/tools/messages.h $(TOOLS_KERNEL_SOURCES)
tests_unit_tools_kernel_LDADD = $(CHECK_LIBS) $(ZLIB_LIBS) $(LZMA_LIBS) $(ZSTD_LIBS) $(BZIP2_LIBS) $(LZ4_LIBS)
tests_unit_tools_layout_CPPFLAGS = $(UNIT_TOOLS_CPPFLAGS)
tests_unit_tools_layout_CFLAGS = $(UNIT_CFLAGS)
tests_unit_tools_layout_SOURCES = tests/unit/tools/layout.c tests/unit/tools/messages.h tools/libvellum/base/log.c \
	tools/libvellum/build/layout.c
tests_unit_tools_layout_LDADD = $(CHECK_LIBS)
tests_unit_tools_load_CPPFLAGS = $(UNIT_TOOLS_CPPFLAGS)
tests_unit_tools_load_CFLAGS = $(UNIT_CFLAGS)
tests_unit_tools_load_SOURCES = tests/unit/tools/load.c tests/unit/tools/messages.h tools/libvellum/build/load.c \
	$(TOOLS_KERNEL_SOURCES)
tests_unit_tools_load_LDADD = $(CHECK_LIBS) $(ZLIB_LIBS) $(LZMA_LIBS) $(ZSTD_LIBS) $(BZIP2_LIBS) $(LZ4_LIBS)

# The store's client, on a daemon that notes what comes when.
check_PROGRAMS += tests/unit/tools/store
TESTS += tests/unit/tools/store
tests_unit_tools_store_CPPFLAGS = $(UNIT_TOOLS_CPPFLAGS)
tests_unit_tools_store_CFLAGS = $(UNIT_CFLAGS)
tests_unit_tools_store_SOURCES = tests/unit/tools/store.c tests/unit/tools/messages.h tools/libvellum/base/arena.c \
	tools/libvellum/base/log.c tools/libvellum/base/store.c tools/libvellum/base/store-change.c
tests_unit_tools_store_LDADD = $(CHECK_LIBS)

# Saved states: the reader and the writer on models.
TOOLS_STREAM_SOURCES = \
	tools/libvellum/base/arena.c tools/libvellum/base/log.c tools/libvellum/state/live.c \
	tools/libvellum/state/pipe.c tools/libvellum/state/read.c tools/libvellum/state/registers.c \
	tools/libvellum/state/tables.c tools/libvellum/state/write.c
check_PROGRAMS += tests/unit/tools/stream
TESTS += tests/unit/tools/stream
tests_unit_tools_stream_CPPFLAGS = $(UNIT_TOOLS_CPPFLAGS)
tests_unit_tools_stream_CFLAGS = $(UNIT_CFLAGS)
tests_unit_tools_stream_SOURCES = tests/unit/tools/stream.c tests/unit/tools/model.c tests/unit/tools/model.h \
	tests/unit/tools/messages.h $(TOOLS_STREAM_SOURCES)
tests_unit_tools_stream_LDADD = $(CHECK_LIBS) $(ZSTD_LIBS)

dist_check_SCRIPTS = tests/unit/tools/docs
TESTS += tests/unit/tools/docs

# Real guests' memory, on a fake hypervisor: from a guest's P2M to a domain that is put together.
check_PROGRAMS += tests/unit/tools/restore
TESTS += tests/unit/tools/restore
tests_unit_tools_restore_CPPFLAGS = $(UNIT_TOOLS_CPPFLAGS)
tests_unit_tools_restore_CFLAGS = $(UNIT_CFLAGS)
tests_unit_tools_restore_SOURCES = tests/unit/tools/restore.c tests/unit/tools/fake-xen.c tests/unit/tools/fake-xen.h \
	tests/unit/tools/messages.h $(TOOLS_STREAM_SOURCES) tools/libvellum/state/call.c tools/libvellum/state/finish.c \
	tools/libvellum/state/source.c tools/libvellum/state/target.c tools/libvellum/state/vcpu.c
tests_unit_tools_restore_LDADD = $(CHECK_LIBS) $(ZSTD_LIBS)

# Guardians whose creators are killed.
check_PROGRAMS += tests/unit/tools/guard
TESTS += tests/unit/tools/guard
tests_unit_tools_guard_CPPFLAGS = $(UNIT_TOOLS_CPPFLAGS)
tests_unit_tools_guard_CFLAGS = $(UNIT_CFLAGS)
tests_unit_tools_guard_SOURCES = tests/unit/tools/guard.c tools/libvellum/base/guard.c tools/libvellum/base/log.c \
  tools/libvellum/base/uuid.c
tests_unit_tools_guard_LDADD = $(CHECK_LIBS) $(YAJL_LIBS)

# Devices that come, on a model of the store.
check_PROGRAMS += tests/unit/tools/attach
TESTS += tests/unit/tools/attach
tests_unit_tools_attach_CPPFLAGS = $(UNIT_TOOLS_CPPFLAGS)
tests_unit_tools_attach_CFLAGS = $(UNIT_CFLAGS)
tests_unit_tools_attach_SOURCES = tests/unit/tools/attach.c tests/unit/tools/messages.h tools/libvellum/device/attach.c \
	tools/libvellum/device/device.c tools/libvellum/base/place.c $(TOOLS_CONFIG_SOURCES)
nodist_tests_unit_tools_attach_SOURCES = tools/libvellum/config/parse.c tools/libvellum/config/scan.c
tests_unit_tools_attach_LDADD = $(CHECK_LIBS) $(YAJL_LIBS)

# Domains that two commands end.
check_PROGRAMS += tests/unit/tools/destroy
TESTS += tests/unit/tools/destroy
tests_unit_tools_destroy_CPPFLAGS = -D__XEN_TOOLS__ $(UNIT_TOOLS_CPPFLAGS)
tests_unit_tools_destroy_CFLAGS = $(UNIT_CFLAGS)
tests_unit_tools_destroy_SOURCES = tests/unit/tools/destroy.c
tests_unit_tools_destroy_LDADD = libvellum.a $(TOOLS_LIBS) $(CHECK_LIBS)
