/* SPDX-License-Identifier: MIT */
/* What the boot loader hands over, by the Multiboot Specification 0.6.96 and the Multiboot2 Specification 2.0, copied
 * into boot_info. Runs once, with the first 4 GiB of physical memory reachable by paddr_to_virt(). Nothing the loader
 * says is believed: every range is checked to lie below 4 GiB, every string and list is cut to the size of its place.
 * What is left of it decides whether we can boot: only without RAM or a module (the dom0 kernel) is there a panic. */
#include <hv/boot.h>
#include <hv/console.h>
#include <hv/lib.h>
#include <hv/mm.h>

#define MULTIBOOT1_MAGIC 0x2badb002
#define MULTIBOOT2_MAGIC 0x36d76289
#define REACHABLE_END    (1UL << 32)
/* More than any loader gives; damaged counts must not keep us looking through all of memory. */
#define MAX_MODULES      64
#define MAX_MAP_BYTES    (1u << 16)
#define MAX_INFO_BYTES   (1u << 24)

struct boot_info boot_info;

enum { MB1_CMDLINE = 1 << 2, MB1_MODS = 1 << 3, MB1_MMAP = 1 << 6, MB1_LOADER = 1 << 9 };
struct mb1_info {
    uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr, syms[4], mmap_length, mmap_addr,
             drives_length, drives_addr, config_table, boot_loader_name;
} __packed;
struct mb1_module { uint32_t start, end, string, reserved; } __packed;
struct mb1_mmap { uint32_t size; uint64_t addr, len; uint32_t type; } __packed;    /* size does not count itself */

enum { MB2_END = 0, MB2_CMDLINE = 1, MB2_LOADER = 2, MB2_MODULE = 3, MB2_MMAP = 6, MB2_ACPI_OLD = 14,
       MB2_ACPI_NEW = 15 };
struct mb2_info { uint32_t total_size, reserved; } __packed;
struct mb2_tag { uint32_t type, size; char data[]; } __packed;
struct mb2_module { uint32_t start, end; char string[]; } __packed;
struct mb2_mmap { uint32_t entry_size, entry_version; } __packed;
struct mb2_mmap_entry { uint64_t addr, len; uint32_t type, reserved; } __packed;

/* The bytes [p, p + len) of physical memory; NULL when not all are reachable, or in the BIOS's first page. */
static const void *phys(uint64_t p, uint64_t len)
{
    if (p < PAGE_SIZE || p >= REACHABLE_END || len > REACHABLE_END - p)
        return NULL;
    return paddr_to_virt(p);
}

/* Copies a string of at most `max` bytes, with or without a terminator, cut to the size of dst. */
static void copy_text(char *dst, size_t size, const char *src, size_t max)
{
    size_t n = strnlen(src, min(max, size - 1));
    memcpy(dst, src, n);
    dst[n] = '\0';
}

static void copy_phys_string(char *dst, size_t size, uint32_t p)
{
    const char *s = phys(p, 1);
    dst[0] = '\0';
    if (s)
        copy_text(dst, size, s, REACHABLE_END - p);
}

/* QEMU and GRUB 0.9x put the file's name before the arguments, GRUB 2 does not; its first character may tell it too. */
static void strip_file_name(char *s)
{
    const char *loader = boot_info.loader;
    bool names = !strncmp(loader, "qemu", 4) || !strncmp(loader, "GNU GRUB 0", 10) || !strncmp(loader, "GRUB 0", 6);
    const char *p = s;
    if (!names && s[0] != '/' && s[0] != '(')
        return;
    while (*p && *p != ' ')
        p++;
    while (*p == ' ')
        p++;
    memmove(s, p, strlen(p) + 1);
}

static void add_module(uint64_t start, uint64_t end, const char *string, size_t max)
{
    struct boot_module *m = &boot_info.module[boot_info.nr_modules];
    if (boot_info.nr_modules == ARRAY_SIZE(boot_info.module) || end <= start || !phys(start, end - start))
        return;
    m->start = start;
    m->size = end - start;
    copy_text(m->cmdline, sizeof(m->cmdline), string, max);
    boot_info.nr_modules++;
}

static struct e820_entry raw_map[E820_MAX];     /* as the loader gave it: any order, overlapping */
static unsigned int raw_count;

static void add_range(uint64_t addr, uint64_t len, uint32_t type)
{
    len = min(len, ~0UL - addr);
    if (len && raw_count < E820_MAX)
        raw_map[raw_count++] = (struct e820_entry){ addr, len, type };
}

/* Where ranges overlap the higher one wins; what we do not know is nobody's. */
static unsigned int restrictiveness(uint32_t type)
{
    static const uint8_t of[] = { 6, [E820_RAM] = 1, [E820_ACPI] = 2, [E820_NVS] = 3, [E820_RESERVED] = 4,
                                  [E820_UNUSABLE] = 5 };
    return type < ARRAY_SIZE(of) ? of[type] : 6;
}

/* The most restrictive type of the raw ranges that cover addr; 0: none. *end: where that may change. */
static uint32_t type_at(uint64_t addr, uint64_t *end)
{
    uint32_t type = 0;
    *end = ~0UL;
    for (unsigned int i = 0; i < raw_count; i++) {
        const struct e820_entry *r = &raw_map[i];
        if (r->addr > addr) {
            *end = min(*end, r->addr);
        } else if (addr - r->addr < r->size) {
            *end = min(*end, r->addr + r->size);
            if (!type || restrictiveness(r->type) > restrictiveness(type))
                type = r->type;
        }
    }
    return type;
}

/* Sweeps upwards over all range ends. A map that does not fit loses its upper end, not its truth. */
static void build_e820(void)
{
    struct boot_info *b = &boot_info;
    uint64_t end;
    for (uint64_t addr = 0; addr != ~0UL; addr = end) {
        uint32_t type = type_at(addr, &end);
        struct e820_entry *last = b->nr_e820 ? &b->e820[b->nr_e820 - 1] : NULL;
        if (type && last && last->type == type && last->addr + last->size == addr)
            last->size += end - addr;
        else if (type && b->nr_e820 < E820_MAX)
            b->e820[b->nr_e820++] = (struct e820_entry){ addr, end - addr, type };
    }
}

static void parse_mb1_map(const struct mb1_info *i)
{
    uint32_t off = 0, length = min(i->mmap_length, MAX_MAP_BYTES);
    const char *map = phys(i->mmap_addr, length);
    while (map && length - off >= sizeof(struct mb1_mmap)) {
        const struct mb1_mmap *m = (const void *)(map + off);
        if (m->size < sizeof(*m) - sizeof(m->size))
            return;
        add_range(m->addr, m->len, m->type);
        if (m->size > length - off - sizeof(m->size))
            return;
        off += m->size + (uint32_t)sizeof(m->size);
    }
}

static void parse_mb1(paddr_t paddr)
{
    const struct mb1_info *i = phys(paddr, sizeof(*i));
    if (!i)
        return;
    if (i->flags & MB1_LOADER)
        copy_phys_string(boot_info.loader, sizeof(boot_info.loader), i->boot_loader_name);
    if (i->flags & MB1_CMDLINE)
        copy_phys_string(boot_info.cmdline, sizeof(boot_info.cmdline), i->cmdline);
    if (i->flags & MB1_MMAP)
        parse_mb1_map(i);
    for (uint32_t n = 0; (i->flags & MB1_MODS) && n < min(i->mods_count, (uint32_t)MAX_MODULES); n++) {
        const struct mb1_module *m = phys(i->mods_addr + n * sizeof(*m), sizeof(*m));
        const char *string = m ? phys(m->string, 1) : NULL;
        if (m)
            add_module(m->start, m->end, string ? string : "", string ? REACHABLE_END - m->string : 0);
    }
}

static void parse_mb2_map(const char *data, uint32_t size)
{
    const struct mb2_mmap *head = (const void *)data;
    size = min(size, MAX_MAP_BYTES);
    if (size < sizeof(*head) || head->entry_size < sizeof(struct mb2_mmap_entry))
        return;
    for (uint32_t off = sizeof(*head); size - off >= head->entry_size; off += head->entry_size) {
        const struct mb2_mmap_entry *e = (const void *)(data + off);
        add_range(e->addr, e->len, e->type);
    }
}

/* One tag, whose `size` bytes of data are there. */
static void parse_mb2_tag(uint32_t type, const char *data, uint32_t size)
{
    const struct mb2_module *mod = (const void *)data;
    struct boot_info *b = &boot_info;
    if (type == MB2_CMDLINE) {
        copy_text(b->cmdline, sizeof(b->cmdline), data, size);
    } else if (type == MB2_LOADER) {
        copy_text(b->loader, sizeof(b->loader), data, size);
    } else if (type == MB2_MODULE && size >= sizeof(*mod)) {
        add_module(mod->start, mod->end, mod->string, size - sizeof(*mod));
    } else if (type == MB2_MMAP) {
        parse_mb2_map(data, size);
    } else if (type == MB2_ACPI_NEW || (type == MB2_ACPI_OLD && !b->has_rsdp)) {
        b->has_rsdp = true;         /* a copy of the root pointer; the newer one is preferred */
        memset(b->rsdp, 0, sizeof(b->rsdp));
        memcpy(b->rsdp, data, min_t(size_t, size, sizeof(b->rsdp)));
    }
}

static void parse_mb2(paddr_t paddr)
{
    const struct mb2_info *info = phys(paddr, sizeof(*info));
    uint32_t total = info ? min(info->total_size, MAX_INFO_BYTES) : 0;
    if (!phys(paddr, total))
        return;
    for (uint32_t off = sizeof(*info); off < total && total - off >= sizeof(struct mb2_tag); ) {
        const struct mb2_tag *t = (const void *)((const char *)info + off);
        if (t->type == MB2_END || t->size < sizeof(*t) || t->size > total - off)
            break;
        parse_mb2_tag(t->type, t->data, t->size - (uint32_t)sizeof(*t));
        if (ROUND_UP((uint64_t)t->size, 8) > total - off)
            break;
        off += ROUND_UP(t->size, 8u);
    }
}

void multiboot_parse(uint32_t magic, paddr_t info)
{
    bool ram = false;
    memset(&boot_info, 0, sizeof(boot_info));
    raw_count = 0;
    if (magic == MULTIBOOT1_MAGIC)
        parse_mb1(info);
    else if (magic == MULTIBOOT2_MAGIC)
        parse_mb2(info);
    else
        panic("not started by a multiboot loader (magic %#x)", magic);
    build_e820();
    strip_file_name(boot_info.cmdline);
    for (unsigned int i = 0; i < boot_info.nr_modules; i++)
        strip_file_name(boot_info.module[i].cmdline);
    for (unsigned int i = 0; i < boot_info.nr_e820; i++)
        ram |= boot_info.e820[i].type == E820_RAM;
    if (!ram)
        panic("the boot loader gave no memory map");
    if (boot_info.nr_modules == 0)
        panic("the boot loader gave no module: the first one must be the dom0 kernel");
}
