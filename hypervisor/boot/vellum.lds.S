/* SPDX-License-Identifier: MIT */
/* The image: linked at TEXT_VIRT + its physical address, loaded at LOAD_PADDR. Preprocessed. */
#include <hv/config.h>

OUTPUT_FORMAT("elf64-x86-64")
OUTPUT_ARCH(i386:x86-64)
ENTRY(start)
PHDRS { image PT_LOAD FLAGS(7); }
SECTIONS
{
    . = TEXT_VIRT + LOAD_PADDR;
    image_start = .;
    .text : AT(ADDR(.text) - TEXT_VIRT) {
        text_start = .;
        *(.head)
        *(.text.entry)
        *(.text .text.* .init.text)
        . = ALIGN(4096);
        text_end = .;
    } :image
    .rodata : AT(ADDR(.rodata) - TEXT_VIRT) {
        *(.rodata .rodata.*)
        . = ALIGN(8);
        __ex_table_start = .;
        KEEP(*(__ex_table))
        __ex_table_end = .;
        __smap_sites_start = .;
        KEEP(*(__smap_sites))
        __smap_sites_end = .;
        *(.data.rel.ro .data.rel.ro.*)
        *(.symtab_hv*)
        . = ALIGN(4096);
        rodata_end = .;
    } :image
    .data : AT(ADDR(.data) - TEXT_VIRT) {
        *(.data .data.*)
        *(.init.data)
        *(.got .got.plt)
        . = ALIGN(64);
        data_end = .;
    } :image
    .bss (NOLOAD) : AT(ADDR(.bss) - TEXT_VIRT) {
        . = ALIGN(32768);
        bss_start = .;
        *(.bss.stack)
        *(.bss.page)
        *(.bss .bss.* COMMON)
        . = ALIGN(4096);
        bss_end = .;
    } :image
    image_end = .;
    /DISCARD/ : { *(.eh_frame) *(.comment) *(.note .note.*) *(.gnu.*) }
}
