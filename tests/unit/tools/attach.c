/* SPDX-License-Identifier: MIT */
/* A disk is plugged in: what its back-end's states mean to the tool. Store and daemon are models. */
#include <check.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <xen/io/xenbus.h>

#include "device/attach.h"
#include "device/builtin.h"
#include "device/daemon.h"
#include "device/hotplug.h"
#include "device/sharing.h"
#include "messages.h"
#include "../run-suite.h"

/* What the back-end's state is at one look after the other; the store is lost when there is no more. */
static const char *states;
static bool applied, unplugged, used;
static char written[8192];      /* "PATH=VALUE" lines */

struct vl_store *vl_store(struct vl *vl)
{
    return vl->store;
}

char *vl_store_read(struct vl_store *store, struct vl_arena *arena, const char *fmt, ...)
{
    (void)store;
    return strstr(fmt, "hotplug-error") ? vl_strdup(arena, "no such image") : NULL;
}

long vl_store_read_number(struct vl_store *store, long max, const char *fmt, ...)
{
    (void)store;
    (void)max;
    ck_assert_str_eq(fmt, "%s/state");
    return applied ? *states - '0' : -1;
}

char **vl_store_list(struct vl_store *store, struct vl_arena *arena, size_t *n, const char *fmt, ...)
{
    (void)store;
    (void)arena;
    (void)fmt;
    *n = 0;
    return NULL;
}

void vl_store_write(struct vl_store *store, const char *value, const char *fmt, ...)
{
    size_t at = strlen(written);
    va_list ap;

    (void)store;
    va_start(ap, fmt);
    at += (size_t)vsnprintf(written + at, sizeof(written) - at, fmt, ap);
    va_end(ap);
    ck_assert_uint_lt(at, sizeof(written));
    snprintf(written + at, sizeof(written) - at, "=%s\n", value);
}

void vl_store_expect(struct vl_store *store, const char *fmt, ...)
{
    (void)store;
    (void)fmt;
}

void vl_store_mkdir(struct vl_store *store, const char *fmt, ...)
{
    (void)store;
    (void)fmt;
}

void vl_store_perms(struct vl_store *store, uint32_t owner, uint32_t reader, const char *fmt, ...)
{
    (void)store;
    (void)owner;
    (void)reader;
    (void)fmt;
}

int vl_store_apply(struct vl_store *store)
{
    (void)store;
    applied = true;
    return 0;
}

void vl_store_discard(struct vl_store *store)
{
    (void)store;
}

int vl_store_watch(struct vl_store *store, const char *path, const char *token)
{
    (void)store;
    (void)path;
    (void)token;
    return 0;
}

int vl_store_unwatch(struct vl_store *store, const char *path, const char *token)
{
    return vl_store_watch(store, path, token);
}

int vl_store_event(struct vl_store *store, int timeout_ms, char *token, size_t room)
{
    (void)store;
    (void)timeout_ms;
    snprintf(token, room, "backend");
    if (!states[1])
        return -EPIPE;
    states++;
    return 1;
}

int vl_sharing_lock(void)
{
    return 1000;
}

void vl_sharing_unlock(int lock)
{
    ck_assert(lock == 1000 || lock == -1);
}

int vl_sharing_check(struct vl *vl, const struct vl_device *disk, const char *path, bool writable)
{
    (void)vl;
    ck_assert(disk->process && writable && !applied);
    ck_assert_ptr_nonnull(path);
    return used ? -EBUSY : 0;
}

int vl_daemons_start(struct vl *vl, const struct vl_device *devs, size_t n)
{
    (void)vl;
    ck_assert(n == 1 && devs->process);
    return 0;
}

int vl_daemon_error(struct vl *vl, const struct vl_device *dev)
{
    return vl_backend_state(vl, dev) == XenbusStateClosed ? -EIO : 0;
}

int vl_device_unplug(struct vl *vl, const struct vl_device *dev, bool force)
{
    (void)vl;
    ck_assert_uint_eq(dev->devid, 51712);
    ck_assert(force);
    unplugged = true;
    return 0;
}

/* No script and nothing of this process's own belongs to a disk that a daemon serves. */
static int never(struct vl *vl, const struct vl_device *dev)
{
    (void)vl;
    ck_abort_msg("device %u", dev->devid);
}

int vl_block_up(struct vl *vl, const struct vl_device *dev) { return never(vl, dev); }
int vl_block_down(struct vl *vl, const struct vl_device *dev) { return never(vl, dev); }
int vl_bridge_up(struct vl *vl, const struct vl_device *dev) { return never(vl, dev); }
int vl_bridge_down(struct vl *vl, const struct vl_device *dev) { return never(vl, dev); }

int vl_hotplug_run(struct vl *vl, const struct vl_device *dev, const char *script, const char *verb, const char *vifname,
                   const char *gatewaydev, bool quiet)
{
    (void)script;
    (void)verb;
    (void)vifname;
    (void)gatewaydev;
    (void)quiet;
    return never(vl, dev);
}

START_TEST(plugged)
{
    static const struct { const char *states; int rc; } rows[] = {
        { "12", 0 },
        { "2", 0 },
        { "124", 0 },
        { "14", 0 },            /* the guest was quicker than our look */
        { "4", 0 },
        { "13", 0 },
        { "156", -EIO },        /* refused */
        { "6", -EIO },
        { "1", -EPIPE },        /* nobody comes */
        { "5", -EPIPE },
    };
    struct vl_disk disk = { .target = "nbd+unix:///e?socket=/s", .backend = VL_BACKEND_QDISK, .vdev = "xvda", .devid = 51712 };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct vl vl = { 0 };

        states = rows[i].states;
        applied = unplugged = false;
        *written = 0;
        ck_assert_msg(vl_disk_plug(&vl, 1, &disk) == rows[i].rc, "states %s", rows[i].states);
        ck_assert(applied);
        ck_assert_msg(unplugged == (rows[i].rc != 0), "states %s", rows[i].states);
    }
}
END_TEST

/* What another disk uses is refused before the back-end can see it. */
START_TEST(used_elsewhere)
{
    struct vl_disk disk = { .target = (char *)"/proc/self/exe", .backend = VL_BACKEND_QDISK, .vdev = (char *)"xvda",
                            .devid = 51712 };
    struct vl vl = { 0 };

    states = "2";
    applied = false;
    *written = 0;
    used = true;
    ck_assert_int_eq(vl_disk_plug(&vl, 1, &disk), -EBUSY);
    ck_assert(!applied);
    used = false;
    ck_assert_int_eq(vl_disk_plug(&vl, 1, &disk), 0);
}
END_TEST

/* A limit and `antispoof` are nodes of the back-end; without them it has none. */
START_TEST(limits)
{
    struct vl_disk disk = { .target = (char *)"/proc/self/exe", .backend = VL_BACKEND_QDISK, .vdev = (char *)"xvda",
                            .devid = 51712 };
    struct vl_vif vif = { .mac = { 0, 0x16, 0x3e, 0, 0, 1 }, .process = true };
    struct vl_device dev;
    struct vl vl = { 0 };

    *written = 0;
    ck_assert_int_eq(vl_vbd_queue(&vl, 3, &disk, &dev), 0);
    ck_assert_int_eq(vl_vif_queue(&vl, 3, &vif, &dev), 0);
    ck_assert_ptr_null(strstr(written, "limit-"));
    ck_assert_ptr_null(strstr(written, "antispoof"));
    disk.limit_iops = VL_LIMIT_IOPS_MAX;
    disk.limit_bytes = VL_LIMIT_BYTES_MAX;
    vif.antispoof = VL_ANTISPOOF_MAC;
    *written = 0;
    ck_assert_int_eq(vl_vbd_queue(&vl, 3, &disk, &dev), 0);
    ck_assert_ptr_nonnull(strstr(written, "/backend/qdisk/3/51712/limit-iops=1000000000\n"));
    ck_assert_ptr_nonnull(strstr(written, "/backend/qdisk/3/51712/limit-bytes=1125899906842624\n"));
    *written = 0;
    ck_assert_int_eq(vl_vif_queue(&vl, 3, &vif, &dev), 0);
    ck_assert_ptr_nonnull(strstr(written, "/backend/vnif/3/0/antispoof=mac\n"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("attach");
    TCase *tc = tcase_create("attach");

    tcase_add_test(tc, plugged);
    tcase_add_test(tc, used_elsewhere);
    tcase_add_test(tc, limits);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
