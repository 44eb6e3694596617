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
  pv-drivers/front/blk.h pv-drivers/front/blk_queue.h pv-drivers/front/blk.c pv-drivers/front/blk_queue.c \
  pv-drivers/front/net.h pv-drivers/front/net_queue.h pv-drivers/front/net.c pv-drivers/front/net_queue.c \
  pv-drivers/front/net_ctrl.c

noinst_LIBRARIES += pv-drivers/libguest.a
pv_drivers_libguest_a_SOURCES = pv-drivers/guest/entry.S pv-drivers/guest/guest.h pv-drivers/guest/hypercall.h \
  pv-drivers/guest/start.c pv-drivers/guest/traps.c pv-drivers/guest/mem.c pv-drivers/guest/event.c \
  pv-drivers/guest/time.c pv-drivers/guest/control.c pv-drivers/guest/print.c pv-drivers/guest/grant.c \
  pv-drivers/guest/os.c pv-drivers/guest/suspend.c pv-drivers/guest/balloon.c $(FRONT_SOURCES)
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

# Applications with lwIP, which is compiled from Debian's source (pv-drivers/guest/get-lwip) with the kernel's own flags.
LWIP_FILES = core/init core/def core/inet_chksum core/ip core/mem core/memp core/netif core/pbuf core/raw core/stats \
  core/sys core/tcp core/tcp_in core/tcp_out core/timeouts core/udp core/ipv4/dhcp core/ipv4/etharp core/ipv4/icmp \
  core/ipv4/ip4 core/ipv4/ip4_addr core/ipv4/ip4_frag netif/ethernet apps/http/httpd apps/http/fs
LWIP_OBJECTS = $(LWIP_FILES:%=pv-drivers/lwip/%.o)
LWIP_CPPFLAGS = -D__NO_INLINE__ $(GUEST_CPPFLAGS) -I$(srcdir)/pv-drivers/guest/lwip -isystem $(LWIP_DIR)/src/include
LWIP_GUEST_SOURCES = pv-drivers/guest/netstack.h pv-drivers/guest/netstack.c pv-drivers/guest/lwip/lwipopts.h \
  pv-drivers/guest/lwip/arch/cc.h pv-drivers/guest/lwip/guest-fsdata.h
EXTRA_DIST += pv-drivers/guest/get-lwip $(LWIP_GUEST_SOURCES) pv-drivers/guest/nettest.c \
  pv-drivers/guest/httpd.c
if HAVE_LWIP
$(LWIP_OBJECTS): pv-drivers/lwip/%.o: $(LWIP_DIR)/src/%.c $(srcdir)/pv-drivers/guest/lwip/lwipopts.h
	@$(MKDIR_P) $(@D)
	$(AM_V_CC)$(CC) $(LWIP_CPPFLAGS) $(GUEST_CFLAGS) -w -c -o $@ $<
pv-drivers/liblwip.a: $(LWIP_OBJECTS)
	$(AM_V_AR)rm -f $@ && $(AR) cr $@ $(LWIP_OBJECTS)
CLEANFILES += pv-drivers/liblwip.a $(LWIP_OBJECTS)

GUEST_APPS += pv-drivers/guest/nettest
noinst_LIBRARIES += pv-drivers/libnettest.a
pv_drivers_libnettest_a_SOURCES = pv-drivers/guest/nettest.c $(LWIP_GUEST_SOURCES)
pv_drivers_libnettest_a_CPPFLAGS = $(LWIP_CPPFLAGS)
pv_drivers_libnettest_a_CFLAGS = $(GUEST_CFLAGS)
pv-drivers/guest/nettest: pv-drivers/liblwip.a

GUEST_APPS += pv-drivers/guest/httpd
noinst_LIBRARIES += pv-drivers/libhttpd.a
pv_drivers_libhttpd_a_SOURCES = pv-drivers/guest/httpd.c $(LWIP_GUEST_SOURCES)
pv_drivers_libhttpd_a_CPPFLAGS = $(LWIP_CPPFLAGS)
pv_drivers_libhttpd_a_CFLAGS = $(GUEST_CFLAGS)
pv-drivers/guest/httpd: pv-drivers/liblwip.a
endif

noinst_DATA += $(GUEST_APPS)
CLEANFILES += $(GUEST_APPS)
$(GUEST_APPS): pv-drivers/guest/%: pv-drivers/lib%.a pv-drivers/libguest.a $(srcdir)/pv-drivers/guest/guest.lds
	@$(MKDIR_P) pv-drivers/guest
	$(AM_V_CCLD)$(GUEST_LINK) -o $@ --whole-archive pv-drivers/lib$*.a pv-drivers/libguest.a --no-whole-archive \
	  $(filter %/liblwip.a,$^)
