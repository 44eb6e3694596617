# SPDX-License-Identifier: MIT
hv_sources += hypervisor/lib/string.c hypervisor/lib/parse.c hypervisor/lib/printf.c \
  hypervisor/lib/containers.c hypervisor/lib/lock.c hypervisor/lib/elf.c \
  hypervisor/lib/decompress.c hypervisor/lib/lz4.c hypervisor/lib/libcshim.c
# The decompressors, for the image's link, behind all objects: lib/libcshim.o must be among those.
HV_DECOMPRESSORS = $(shell $(CC) -print-file-name=libz.a) $(shell $(CC) -print-file-name=liblzma.a) \
  $(shell $(CC) -print-file-name=libzstd.a)
