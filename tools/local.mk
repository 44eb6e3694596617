# SPDX-License-Identifier: MIT
# libvellum and the programs on it.
TOOLS_CPPFLAGS = -I$(srcdir)/tools/libvellum -I$(srcdir)/tools -Itools/libvellum $(XENCTRL_CFLAGS) $(XENFOREIGN_CFLAGS)
# With the libraries these rest on, for static links; yajl's static library has a name of its own.
TOOLS_LIBS = $(XENCTRL_LIBS) $(XENFOREIGN_LIBS) $(XENEVTCHN_LIBS) $(XENGNTTAB_LIBS) $(XENTOOLLOG_LIBS) $(XENHYPFS_LIBS) -lxencall -lxendevicemodel \
	-lxentoolcore $(YAJL_TOOLS) $(ZLIB_LIBS) $(LZMA_LIBS) $(ZSTD_LIBS) \
	$(BZIP2_LIBS)

noinst_LIBRARIES += libvellum.a
libvellum_a_CPPFLAGS = $(TOOLS_CPPFLAGS)
libvellum_a_CFLAGS = $(AM_CFLAGS) -O2 -g
libvellum_a_SOURCES = \
	tools/libvellum/base/arena.c tools/libvellum/base/arena.h \
	tools/libvellum/base/child.c tools/libvellum/base/child.h tools/libvellum/base/guard.c tools/libvellum/base/clock.h tools/libvellum/base/guard.h \
	tools/libvellum/base/late.c tools/libvellum/base/late.h \
	tools/libvellum/base/log.c tools/libvellum/base/log.h \
	tools/libvellum/base/place.c tools/libvellum/base/place.h \
	tools/libvellum/base/run-lock.c tools/libvellum/base/run-lock.h \
	tools/libvellum/base/store.c tools/libvellum/base/store.h \
	tools/libvellum/base/store-change.c tools/libvellum/base/store-own.h \
	tools/libvellum/base/uuid.c tools/libvellum/base/uuid.h \
	tools/libvellum/base/vl.c tools/libvellum/base/vl.h \
	tools/libvellum/build/build.c tools/libvellum/build/build.h \
	tools/libvellum/build/child.c \
	tools/libvellum/build/cache.c tools/libvellum/build/cache.h \
	tools/libvellum/build/elf.c tools/libvellum/build/elf.h \
	tools/libvellum/build/expand.c tools/libvellum/build/expand.h \
	tools/libvellum/build/guest.h \
	tools/libvellum/build/image.c tools/libvellum/build/image.h \
	tools/libvellum/build/keep.c tools/libvellum/build/keep.h \
	tools/libvellum/build/layout.c tools/libvellum/build/layout.h \
	tools/libvellum/build/load.c tools/libvellum/build/lz4.c \
	tools/libvellum/build/lz4.h tools/libvellum/build/memory.c \
	tools/libvellum/build/packed.c tools/libvellum/build/packed.h \
	tools/libvellum/build/sink.h \
	tools/libvellum/build/start.c tools/libvellum/build/tables.c \
	tools/libvellum/config/config.h tools/libvellum/config/custom.c \
	tools/libvellum/config/disk.c tools/libvellum/config/document.c \
	tools/libvellum/config/hostconf.c tools/libvellum/config/hostconf.h \
	tools/libvellum/config/keys.c tools/libvellum/config/keys.h \
	tools/libvellum/config/load.c tools/libvellum/config/pci.c \
	tools/libvellum/config/spec.c tools/libvellum/config/spec.h \
	tools/libvellum/config/value.c tools/libvellum/config/value.h \
	tools/libvellum/config/vif.c \
	tools/libvellum/device/attach.c tools/libvellum/device/attach.h \
	tools/libvellum/device/sharing.c tools/libvellum/device/sharing.h \
	tools/libvellum/device/block.c tools/libvellum/device/bridge.c \
	tools/libvellum/device/builtin.h \
	tools/libvellum/device/detach.c \
	tools/libvellum/device/daemon.c tools/libvellum/device/daemon.h \
	tools/libvellum/device/device.c tools/libvellum/device/device.h \
	tools/libvellum/device/hotplug.c tools/libvellum/device/hotplug.h \
	tools/libvellum/device/pci.c tools/libvellum/device/pci.h \
	tools/libvellum/device/serve.c tools/libvellum/device/serve.h \
	tools/libvellum/json/domain.h tools/libvellum/json/domain_in.c \
	tools/libvellum/json/domain_out.c \
	tools/libvellum/json/json.c tools/libvellum/json/json.h \
	tools/libvellum/json/listing.c tools/libvellum/json/listing.h \
	tools/libvellum/life/affinity.c tools/libvellum/life/affinity.h \
	tools/libvellum/life/apply.c tools/libvellum/life/apply.h \
	tools/libvellum/life/balloon.c tools/libvellum/life/balloon.h \
	tools/libvellum/life/boot.c tools/libvellum/life/boot.h \
	tools/libvellum/life/create.c tools/libvellum/life/create.h \
	tools/libvellum/life/destroy.c \
	tools/libvellum/life/devices.c tools/libvellum/life/devices.h \
	tools/libvellum/life/handover.c tools/libvellum/life/handover.h \
	tools/libvellum/life/host.c tools/libvellum/life/host.h \
	tools/libvellum/life/life.h tools/libvellum/life/list.c \
	tools/libvellum/life/lock.c tools/libvellum/life/lock.h \
	tools/libvellum/life/memory.c tools/libvellum/life/memory.h \
	tools/libvellum/life/monitor.c tools/libvellum/life/monitor.h \
	tools/libvellum/life/names.c tools/libvellum/life/names.h \
	tools/libvellum/life/pool.c tools/libvellum/life/pool.h \
	tools/libvellum/life/power.c tools/libvellum/life/power.h \
	tools/libvellum/life/preserve.c \
	tools/libvellum/life/sched.c tools/libvellum/life/sched.h \
	tools/libvellum/life/shell.c tools/libvellum/life/shell.h \
	tools/libvellum/life/userdata.c tools/libvellum/life/userdata.h \
	tools/libvellum/life/vcpu.c tools/libvellum/life/vcpu.h \
	tools/libvellum/state/call.c tools/libvellum/state/call.h tools/libvellum/state/core.c \
	tools/libvellum/state/finish.c tools/libvellum/state/format.h \
	tools/libvellum/state/live.c tools/libvellum/state/live.h \
	tools/libvellum/state/pipe.c tools/libvellum/state/pipe.h \
	tools/libvellum/state/read.c tools/libvellum/state/registers.c \
	tools/libvellum/state/restore.c tools/libvellum/state/save.c \
	tools/libvellum/state/source.c tools/libvellum/state/source.h \
	tools/libvellum/state/state.h tools/libvellum/state/stream.h \
	tools/libvellum/state/suspend.c \
	tools/libvellum/state/tables.c tools/libvellum/state/tables.h \
	tools/libvellum/state/target.c tools/libvellum/state/target.h \
	tools/libvellum/state/vcpu.c tools/libvellum/state/vcpu.h \
	tools/libvellum/state/write.c
nodist_libvellum_a_SOURCES = \
	tools/libvellum/config/parse.c tools/libvellum/config/parse.h \
	tools/libvellum/config/scan.c tools/libvellum/config/scan.h

# The grammar and the scanner: made in the build folder.
tools/libvellum/config/parse.c: tools/libvellum/config/parse.y
	$(AM_V_YACC)$(MKDIR_P) $(@D) && $(YACC) -Wno-yacc --defines=tools/libvellum/config/parse.h -o $@ $(srcdir)/tools/libvellum/config/parse.y
tools/libvellum/config/parse.h: tools/libvellum/config/parse.c
tools/libvellum/config/scan.c: tools/libvellum/config/scan.l
	$(AM_V_LEX)$(MKDIR_P) $(@D) && $(LEX) --header-file=tools/libvellum/config/scan.h -o $@ $(srcdir)/tools/libvellum/config/scan.l
tools/libvellum/config/scan.h: tools/libvellum/config/scan.c
BUILT_SOURCES += tools/libvellum/config/parse.h tools/libvellum/config/scan.h
CLEANFILES += tools/libvellum/config/parse.c tools/libvellum/config/parse.h tools/libvellum/config/scan.c \
	tools/libvellum/config/scan.h
EXTRA_DIST += tools/libvellum/config/parse.y tools/libvellum/config/scan.l

dist_man_MANS += tools/man/xl-save.1

sbin_PROGRAMS += tools/xl/xl
tools_xl_xl_CPPFLAGS = $(TOOLS_CPPFLAGS)
tools_xl_xl_CFLAGS = $(AM_CFLAGS) -O2 -g
tools_xl_xl_LDFLAGS = $(STATIC)
tools_xl_xl_LDADD = libvellum.a $(TOOLS_LIBS)
tools_xl_xl_SOURCES = \
	tools/xl/commands.c tools/xl/console.c tools/xl/control.c tools/xl/cpupool.c tools/xl/create.c tools/xl/devd.c \
	tools/xl/device.c tools/xl/document.c tools/xl/events.c tools/xl/helper.c tools/xl/host.c tools/xl/kernel.c tools/xl/list.c tools/xl/main.c tools/xl/memory.c tools/xl/misc.c \
	tools/xl/migrate.c tools/xl/pci.c tools/xl/sched.c tools/xl/state.c tools/xl/state.h tools/xl/vcpu.c tools/xl/xl.h

# Man pages: prose with the tables of commands and keys put in.
MAN_POD = $(AM_V_GEN)$(MKDIR_P) $(@D) && tools/xl/xl document
tools/man/xl.1: tools/man/xl.pod tools/xl/xl
	$(MAN_POD) commands >$@.part && sed -e '/^=for commands/r $@.part' -e '/^=for commands/d' $(srcdir)/tools/man/xl.pod >$@.pod && \
	pod2man -s 1 -c Vellum -r "$(PACKAGE_VERSION)" -n XL $@.pod $@ && rm -f $@.part $@.pod
tools/man/xl.cfg.5: tools/man/xl.cfg.pod tools/xl/xl
	$(MAN_POD) keys-pod >$@.part && sed -e '/^=for keys/r $@.part' -e '/^=for keys/d' $(srcdir)/tools/man/xl.cfg.pod >$@.pod && \
	pod2man -s 5 -c Vellum -r "$(PACKAGE_VERSION)" -n XL.CFG $@.pod $@ && rm -f $@.part $@.pod
man_MANS = tools/man/xl.1 tools/man/xl.cfg.5
CLEANFILES += $(man_MANS)
EXTRA_DIST += tools/man/xl.pod tools/man/xl.cfg.pod tools/update-docs tools/xl.bash-completion
bashcompletiondir = $(datadir)/bash-completion/completions
install-data-local:
	$(MKDIR_P) "$(DESTDIR)$(bashcompletiondir)"
	$(INSTALL_DATA) $(srcdir)/tools/xl.bash-completion "$(DESTDIR)$(bashcompletiondir)/xl"
	$(MKDIR_P) "$(DESTDIR)$(kernelhookdir)"
	$(INSTALL_SCRIPT) tools/boot/kernel-hook "$(DESTDIR)$(kernelhookdir)/zz-vellum"
uninstall-local:
	rm -f "$(DESTDIR)$(bashcompletiondir)/xl" "$(DESTDIR)$(kernelhookdir)/zz-vellum"

# docs/config.md from the parser's table; `make check` sees to it that it is current.
docs: tools/xl/xl
	$(srcdir)/tools/update-docs tools/xl/xl $(srcdir)/docs
.PHONY: docs
include tools/vellumd/local.mk
include tools/domxml/local.mk
include tools/boot/local.mk
include tools/top/local.mk
