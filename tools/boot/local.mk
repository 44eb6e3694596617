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
tools/lib/pvgrub64: $(srcdir)/tools/boot/grub.cfg
	$(AM_V_GEN)rm -rf tools/lib/pvgrub.d && $(MKDIR_P) tools/lib/pvgrub.d/boot/grub/x86_64-xen && \
	cp $(srcdir)/tools/boot/grub.cfg tools/lib/pvgrub.d/boot/grub/ && \
	printf '#vellum-arguments:%4077s\n' '' >tools/lib/pvgrub.d/boot/grub/arguments.cfg && \
	cp $(GRUB_XEN)/linux.mod tools/lib/pvgrub.d/boot/grub/x86_64-xen/ && \
	tar -C tools/lib/pvgrub.d --sort=name --mtime=@0 --owner=0 --group=0 -cf tools/lib/pvgrub.tar boot && \
	$(GRUB_MKIMAGE) -d $(GRUB_XEN) -O x86_64-xen -p '(memdisk)/boot/grub' -m tools/lib/pvgrub.tar -o $@.new \
	  $(PVGRUB_MODULES) && mv $@.new $@ && rm -rf tools/lib/pvgrub.d tools/lib/pvgrub.tar

# Guests' kernels are expanded when they are installed and when the host starts (xl kernel-cache).
EXTRA_DIST += tools/boot/kernel-hook
dist_systemdsystemunit_DATA += tools/boot/vellum-kernels.service
kernelhookdir = $(sysconfdir)/kernel/postinst.d
