/* SPDX-License-Identifier: MIT */
/* boot/multiboot.c and boot/cmdline.c: what loaders give, well-formed and not. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "fake-memory.h"
#include "lib-stubs.h"
#include "run-suite.h"

#include <hv/boot.h>

#define MB1 0x2badb002u
#define MB2 0x36d76289u
#define INFO 0x10000u           /* where the tests put the loader's structure */
#define KERNEL 0x400000u

static char *ram;
extern char last_log[512];

static void put32(uint32_t at, uint32_t v)
{
    memcpy(ram + at, &v, sizeof(v));
}

static void put64(uint32_t at, uint64_t v)
{
    memcpy(ram + at, &v, sizeof(v));
}

static noinline bool parse_panics(uint32_t magic, paddr_t info)
{
    return EXPECT_PANIC(multiboot_parse(magic, info));
}

/* --- Multiboot 1 --- */

static uint32_t mb1_end;        /* free space behind the structure */

static void mb1_begin(uint32_t flags)
{
    memset(ram + INFO, 0, 0x4000);
    put32(INFO, flags);
    mb1_end = INFO + 0x100;
}

static uint32_t mb1_string(const char *s)
{
    uint32_t at = mb1_end;

    strcpy(ram + at, s);
    mb1_end += (uint32_t)strlen(s) + 1;
    return at;
}

static void mb1_map(const struct e820_entry *e, unsigned int n)
{
    put32(INFO + 48, mb1_end);
    for (unsigned int i = 0; i < n; i++) {
        put32(mb1_end, 20);
        put64(mb1_end + 4, e[i].addr);
        put64(mb1_end + 12, e[i].size);
        put32(mb1_end + 20, e[i].type);
        mb1_end += 24;
    }
    put32(INFO + 44, n * 24);
}

static void mb1_modules(unsigned int n, const char *const *strings)
{
    uint32_t list = INFO + 0x3000;

    put32(INFO + 20, n);
    put32(INFO + 24, list);
    for (unsigned int i = 0; i < n; i++) {
        put32(list + i * 16, KERNEL + i * 0x100000);
        put32(list + i * 16 + 4, KERNEL + i * 0x100000 + 0x1234);
        put32(list + i * 16 + 8, mb1_string(strings[i]));
    }
}

static const struct e820_entry pc_map[] = {
    { 0, 0x9fc00, E820_RAM }, { 0x9fc00, 0x400, E820_RESERVED }, { 0xf0000, 0x10000, E820_RESERVED },
    { 0x100000, 0x7fee0000, E820_RAM }, { 0x7ffe0000, 0x20000, E820_RESERVED },
};

START_TEST(multiboot1)
{
    static const char *const mods[] = { "vmlinuz console=hvc0 root=/dev/ram0", "initrd.gz" };

    mb1_begin(0x24d);
    put32(INFO + 64, mb1_string("qemu"));
    put32(INFO + 16, mb1_string("vellum loglvl=all  noreboot"));
    mb1_map(pc_map, ARRAY_SIZE(pc_map));
    mb1_modules(2, mods);
    multiboot_parse(MB1, INFO);
    ck_assert_str_eq(boot_info.cmdline, "loglvl=all  noreboot");
    ck_assert_str_eq(boot_info.loader, "qemu");
    ck_assert_uint_eq(boot_info.nr_modules, 2);
    ck_assert_uint_eq(boot_info.module[0].start, KERNEL);
    ck_assert_uint_eq(boot_info.module[0].size, 0x1234);
    ck_assert_str_eq(boot_info.module[0].cmdline, "console=hvc0 root=/dev/ram0");
    ck_assert_str_eq(boot_info.module[1].cmdline, "");
    ck_assert_uint_eq(boot_info.nr_e820, ARRAY_SIZE(pc_map));
    ck_assert_mem_eq(boot_info.e820, pc_map, sizeof(pc_map));
}
END_TEST

START_TEST(file_names)
{
    static const struct { const char *loader, *cmdline, *expect; } cases[] = {
        { "GRUB 2.06-13+deb12u1", "placeholder root=/dev/sda1", "placeholder root=/dev/sda1" },
        { "GRUB 2.06-13+deb12u1", "/boot/xen.gz com1=115200", "com1=115200" },
        { "GNU GRUB 0.97", "vellum com1=115200", "com1=115200" },
        { "qemu", "vellum", "" },
        { "", "(hd0,0)/vellum noreboot", "noreboot" },
        { "other", "noreboot", "noreboot" },
    };
    static const char *const mods[] = { "x" };

    for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
        mb1_begin(0x24d);
        put32(INFO + 64, mb1_string(cases[i].loader));
        put32(INFO + 16, mb1_string(cases[i].cmdline));
        mb1_map(pc_map, ARRAY_SIZE(pc_map));
        mb1_modules(1, mods);
        multiboot_parse(MB1, INFO);
        ck_assert_str_eq(boot_info.cmdline, cases[i].expect);
    }
}
END_TEST

START_TEST(limits)
{
    static const char *const mods[] = { "a", "b", "c", "d", "e", "f" };

    mb1_begin(0x48);
    mb1_map(pc_map, ARRAY_SIZE(pc_map));
    mb1_modules(6, mods);
    put32(INFO + 0x3000 + 16 + 4, 0);               /* the second ends before it starts: left out */
    multiboot_parse(MB1, INFO);
    ck_assert_uint_eq(boot_info.nr_modules, 4);
    ck_assert_str_eq(boot_info.module[1].cmdline, "c");
}
END_TEST

START_TEST(refusals)
{
    static const char *const mods[] = { "a" };

    ck_assert(parse_panics(0x1234, INFO));
    ck_assert(strstr(panic_text, "0x1234"));
    mb1_begin(0x8);
    mb1_modules(1, mods);
    ck_assert(parse_panics(MB1, INFO));
    ck_assert(strstr(panic_text, "memory map"));
    mb1_begin(0x40);
    mb1_map(pc_map, ARRAY_SIZE(pc_map));
    ck_assert(parse_panics(MB1, INFO));
    ck_assert(strstr(panic_text, "module"));
    ck_assert(parse_panics(MB1, 0));
    ck_assert(parse_panics(MB1, FAKE_MEMORY - 8));
    ck_assert(parse_panics(MB2, FAKE_MEMORY - 8));
    ck_assert(parse_panics(MB2, FAKE_MEMORY * 2));
}
END_TEST

/* --- the memory map --- */

/* What a byte of memory is, read off the raw list and off the cleaned one. */
static uint32_t raw_type(const struct e820_entry *e, unsigned int n, uint64_t addr)
{
    static const unsigned int rank[] = { 0, 1, 4, 2, 3, 5 };
    uint32_t best = 0;

    for (unsigned int i = 0; i < n; i++)
        if (addr >= e[i].addr && addr - e[i].addr < e[i].size && rank[e[i].type] > rank[best])
            best = e[i].type;
    return best;
}

START_TEST(map_random)
{
    static const char *const mods[] = { "k" };
    uint64_t seed = 6;

    for (unsigned int round = 0; round < 3000; round++) {
        struct e820_entry e[12];
        unsigned int n = 1 + next_random(&seed) % ARRAY_SIZE(e);

        for (unsigned int i = 0; i < n; i++)
            e[i] = (struct e820_entry){ next_random(&seed) % 64, next_random(&seed) % 32, 1 + next_random(&seed) % 5 };
        e[0] = (struct e820_entry){ 100, 10, E820_RAM };
        mb1_begin(0x48);
        mb1_map(e, n);
        mb1_modules(1, mods);
        multiboot_parse(MB1, INFO);
        for (uint64_t a = 0; a < 120; a++)
            ck_assert_uint_eq(raw_type(boot_info.e820, boot_info.nr_e820, a), raw_type(e, n, a));
        for (unsigned int i = 0; i + 1 < boot_info.nr_e820; i++) {
            const struct e820_entry *x = &boot_info.e820[i], *y = x + 1;

            ck_assert_uint_ge(y->addr, x->addr + x->size);
            ck_assert(y->addr != x->addr + x->size || y->type != x->type);
        }
    }
}
END_TEST

START_TEST(map_extremes)
{
    static const char *const mods[] = { "k" };
    struct e820_entry many[E820_MAX + 20];
    const struct e820_entry wrap[] = { { 0x100000, ~0UL, E820_RAM }, { 0x200000, 0x1000, 99 }, { ~0UL, 5, 2 } };

    mb1_begin(0x48);
    mb1_map(wrap, 3);
    mb1_modules(1, mods);
    multiboot_parse(MB1, INFO);
    ck_assert_uint_eq(boot_info.nr_e820, 3);
    ck_assert_uint_eq(boot_info.e820[1].type, 99);
    ck_assert_uint_eq(boot_info.e820[2].addr + boot_info.e820[2].size, ~0UL);
    /* Every one within a large one: more pieces than there is room for. */
    many[0] = (struct e820_entry){ 0, 1UL << 40, E820_RAM };
    for (unsigned int i = 1; i < ARRAY_SIZE(many); i++)
        many[i] = (struct e820_entry){ i * 0x100000UL, 0x1000, E820_RESERVED };
    mb1_begin(0x48);
    mb1_map(many, ARRAY_SIZE(many));
    mb1_modules(1, mods);
    multiboot_parse(MB1, INFO);
    ck_assert_uint_eq(boot_info.nr_e820, E820_MAX);
    ck_assert_uint_eq(raw_type(boot_info.e820, E820_MAX, 0x500000), E820_RESERVED);
    ck_assert_uint_eq(raw_type(boot_info.e820, E820_MAX, 0x580000), E820_RAM);
}
END_TEST

/* --- Multiboot 2 --- */

static uint32_t mb2_end;

static void mb2_begin(void)
{
    memset(ram + INFO, 0, 0x4000);
    mb2_end = INFO + 8;
}

static void mb2_tag(uint32_t type, const void *data, uint32_t size)
{
    put32(mb2_end, type);
    put32(mb2_end + 4, size + 8);
    memcpy(ram + mb2_end + 8, data, size);
    mb2_end += (size + 8 + 7) & ~7u;
}

static void mb2_finish(void)
{
    mb2_tag(0, "", 0);
    put32(INFO, mb2_end - INFO);
}

static void mb2_sample(void)
{
    struct { uint32_t start, end; char s[32]; } mod = { KERNEL, KERNEL + 0x500000, "placeholder console=hvc0" };
    struct { uint32_t entry_size, version; struct { uint64_t a, l; uint32_t t, z; } e[2]; } map = {
        24, 0, { { 0, 0x9f000, 1, 0 }, { 0x100000, 0x10000000, 1, 0 } }
    };
    uint32_t basic[2] = { 639, 1024 };

    mb2_begin();
    mb2_tag(4, basic, sizeof(basic));
    mb2_tag(1, "com1=115200,8n1 dom0_mem=512M", 30);
    mb2_tag(2, "GRUB 2.06", 10);
    mb2_tag(3, &mod, 8 + 25);
    mb2_tag(6, &map, sizeof(map));
    mb2_tag(15, "RSD PTR new-new-new-new-new-new-new!", 36);
    mb2_tag(14, "RSD PTR old-old-old", 20);
    mb2_tag(12, "\0\0\0\0\0\0\0\1", 8);
    mb2_finish();
}

START_TEST(multiboot2)
{
    mb2_sample();
    multiboot_parse(MB2, INFO);
    ck_assert_str_eq(boot_info.cmdline, "com1=115200,8n1 dom0_mem=512M");
    ck_assert_str_eq(boot_info.loader, "GRUB 2.06");
    ck_assert_uint_eq(boot_info.nr_modules, 1);
    ck_assert_uint_eq(boot_info.module[0].size, 0x500000);
    ck_assert_str_eq(boot_info.module[0].cmdline, "placeholder console=hvc0");
    ck_assert_uint_eq(boot_info.nr_e820, 2);
    ck_assert_uint_eq(boot_info.e820[1].size, 0x10000000);
    ck_assert_mem_eq(boot_info.rsdp, "RSD PTR new-new-new-new-new-new-new!", 36);
}
END_TEST

/* The structure at the very end of memory, damaged in all ways: it may be refused, nothing else may happen. */
START_TEST(damaged)
{
    uint64_t seed = 7;
    uint32_t size, where;
    char *copy;

    for (unsigned int kind = 0; kind < 2; kind++) {
        static const char *const mods[] = { "vmlinuz a b c", "initrd" };

        if (kind) {
            mb2_sample();
            size = mb2_end - INFO;
        } else {
            mb1_begin(0x24d);
            put32(INFO + 16, mb1_string("vellum x"));
            mb1_map(pc_map, ARRAY_SIZE(pc_map));
            mb1_modules(2, mods);
            size = 0x3020;
        }
        copy = malloc(size);
        memcpy(copy, ram + INFO, size);
        for (unsigned int round = 0; round < 30000; round++) {
            where = round % 2 ? INFO : (uint32_t)(FAKE_MEMORY - size + next_random(&seed) % 64);
            memcpy(ram + where, copy, min(size, (uint32_t)(FAKE_MEMORY - where)));
            for (unsigned int i = 1 + next_random(&seed) % 8; i; i--) {
                uint64_t at = (uint64_t)where + next_random(&seed) % (kind || i % 2 ? size : 116);

                if (at < FAKE_MEMORY)
                    ram[at] = (char)next_random(&seed);
            }
            parse_panics(kind ? MB2 : MB1, where);
            ck_assert_uint_le(boot_info.nr_e820, E820_MAX);
            ck_assert_uint_le(boot_info.nr_modules, ARRAY_SIZE(boot_info.module));
        }
        free(copy);
    }
}
END_TEST

/* --- cmdline.c --- */

START_TEST(options)
{
    const struct boot_options *o = &boot_options;

    ck_assert(o->smap && o->smep && !o->noreboot);
    cmdline_parse("console=com1,vga com1=115200,8n1,0x2f8,3\tdom0_mem=512M,max:1G,min:-64M dom0_max_vcpus=4 "
                  "dom0_vcpus_pin loglvl=all guest_loglvl=none/warning noreboot maxcpus=2 sched=credit2 smap=0 no-smep "
                  "x2apic=off gnttab_max_frames=128");
    ck_assert_str_eq(o->console, "com1,vga");
    ck_assert_str_eq(o->com1, "115200,8n1,0x2f8,3");
    ck_assert(o->dom0_mem.set);
    ck_assert_uint_eq(o->dom0_mem.size, 512UL << 20);
    ck_assert_uint_eq(o->dom0_mem.max, 1UL << 30);
    ck_assert_int_eq((int64_t)o->dom0_mem.min, -(64L << 20));
    ck_assert_uint_eq(o->dom0_max_vcpus, 4);
    ck_assert(o->dom0_vcpus_pin && o->noreboot && !o->smap && !o->smep && !o->x2apic && o->xsave);
    ck_assert_str_eq(o->guest_loglvl, "none/warning");
    ck_assert_uint_eq(o->maxcpus, 2);
    ck_assert_str_eq(o->sched, "credit2");
    ck_assert_uint_eq(o->gnttab_max_frames, 128);
    cmdline_log_unknown();
    ck_assert_str_eq(last_log, "");
    cmdline_parse("smap=yes smep noreboot=false dom0_mem=-1G no-dom0_vcpus_pin");
    ck_assert(o->smap && o->smep && !o->noreboot && !o->dom0_vcpus_pin);
    ck_assert_int_eq((int64_t)o->dom0_mem.size, -(1L << 30));
    ck_assert_uint_eq(o->dom0_mem.max, 0);
}
END_TEST

START_TEST(bad_options)
{
    char cmdline[3000];

    last_log[0] = '\0';
    cmdline_parse("dom0_mem=512M maxcpus=2");
    cmdline_parse("foo bar=1 maxcpus=x maxcpus maxcpus= no-maxcpus=3 dom0_mem=12Q dom0_mem=1M, no-smap=1 smap=maybe "
                  "maxcpus=-5 sched=averyveryverylongname no-");
    ck_assert_uint_eq(boot_options.maxcpus, 2);
    ck_assert_uint_eq(boot_options.dom0_mem.size, 512UL << 20);
    cmdline_log_unknown();
    ck_assert(strstr(last_log, "unknown option 'foo'"));
    ck_assert(strstr(last_log, "bad value in 'maxcpus=x'"));
    ck_assert(strstr(last_log, "bad value in 'dom0_mem=1M,'"));
    memset(cmdline, 'a', sizeof(cmdline));
    cmdline[300] = ' ';
    for (unsigned int i = 400; i < 500; i += 2)
        cmdline[i] = ' ';
    cmdline[sizeof(cmdline) - 1] = '\0';
    cmdline_parse(cmdline);
    last_log[0] = '\0';
    cmdline_log_unknown();
    cmdline_parse("");
    ck_assert_str_eq(hv_cmdline, "");
}
END_TEST

START_TEST(cmdline_random)
{
    static const char *const bits[] = { "smap", "no-", "=", "dom0_mem", "min:", "max:", "-", "1", "M", ",", " ", "com1",
                                        "off", "maxcpus", "0x", "99999999999999999999", "T" };
    uint64_t seed = 8;

    for (unsigned int round = 0; round < 20000; round++) {
        char s[2048] = "";

        for (unsigned int i = next_random(&seed) % 40; i; i--)
            strcat(s, bits[next_random(&seed) % ARRAY_SIZE(bits)]);
        cmdline_parse(s);
        last_log[0] = '\0';
        cmdline_log_unknown();
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("boot");
    TCase *t = tcase_create("boot");

    ram = fake_memory_init();
    tcase_set_timeout(t, 120);
    tcase_add_test(t, multiboot1);
    tcase_add_test(t, file_names);
    tcase_add_test(t, limits);
    tcase_add_test(t, refusals);
    tcase_add_test(t, map_random);
    tcase_add_test(t, map_extremes);
    tcase_add_test(t, multiboot2);
    tcase_add_test(t, damaged);
    tcase_add_test(t, options);
    tcase_add_test(t, bad_options);
    tcase_add_test(t, cmdline_random);
    suite_add_tcase(s, t);
    return run_suite(s);
}
