/* SPDX-License-Identifier: MIT */
/* Back-ends whose domain has gone, and whose domain's own nodes too: found where they are, and taken away like others. */
#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define vl_store fake_store
#define vl_store_list fake_list
#define vl_store_read fake_read
#define vl_store_write fake_write
#define vl_store_rm fake_rm
#define vl_store_apply fake_apply
#define vl_store_prune fake_prune
#define vl_backend_state fake_state
#define vl_wait_backends fake_wait
#define vl_device_run_script fake_script
#include "device/detach.c"
#include "../run-suite.h"

static char said[2048];         /* what was done, a word each */
static const char *folder, *name;   /* what dom0 has for domain 9 */

static void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *fmt, ...)
{
    size_t at = strlen(said);
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(said + at, sizeof(said) - at, fmt, ap);
    va_end(ap);
}

struct vl_store *fake_store(struct vl *vl)
{
    return vl->store;
}

char **fake_list(struct vl_store *store, struct vl_arena *arena, size_t *n, const char *fmt, ...)
{
    char path[200], wanted[200], **names = NULL;
    va_list ap;

    (void)store;
    va_start(ap, fmt);
    vsnprintf(path, sizeof(path), fmt, ap);
    va_end(ap);
    snprintf(wanted, sizeof(wanted), "/local/domain/0/backend/%s/9", folder);
    *n = 0;
    if (!strcmp(path, wanted))
        VL_PUSH(arena, names, *n, vl_strdup(arena, name));
    return names;
}

char *fake_read(struct vl_store *store, struct vl_arena *arena, const char *fmt, ...)
{
    (void)store;
    (void)arena;
    (void)fmt;
    return NULL;
}

void fake_write(struct vl_store *store, const char *value, const char *fmt, ...)
{
    (void)store;
    (void)fmt;
    say("write=%s ", value);
}

void fake_rm(struct vl_store *store, const char *fmt, ...)
{
    (void)store;
    (void)fmt;
}

int fake_apply(struct vl_store *store)
{
    (void)store;
    return 0;
}

int fake_prune(struct vl_store *store, const char *top, const char *fmt, ...)
{
    va_list ap;

    (void)store;
    ck_assert_str_eq(top, "/local/domain/0");
    say("prune ");
    va_start(ap, fmt);
    vsnprintf(said + strlen(said), sizeof(said) - strlen(said), fmt, ap);
    va_end(ap);
    return 0;
}

int fake_state(struct vl *vl, const struct vl_device *dev)
{
    (void)vl;
    (void)dev;
    return XenbusStateConnected;
}

int fake_wait(struct vl *vl, const struct vl_device *devs, size_t n, unsigned states, int seconds)
{
    (void)vl;
    (void)devs;
    (void)states;
    (void)seconds;
    say("wait=%zu ", n);
    return 0;
}

int fake_script(struct vl *vl, const struct vl_device *dev, bool add, bool optional)
{
    (void)vl;
    (void)optional;
    ck_assert(!add);
    say("script=%s ", vl_backend_folder(dev));
    return 0;
}

static const struct { const char *folder, *name, *said; } cases[] = {
    { "console", "0", "script=console prune /local/domain/0/backend/console/9/0" },
    { "vbd", "51712", "write=0 write=5 wait=1 script=vbd prune /local/domain/0/backend/vbd/9/51712" },
    { "qdisk", "51712", "write=0 write=5 wait=1 script=qdisk prune /local/domain/0/backend/qdisk/9/51712" },
    { "vnif", "1", "write=0 write=5 wait=1 script=vnif prune /local/domain/0/backend/vnif/9/1" },
    { "vif", "1x", "" },        /* no device */
    { "other", "0", "" },       /* none of ours */
};

START_TEST(orphans)
{
    struct vl vl = { 0 };

    folder = cases[_i].folder;
    name = cases[_i].name;
    said[0] = 0;
    ck_assert_int_eq(vl_devices_detach_orphans(&vl, 9), 0);
    ck_assert_str_eq(said, cases[_i].said);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tools: devices that go");
    TCase *t = tcase_create("detach");

    tcase_add_loop_test(t, orphans, 0, sizeof(cases) / sizeof(cases[0]));
    suite_add_tcase(s, t);
    return run_suite(s);
}
