# SPDX-License-Identifier: MIT
# libFuzzer targets, built when configure found a clang that has it. Each is one clang command: sources are few.
EXTRA_DIST += tests/fuzz/smoke tests/fuzz/corpus tests/fuzz/cmdline.dict tests/fuzz/multiboot.dict tests/fuzz/bzimage.dict \
  tests/fuzz/fuzz-elf.c tests/fuzz/fuzz-bzimage.c tests/fuzz/fuzz-multiboot.c tests/fuzz/fuzz-cmdline.c
fuzz_targets = tests/fuzz/fuzz-elf tests/fuzz/fuzz-bzimage tests/fuzz/fuzz-multiboot tests/fuzz/fuzz-cmdline
FUZZ_BUILD = $(AM_V_GEN)$(MKDIR_P) tests/fuzz && $(FUZZ_CC) -fsanitize=fuzzer,address,undefined \
  -fno-sanitize-recover=undefined -g -O1 $(AM_CFLAGS) $(DEFS) -I. $(UNIT_CPPFLAGS) -o $@
fuzz_lib = $(srcdir)/tests/unit/lib-stubs.c $(srcdir)/tests/unit/panic-stub.c $(srcdir)/hypervisor/lib/parse.c \
  $(srcdir)/hypervisor/lib/printf.c
fuzz_elf = $(srcdir)/tests/fuzz/fuzz-elf.c $(srcdir)/hypervisor/lib/elf.c $(fuzz_lib)
fuzz_bzimage = $(srcdir)/tests/fuzz/fuzz-bzimage.c $(srcdir)/hypervisor/lib/elf.c \
  $(srcdir)/hypervisor/lib/decompress.c $(srcdir)/hypervisor/lib/lz4.c $(fuzz_lib)
fuzz_multiboot = $(srcdir)/tests/fuzz/fuzz-multiboot.c $(srcdir)/tests/unit/fake-memory.c \
  $(srcdir)/hypervisor/boot/multiboot.c $(fuzz_lib)
fuzz_cmdline = $(srcdir)/tests/fuzz/fuzz-cmdline.c $(srcdir)/hypervisor/boot/cmdline.c $(fuzz_lib)

tests/fuzz/fuzz-elf: $(fuzz_elf)
	$(FUZZ_BUILD) $(fuzz_elf)
tests/fuzz/fuzz-bzimage: $(fuzz_bzimage)
	$(FUZZ_BUILD) $(fuzz_bzimage) $(ZLIB_LIBS) $(LZMA_LIBS) $(ZSTD_LIBS)
tests/fuzz/fuzz-multiboot: $(fuzz_multiboot)
	$(FUZZ_BUILD) $(fuzz_multiboot)
tests/fuzz/fuzz-cmdline: $(fuzz_cmdline)
	$(FUZZ_BUILD) $(fuzz_cmdline)

# the instruction decoders, on the emulator tests' machine
EXTRA_DIST += tests/fuzz/fuzz-insn.c
fuzz_targets += tests/fuzz/fuzz-insn
fuzz_insn = $(srcdir)/tests/fuzz/fuzz-insn.c $(hv_policy_sources:%.c=$(srcdir)/%.c)
tests/fuzz/fuzz-insn: $(fuzz_insn) tests/unit/libfake.a
	$(FUZZ_BUILD) $(filter %.c,$(fuzz_insn)) $(srcdir)/tests/unit/fake/fake-*.c -lpthread

if HAVE_FUZZ
check_DATA += $(fuzz_targets)
CLEANFILES += $(fuzz_targets)
TESTS += tests/fuzz/smoke
endif
include tests/fuzz/hv-event.mk
include tests/fuzz/front.mk
