# SPDX-License-Identifier: MIT
# The hypervisor: one freestanding ELF. vellum-syms is the 64-bit file with symbols; vellum is what boot loaders take.
HV_CPPFLAGS = -I$(srcdir)/hypervisor/include -I$(builddir)/hypervisor -DPACKAGE_VERSION=\"$(PACKAGE_VERSION)\" $(HV_DEBUG)
HV_CFLAGS = -include $(srcdir)/hypervisor/include/hv/visibility.h -std=gnu11 -Wall -Wextra $(WERROR) -ffreestanding -fno-builtin-printf -fpie -fvisibility=hidden -mno-red-zone \
  -mgeneral-regs-only -fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none -fno-strict-aliasing \
  -fno-delete-null-pointer-checks -ffunction-sections -fdata-sections -fno-common -g -O2 -fno-omit-frame-pointer

hv_sources =
include hypervisor/lib/local.mk
include hypervisor/cpu/local.mk
include hypervisor/console/local.mk
include hypervisor/mm/local.mk
include hypervisor/event/local.mk
include hypervisor/grant/local.mk
include hypervisor/sched/local.mk
include hypervisor/domain/local.mk
include hypervisor/hypercall/local.mk
include hypervisor/boot/local.mk

noinst_LIBRARIES += hypervisor/libhv.a
hypervisor_libhv_a_SOURCES = $(hv_sources)
hypervisor_libhv_a_CPPFLAGS = $(HV_CPPFLAGS)
hypervisor_libhv_a_CFLAGS = $(HV_CFLAGS)
hypervisor_libhv_a_CCASFLAGS = $(HV_CPPFLAGS) -D__ASSEMBLY__ -fno-pie -g
hypervisor_libhv_a_AR = $(AR) crs

# Structure offsets for assembly
hypervisor/hv-offsets.h: $(srcdir)/hypervisor/cpu/offsets.c $(srcdir)/hypervisor/include/hv/*.h
	@$(MKDIR_P) hypervisor
	$(AM_V_GEN)$(CC) $(HV_CPPFLAGS) $(HV_CFLAGS) -S -o - $< | \
	  sed -n 's/.*"->\([A-Za-z0-9_]*\) \([0-9]*\)".*/#define \1 \2/p' > $@.tmp && mv $@.tmp $@
BUILT_SOURCES += hypervisor/hv-offsets.h
EXTRA_DIST += hypervisor/include hypervisor/cpu/offsets.c hypervisor/boot/vellum.lds.S hypervisor/boot/wrap.lds.S

hypervisor/vellum.lds: $(srcdir)/hypervisor/boot/vellum.lds.S $(srcdir)/hypervisor/include/hv/config.h
	$(AM_V_GEN)$(CC) $(HV_CPPFLAGS) -D__ASSEMBLY__ -E -P -x assembler-with-cpp -o $@ $<

# Two links: the first gives the addresses for the symbol table of panics, which is part of the second.
HV_LINK = $(LD) -m elf_x86_64 -static -nostdlib -z noexecstack -z max-page-size=4096 --gc-sections --no-relax --no-warn-rwx-segments --build-id=none -T hypervisor/vellum.lds
hypervisor/vellum-syms: $(hypervisor_libhv_a_OBJECTS) hypervisor/vellum.lds $(srcdir)/hypervisor/console/gen-symbols.awk
	$(AM_V_at)LC_ALL=C awk -v empty=1 -f $(srcdir)/hypervisor/console/gen-symbols.awk </dev/null > $@.S
	$(AM_V_at)$(CC) -c -o $@.o $@.S
	$(AM_V_CCLD)$(HV_LINK) -o $@.1 $(hypervisor_libhv_a_OBJECTS) $@.o $(HV_DECOMPRESSORS)
	$(AM_V_at)$(NM) -n $@.1 | LC_ALL=C awk -f $(srcdir)/hypervisor/console/gen-symbols.awk > $@.S
	$(AM_V_at)$(CC) -c -o $@.o $@.S
	$(AM_V_at)$(HV_LINK) -o $@ $(hypervisor_libhv_a_OBJECTS) $@.o $(HV_DECOMPRESSORS)
	$(AM_V_at)rm -f $@.1

# What boot loaders take: the image as one ELF32 segment at its physical address (multiboot loaders refuse ELF64).
hypervisor/vellum: hypervisor/vellum-syms $(srcdir)/hypervisor/boot/wrap.lds.S
	$(AM_V_GEN)$(OBJCOPY) -O binary $< $@.bin
	$(AM_V_at)$(LD) -m elf_i386 -r -b binary -o $@.o $@.bin
	$(AM_V_at)$(CC) $(HV_CPPFLAGS) -D__ASSEMBLY__ -E -P -x assembler-with-cpp \
	  -DENTRY_PADDR=0x`$(NM) $< | sed -n 's/^ffff8200\([0-9a-f]*\) [A-Za-z] start$$/\1/p'` \
	  -DEND_PADDR=0x`$(NM) $< | sed -n 's/^ffff8200\([0-9a-f]*\) [A-Za-z] image_end$$/\1/p'` \
	  -o $@-wrap.lds $(srcdir)/hypervisor/boot/wrap.lds.S
	$(AM_V_at)$(LD) -m elf_i386 -z noexecstack --no-warn-rwx-segments -T $@-wrap.lds -o $@ $@.o
	$(AM_V_at)rm -f $@.bin $@.o $@-wrap.lds
noinst_DATA += hypervisor/vellum hypervisor/vellum-syms
CLEANFILES += hypervisor/vellum hypervisor/vellum-syms hypervisor/vellum-syms.S hypervisor/vellum-syms.o hypervisor/vellum.lds \
  hypervisor/hv-offsets.h
