/* SPDX-License-Identifier: MIT */
/* cpu/acpi: the tables the hypervisor itself needs (RSDP, MADT, FADT, HPET, MCFG). */
#pragma once
#include <hv/types.h>

enum { ACPI_SPACE_MEMORY = 0, ACPI_SPACE_IO = 1 };

struct acpi_cpu { uint32_t apicid, acpi_id; };
struct acpi_ioapic { uint32_t id, gsi_base; paddr_t base; };
struct acpi_override { uint8_t irq; uint32_t gsi; bool level, active_low; };
struct acpi_info {
    paddr_t lapic_base, hpet_base;                  /* of the local APIC: as its MSR says, set by apic.c */
    unsigned int nr_cpus; struct acpi_cpu cpu[NR_CPUS];
    unsigned int nr_ioapics; struct acpi_ioapic ioapic[8];
    unsigned int nr_overrides; struct acpi_override override[16];
    uint16_t pm_timer_port; bool pm_timer_32bit;
    uint16_t pm1a_control, pm1b_control;            /* I/O ports */
    uint8_t reset_value, reset_space; uint64_t reset_address; bool reset_supported;
    uint64_t mcfg_base; uint16_t mcfg_segment; uint8_t mcfg_start_bus, mcfg_end_bus; /* base 0: none */
};
extern struct acpi_info acpi;
/* rsdp: the boot loader's copy of the root pointer, 36 bytes, or NULL (then EBDA and 0xe0000-0xfffff are searched).
 * Broken tables are logged and skipped. */
void acpi_init(const uint8_t *rsdp);
/* dom0's XENPF_enter_acpi_sleep: S5 powers off, S3 is refused. -XEN_EINVAL for ports that are not PM1's. */
int acpi_enter_sleep(uint16_t pm1a_val, uint16_t pm1b_val, uint32_t sleep_state);
