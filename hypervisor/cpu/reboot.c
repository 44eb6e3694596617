/* SPDX-License-Identifier: MIT */
/* cpu/reboot: reset, power-off, ACPI sleep. Works from any context, a panic included: takes no lock. */
#include <hv/acpi.h>
#include "private.h"

enum { KBC_COMMAND = 0x64 };
#define   PM1_SLP_EN            0x2000u         /* PM1 control register (ACPI 6.4, 4.8.3.2.1) */
#define   KBC_INPUT_FULL        0x02u
#define   KBC_PULSE_RESET       0xfeu

static void *reset_register;            /* when it is in memory */

void reboot_init(void)
{
    if (acpi.reset_supported && acpi.reset_space == ACPI_SPACE_MEMORY)
        reset_register = ioremap(acpi.reset_address & PAGE_MASK, PAGE_SIZE);
}

static void reset_by_acpi(void)
{
    uint64_t a = acpi.reset_address;
    if (reset_register)
        *((volatile uint8_t *)reset_register + (a & ~PAGE_MASK)) = acpi.reset_value;
    else if (acpi.reset_supported && acpi.reset_space == ACPI_SPACE_IO)
        outb((uint16_t)a, acpi.reset_value);
}

static void reset_by_keyboard(void)
{
    for (unsigned int i = 0; i < 1000 && (inb(KBC_COMMAND) & KBC_INPUT_FULL); i++)
        udelay(10);
    outb(KBC_COMMAND, KBC_PULSE_RESET);
}

/* No IDT: the next exception cannot be delivered, nor the double fault of that, and the CPU shuts down. */
static void reset_by_triple_fault(void)
{
    lidt((struct x86_descriptor_ptr){ 0, 0 });
    __asm__ __volatile__("int3");
}

void machine_reboot(void)
{
    static void (*const ways[])(void) = { reset_by_acpi, reset_by_keyboard, reset_by_triple_fault };
    cli();
    for (unsigned int i = 0; i < ARRAY_SIZE(ways); i++) {
        ways[i]();
        udelay(100000);         /* it may take effect a little later */
    }
    cpu_halt_forever();
}

void machine_poweroff(void)
{
    console_printf("Power can be switched off now.\n");
    cpu_halt_forever();
}

int acpi_enter_sleep(uint16_t pm1a_val, uint16_t pm1b_val, uint32_t sleep_state)
{
    if (!acpi.pm1a_control)
        return -XEN_ENODEV;
    if (sleep_state != 5)
        return sleep_state == 3 ? -XEN_EOPNOTSUPP : -XEN_EINVAL;
    log_info("Powering off.\n");
    outw(acpi.pm1a_control, pm1a_val | PM1_SLP_EN);
    if (acpi.pm1b_control)
        outw(acpi.pm1b_control, pm1b_val | PM1_SLP_EN);
    udelay(1000000);
    machine_poweroff();
}
