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
tests_unit_tools_kernel_SOURCES = tests/unit/tools/kernel.c tests/unit/tools/bzimage.h \
	tests/unit/tools/messages.h $(TOOLS_KERNEL_SOURCES)
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

# GRUB's module, together with those of Debian's that it works with: relocatable objects, though gcc takes .mod for Modula-2.
check_PROGRAMS += tests/unit/tools/vellumio
TESTS += tests/unit/tools/vellumio
tests_unit_tools_vellumio_CPPFLAGS = $(UNIT_TOOLS_CPPFLAGS)
tests_unit_tools_vellumio_CFLAGS = $(UNIT_CFLAGS)
tests_unit_tools_vellumio_SOURCES = tests/unit/tools/vellumio.c tests/unit/tools/bzimage.h tools/libvellum/build/lz4.c
VELLUMIO_MODULES = file offsetio elf zstd
tests_unit_tools_vellumio_LDFLAGS = -no-pie -Wl,-z,noexecstack $(VELLUMIO_MODULES:%=-Wl,$(GRUB_XEN)/%.mod)
tests_unit_tools_vellumio_LDADD = $(CHECK_LIBS) $(ZSTD_LIBS) $(LZ4_LIBS)

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

dist_check_SCRIPTS = tests/unit/tools/docs tests/unit/tools/install tests/unit/tools/one-vellumd
TESTS += tests/unit/tools/docs tests/unit/tools/install tests/unit/tools/one-vellumd
EXTRA_DIST += tests/unit/tools/completion

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
tests_unit_tools_destroy_SOURCES = tests/unit/tools/destroy.c tests/unit/tools/success.h
tests_unit_tools_destroy_LDADD = libvellum.a $(TOOLS_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/unit/tools/detach
TESTS += tests/unit/tools/detach
tests_unit_tools_detach_CPPFLAGS = -D__XEN_TOOLS__ $(UNIT_TOOLS_CPPFLAGS)
tests_unit_tools_detach_CFLAGS = $(UNIT_CFLAGS)
tests_unit_tools_detach_SOURCES = tests/unit/tools/detach.c
tests_unit_tools_detach_LDADD = libvellum.a $(TOOLS_LIBS) $(CHECK_LIBS)

# Locks between commands.
check_PROGRAMS += tests/unit/tools/run-lock
TESTS += tests/unit/tools/run-lock
tests_unit_tools_run_lock_CPPFLAGS = $(UNIT_TOOLS_CPPFLAGS)
tests_unit_tools_run_lock_CFLAGS = $(UNIT_CFLAGS)
tests_unit_tools_run_lock_SOURCES = tests/unit/tools/run-lock.c tests/unit/tools/messages.h \
	tools/libvellum/base/log.c tools/libvellum/base/run-lock.c
tests_unit_tools_run_lock_LDADD = $(CHECK_LIBS)

# Memory for guests that are made at the same time.
check_PROGRAMS += tests/unit/tools/balloon
TESTS += tests/unit/tools/balloon
tests_unit_tools_balloon_CPPFLAGS = -D__XEN_TOOLS__ $(UNIT_TOOLS_CPPFLAGS)
tests_unit_tools_balloon_CFLAGS = $(UNIT_CFLAGS)
tests_unit_tools_balloon_SOURCES = tests/unit/tools/balloon.c tests/unit/tools/messages.h
tests_unit_tools_balloon_LDADD = libvellum.a $(TOOLS_LIBS) $(CHECK_LIBS)

# What two disks may have in common.
check_PROGRAMS += tests/unit/tools/sharing
TESTS += tests/unit/tools/sharing
tests_unit_tools_sharing_CPPFLAGS = $(UNIT_TOOLS_CPPFLAGS)
tests_unit_tools_sharing_CFLAGS = $(UNIT_CFLAGS)
tests_unit_tools_sharing_SOURCES = tests/unit/tools/sharing.c tests/unit/tools/messages.h tools/libvellum/base/arena.c \
	tools/libvellum/base/log.c
tests_unit_tools_sharing_LDADD = $(CHECK_LIBS)

# xl console, on terminals.
check_PROGRAMS += tests/unit/tools/xl-console
TESTS += tests/unit/tools/xl-console
tests_unit_tools_xl_console_CPPFLAGS = -D__XEN_TOOLS__ $(UNIT_TOOLS_CPPFLAGS)
tests_unit_tools_xl_console_CFLAGS = $(UNIT_CFLAGS)
tests_unit_tools_xl_console_SOURCES = tests/unit/tools/xl-console.c
tests_unit_tools_xl_console_LDADD = libvellum.a $(TOOLS_LIBS) $(CHECK_LIBS)

# Two domains that are to be given one name.
check_PROGRAMS += tests/unit/tools/rename
TESTS += tests/unit/tools/rename
tests_unit_tools_rename_CPPFLAGS = -D__XEN_TOOLS__ $(UNIT_TOOLS_CPPFLAGS)
tests_unit_tools_rename_CFLAGS = $(UNIT_CFLAGS)
tests_unit_tools_rename_SOURCES = tests/unit/tools/rename.c tests/unit/tools/messages.h
tests_unit_tools_rename_LDADD = libvellum.a $(TOOLS_LIBS) $(CHECK_LIBS)

# What becomes of guests that end again and again.
check_PROGRAMS += tests/unit/tools/quick-ends
TESTS += tests/unit/tools/quick-ends
tests_unit_tools_quick_ends_CPPFLAGS = $(UNIT_TOOLS_CPPFLAGS)
tests_unit_tools_quick_ends_CFLAGS = $(UNIT_CFLAGS)
tests_unit_tools_quick_ends_SOURCES = tests/unit/tools/quick-ends.c
tests_unit_tools_quick_ends_LDADD = libvellum.a $(TOOLS_LIBS) $(CHECK_LIBS)
