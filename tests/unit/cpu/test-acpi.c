/* SPDX-License-Identifier: MIT */
/*
 * ACPI table reading (hypervisor/cpu/acpi.c) against made-up firmware: good tables, then each way of being broken, then
 * random damage. Every look at memory gets a copy of exactly its size, so that the sanitizer sees a read beyond it.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include "fake.h"
#include <hv/acpi.h>

#include "private.h"
#include "../run-suite.h"

/* --- the firmware's memory ---------------------------------------------------------------------------------------- */
#define BASE  0xe0000ul         /* where the BIOS area is searched */
#define SIZE  0x20000ul
#define RSDP  (BASE + 0x100)
#define RSDT  (BASE + 0x200)
#define XSDT  (BASE + 0x300)
#define FADT  (BASE + 0x800)
#define HPET  (BASE + 0xa00)
#define MCFG  (BASE + 0xb00)
#define MADT  (BASE + 0xc00)    /* last: tests let it grow */
#define EBDA  0x9fc00ul

static uint8_t memory[SIZE], ebda[1024];
static void *copies[200000];
static unsigned int nr_copies;

static const uint8_t *at(paddr_t p, size_t size)
{
    static const uint8_t ebda_segment[2] = { (EBDA >> 4) & 0xff, EBDA >> 12 };

    if (p == 0x40e && size == 2)
        return ebda_segment;
    if (p >= BASE && p + size <= BASE + SIZE)
        return memory + (p - BASE);
    if (p >= EBDA && p + size <= EBDA + sizeof(ebda))
        return ebda + (p - EBDA);
    return NULL;
}

const void *acpi_map(paddr_t p, size_t size)
{
    const uint8_t *src = p + size >= p ? at(p, size) : NULL;

    if (!src)
        return NULL;
    ck_assert_uint_lt(nr_copies, ARRAY_SIZE(copies));
    void *copy = malloc(size);
    memcpy(copy, src, size);
    copies[nr_copies++] = copy;
    return copy;
}

static uint8_t *mem(paddr_t p);

/* loader: what the boot loader gave; 0: nothing. */
static void init(paddr_t loader)
{
    static const uint8_t nonsense[36];
    uint8_t copy[36];

    if (loader == RSDP)
        memcpy(copy, mem(RSDP), sizeof(copy));
    acpi_init(loader == RSDP ? copy : loader ? nonsense : NULL);
    while (nr_copies)
        free(copies[--nr_copies]);
}

static uint8_t *mem(paddr_t p) { return memory + (p - BASE); }
static void put(paddr_t p, uint64_t v, unsigned int n) { memcpy(mem(p), &v, n); }

static void fix_sum(paddr_t p, size_t n, size_t sum_at)
{
    uint8_t sum = 0;

    *mem(p + sum_at) = 0;
    for (size_t i = 0; i < n; i++) sum = (uint8_t)(sum + *mem(p + i));
    *mem(p + sum_at) = (uint8_t)-sum;
}

static void table(paddr_t p, const char *name, uint32_t size)
{
    memcpy(mem(p), name, 4);
    put(p + 4, size, 4);
}

static void seal(paddr_t p)
{
    uint32_t size;

    memcpy(&size, mem(p + 4), 4);
    fix_sum(p, size, 9);
}

/* --- tables ------------------------------------------------------------------------------------------------------- */
static uint32_t madt_size;

static void madt_add(const void *entry, size_t n)
{
    memcpy(mem(MADT + madt_size), entry, n);
    madt_size += (uint32_t)n;
    put(MADT + 4, madt_size, 4);
    seal(MADT);
}

static void build_madt(void)
{
    static const uint8_t cpu0[] = { 0, 8, 0, 0, 1, 0, 0, 0 }, cpu1[] = { 0, 8, 1, 2, 1, 0, 0, 0 },
        absent[] = { 0, 8, 2, 3, 0, 0, 0, 0 }, ioapic[] = { 1, 12, 5, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0 },
        timer[] = { 2, 10, 0, 0, 2, 0, 0, 0, 0, 0 }, sci[] = { 2, 10, 0, 9, 9, 0, 0, 0, 0x0f, 0 },
        x2apic[] = { 9, 16, 0, 0, 0x2c, 1, 0, 0, 1, 0, 0, 0, 77, 0, 0, 0 },
        x2apic_again[] = { 9, 16, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0 };

    table(MADT, "APIC", 44);
    madt_size = 44;
    madt_add(cpu0, sizeof(cpu0));
    madt_add(cpu1, sizeof(cpu1));
    madt_add(absent, sizeof(absent));
    madt_add(ioapic, sizeof(ioapic));
    madt_add(timer, sizeof(timer));
    madt_add(sci, sizeof(sci));
    madt_add(x2apic, sizeof(x2apic));
    madt_add(x2apic_again, sizeof(x2apic_again));
}

static void build_fadt(void)
{
    table(FADT, "FACP", 244);
    put(FADT + 64, 0x604, 4);
    put(FADT + 76, 0x608, 4);
    put(FADT + 112, 0x500, 4);          /* 32-bit timer, reset register */
    put(FADT + 116, 1, 1);
    put(FADT + 120, 0xcf9, 8);
    put(FADT + 128, 6, 1);
    put(FADT + 172, 1, 1);              /* extended PM1a control, in I/O space */
    put(FADT + 176, 0x1604, 8);
    put(FADT + 208, 0, 1);              /* extended PM timer, in memory: not usable */
    put(FADT + 212, 0xfed80000, 8);
    seal(FADT);
}

static void build(void)
{
    static const paddr_t list[] = { MADT, FADT, HPET, MCFG };

    fake_reset(1);
    memset(memory, 0, sizeof(memory));
    memset(ebda, 0, sizeof(ebda));
    build_madt();
    build_fadt();
    table(HPET, "HPET", 56);
    put(HPET + 44, 0xfed00000, 8);
    seal(HPET);
    table(MCFG, "MCFG", 44 + 32);
    put(MCFG + 44, 0x200000000, 8);     /* segment 3 first: segment 0 is preferred */
    put(MCFG + 52, 3, 2);
    put(MCFG + 54, 0x1f10, 2);
    put(MCFG + 60, 0xb0000000, 8);
    put(MCFG + 70, 0xff00, 2);
    seal(MCFG);
    table(RSDT, "RSDT", 36 + 16);
    table(XSDT, "XSDT", 36 + 32);
    for (unsigned int i = 0; i < ARRAY_SIZE(list); i++) {
        put(RSDT + 36 + 4 * i, list[i], 4);
        put(XSDT + 36 + 8 * i, list[i], 8);
    }
    seal(RSDT);
    seal(XSDT);
    memcpy(mem(RSDP), "RSD PTR ", 8);
    put(RSDP + 15, 2, 1);
    put(RSDP + 16, RSDT, 4);
    put(RSDP + 20, 36, 4);
    put(RSDP + 24, XSDT, 8);
    fix_sum(RSDP, 20, 8);
    fix_sum(RSDP, 36, 32);
}

/* --- good firmware ------------------------------------------------------------------------------------------------ */
static void check_all(void)
{
    ck_assert_uint_eq(acpi.nr_cpus, 3);
    ck_assert_uint_eq(acpi.cpu[1].apicid, 2);
    ck_assert_uint_eq(acpi.cpu[1].acpi_id, 1);
    ck_assert_uint_eq(acpi.cpu[2].apicid, 0x12c);
    ck_assert_uint_eq(acpi.cpu[2].acpi_id, 77);
    ck_assert_uint_eq(acpi.nr_ioapics, 1);
    ck_assert_uint_eq(acpi.ioapic[0].id, 5);
    ck_assert_uint_eq(acpi.ioapic[0].base, 0xfec00000);
    ck_assert_uint_eq(acpi.nr_overrides, 2);
    ck_assert(acpi.override[0].gsi == 2 && !acpi.override[0].level && !acpi.override[0].active_low);
    ck_assert(acpi.override[1].irq == 9 && acpi.override[1].level && acpi.override[1].active_low);
    ck_assert_uint_eq(acpi.pm1a_control, 0x1604);
    ck_assert_uint_eq(acpi.pm1b_control, 0);
    ck_assert_uint_eq(acpi.pm_timer_port, 0x608);
    ck_assert(acpi.pm_timer_32bit && acpi.reset_supported);
    ck_assert(acpi.reset_space == 1 && acpi.reset_address == 0xcf9 && acpi.reset_value == 6);
    ck_assert_uint_eq(acpi.hpet_base, 0xfed00000);
    ck_assert(acpi.mcfg_base == 0xb0000000 && acpi.mcfg_segment == 0 && acpi.mcfg_end_bus == 255);
}

START_TEST(test_good)
{
    build();
    init(RSDP);
    check_all();
    init(0);                            /* found by searching the BIOS area */
    check_all();
    init(0x1234567);                    /* a wrong hint is no reason to give up */
    check_all();
    memcpy(ebda + 32, mem(RSDP), 36);   /* the EBDA is searched first */
    memset(mem(RSDP), 0, 36);
    init(0);
    check_all();
}
END_TEST

START_TEST(test_old_root)
{
    build();
    *mem(XSDT + 40) ^= 1;               /* broken XSDT: the RSDT serves */
    init(0);
    check_all();
    build();
    put(RSDP + 15, 0, 1);               /* ACPI 1.0: there is none */
    put(RSDP + 24, 0x77, 8);
    fix_sum(RSDP, 20, 8);
    init(0);
    check_all();
}
END_TEST

START_TEST(test_none)
{
    build();
    *mem(RSDP + 16) ^= 0x40;            /* checksum of the root pointer */
    init(0);
    ck_assert(acpi.nr_cpus == 0 && !acpi.hpet_base);
    build();
    *mem(XSDT + 50) ^= 1;
    *mem(RSDT + 45) ^= 1;
    init(0);
    ck_assert(acpi.nr_cpus == 0 && !acpi.hpet_base);
}
END_TEST

/* --- broken firmware ---------------------------------------------------------------------------------------------- */
START_TEST(test_bad_table)
{
    static const uint32_t lengths[] = { 0, 8, 35, 0x100001, 0x80000000, 0xffffffff };

    build();
    *mem(MADT + 60) ^= 0x10;            /* checksum: the others are still read */
    init(0);
    ck_assert(acpi.nr_cpus == 0 && acpi.hpet_base && acpi.pm_timer_port);
    for (unsigned int i = 0; i < ARRAY_SIZE(lengths); i++) {
        build();
        put(FADT + 4, lengths[i], 4);
        init(0);
        ck_assert(acpi.nr_cpus == 3 && acpi.pm_timer_port == 0);
    }
    build();
    put(XSDT + 36, BASE + SIZE - 20, 8);        /* header beyond what can be read */
    seal(XSDT);
    init(0);
    ck_assert(acpi.nr_cpus == 0 && acpi.hpet_base);
    build();
    put(XSDT + 4, 36, 4);               /* no entries */
    seal(XSDT);
    init(0);
    ck_assert(acpi.nr_cpus == 0);
}
END_TEST

START_TEST(test_short_fadt)
{
    build();
    put(FADT + 4, 116, 4);              /* ACPI 1.0: ends before the reset register */
    seal(FADT);
    init(0);
    ck_assert(acpi.pm_timer_port == 0x608 && acpi.pm1a_control == 0x604 && !acpi.reset_supported);
    build();
    put(FADT + 76, 0x12345678, 4);      /* no such port */
    seal(FADT);
    init(0);
    ck_assert_uint_eq(acpi.pm_timer_port, 0);
    build();
    put(FADT + 4, 78, 4);               /* ends inside a field */
    seal(FADT);
    init(0);
    ck_assert(acpi.pm_timer_port == 0 && acpi.pm1a_control == 0x604);
}
END_TEST

START_TEST(test_bad_madt_entry)
{
    static const uint8_t bad[][2] = { { 0, 0 }, { 0, 1 }, { 0, 200 } }, cpu[] = { 0, 8, 9, 9, 1, 0, 0, 0 },
        short_cpu[] = { 0, 3, 9 }, odd_irq[] = { 2, 10, 0, 99, 9, 0, 0, 0, 0, 0 };

    for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
        build();
        madt_add(bad[i], 2);
        madt_add(cpu, sizeof(cpu));     /* not reached */
        init(0);
        ck_assert_uint_eq(acpi.nr_cpus, 3);
    }
    build();
    madt_add(short_cpu, sizeof(short_cpu));     /* fields beyond it read as 0: not enabled */
    madt_add(odd_irq, sizeof(odd_irq));
    madt_add(cpu, sizeof(cpu));
    init(0);
    ck_assert(acpi.nr_cpus == 4 && acpi.nr_overrides == 2);
}
END_TEST

START_TEST(test_too_many)
{
    build();
    for (unsigned int i = 10; i < 110; i++) {
        uint8_t cpu[] = { 0, 8, (uint8_t)i, (uint8_t)i, 1, 0, 0, 0 },
            io[] = { 1, 12, (uint8_t)i, 0, 0, 0x10, 0xc0, 0xfe, 0, 0, 0, 0 },
            irq[] = { 2, 10, 0, 5, 5, 0, 0, 0, 0, 0 };

        madt_add(cpu, sizeof(cpu));
        madt_add(i & 1 ? io : irq, i & 1 ? sizeof(io) : sizeof(irq));
    }
    init(0);
    ck_assert_uint_eq(acpi.nr_cpus, NR_CPUS);
    ck_assert_uint_eq(acpi.nr_ioapics, ARRAY_SIZE(acpi.ioapic));
    ck_assert_uint_eq(acpi.nr_overrides, ARRAY_SIZE(acpi.override));
}
END_TEST

START_TEST(test_bad_hpet_mcfg)
{
    build();
    put(HPET + 40, 1, 1);               /* in I/O space */
    seal(HPET);
    put(MCFG + 70, 0x0010, 2);          /* buses 16 to 0 */
    put(MCFG + 44, 0x200000001, 8);     /* not aligned */
    seal(MCFG);
    init(0);
    ck_assert(acpi.hpet_base == 0 && acpi.mcfg_base == 0);
}
END_TEST

/* Damage with and without a right checksum: nothing is read out of bounds, and what is found stays within its arrays.
 * */
START_TEST(test_random_damage)
{
    static const paddr_t tables[] = { MADT, FADT, HPET, MCFG, RSDT, XSDT };
    uint32_t seed = 12345;

    for (unsigned int round = 0; round < 20000; round++) {
        build();
        for (unsigned int i = 0; i < 1 + round % 6; i++) {
            seed = seed * 1664525u + 1013904223u;
            paddr_t t = tables[(seed >> 8) % ARRAY_SIZE(tables)];
            uint32_t size;

            *mem(t + (seed >> 16) % 200) = (uint8_t)(seed >> 3);
            memcpy(&size, mem(t + 4), 4);
            if (round % 4 && size >= 36 && t + size <= BASE + SIZE)
                seal(t);
        }
        init(round & 1 ? RSDP : 0);
        ck_assert_uint_le(acpi.nr_cpus, NR_CPUS);
        ck_assert_uint_le(acpi.nr_ioapics, ARRAY_SIZE(acpi.ioapic));
        ck_assert_uint_le(acpi.nr_overrides, ARRAY_SIZE(acpi.override));
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("acpi");
    TCase *t = tcase_create("tables");

    tcase_set_timeout(t, 120);
    suite_add_tcase(s, t);
    tcase_add_test(t, test_good);
    tcase_add_test(t, test_old_root);
    tcase_add_test(t, test_none);
    tcase_add_test(t, test_bad_table);
    tcase_add_test(t, test_short_fadt);
    tcase_add_test(t, test_bad_madt_entry);
    tcase_add_test(t, test_too_many);
    tcase_add_test(t, test_bad_hpet_mcfg);
    tcase_add_test(t, test_random_damage);
    return run_suite(s);
}
