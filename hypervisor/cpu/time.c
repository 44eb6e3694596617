/* SPDX-License-Identifier: MIT */
/* cpu/time: system time (nanoseconds since boot, from the TSC) and the wall clock. After time_init the TSC's scale is
 * constant, so now() takes no lock. System time runs exactly as a guest computes it from vcpu_time_info (xen/xen.h): ns
 * = ((tsc << shift) * mul) >> 32. The wall clock is one atomic word: ns since 1970 at system time 0. */
#include <hv/acpi.h>
#include "private.h"

#define NSEC_PER_SEC 1000000000UL

static uint64_t tsc_hz, tsc_base;       /* base: the TSC at system time 0 */
static uint32_t tsc_mul;                /* with tsc_shift: TSC ticks to ns, as pvclock has it */
static int8_t tsc_shift;
static uint64_t tsc_per_ns;             /* the inverse of mul and shift, 8.56 fixed point */
#define TSC_PER_NS_FRACTION 56
static uint64_t wallclock;

uint64_t time_tsc_hz(void) { return tsc_hz; }
uint64_t time_tsc_base(void) { return tsc_base; }

void time_scale(uint32_t *mul, int8_t *shift)
{
    *mul = tsc_mul;
    *shift = tsc_shift;
}

nsec_t time_from_tsc(uint64_t tsc)
{
    uint64_t delta = tsc - tsc_base;
    if (unlikely((int64_t)delta < 0))
        return 0;               /* a CPU whose TSC is a little behind, in the first moments */
    delta = tsc_shift < 0 ? delta >> -tsc_shift : delta << tsc_shift;
    return (nsec_t)(((unsigned __int128)delta * tsc_mul) >> 32);
}

uint64_t time_to_tsc(nsec_t t)
{
    unsigned __int128 ticks = (((unsigned __int128)t * tsc_per_ns) >> TSC_PER_NS_FRACTION) + 1;
    return ticks >> 62 ? (uint64_t)1 << 62 : (uint64_t)ticks + tsc_base;
}

nsec_t now(void) { return time_from_tsc(rdtsc()); }

void udelay(unsigned int us)
{
    uint64_t end = rdtsc() + (uint64_t)us * tsc_hz / 1000000;
    while ((int64_t)(end - rdtsc()) > 0)
        cpu_relax();
}

/* mul in [2^31, 2^32) with its shift; and their inverse, so that time_to_tsc and now() agree for years. */
void time_set_rate(uint64_t hz)
{
    uint64_t num = NSEC_PER_SEC, den = hz;
    int shift = 0;
    while (num >= den) {
        den <<= 1;
        shift++;
    }
    while (num * 2 < den) {
        num <<= 1;
        shift--;
    }
    tsc_mul = (uint32_t)div_128_64(num >> 32, num << 32, den);
    tsc_shift = (int8_t)shift;
    /* ticks a ns = 2^(32 - shift) / mul */
    tsc_per_ns = div_128_64((uint64_t)1 << (32 + TSC_PER_NS_FRACTION - 64 - shift), 0, tsc_mul);
    tsc_hz = hz;
}

/* The CMOS clock (MC146818) */
enum { CMOS_INDEX = 0x70, CMOS_DATA = 0x71 };
enum { RTC_SECONDS = 0, RTC_MINUTES = 2, RTC_HOURS = 4, RTC_DAY = 7, RTC_MONTH = 8, RTC_YEAR = 9,
       RTC_A = 10, RTC_B = 11 };
#define   RTC_A_UPDATING   0x80u
#define   RTC_B_24_HOURS   0x02u
#define   RTC_B_BINARY     0x04u
#define   RTC_HOURS_PM     0x80u

static uint8_t cmos_read(uint8_t reg)
{
    outb(CMOS_INDEX, reg);
    return inb(CMOS_DATA);
}

static unsigned int from_bcd(unsigned int v, bool binary) { return binary ? v : (v & 15) + (v >> 4) * 10; }

uint64_t date_to_seconds(unsigned int year, unsigned int month, unsigned int day, unsigned int h, unsigned int m,
                         unsigned int s)
{
    static const uint16_t before[12] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 };
    uint64_t days = (year - 1970) * 365UL + (year - 1969) / 4 - (year - 1901) / 100 + (year - 1601) / 400;
    days += before[(month - 1) % 12] + day - 1;
    if (month > 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0))
        days++;
    return ((days * 24 + h) * 60 + m) * 60 + s;
}

/* The clock is read when it is not in an update (which lasts 2 ms at most), and again until two readings agree. */
static uint64_t rtc_read(void)
{
    static const uint8_t regs[6] = { RTC_SECONDS, RTC_MINUTES, RTC_HOURS, RTC_DAY, RTC_MONTH, RTC_YEAR };
    uint8_t v[2][6], b = cmos_read(RTC_B);
    unsigned int t[6];
    for (unsigned int try = 0; try < 8; try++) {
        for (unsigned int wait = 0; wait < 30 && (cmos_read(RTC_A) & RTC_A_UPDATING); wait++)
            udelay(100);
        for (unsigned int i = 0; i < 6; i++)
            v[try & 1][i] = cmos_read(regs[i]);
        if (try && memcmp(v[0], v[1], 6) == 0)
            break;
    }
    bool pm = !(b & RTC_B_24_HOURS) && (v[0][2] & RTC_HOURS_PM);
    v[0][2] &= (uint8_t)~RTC_HOURS_PM;
    for (unsigned int i = 0; i < 6; i++)
        t[i] = from_bcd(v[0][i], b & RTC_B_BINARY);
    if (!(b & RTC_B_24_HOURS))
        t[2] = t[2] % 12 + (pm ? 12 : 0);
    if (t[4] < 1 || t[4] > 12) {
        log_warn("RTC: month %u cannot be; the wall clock starts at 2000-01-01\n", t[4]);
        return date_to_seconds(2000, 1, 1, 0, 0, 0);
    }
    return date_to_seconds(2000 + t[5], t[4], t[3], t[2], t[1], t[0]);
}

void wallclock_get(uint64_t *sec, uint32_t *nsec)
{
    uint64_t w = __atomic_load_n(&wallclock, __ATOMIC_RELAXED);
    *sec = w / NSEC_PER_SEC;
    *nsec = (uint32_t)(w % NSEC_PER_SEC);
}

void wallclock_set(uint64_t sec_at_boot, uint32_t nsec_at_boot)
{
    __atomic_store_n(&wallclock, sec_at_boot * NSEC_PER_SEC + nsec_at_boot, __ATOMIC_RELAXED);
}

void time_init(void)
{
    const char *source = time_calibrate();
    tsc_base = rdtsc();
    wallclock_set(rtc_read() - now() / NSEC_PER_SEC, 0);
    log_info("TSC: %lu.%03lu MHz by %s\n", (unsigned long)(tsc_hz / 1000000),
             (unsigned long)(tsc_hz / 1000 % 1000), source);
    timers_init();
    time_init_cpu();
    reboot_init();
}
