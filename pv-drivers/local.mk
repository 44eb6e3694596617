# SPDX-License-Identifier: MIT
# The reference guest kernel, one ELF an application: pv-drivers/guest/NAME.
GUEST_CPPFLAGS = -D__XEN_INTERFACE_VERSION__=__XEN_LATEST_INTERFACE_VERSION__ -I$(srcdir)/pv-drivers
GUEST_CFLAGS = -std=gnu11 -Wall -Wextra $(WERROR) -ffreestanding -fno-pie -mcmodel=kernel -mno-red-zone -mgeneral-regs-only \
  -fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none -fno-strict-aliasing -fno-common -g -O2
GUEST_LINK = $(LD) -m elf_x86_64 -static -nostdlib -z noexecstack -z max-page-size=4096 --no-warn-rwx-segments \
  --build-id=none -T $(srcdir)/pv-drivers/guest/guest.lds

# The front-end library: compiled into each kernel that takes it in, and into the unit tests and fuzzers.
FRONT_SOURCES = pv-drivers/front/os.h pv-drivers/front/ring.h pv-drivers/front/store.h pv-drivers/front/store.c \
  pv-drivers/front/console.h pv-drivers/front/console.c pv-drivers/front/xenbus.h pv-drivers/front/xenbus.c \
  pv-drivers/front/blk.h pv-drivers/front/blk_queue.h pv-drivers/front/blk.c pv-drivers/front/blk_queue.c

noinst_LIBRARIES += pv-drivers/libguest.a
pv_drivers_libguest_a_SOURCES = pv-drivers/guest/entry.S pv-drivers/guest/guest.h pv-drivers/guest/hypercall.h \
  pv-drivers/guest/start.c pv-drivers/guest/traps.c pv-drivers/guest/mem.c pv-drivers/guest/event.c \
  pv-drivers/guest/time.c pv-drivers/guest/control.c pv-drivers/guest/print.c pv-drivers/guest/grant.c \
  pv-drivers/guest/os.c $(FRONT_SOURCES)
pv_drivers_libguest_a_CPPFLAGS = $(GUEST_CPPFLAGS)
pv_drivers_libguest_a_CFLAGS = $(GUEST_CFLAGS)
pv_drivers_libguest_a_CCASFLAGS = -D__ASSEMBLY__ -fno-pie -g
EXTRA_DIST += pv-drivers/guest/guest.lds
GUEST_APPS =

GUEST_APPS += pv-drivers/guest/hello
noinst_LIBRARIES += pv-drivers/libhello.a
pv_drivers_libhello_a_SOURCES = pv-drivers/guest/hello.c
pv_drivers_libhello_a_CPPFLAGS = $(GUEST_CPPFLAGS)
pv_drivers_libhello_a_CFLAGS = $(GUEST_CFLAGS)

GUEST_APPS += pv-drivers/guest/fuzz
noinst_LIBRARIES += pv-drivers/libfuzz.a
pv_drivers_libfuzz_a_SOURCES = pv-drivers/guest/fuzzer/fuzz.h pv-drivers/guest/fuzzer/fuzz.c pv-drivers/guest/fuzzer/values.c \
  pv-drivers/guest/fuzzer/rows.c pv-drivers/guest/fuzzer/mmu.c pv-drivers/guest/fuzzer/special.c pv-drivers/guest/fuzzer/kill.c \
  pv-drivers/guest/fuzzer/try.S
pv_drivers_libfuzz_a_CPPFLAGS = $(GUEST_CPPFLAGS)
pv_drivers_libfuzz_a_CFLAGS = $(GUEST_CFLAGS)
pv_drivers_libfuzz_a_CCASFLAGS = -D__ASSEMBLY__ -fno-pie -g

GUEST_APPS += pv-drivers/guest/bench
noinst_LIBRARIES += pv-drivers/libbench.a
pv_drivers_libbench_a_SOURCES = pv-drivers/guest/bench.c
pv_drivers_libbench_a_CPPFLAGS = $(GUEST_CPPFLAGS)
pv_drivers_libbench_a_CFLAGS = $(GUEST_CFLAGS)

GUEST_APPS += pv-drivers/guest/blktest
noinst_LIBRARIES += pv-drivers/libblktest.a
pv_drivers_libblktest_a_SOURCES = pv-drivers/guest/blktest.c
pv_drivers_libblktest_a_CPPFLAGS = $(GUEST_CPPFLAGS)
pv_drivers_libblktest_a_CFLAGS = $(GUEST_CFLAGS)

noinst_DATA += $(GUEST_APPS)
CLEANFILES += $(GUEST_APPS)
$(GUEST_APPS): pv-drivers/guest/%: pv-drivers/lib%.a pv-drivers/libguest.a $(srcdir)/pv-drivers/guest/guest.lds
	@$(MKDIR_P) pv-drivers/guest
	$(AM_V_CCLD)$(GUEST_LINK) -o $@ --whole-archive pv-drivers/lib$*.a pv-drivers/libguest.a
