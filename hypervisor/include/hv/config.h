/* SPDX-License-Identifier: MIT */
/* The hypervisor's address space: L4 slots 256 to 271. Also included by assembly and the linker script. */
#pragma once

#define HV_SLOT_FIRST     256
#define HV_SLOT_LAST      271
#define M2P_VIRT          0xffff800000000000  /* slot 256: machine-to-phys table, read-only and readable by guests */
#define FRAME_TABLE_VIRT  0xffff808000000000  /* slot 257: struct frame for every frame of RAM */
#define CPU_WINDOW_VIRT   0xffff810000000000  /* slot 258: each CPU's GDT and LDT (128 KiB a CPU) */
#define IOREMAP_VIRT      0xffff818000000000  /* slot 259: device registers, ACPI tables */
#define TEXT_VIRT         0xffff820000000000  /* slot 260: the image */
#define M2P_RW_VIRT       0xffff828000000000  /* slot 261: the machine-to-phys table, writable by us */
#define DIRECTMAP_VIRT    0xffff830000000000  /* slots 262-271: all RAM, 5 TiB */
#define HV_VIRT_END       0xffff880000000000
#define CPU_WINDOW_SIZE   0x40000             /* GDT: 16 pages (64 KiB), LDT: 16 pages at +128 KiB */
#define CPU_WINDOW_LDT    0x20000
#define LOAD_PADDR        0x200000            /* where the image is loaded: 2 MiB */
