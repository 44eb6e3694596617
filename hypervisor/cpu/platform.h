/* SPDX-License-Identifier: MIT */
/*
 * What the platform files of cpu/ (APIC, timers, time, ACPI, SMP) share among themselves.
 */
#ifndef CPU_PLATFORM_H
#define CPU_PLATFORM_H

#include <hv/types.h>

/* --- acpi_map.c: the parser's only way to memory ------------------------------------------------------------------ */
/* `size` bytes of firmware tables at p, for good; NULL: cannot be mapped. */
const void *acpi_map(paddr_t p, size_t size);

/* --- apic.c ------------------------------------------------------------------------------------------------------- */
uint32_t apic_id(void);                 /* of this CPU */
bool apic_is_x2apic(void);
uint32_t apic_errors(void);             /* error status since the last call (SDM 3A 11.5.3) */
void apic_send_init(uint32_t apicid);
void apic_send_startup(uint32_t apicid, uint8_t page);
bool apic_timer_has_deadline(void);
void apic_timer_init_cpu(void);
/* For calibration: starts the counter at its maximum; reads how far it has counted down since. */
void apic_timer_count_start(void);
uint32_t apic_timer_counted(void);
/* Timer counts per TSC tick, as a 32.32 fixed-point number; not used with deadlines. */
void apic_timer_set_rate(uint64_t counts_per_tsc);
bool apic_irr_test(uint8_t vector);     /* requested on this CPU but not yet taken */

/* --- timer.c ------------------------------------------------------------------------------------------------------ */
void timers_init(void);
void timer_interrupt(void);

/* --- call.c, reboot.c --------------------------------------------------------------------------------------------- */
void call_init(void);                   /* exit work and quiescence; before the first timer */
void reboot_init(void);                 /* maps the reset register; after time_init, whose clock it uses */

/* --- calibrate.c -------------------------------------------------------------------------------------------------- */
/* Calls time_set_rate and apic_timer_set_rate; the clock that was used, for the log. */
const char *time_calibrate(void);

/* --- time.c ------------------------------------------------------------------------------------------------------- */
void time_set_rate(uint64_t hz);
/* Seconds since 1970 of a date and time in the Gregorian calendar, from 1970 on; month 1-12. */
uint64_t date_to_seconds(unsigned int year, unsigned int month, unsigned int day, unsigned int h, unsigned int m,
                         unsigned int s);
void udelay(unsigned int us);           /* busy wait; after time_init */

#endif
