/* SPDX-License-Identifier: MIT */
/* boot/: what the boot loader told us: memory map, modules, command line. Filled by boot/multiboot.c before the page
 * tables are ours; strings and maps are copied, module bytes stay where the loader put them. */
#pragma once
#include <hv/types.h>

enum { E820_RAM = 1, E820_RESERVED, E820_ACPI, E820_NVS, E820_UNUSABLE };
#define E820_MAX 128
struct e820_entry { uint64_t addr, size; uint32_t type; } __packed;   /* as XENMEM_memory_map gives it */
struct boot_module { paddr_t start; size_t size; char cmdline[2048]; };
struct boot_info {
    char cmdline[2048], loader[64];
    unsigned int nr_e820; struct e820_entry e820[E820_MAX];   /* sorted, without overlap */
    unsigned int nr_modules; struct boot_module module[4];
    bool has_rsdp; uint8_t rsdp[36];    /* multiboot 2: the ACPI root pointer */
};
extern struct boot_info boot_info;
/* magic: 0x2badb002 or 0x36d76289. Panics (early console) when there is no memory map or no module. */
void multiboot_parse(uint32_t magic, paddr_t info);

/* start.c: where every other CPU arrives, on its own stack, with the idle page tables and none of its tables loaded. */
void start_secondary(unsigned int cpu) __noreturn;

/* The command line: a table of options in boot/cmdline.c; unknown words are logged, not fatal. */
struct mem_option { bool set; uint64_t size, min, max; };   /* bytes; "all but N": -N in two's complement */
extern struct boot_options {
    char console[32], com1[64], loglvl[32], guest_loglvl[32], sched[16];
    struct mem_option dom0_mem;
    unsigned int dom0_max_vcpus; bool dom0_vcpus_pin;   /* 0: as many as CPUs */
    unsigned int maxcpus;                               /* 0: all */
    bool noreboot, smap, smep, x2apic, xsave;     /* CPU features: true unless switched off */
    unsigned int gnttab_max_frames, gnttab_max_maptrack_frames;
} boot_options;
void cmdline_parse(const char *cmdline);
void cmdline_log_unknown(void);         /* once the console works */
extern char hv_cmdline[2048];           /* as given; XENVER_commandline */
