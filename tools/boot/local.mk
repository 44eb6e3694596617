# SPDX-License-Identifier: MIT
# GRUB's PV kernel with our search in it: what boots a guest from its own disk (docs/vellumd.md, "Booting from the
# guest's disk").
PVGRUB_MODULES = normal configfile test regexp search search_fs_file search_fs_uuid search_label echo halt reboot \
	minicmd sleep true loadenv gzio xzio lzopio zstd all_video probe \
	ext2 xfs btrfs fat exfat iso9660 udf jfs f2fs tar memdisk lvm mdraid1x mdraid09 raid5rec raid6rec diskfilter part_gpt part_msdos loopback \
	syslinuxcfg relocator file elf terminal crypto gcry_sha256 gcry_crc
nodist_vellumlib_DATA = tools/lib/pvgrub64
EXTRA_DIST += tools/boot/grub.cfg
CLEANFILES += tools/lib/pvgrub64
tools/lib/pvgrub64: $(srcdir)/tools/boot/grub.cfg tools/boot/vellumio.mod
	$(AM_V_GEN)rm -rf tools/lib/pvgrub.d && $(MKDIR_P) tools/lib/pvgrub.d/boot/grub/x86_64-xen && \
	cp $(srcdir)/tools/boot/grub.cfg tools/lib/pvgrub.d/boot/grub/ && \
	printf '#vellum-arguments:%4077s\n' '' >tools/lib/pvgrub.d/boot/grub/arguments.cfg && \
	cp $(GRUB_XEN)/linux.mod tools/boot/vellumio.mod tools/lib/pvgrub.d/boot/grub/x86_64-xen/ && \
	tar -C tools/lib/pvgrub.d --sort=name --mtime=@0 --owner=0 --group=0 -cf tools/lib/pvgrub.tar boot && \
	$(GRUB_MKIMAGE) -d $(GRUB_XEN) -O x86_64-xen -p '(memdisk)/boot/grub' -m tools/lib/pvgrub.tar -o $@.new \
	  $(PVGRUB_MODULES) && mv $@.new $@ && rm -rf tools/lib/pvgrub.d tools/lib/pvgrub.tar

# Our module of GRUB's: one relocatable object, as GRUB's loader takes it. It may lie anywhere in the guest's memory, so
# all addresses have 64 bits; there is no C library, so what compilers call of it is GRUB's.
GRUB_MODULE_CFLAGS = -std=gnu11 -Wall -Wextra $(WERROR) -O2 -U_FORTIFY_SOURCE -fno-pie -mcmodel=large -mno-red-zone \
  -mgeneral-regs-only -fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none -fno-strict-aliasing \
  -fno-common -I$(srcdir)/tools/libvellum
GRUB_MODULE_OBJECTS = tools/boot/vellumio.o tools/boot/lz4.o
GRUB_MODULE_FILES = tools/boot/vellumio.c tools/boot/grub.h tools/libvellum/build/lz4.h tools/libvellum/build/sink.h
EXTRA_DIST += tools/boot/vellumio.c tools/boot/grub.h tools/boot/check-module
CLEANFILES += $(GRUB_MODULE_OBJECTS) tools/boot/vellumio.mod
tools/boot/vellumio.o: $(GRUB_MODULE_FILES)
	$(AM_V_CC)$(MKDIR_P) tools/boot && $(CC) $(ZSTD_CFLAGS) $(GRUB_MODULE_CFLAGS) -c -o $@ $(srcdir)/tools/boot/vellumio.c
tools/boot/lz4.o: tools/libvellum/build/lz4.c tools/libvellum/build/lz4.h tools/libvellum/build/sink.h
	$(AM_V_CC)$(MKDIR_P) tools/boot && $(CC) $(GRUB_MODULE_CFLAGS) -c -o $@ $(srcdir)/tools/libvellum/build/lz4.c
tools/boot/vellumio.mod: $(GRUB_MODULE_OBJECTS) tools/boot/check-module
	$(AM_V_GEN)$(LD) -m elf_x86_64 -r -o $@.new $(GRUB_MODULE_OBJECTS) && \
	$(OBJCOPY) --redefine-sym memcpy=grub_memmove --redefine-sym memset=grub_memset --redefine-sym memcmp=grub_memcmp \
	  --strip-unneeded -K grub_mod_init -K grub_mod_fini \
	  -R .comment -R .note.GNU-stack -R .note.gnu.property $@.new && \
	$(srcdir)/tools/boot/check-module $@.new $(GRUB_XEN) && mv $@.new $@

# Guests' kernels are expanded when they are installed and when the host starts (xl kernel-cache).
EXTRA_DIST += tools/boot/kernel-hook.in tools/boot/vellum-kernels.service.in
CLEANFILES += tools/boot/kernel-hook
systemdsystemunit_DATA += tools/boot/vellum-kernels.service
all-local: tools/boot/kernel-hook
tools/boot/kernel-hook: tools/boot/kernel-hook.in Makefile
	$(VELLUM_PLACES) $(srcdir)/$@.in >$@
tools/boot/vellum-kernels.service: tools/boot/vellum-kernels.service.in Makefile
	$(VELLUM_PLACES) $(srcdir)/$@.in >$@
kernelhookdir = $(sysconfdir)/kernel/postinst.d
