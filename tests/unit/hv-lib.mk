# SPDX-License-Identifier: MIT
# lib/, console/ and the loader-facing files of boot/.
check_PROGRAMS += tests/unit/test-lib
TESTS += tests/unit/test-lib
unit_lib_stubs = tests/unit/lib-stubs.c tests/unit/lib-stubs.h

tests_unit_test_lib_SOURCES = tests/unit/test-lib.c tests/unit/hv-string.c tests/unit/hv-string.h \
  tests/unit/panic-stub.c $(unit_lib_stubs) hypervisor/lib/parse.c hypervisor/lib/printf.c \
  hypervisor/lib/containers.c hypervisor/lib/lock.c
tests_unit_test_lib_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_lib_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_lib_LDADD = $(CHECK_LIBS)

check_PROGRAMS += tests/unit/test-boot
TESTS += tests/unit/test-boot
tests_unit_test_boot_SOURCES = tests/unit/test-boot.c tests/unit/fake-memory.c tests/unit/fake-memory.h \
  tests/unit/panic-stub.c $(unit_lib_stubs) hypervisor/boot/multiboot.c hypervisor/boot/cmdline.c \
  hypervisor/lib/parse.c hypervisor/lib/printf.c
tests_unit_test_boot_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_boot_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_boot_LDADD = $(CHECK_LIBS)

check_PROGRAMS += tests/unit/test-kernel
TESTS += tests/unit/test-kernel
tests_unit_test_kernel_SOURCES = tests/unit/test-kernel.c tests/unit/sample-kernel.h tests/unit/panic-stub.c $(unit_lib_stubs) \
  hypervisor/lib/elf.c hypervisor/lib/decompress.c hypervisor/lib/lz4.c \
  hypervisor/lib/parse.c hypervisor/lib/printf.c
tests_unit_test_kernel_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_kernel_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_kernel_LDADD = $(CHECK_LIBS) $(ZLIB_LIBS) $(LZMA_LIBS) $(ZSTD_LIBS) $(LZ4_LIBS)

check_PROGRAMS += tests/unit/test-console
TESTS += tests/unit/test-console
tests_unit_test_console_SOURCES = tests/unit/test-console.c $(unit_lib_stubs) hypervisor/console/console-internal.h \
  hypervisor/console/uart.c hypervisor/console/log.c hypervisor/console/input.c hypervisor/console/panic.c \
  hypervisor/lib/lock.c hypervisor/lib/parse.c hypervisor/lib/printf.c
nodist_tests_unit_test_console_SOURCES = tests/unit/symbols-sample.S
tests_unit_test_console_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_console_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_console_LDADD = $(CHECK_LIBS)
tests/unit/symbols-sample.S: $(srcdir)/tests/unit/test-symbols.nm $(srcdir)/hypervisor/console/gen-symbols.awk
	$(AM_V_GEN)$(MKDIR_P) tests/unit && $(AWK) -f $(srcdir)/hypervisor/console/gen-symbols.awk \
	  $(srcdir)/tests/unit/test-symbols.nm >$@.tmp && mv $@.tmp $@
CLEANFILES += tests/unit/symbols-sample.S
EXTRA_DIST += tests/unit/test-symbols.nm
