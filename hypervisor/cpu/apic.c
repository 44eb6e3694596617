/* SPDX-License-Identifier: MIT */
/* cpu/apic: the local APIC (SDM 3A chapter 11): IPIs, end of interrupt, the one-shot timer. x2APIC mode (registers are
 * MSRs) when the CPU has it, else xAPIC (one page). Each CPU uses only its own, with interrupts off: no lock. */
#include <hv/acpi.h>
#include <hv/boot.h>
#include "private.h"

static bool x2apic, tsc_deadline;
static char *apic_page;                 /* xAPIC registers */
static uint64_t timer_rate;             /* counts a TSC tick, 32.32 */

static uint32_t apic_read(uint32_t reg)
{
    return x2apic ? (uint32_t)rdmsr(MSR_X2APIC_BASE + (reg >> 4)) : mmio_read32(apic_page + reg);
}

static void apic_write(uint32_t reg, uint32_t val)
{
    if (x2apic)
        wrmsr(MSR_X2APIC_BASE + (reg >> 4), val);
    else
        mmio_write32(apic_page + reg, val);
}

uint32_t apic_id(void)
{
    uint32_t id = apic_read(APIC_ID);
    return x2apic ? id : id >> 24;
}

bool apic_is_x2apic(void) { return x2apic; }
void apic_eoi(void) { apic_write(APIC_EOI, 0); }

static bool bit_in(uint32_t reg, uint8_t v) { return apic_read(reg + (v / 32u) * 0x10) >> (v & 31) & 1; }
bool apic_irr_test(uint8_t vector) { return bit_in(APIC_IRR, vector); }

uint32_t apic_errors(void)
{
    apic_write(APIC_ESR, 0);    /* latches what happened since the last write */
    return apic_read(APIC_ESR);
}

/* In x2APIC mode a register write may pass earlier stores to memory; the receiver must see what it is to act on. */
static void icr_send(uint32_t apicid, uint32_t command)
{
    if (x2apic) {
        __asm__ __volatile__("mfence; lfence" : : : "memory");
        wrmsr(MSR_X2APIC_BASE + (APIC_ICR >> 4), (uint64_t)apicid << 32 | command);
        return;
    }
    while (mmio_read32(apic_page + APIC_ICR) & APIC_ICR_PENDING)
        cpu_relax();
    mmio_write32(apic_page + APIC_ICR_HIGH, apicid << 24);
    mmio_write32(apic_page + APIC_ICR, command);
}

void apic_send_ipi(unsigned int cpu, uint8_t vector)
{
    icr_send(cpu_apicid(cpu), APIC_ICR_FIXED | APIC_ICR_ASSERT | vector);
}

void apic_send_nmi(unsigned int cpu) { icr_send(cpu_apicid(cpu), APIC_ICR_NMI | APIC_ICR_ASSERT); }
void apic_send_init(uint32_t apicid) { icr_send(apicid, APIC_ICR_INIT | APIC_ICR_ASSERT); }
void apic_send_startup(uint32_t apicid, uint8_t page) { icr_send(apicid, APIC_ICR_STARTUP | APIC_ICR_ASSERT | page); }

bool apic_timer_has_deadline(void) { return tsc_deadline; }

void time_init_cpu(void)
{
    if (tsc_deadline) {
        apic_write(APIC_LVT_TIMER, APIC_TIMER_DEADLINE | VECTOR_TIMER);
        /* SDM 3A 11.5.4.1: the mode must be set before the first deadline is written. */
        __asm__ __volatile__("mfence" : : : "memory");
        return;
    }
    apic_write(APIC_TIMER_DIVIDE, APIC_TIMER_DIVIDE_1);
    apic_write(APIC_LVT_TIMER, APIC_TIMER_ONESHOT | VECTOR_TIMER);
}

void apic_timer_count_start(void)
{
    apic_write(APIC_LVT_TIMER, APIC_TIMER_ONESHOT | APIC_LVT_MASKED | VECTOR_TIMER);
    apic_write(APIC_TIMER_DIVIDE, APIC_TIMER_DIVIDE_1);
    apic_write(APIC_TIMER_INITIAL, UINT32_MAX);
}

uint32_t apic_timer_counted(void) { return UINT32_MAX - apic_read(APIC_TIMER_CURRENT); }

void apic_timer_set_rate(uint64_t counts_per_tsc)
{
    timer_rate = counts_per_tsc;
    apic_write(APIC_TIMER_INITIAL, 0);
}

/* A deadline beyond the counter's range interrupts early; timer_work then sets the rest. */
void apic_timer_set(uint64_t deadline)
{
    if (tsc_deadline)
        return wrmsr(MSR_TSC_DEADLINE, deadline);
    if (deadline == 0)
        return apic_write(APIC_TIMER_INITIAL, 0);
    int64_t ticks = (int64_t)(deadline - rdtsc());
    uint64_t count = 1;         /* at once; 0 would stop it */
    if (ticks > 0)
        count = (uint64_t)(((unsigned __int128)(uint64_t)ticks * timer_rate) >> 32) + 1;
    apic_write(APIC_TIMER_INITIAL, (uint32_t)min(count, (uint64_t)UINT32_MAX));
}

void apic_init_cpu(void)
{
    uint64_t base = rdmsr(MSR_APIC_BASE) | APIC_BASE_ENABLE;
    /* SDM 3A 11.12.5: from disabled to x2APIC goes by way of xAPIC, so these are two steps. */
    wrmsr(MSR_APIC_BASE, base);
    if (x2apic)
        wrmsr(MSR_APIC_BASE, base | APIC_BASE_EXTD);

    unsigned int max_lvt = (apic_read(APIC_VERSION) >> APIC_VERSION_MAXLVT_SHIFT) & 0xff;
    apic_write(APIC_TPR, 0);
    apic_write(APIC_SVR, APIC_SVR_ENABLE | VECTOR_SPURIOUS);
    apic_write(APIC_LVT_TIMER, APIC_LVT_MASKED | VECTOR_TIMER);
    apic_write(APIC_LVT_LINT0, APIC_LVT_MASKED);
    apic_write(APIC_LVT_LINT1, APIC_LVT_NMI);
    apic_write(APIC_LVT_ERROR, VECTOR_ERROR);
    static const uint16_t optional[] = { APIC_LVT_PERF, APIC_LVT_THERMAL, APIC_LVT_CMCI };
    for (unsigned int i = 0; i < ARRAY_SIZE(optional) && max_lvt >= i + 4; i++)
        apic_write(optional[i], APIC_LVT_MASKED);
    apic_write(APIC_ESR, 0);
    /* What the firmware left in service would block lower vectors for good. */
    for (unsigned int v = 0x20; v <= 0xff; v++)
        if (bit_in(APIC_ISR, (uint8_t)v))
            apic_eoi();
}

void apic_init_bsp(void)
{
    struct cpuid_regs f = cpuid_native(1, 0);
    uint64_t base = rdmsr(MSR_APIC_BASE);
    x2apic = (f.c & CPUID1_ECX_X2APIC) && (boot_options.x2apic || (base & APIC_BASE_EXTD));
    tsc_deadline = f.c & CPUID1_ECX_TSC_DEADLINE;
    acpi.lapic_base = base & APIC_BASE_ADDR;
    if (!x2apic)
        apic_page = ioremap(acpi.lapic_base, PAGE_SIZE);
    outb(0x21, 0xff);           /* all lines of the two 8259s masked */
    outb(0xa1, 0xff);
    apic_init_cpu();
    log_info("APIC: %s, timer by %s\n", x2apic ? "x2APIC" : "xAPIC",
             tsc_deadline ? "TSC deadline" : "one-shot counter");
    smp_enumerate();
}

/* Reading IRR is slow, so it is looked at every 50 us at most: long operations ask often. */
bool apic_interrupt_waiting(void)
{
    static struct { uint64_t tsc; unsigned char pad[56]; } last[NR_CPUS] __aligned(64);
    uint64_t tsc = rdtsc();
    uint64_t *then = &last[cpu_id()].tsc;
    if (tsc - *then < time_tsc_hz() / 20000)
        return false;
    *then = tsc;
    for (unsigned int i = 1; i < 8; i++)
        if (apic_read(APIC_IRR + i * 0x10))
            return true;
    return false;
}
