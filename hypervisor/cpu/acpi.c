/* SPDX-License-Identifier: MIT */
/* cpu/acpi: reads the ACPI tables (specification 6.4, chapter 5) that the hypervisor needs: MADT, FADT, HPET, MCFG.
 * Runs once at boot, before anything else reads `acpi`. Firmware is not trusted: a table is used only when its length
 * is sane and its checksum right, fields beyond its end read as 0, list entries that overrun it end the list. What is
 * skipped is logged. Memory is reached through acpi_map() alone, so that this file also runs on the host against
 * made-up tables. */
#include <hv/acpi.h>
#include "private.h"

#define HEADER_SIZE       36u
#define TABLE_SIZE_MAX    (1u << 20)    /* no table that we read comes near it */
#define TABLES_MAX        256u

struct acpi_info acpi;

struct table { const uint8_t *p; uint32_t size; };

/* A little-endian field of n bytes at off; 0 when the table is too short to have it. */
static uint64_t field(const struct table *t, uint32_t off, uint32_t n)
{
    uint64_t v = 0;
    if (off + n <= t->size)
        memcpy(&v, t->p + off, n);
    return v;
}

static bool checksum_ok(const void *p, size_t n)
{
    const uint8_t *b = p;
    uint8_t sum = 0;
    while (n--)
        sum = (uint8_t)(sum + *b++);
    return sum == 0;
}

/* MADT (5.2.12) */
enum { MADT_ENTRIES = 44, MADT_LAPIC = 0, MADT_IOAPIC = 1, MADT_OVERRIDE = 2, MADT_X2APIC = 9 };
#define   MADT_CPU_ENABLED      0x1u
#define   MPS_POLARITY          0x3u
#define     MPS_ACTIVE_LOW      0x3u
#define   MPS_TRIGGER           0xcu
#define     MPS_LEVEL           0xcu

static void add_cpu(uint32_t apicid, uint32_t acpi_id, uint32_t flags)
{
    if (!(flags & MADT_CPU_ENABLED))
        return;                 /* an empty socket */
    for (unsigned int i = 0; i < acpi.nr_cpus; i++)
        if (acpi.cpu[i].apicid == apicid)
            return;             /* listed both as local APIC and as local x2APIC */
    if (acpi.nr_cpus == NR_CPUS)
        log_warn("ACPI: CPU with APIC id %u ignored: more than %u CPUs\n", apicid, NR_CPUS);
    else
        acpi.cpu[acpi.nr_cpus++] = (struct acpi_cpu){ apicid, acpi_id };
}

static void add_ioapic(uint32_t id, paddr_t base, uint32_t gsi_base)
{
    if (acpi.nr_ioapics == ARRAY_SIZE(acpi.ioapic) || base == 0)
        log_warn("ACPI: IO-APIC %u at %#lx ignored\n", id, base);
    else
        acpi.ioapic[acpi.nr_ioapics++] = (struct acpi_ioapic){ id, gsi_base, base };
}

/* "Conforms to the bus" is, for ISA, edge-triggered and active high. */
static void add_override(uint8_t irq, uint32_t gsi, uint32_t flags)
{
    if (acpi.nr_overrides == ARRAY_SIZE(acpi.override) || irq > 15)
        log_warn("ACPI: override of IRQ %u ignored\n", irq);
    else
        acpi.override[acpi.nr_overrides++] = (struct acpi_override){
            irq, gsi, (flags & MPS_TRIGGER) == MPS_LEVEL, (flags & MPS_POLARITY) == MPS_ACTIVE_LOW };
}

/* One entry, as a table of its own so that field() checks its bounds. */
static void madt_entry(const struct table *e)
{
    switch (e->p[0]) {
    case MADT_LAPIC:    return add_cpu(field(e, 3, 1), field(e, 2, 1), field(e, 4, 4));
    case MADT_X2APIC:   return add_cpu(field(e, 4, 4), field(e, 12, 4), field(e, 8, 4));
    case MADT_IOAPIC:   return add_ioapic(field(e, 2, 1), field(e, 4, 4), field(e, 8, 4));
    case MADT_OVERRIDE: return add_override(field(e, 3, 1), field(e, 4, 4), field(e, 8, 2));
    }
}

static void parse_madt(const struct table *t)
{
    for (uint32_t off = MADT_ENTRIES; off + 2 <= t->size;) {
        struct table e = { t->p + off, t->p[off + 1] };
        if (e.size < 2 || e.size > t->size - off) {
            log_warn("ACPI: MADT entry at %u has length %u; rest of the table skipped\n", off, e.size);
            return;
        }
        madt_entry(&e);
        off += e.size;
    }
}

/* FADT (5.2.9). Generic address structure (5.2.3.2): space, width, offset, access size, address. */
enum { FADT_PM1A_CNT = 64, FADT_PM1B_CNT = 68, FADT_PM_TMR = 76, FADT_FLAGS = 112, FADT_RESET_REG = 116,
       FADT_RESET_VALUE = 128, FADT_X_PM1A_CNT = 172, FADT_X_PM1B_CNT = 184, FADT_X_PM_TMR = 208,
       GAS_SPACE = 0, GAS_ADDRESS = 4 };
#define   FADT_FLAGS_TMR_32BIT  0x0100u
#define   FADT_FLAGS_RESET      0x0400u

/* An I/O port: the extended field when it names one, else the old 32-bit field. 0: none. */
static uint16_t fadt_port(const struct table *t, uint32_t old, uint32_t extended)
{
    uint64_t x = field(t, extended + GAS_ADDRESS, 8);
    if (x == 0 || x > 0xffff || field(t, extended + GAS_SPACE, 1) != ACPI_SPACE_IO)
        x = field(t, old, 4);
    if (x <= 0xffff)
        return (uint16_t)x;
    log_warn("ACPI: FADT port %#lx at %u ignored\n", x, old);
    return 0;
}

static void parse_fadt(const struct table *t)
{
    uint32_t flags = field(t, FADT_FLAGS, 4);
    acpi.pm1a_control = fadt_port(t, FADT_PM1A_CNT, FADT_X_PM1A_CNT);
    acpi.pm1b_control = fadt_port(t, FADT_PM1B_CNT, FADT_X_PM1B_CNT);
    acpi.pm_timer_port = fadt_port(t, FADT_PM_TMR, FADT_X_PM_TMR);
    acpi.pm_timer_32bit = flags & FADT_FLAGS_TMR_32BIT;
    acpi.reset_space = field(t, FADT_RESET_REG + GAS_SPACE, 1);
    acpi.reset_address = field(t, FADT_RESET_REG + GAS_ADDRESS, 8);
    acpi.reset_value = field(t, FADT_RESET_VALUE, 1);
    acpi.reset_supported = (flags & FADT_FLAGS_RESET) && acpi.reset_address && acpi.reset_space <= ACPI_SPACE_IO;
}

enum { HPET_BASE = 40, MCFG_ENTRIES = 44, MCFG_ENTRY_SIZE = 16 };

static void parse_hpet(const struct table *t)
{
    uint64_t base = field(t, HPET_BASE + GAS_ADDRESS, 8);
    if (acpi.hpet_base || field(t, HPET_BASE + GAS_SPACE, 1) != ACPI_SPACE_MEMORY)
        return;                 /* the first of several will do */
    if (base & ~PAGE_MASK)
        log_warn("ACPI: HPET at %#lx ignored\n", base);
    else
        acpi.hpet_base = base;
}

/* The window of segment 0, else the first. */
static void parse_mcfg(const struct table *t)
{
    for (uint32_t off = MCFG_ENTRIES; off + MCFG_ENTRY_SIZE <= t->size; off += MCFG_ENTRY_SIZE) {
        uint64_t base = field(t, off, 8);
        uint16_t segment = field(t, off + 8, 2);
        uint8_t start = field(t, off + 10, 1), end = field(t, off + 11, 1);
        if (base == 0 || (base & 0xfffff) || end < start) {
            log_warn("ACPI: MCFG window %#lx of buses %u-%u ignored\n", base, start, end);
        } else if (!acpi.mcfg_base || (segment == 0 && acpi.mcfg_segment != 0)) {
            acpi.mcfg_base = base;
            acpi.mcfg_segment = segment;
            acpi.mcfg_start_bus = start;
            acpi.mcfg_end_bus = end;
        }
    }
}

/* Maps a table whole; `name` is the signature it must have. False: broken, and logged. */
static bool open_table(paddr_t addr, const char *name, struct table *t)
{
    const uint8_t *h = acpi_map(addr, HEADER_SIZE);
    const char *why = NULL;
    if (h)
        memcpy(&t->size, h + 4, 4);
    if (!h || memcmp(h, name, 4) != 0)
        why = "is not there";
    else if (t->size < HEADER_SIZE || t->size > TABLE_SIZE_MAX)
        why = "has a length that cannot be";
    else if (!(t->p = acpi_map(addr, t->size)))
        why = "is not readable";
    else if (!checksum_ok(t->p, t->size))
        why = "is corrupt (checksum)";
    if (why)
        log_warn("ACPI: %s at %#lx %s; skipped\n", name, addr, why);
    return !why;
}

/* Only tables that have a parser are mapped whole: the rest may be large. */
static void read_table(paddr_t addr)
{
    static const struct { char name[5]; void (*parse)(const struct table *t); } parsers[] = {
        { "APIC", parse_madt }, { "FACP", parse_fadt }, { "HPET", parse_hpet }, { "MCFG", parse_mcfg },
    };
    const uint8_t *h = addr ? acpi_map(addr, HEADER_SIZE) : NULL;
    struct table t;
    if (!h) {
        log_warn("ACPI: table at %#lx cannot be read\n", addr);
        return;
    }
    for (unsigned int i = 0; i < ARRAY_SIZE(parsers); i++)
        if (memcmp(h, parsers[i].name, 4) == 0 && open_table(addr, parsers[i].name, &t))
            parsers[i].parse(&t);
}

enum { RSDP_REVISION = 15, RSDP_RSDT = 16, RSDP_XSDT = 24, RSDP_SIZE_1 = 20, RSDP_SIZE_2 = 36 };    /* (5.2.5.3) */

static bool rsdp_ok(const uint8_t *p) { return p && memcmp(p, "RSD PTR ", 8) == 0 && checksum_ok(p, RSDP_SIZE_1); }

static const uint8_t *rsdp_search(paddr_t from, paddr_t to)
{
    for (paddr_t a = ROUND_UP(from, 16ul); a + RSDP_SIZE_2 <= to; a += 16)
        if (rsdp_ok(acpi_map(a, RSDP_SIZE_2)))
            return acpi_map(a, RSDP_SIZE_2);
    return NULL;
}

/* The first KiB of the extended BIOS data area, whose segment is at 0x40e, then the BIOS area (5.2.5.1). */
static const uint8_t *rsdp_find(void)
{
    const uint8_t *segment = acpi_map(0x40e, 2), *rsdp = NULL;
    paddr_t ebda = segment ? (paddr_t)(segment[0] | segment[1] << 8) << 4 : 0;
    if (ebda >= 0x400 && ebda < 0xa0000)
        rsdp = rsdp_search(ebda, ebda + 1024);
    return rsdp ?: rsdp_search(0xe0000, 0x100000);
}

/* The list of tables: XSDT with 8-byte entries when there is a good one, else RSDT with 4-byte ones. */
static bool open_root(const uint8_t *rsdp, struct table *root, uint32_t *entry_size)
{
    uint64_t xsdt = 0;
    uint32_t rsdt;
    if (rsdp[RSDP_REVISION] >= 2 && checksum_ok(rsdp, RSDP_SIZE_2))
        memcpy(&xsdt, rsdp + RSDP_XSDT, sizeof(xsdt));
    memcpy(&rsdt, rsdp + RSDP_RSDT, sizeof(rsdt));
    *entry_size = 8;
    if (xsdt && open_table(xsdt, "XSDT", root))
        return true;
    *entry_size = 4;
    return rsdt && open_table(rsdt, "RSDT", root);
}

void acpi_init(const uint8_t *rsdp)
{
    struct table root;
    uint32_t entry_size;
    memset(&acpi, 0, sizeof(acpi));
    if (!rsdp_ok(rsdp))
        rsdp = rsdp_find();
    if (!rsdp || !open_root(rsdp, &root, &entry_size)) {
        log_warn("ACPI: no tables found\n");
        return;
    }
    uint32_t n = min((root.size - HEADER_SIZE) / entry_size, TABLES_MAX);
    for (uint32_t i = 0; i < n; i++)
        read_table(field(&root, HEADER_SIZE + i * entry_size, entry_size));
    log_info("ACPI: %u CPUs, %u IO-APICs, HPET %#lx, PM timer %#x, MCFG %#lx\n", acpi.nr_cpus, acpi.nr_ioapics,
             acpi.hpet_base, acpi.pm_timer_port, acpi.mcfg_base);
}
