/* SPDX-License-Identifier: MIT */
/* The end of a domain that somebody else ends at the same time. */
#include <check.h>
#include <stdlib.h>

#define vl_xc fake_xc
#define vl_store fake_store
#define vl_domain_info fake_info
#define vl_domain_lock_soon fake_lock
#define vl_devices_detach_all fake_detach
#define vl_devices_detach_orphans fake_orphans
#define vl_userdata_load fake_load
#define vl_config_refresh fake_refresh
#define vl_create fake_create
#define vl_store_read_many fake_read_many
#define vl_store_rm fake_rm
#define vl_store_apply_each fake_apply
#define vl_userdata_remove fake_remove
#define xc_domain_pause fake_pause
#define xc_domain_destroy fake_destroy
#define vl_store_read_number fake_number
#define vl_store_read fake_read
#include "life/destroy.c"
#include "life/monitor.c"
#include "success.h"
#include "../run-suite.h"

static int detached, orphaned, forgotten, created, lock;
static bool gone;
static uint32_t flags;

xc_interface *fake_xc(struct vl *vl)
{
    return (xc_interface *)vl;
}

struct vl_store *fake_store(struct vl *vl)
{
    return (struct vl_store *)vl;
}

int fake_info(struct vl *vl, uint32_t domid, xc_domaininfo_t *info)
{
    (void)vl;
    *info = (xc_domaininfo_t){ .domain = (domid_t)domid, .flags = flags };
    return gone ? -ESRCH : 0;
}

int fake_lock(struct vl *vl, uint32_t domid, int seconds)
{
    (void)vl;
    (void)domid;
    (void)seconds;
    return lock;
}

int fake_detach(struct vl *vl, uint32_t domid)
{
    (void)vl;
    (void)domid;
    detached++;
    return 0;
}

/* When nothing new can come. */
int fake_orphans(struct vl *vl, uint32_t domid)
{
    (void)vl;
    (void)domid;
    ck_assert_int_gt(forgotten, 0);
    orphaned++;
    return 0;
}

struct vl_config *fake_load(uint32_t domid, const uint8_t uuid[16])
{
    struct vl_config *c = calloc(1, sizeof(*c));

    (void)domid;
    (void)uuid;
    c->on_reboot = VL_ACT_RESTART;
    return c;
}

void fake_refresh(struct vl *vl, uint32_t domid, struct vl_config *c)
{
    (void)vl;
    (void)domid;
    (void)c;
}

int fake_create(struct vl *vl, const struct vl_config *c, uint32_t *domid)
{
    (void)vl;
    (void)c;
    (void)domid;
    created++;
    return -EIO;
}

int fake_read_many(struct vl_store *s, struct vl_arena *arena, char *const *paths, size_t n, char **values)
{
    (void)s;
    (void)arena;
    (void)paths;
    (void)n;
    (void)values;
    return 0;
}

/* There is no node. */
long fake_number(struct vl_store *s, long max, const char *format, ...)
{
    (void)s;
    (void)max;
    (void)format;
    return -1;
}

char *fake_read(struct vl_store *s, struct vl_arena *arena, const char *format, ...)
{
    (void)s;
    (void)arena;
    (void)format;
    return NULL;
}

void fake_rm(struct vl_store *s, const char *format, ...)
{
    (void)s;
    (void)format;
    forgotten++;
}

int fake_apply(struct vl_store *s)
{
    (void)s;
    return 0;
}

void fake_remove(uint32_t domid)
{
    (void)domid;
}

FAKE_SUCCESS(fake_pause, xc_interface *)
FAKE_SUCCESS(fake_destroy, xc_interface *)

static void start(void)
{
    detached = orphaned = forgotten = created = 0;
    flags = 0;
    gone = false;
    lock = -EBUSY;
}

START_TEST(reboots)
{
    struct vl vl = { 0 };
    uint32_t domid = 7;

    ck_assert_int_eq(vl_monitor_act(&vl, &domid, SHUTDOWN_reboot), -EIO);
    ck_assert_int_eq(detached, 1);
    ck_assert_int_eq(created, 1);
}
END_TEST

/* Who had the lock has destroyed it: it stays away, and what came meanwhile goes. */
START_TEST(destroyed_meanwhile)
{
    struct vl vl = { 0 };
    uint32_t domid = 7;

    lock = -ESRCH;
    ck_assert_int_eq(vl_monitor_act(&vl, &domid, SHUTDOWN_reboot), -ESRCH);
    ck_assert_int_eq(detached, 1);
    ck_assert_int_eq(created, 0);
}
END_TEST

/* What was being made, or half ended, is cleared away once, whoever has begun with it. */
START_TEST(unmade)
{
    static const struct { bool gone; uint32_t flags; int lock, orphaned; } cases[] = {
        { false, 0, -EBUSY, 0 }, { false, 0, -ESRCH, 1 }, { false, XEN_DOMINF_dying, -ESRCH, 1 }, { true, 0, -ESRCH, 1 },
    };
    struct vl vl = { 0 };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        detached = orphaned = 0;
        gone = cases[i].gone;
        flags = cases[i].flags;
        lock = cases[i].lock;
        vl_destroy_unmade(&vl, 7);
        ck_assert_int_eq(detached, 1);
        ck_assert_int_eq(orphaned, cases[i].orphaned);
    }
}
END_TEST

START_TEST(the_host)
{
    struct vl vl = { 0 };

    ck_assert_int_eq(vl_destroy(&vl, 0), -EPERM);
    ck_assert_int_eq(detached, 0);
    ck_assert_int_eq(forgotten, 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tools: the end of a domain");
    TCase *t = tcase_create("destroy");

    tcase_add_checked_fixture(t, start, NULL);
    tcase_add_test(t, reboots);
    tcase_add_test(t, destroyed_meanwhile);
    tcase_add_test(t, unmade);
    tcase_add_test(t, the_host);
    suite_add_tcase(s, t);
    return run_suite(s);
}
