/* SPDX-License-Identifier: MIT */
/* Which kernel a configuration starts, and how pygrub's arguments reach GRUB. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "life/boot.h"
#include "messages.h"
#include "../run-suite.h"

static char folder[] = "/tmp/vellum-boot-XXXXXX", image[64];

static struct vl_config *config(const char *more)
{
    struct vl_arena arena = { 0 };
    struct vl_settings settings = { 0 };
    struct vl_config *c = NULL;
    char text[1024];

    snprintf(text, sizeof(text), "name='n'\nmemory=64\n%s", more);
    if (!vl_settings_parse(&settings, &arena, "c", text, strlen(text)))
        c = vl_config_make(&settings);
    vl_arena_free(&arena);
    ck_assert_msg(c != NULL, "%s", more);
    return c;
}

#define DISK "disk=['/d,raw,xvda,w']\n"

/* What arguments.cfg in the image has become, without its blanks. */
static const char *arguments(const char *path)
{
    static char text[8192];
    FILE *f = fopen(path, "r");
    size_t n;

    ck_assert_msg(f != NULL, "%s", path);
    n = fread(text, 1, sizeof(text), f);
    fclose(f);
    ck_assert_uint_eq(n, 6 + 4096 + 5);
    ck_assert_mem_eq(text, "before", 6);
    ck_assert_mem_eq(text + 6 + 4095, "\nafter", 6);
    n = 6 + 4095;
    while (text[n - 1] == ' ')
        n--;
    text[n] = 0;
    return text + 6;
}

START_TEST(chosen)
{
    static const struct { const char *text, *kernel, *cmdline, *arguments; } rows[] = {
        { "kernel='/k'\ncmdline='a b'\nbootloader='/usr/bin/other'\n", "/k", "a b", NULL },
        { "bootloader='pygrub'\n" DISK, image, NULL, NULL },
        { "bootloader='/usr/lib/xen-4.17/bin/pygrub'\n" DISK, image, NULL, NULL },
        { "firmware='pvgrub64'\n" DISK, image, NULL, NULL },
        { "bootloader='pygrub'\nextra='single'\n" DISK, NULL, NULL, "set vellum_args='single'\n#" },
        { "bootloader='pygrub'\nbootloader_args=['-q','--entry=2','--args=a b']\n" DISK, NULL, NULL,
          "set vellum_entry='2'\nset vellum_args='a b'\n#" },
        { "bootloader='pygrub'\nbootloader_args=['--kernel=/vmlinuz','--ramdisk=/initrd.img']\n" DISK, NULL, NULL,
          "set vellum_kernel='/vmlinuz'\nset vellum_ramdisk='/initrd.img'\n#" },
        { "bootloader='pygrub'\nextra=\"it's \\\"$x\\\"; halt\"\n" DISK, NULL, NULL,
          "set vellum_args='it'\\''s \"$x\"; halt'\n#" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct vl_config *c = config(rows[i].text);
        struct vl_boot boot;

        messages_clear();
        ck_assert_msg(vl_boot_choose(c, &boot) == 0, "%s", rows[i].text);
        if (rows[i].kernel)
            ck_assert_str_eq(boot.kernel, rows[i].kernel);
        if (rows[i].arguments)
            ck_assert_str_eq(arguments(boot.kernel), rows[i].arguments);
        if (rows[i].cmdline)
            ck_assert_str_eq(boot.cmdline, rows[i].cmdline);
        else
            ck_assert_ptr_null(boot.cmdline);
        vl_boot_free(&boot);
        vl_config_free(c);
    }
}
END_TEST

/* An image that takes no arguments is none of ours; too many do not fit. */
START_TEST(no_room)
{
    char text[5000];
    struct vl_config *c = config("bootloader='pygrub'\n" DISK);
    struct vl_boot boot;

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = 0;
    c->cmdline = text;
    messages_clear();
    ck_assert_int_ne(vl_boot_choose(c, &boot), 0);
    messages_expect("long", "4094 are the most");
    vl_boot_free(&boot);
    ck_assert_int_eq(truncate(image, 4000), 0);
    c->cmdline = text + 4990;
    messages_clear();
    ck_assert_int_ne(vl_boot_choose(c, &boot), 0);
    messages_expect("short image", "takes no arguments");
    vl_boot_free(&boot);
    vl_config_free(c);
}
END_TEST

START_TEST(not_chosen)
{
    static const struct { const char *text, *told; } rows[] = {
        { "bootloader='eliloader'\n" DISK, "only \"pygrub\"" }, { "firmware='pvgrub32'\n" DISK, "only \"pvgrub64\"" },
        { "bootloader='pygrub'\n", "no disk" },
        { "bootloader='pygrub'\nbootloader_args=['--args=a\\nb']\n" DISK, "'a\\x0ab': a boot loader's argument cannot hold control characters" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct vl_config *c = config(rows[i].text);
        struct vl_boot boot;

        messages_clear();
        ck_assert_msg(vl_boot_choose(c, &boot) != 0, "%s", rows[i].text);
        messages_expect(rows[i].text, rows[i].told);
        vl_boot_free(&boot);
        vl_config_free(c);
    }
}
END_TEST

static void setup(void)
{
    FILE *f;

    messages_start();
    strcpy(folder, "/tmp/vellum-boot-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(image, sizeof(image), "%s/pvgrub64", folder);
    f = fopen(image, "w");
    ck_assert_ptr_nonnull(f);
    fprintf(f, "before#vellum-arguments:%4077s\nafter", "");
    fclose(f);
    setenv("VELLUM_LIB", folder, 1);
}

static void teardown(void)
{
    unlink(image);
    rmdir(folder);
    messages_end();
}

int main(void)
{
    Suite *suite = suite_create("boot");
    TCase *t = tcase_create("boot");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, chosen);
    tcase_add_test(t, not_chosen);
    tcase_add_test(t, no_room);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
