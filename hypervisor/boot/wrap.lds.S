/* SPDX-License-Identifier: MIT */
/* Wraps the flat image for 32-bit boot loaders; ENTRY_PADDR and END_PADDR come from vellum-syms. Preprocessed. */
#include <hv/config.h>

OUTPUT_FORMAT("elf32-i386")
OUTPUT_ARCH(i386)
ENTRY(start)
start = ENTRY_PADDR;
PHDRS { image PT_LOAD FLAGS(7); }
SECTIONS
{
    . = LOAD_PADDR;
    .image : { *(.data) } :image
    file_end = .;
    .bss (NOLOAD) : { . += END_PADDR - file_end; } :image
}
