/* SPDX-License-Identifier: MIT */
/* What two disks may have in common: files by several names, whichever back-end has them. The store is a model. */
#include <errno.h>
#include <stdarg.h>
#include <sys/stat.h>

#include "messages.h"

#define vl_store fake_store
#define vl_store_read fake_read
#define vl_store_list fake_list
#include "device/sharing.c"
#include "../run-suite.h"

#define NODES 24

static char folder[32], file[64], link_of[64], hard[64], other[64];
static struct { char path[120], value[120]; } nodes[NODES];
static size_t n_nodes;

struct vl_store *fake_store(struct vl *vl)
{
    return vl->store;
}

static void node(const char *path, const char *value)
{
    ck_assert_uint_lt(n_nodes, NODES);
    snprintf(nodes[n_nodes].path, sizeof(nodes[0].path), "%s", path);
    snprintf(nodes[n_nodes++].value, sizeof(nodes[0].value), "%s", value);
}

char *fake_read(struct vl_store *store, struct vl_arena *arena, const char *fmt, ...)
{
    char path[200];
    va_list ap;

    (void)store;
    va_start(ap, fmt);
    vsnprintf(path, sizeof(path), fmt, ap);
    va_end(ap);
    for (size_t i = 0; i < n_nodes; i++)
        if (!strcmp(nodes[i].path, path))
            return vl_strdup(arena, nodes[i].value);
    return NULL;
}

char **fake_list(struct vl_store *store, struct vl_arena *arena, size_t *n, const char *fmt, ...)
{
    char path[200], **names = NULL;
    va_list ap;
    size_t len;

    (void)store;
    va_start(ap, fmt);
    vsnprintf(path, sizeof(path), fmt, ap);
    va_end(ap);
    len = strlen(path);
    *n = 0;
    for (size_t i = 0; i < n_nodes; i++) {
        char *name;
        bool known = false;

        if (strncmp(nodes[i].path, path, len) || nodes[i].path[len] != '/')
            continue;
        name = vl_strdup(arena, nodes[i].path + len + 1);
        name[strcspn(name, "/")] = 0;
        for (size_t k = 0; k < *n; k++)
            known |= !strcmp(names[k], name);
        if (!known)
            VL_PUSH(arena, names, *n, name);
    }
    return names;
}

/* A disk of domain 5 with vellum-blkd. */
static void process_disk(const char *path, const char *mode)
{
    char params[100];

    n_nodes = 0;
    snprintf(params, sizeof(params), "raw:%s", path);
    node("/local/domain/0/backend/qdisk/5/51712/params", params);
    node("/local/domain/0/backend/qdisk/5/51712/mode", mode);
    node("/local/domain/5/vm", "/vm/five");
    node("/local/domain/7/vm", "/vm/seven");
}

static int check_as(uint32_t domid, unsigned devid, const char *path, bool writable)
{
    struct vl_device dev = { .class = VL_DEV_VBD, .domid = domid, .devid = devid };
    struct vl vl = { 0 };

    return vl_sharing_check(&vl, &dev, path, writable);
}

static void start(void)
{
    char command[400];

    strcpy(folder, "/tmp/sharing-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(file, sizeof(file), "%s/a.img", folder);
    snprintf(link_of, sizeof(link_of), "%s/symlink", folder);
    snprintf(hard, sizeof(hard), "%s/hardlink", folder);
    snprintf(other, sizeof(other), "%s/b.img", folder);
    snprintf(command, sizeof(command), "touch %s %s; ln -s a.img %s; ln %s %s", file, other, link_of, file, hard);
    ck_assert_int_eq(system(command), 0);
    n_nodes = 0;
    messages_start();
}

static void end(void)
{
    char command[64];

    messages_end();
    snprintf(command, sizeof(command), "rm -r %s", folder);
    ck_assert_int_eq(system(command), 0);
}

/* The kernel's back-end or a process wants what a process has. */
START_TEST(by_any_name)
{
    const char *const names[] = { file, link_of, hard };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        process_disk(file, "w");
        ck_assert_int_eq(check_as(7, 51712, names[i], true), -EBUSY);
        messages_expect(names[i], "cannot be used for writing: domain 5 uses it");
        ck_assert_int_eq(check_as(7, 51712, names[i], false), -EBUSY);
        messages_expect(names[i], "cannot be used for reading: domain 5 uses it");
        process_disk(names[i], "r");
        ck_assert_int_eq(check_as(7, 51712, file, false), 0);
        ck_assert_int_eq(check_as(7, 51712, file, true), -EBUSY);
        messages_clear();
    }
    ck_assert_int_eq(check_as(7, 51712, other, true), 0);
    messages_expect("another file", NULL);
}
END_TEST

START_TEST(one_guest)
{
    process_disk(file, "w");
    ck_assert_int_eq(check_as(5, 51728, file, true), -EBUSY);  /* twice in one guest */
    ck_assert_int_eq(check_as(5, 51712, file, true), 0);        /* the disk itself */
    strcpy(nodes[3].value, "/vm/five");                         /* a copy of the guest that is to take over */
    ck_assert_int_eq(check_as(7, 51712, file, true), 0);
}
END_TEST

/* A kernel's disk on a block device: any that the machine has serves, for only its number matters. */
START_TEST(by_number)
{
    struct stat st;

    node("/local/domain/0/backend/vbd/5/51712/physical-device", "fd:7");
    node("/local/domain/0/backend/vbd/5/51712/mode", "w");
    node("/local/domain/0/backend/vbd/6/51712/params", file);  /* not brought up yet */
    ck_assert_int_eq(check_as(7, 51712, file, true), 0);
    if (geteuid())
        return;
    snprintf(other, sizeof(other), "%s/node", folder);
    if (mknod(other, S_IFBLK | 0600, makedev(0xfd, 7)) || stat(other, &st))
        return;
    ck_assert_int_eq(check_as(7, 51712, other, false), -EBUSY);
}
END_TEST

/* What is not there, is no disk's, or an address, is nobody's. */
START_TEST(nothing)
{
    process_disk("nbd://host/disk", "w");
    ck_assert_int_eq(check_as(7, 51712, "nbd://host/disk", true), 0);
    process_disk("/nowhere", "w");
    ck_assert_int_eq(check_as(7, 51712, "/nowhere", true), 0);
    process_disk("/dev/null", "w");
    ck_assert_int_eq(check_as(7, 51712, "/dev/null", true), 0);
    messages_expect("nothing", NULL);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tools: what disks share");
    TCase *t = tcase_create("sharing");

    tcase_add_checked_fixture(t, start, end);
    tcase_add_test(t, by_any_name);
    tcase_add_test(t, one_guest);
    tcase_add_test(t, by_number);
    tcase_add_test(t, nothing);
    suite_add_tcase(s, t);
    return run_suite(s);
}
