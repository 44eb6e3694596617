/* SPDX-License-Identifier: MIT */
/* cpu/calibrate: how fast the TSC runs, and the local APIC's timer where that has no TSC deadlines: measured once, on
 * the boot CPU, for 10 ms against the HPET or the ACPI PM timer. */
#include <hv/acpi.h>
#include "private.h"

#define NSEC_PER_SEC      1000000000UL
#define CALIBRATE_NS      10000000UL    /* how long to measure */
#define TSC_TICKS_MAX     (1UL << 34)   /* some seconds: no reference needs that long */

struct reference {
    const char *name;
    bool (*init)(struct reference *r);
    uint32_t (*read)(void);
    uint64_t hz;
    uint32_t mask;                      /* the counter's width */
};

enum { HPET_CAPABILITIES = 0x000, HPET_CONFIG = 0x010, HPET_COUNTER = 0x0f0 };
#define   HPET_CONFIG_ENABLE     0x1u
#define   HPET_PERIOD_MIN_FS     1000000u
#define   HPET_PERIOD_MAX_FS     100000000u     /* the specification's limit: 100 ns */
#define FSEC_PER_SEC             1000000000000000UL

static char *hpet;

static uint32_t hpet_read(void) { return mmio_read32(hpet + HPET_COUNTER); }

static bool hpet_init(struct reference *r)
{
    if (!acpi.hpet_base)
        return false;
    hpet = ioremap(acpi.hpet_base, PAGE_SIZE);
    uint32_t period = mmio_read32(hpet + HPET_CAPABILITIES + 4);
    if (period < HPET_PERIOD_MIN_FS || period > HPET_PERIOD_MAX_FS) {
        log_warn("HPET: period of %u fs cannot be; not used\n", period);
        return false;
    }
    mmio_write32(hpet + HPET_CONFIG, mmio_read32(hpet + HPET_CONFIG) | HPET_CONFIG_ENABLE);
    r->hz = FSEC_PER_SEC / period;
    return true;
}

static uint32_t pm_timer_read(void) { return inl(acpi.pm_timer_port); }

static bool pm_timer_init(struct reference *r)
{
    r->mask = acpi.pm_timer_32bit ? UINT32_MAX : 0xffffff;
    return acpi.pm_timer_port != 0;
}

static struct reference references[] = {
    { "HPET",     hpet_init,     hpet_read,     0,       UINT32_MAX },
    { "PM timer", pm_timer_init, pm_timer_read, 3579545, 0xffffff },
};

/* Not before all earlier loads and instructions are done. */
static uint64_t rdtsc_ordered(void)
{
    __asm__ __volatile__("lfence" : : : "memory");
    return rdtsc();
}

struct sample { uint64_t tsc; uint32_t ref, apic; };

/* All clocks at one moment: the tightest of some tries, since an interruption in between would be taken for drift. */
static struct sample take_sample(const struct reference *r)
{
    struct sample best = { 0, 0, 0 };
    uint64_t best_width = UINT64_MAX;
    for (unsigned int i = 0; i < 6; i++) {
        uint64_t t1 = rdtsc_ordered();
        uint32_t ref = r->read();
        uint64_t t2 = rdtsc_ordered();
        uint32_t apic = apic_timer_counted();
        if (t2 - t1 < best_width) {
            best_width = t2 - t1;
            best = (struct sample){ t1 + (t2 - t1) / 2, ref, apic };
        }
    }
    return best;
}

/* False: the reference stands still. */
static bool calibrate(const struct reference *r)
{
    uint32_t want = (uint32_t)(r->hz * CALIBRATE_NS / NSEC_PER_SEC);
    if (!apic_timer_has_deadline())
        apic_timer_count_start();
    struct sample a = take_sample(r);
    while (((r->read() - a.ref) & r->mask) < want) {
        if (rdtsc() - a.tsc > TSC_TICKS_MAX) {
            log_warn("%s does not count; not used\n", r->name);
            return false;
        }
        cpu_relax();
    }
    struct sample b = take_sample(r);
    uint64_t tsc_ticks = b.tsc - a.tsc;
    unsigned __int128 product = (unsigned __int128)tsc_ticks * r->hz;
    time_set_rate(div_128_64((uint64_t)(product >> 64), (uint64_t)product, (b.ref - a.ref) & r->mask));
    if (!apic_timer_has_deadline()) {
        if (b.apic == a.apic)
            panic("The local APIC's timer does not count");
        apic_timer_set_rate(((uint64_t)(b.apic - a.apic) << 32) / tsc_ticks);
    }
    return true;
}

const char *time_calibrate(void)
{
    for (struct reference *r = references; r < references + ARRAY_SIZE(references); r++)
        if (r->init(r) && calibrate(r))
            return r->name;
    panic("No clock to measure the TSC against");
}
