/* SPDX-License-Identifier: MIT */
/* Addresses of disks: which server each needs, in which words, and which are refused. No server is started here. */
#include <check.h>
#include <stdbool.h>
#include <string.h>

#include "blk/image.h"
#include "run-suite.h"

static struct image image;
static struct image_options options = { .run_dir = "/tmp" };

START_TEST(refuses_wrong_addresses)
{
    static const struct { const char *params, *why; } rows[] = {
        { "qcow2:ssh://host/disk", "has to be a file" }, { "gzip:memory:8M", "has to be a file" },
        { "vmdk:rbd:pool/image", "has to be a file" }, { "ssh://host", "HOST[:PORT]/PATH" },
        { "ssh://host:/disk", "HOST[:PORT]/PATH" }, { "ssh://user@/disk", "HOST[:PORT]/PATH" },
        { "ssh://[::1/disk", "HOST[:PORT]/PATH" }, { "s3://bucket", "s3://BUCKET/KEY" }, { "s3:///key", "s3://BUCKET/KEY" },
        { "s3://bucket/?endpoint=http://h", "s3://BUCKET/KEY" }, { "s3://bucket/key?size=1G", "s3://BUCKET/KEY" },
        { "s3://bucket/key?endpoint=", "s3://BUCKET/KEY" }, { "s3://bucket/key?config=/x", "s3://BUCKET/KEY" },
        { "nbd://host", "nbd://HOST" }, { "nbd+unix:///x", "socket=" }, { "gopher://host/x", "neither a path" },
    };
    char why[256];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ck_assert_msg(image_open(&image, rows[i].params, true, &options, why) < 0, "%s: taken", rows[i].params);
        ck_assert_msg(strstr(why, rows[i].why), "%s: %s", rows[i].params, why);
    }
}
END_TEST

static bool asked_for(const char *word)
{
    for (unsigned n = 0; n < image.argc; n++)
        if (!strcmp(image.argv[n], word))
            return true;
    return false;
}

/* Of addresses that need a server elsewhere, at least the words are right; they run in tests/system. */
START_TEST(gives_addresses_to_nbdkit)
{
    char why[256];

    ck_assert_int_eq(image_open(&image, "ssh://me@[::1]:2022/a/b", true, &options, why), 0);
    ck_assert(asked_for("user=me") && asked_for("host=::1") && asked_for("port=2022") && asked_for("path=/a/b"));
    ck_assert(asked_for("--readonly"));
    image_close(&image);
    ck_assert_int_eq(image_open(&image, "ssh://host/a:b@c", false, &options, why), 0);
    ck_assert(asked_for("host=host") && asked_for("path=/a:b@c") && !asked_for("--readonly"));
    image_close(&image);
    ck_assert_int_eq(image_open(&image, "s3://b/k/1?object-size=64k&endpoint=http://h:1/&size=1G", false, &options, why), 0);
    ck_assert(asked_for("bucket=b") && asked_for("key=k/1") && asked_for("endpoint-url=http://h:1/"));
    ck_assert(asked_for("size=1G") && asked_for("object-size=64k") && !asked_for("--readonly"));
    image_close(&image);
    ck_assert_int_eq(image_open(&image, "gzip:s3://b/k", false, &options, why), 0);
    ck_assert(asked_for("--filter=gzip") && asked_for("--readonly") && image.readonly);
    image_close(&image);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("back-address");
    TCase *t = tcase_create("addresses");

    tcase_add_test(t, refuses_wrong_addresses);
    tcase_add_test(t, gives_addresses_to_nbdkit);
    suite_add_tcase(s, t);
    return run_suite(s);
}
