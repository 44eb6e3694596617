/* SPDX-License-Identifier: MIT */
/* libvirt's XML: there and back, what has no equivalent, hostile documents. */
#include <check.h>
#include <libxml/parser.h>
#include <stdlib.h>
#include <string.h>

#include "domxml/domxml.h"
#include "messages.h"
#include "../run-suite.h"

#define DOMAIN(inner) "<domain type='xen'><name>n</name><memory>65536</memory>" \
                      "<os><type>linux</type><kernel>/k</kernel></os>" inner "</domain>"

static char *out;
static size_t out_len;

static int to_config(const char *xml)
{
    FILE *to;
    int rc;

    free(out);
    out = NULL;
    to = open_memstream(&out, &out_len);
    rc = domxml_to_config("d.xml", xml, strlen(xml), to);
    fclose(to);
    return rc;
}

static struct vl_config *parse_config(const char *text)
{
    struct vl_arena arena = { 0 };
    struct vl_settings settings = { 0 };
    struct vl_config *c = NULL;

    if (!vl_settings_parse(&settings, &arena, "made.cfg", text, strlen(text)))
        c = vl_config_make(&settings);
    vl_arena_free(&arena);
    return c;
}

static char *to_xml(const struct vl_config *c)
{
    char *text = NULL;
    size_t len;
    FILE *to = open_memstream(&text, &len);

    ck_assert_int_eq(domxml_from_config(c, to), 0);
    fclose(to);
    return text;
}

static const char full[] =
    "name = 'web'\nuuid = '7d41c3f0-2d3f-4f7e-9d0b-6d3f3a7f1a11'\nkernel = '/k'\nramdisk = '/r'\n"
    "cmdline = 'a=\"b\" <c> & d'\nmemory = 256\nmaxmem = 512\nvcpus = 2\nmaxvcpus = 4\ncpus = ['0-1', '3']\n"
    "cpu_weight = 300\non_crash = 'coredump-restart'\non_reboot = 'destroy'\n"
    "disk = ['/dev/vg/a,raw,xvda,rw', 'format=qcow2,vdev=xvdb,access=ro,target=/x/a,b',"
    "'iops=500,rate=10MB/s,vdev=xvdc,backendtype=qdisk,target=/x/c']\n"
    "vif = ['mac=00:16:3e:01:02:03,bridge=br0,rate=10Mb/s,ip=10.0.0.2', 'mac=00:16:3e:01:02:04,script=vif-route,vifname=w1,mtu=9000',"
    "'mac=00:16:3e:01:02:05,backendtype=vnif,antispoof=mac',"
    "'mac=00:16:3e:01:02:06,backendtype=vnif,antispoof=ip,ip=10.0.0.2/24 fe80::2']\n"
    "pci = ['0000:03:00.1,seize=1']\n";

START_TEST(there_and_back)
{
    struct vl_config *c = parse_config(full), *again;
    char *first, *second;

    ck_assert_ptr_nonnull(c);
    first = to_xml(c);
    messages_expect("to XML", NULL);
    ck_assert_int_eq(to_config(first), 0);
    messages_expect("from XML", NULL);
    again = parse_config(out);
    ck_assert_ptr_nonnull(again);
    ck_assert_str_eq(again->cmdline, "a=\"b\" <c> & d");
    ck_assert_str_eq(again->disks[1]->target, "/x/a,b");
    ck_assert_uint_eq(again->maxmem_kb, 512 * 1024);
    ck_assert_uint_eq(again->disks[2]->limit_iops, 500);
    ck_assert_uint_eq(again->disks[2]->limit_bytes, 10000000);
    ck_assert_uint_eq(again->vifs[0]->rate_bytes, c->vifs[0]->rate_bytes);
    ck_assert_int_eq(again->vifs[2]->antispoof, VL_ANTISPOOF_MAC);
    ck_assert_int_eq(again->vifs[3]->antispoof, VL_ANTISPOOF_IP);
    ck_assert_str_eq(again->vifs[3]->ip, "10.0.0.2/24 fe80::2");
    second = to_xml(again);
    ck_assert_str_eq(first, second);
    free(first);
    free(second);
    vl_config_free(c);
    vl_config_free(again);
}
END_TEST

START_TEST(missing_is_listed)
{
    static const struct { const char *key, *told; } rows[] = {
        { "cap = 50\n", "'cap'" }, { "pool = 'p'\n", "'pool'" }, { "on_watchdog = 'restart'\n", "'on_watchdog'" },
        { "nomigrate = 1\n", "'nomigrate'" }, { "cpus_soft = '1'\n", "'cpus_soft'" },
        { "disk = ['x,raw,xvda,w,script=drbd']\n", "script" },
        { "disk = ['/x,auto,xvda']\n", "a disk of format 'gzip', 'xz' or 'auto' has no equivalent" },
        { "disk = ['/x.gz,gzip,xvda,r']\n", "a disk of format 'gzip', 'xz' or 'auto' has no equivalent" },
        { "disk = ['/x.xz,xz,xvda,r']\n", "a disk of format 'gzip', 'xz' or 'auto' has no equivalent" },
        { "vif = ['backendtype=vnif']\n", "a vif's 'backendtype=vnif'" },
        { "vif = ['backendtype=vnif,antispoof=none']\n", "a vif's 'backendtype=vnif'" },
        { "disk = ['vdev=xvda,access=ro,target=http://host/x']\n", "from an address has no equivalent" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[512], *xml;
        struct vl_config *c;

        snprintf(text, sizeof(text), "name='n'\nkernel='/k'\nmemory=64\n%s", rows[i].key);
        c = parse_config(text);
        ck_assert_msg(c != NULL, "%s", rows[i].key);
        messages_clear();
        xml = to_xml(c);
        ck_assert_msg(!strstr(xml, "/x"), "%s", xml);
        free(xml);
        messages_expect(rows[i].key, rows[i].told);
        vl_config_free(c);
    }
}
END_TEST

START_TEST(unknown_is_listed)
{
    ck_assert_int_eq(to_config(DOMAIN("<metadata/><devices><sound model='x'/></devices>")), 0);
    fflush(messages_stream);
    ck_assert_ptr_nonnull(strstr(messages_text, "d.xml:1: <metadata> has no equivalent"));
    ck_assert_ptr_nonnull(strstr(messages_text, "<sound> has no equivalent"));
    messages_clear();
    ck_assert_int_eq(to_config(DOMAIN("<devices><disk type='file' snapshot='no'><source file='/a'/>"
                                      "<target dev='xvda' bus='xen'/></disk></devices>")), 0);
    messages_expect("attribute", "<disk snapshot=");
}
END_TEST

#define DISK(inner) DOMAIN("<devices><disk type='file'><source file='/a'/><target dev='xvda' bus='xen'/>" inner "</disk></devices>")
#define NIC(inner) DOMAIN("<devices><interface type='bridge'><source bridge='b'/>" inner "</interface></devices>")

/* What of libvirt's limits and filters our back-ends have; the rest is listed. */
START_TEST(limits_and_filters)
{
    static const struct { const char *xml, *part, *told; } rows[] = {
        { DISK("<iotune><total_iops_sec>7</total_iops_sec></iotune>"), "backendtype=qdisk,iops=7,", NULL },
        { DISK("<driver name='qemu' type='raw'/><iotune><total_bytes_sec>5000</total_bytes_sec></iotune>"),
          "backendtype=qdisk,rate=5000B/s,", NULL },
        { DISK("<driver name='file' type='qcow2'/><iotune><total_bytes_sec>5000</total_bytes_sec></iotune>"),
          "access=rw,rate=5000B/s,", NULL },
        { DISK("<iotune><total_iops_sec>0</total_iops_sec></iotune>"), "access=rw,target=/a", NULL },
        { DISK("<iotune><read_bytes_sec>5</read_bytes_sec></iotune>"), "access=rw,target=/a", "<read_bytes_sec> has no equivalent" },
        { DISK("<iotune><total_iops_sec>7</total_iops_sec><total_iops_sec_max>9</total_iops_sec_max></iotune>"), "iops=7,",
          "<total_iops_sec_max> has no equivalent" },
        { NIC("<filterref filter='no-mac-spoofing'/>"), "backendtype=vnif,antispoof=mac", NULL },
        { NIC("<ip address='10.0.0.2'/><filterref filter='no-ip-spoofing'/>"), "antispoof=ip,ip=10.0.0.2", NULL },
        { NIC("<filterref filter='clean-traffic'><parameter name='IP' value='10.0.0.2'/><parameter name='IP' value='10.0.0.3'/>"
              "</filterref>"), "antispoof=ip,ip=10.0.0.2 10.0.0.3", NULL },
        { NIC("<ip address='10.0.0.22'/><filterref filter='clean-traffic'><parameter name='IP' value='10.0.0.2'/></filterref>"),
          "antispoof=ip,ip=10.0.0.22", "<parameter> has no equivalent" },
        { NIC("<filterref filter='no-mac-spoofing'><parameter name='X' value='1'/></filterref>"), "antispoof=mac",
          "<parameter> has no equivalent" },
        { NIC("<filterref filter='allow-arp'/>"), "bridge=b\"", "<filterref> has no equivalent" },
        { NIC("<filterref/>"), "bridge=b\"", "<filterref> has no equivalent" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct vl_config *c;

        ck_assert_int_eq(to_config(rows[i].xml), 0);
        messages_expect(rows[i].xml, rows[i].told);
        ck_assert_msg(strstr(out, rows[i].part) != NULL, "%s: %s", rows[i].xml, out);
        c = parse_config(out);
        ck_assert_msg(c != NULL, "%s", out);
        vl_config_free(c);
    }
}
END_TEST

/* What is refused, and with which words. */
START_TEST(refused)
{
    static const struct { const char *xml, *told; } rows[] = {
        { "", "d.xml:1:" }, { "name = 'n'", "d.xml:1:" }, { "<domain type='xen'>", "d.xml:1:" },
        { "<domain type='kvm'/>", "not a Xen domain" }, { "<volume/>", "not a Xen domain" },
        { "<!DOCTYPE d [<!ENTITY a 'b'>]><domain type='xen'/>", "document type" },
        { "<!DOCTYPE d SYSTEM 'http://127.0.0.1:1/d.dtd'><domain type='xen'/>", "document type" },
        { "<domain type='xen'><name>&x;</name></domain>", "d.xml:1:" },
        { "<domain type='xen'><name>n</name></domain>", "<memory> is missing" },
        { "<domain type='xen'><name>n</name><memory unit='EiB'>1</memory></domain>", "no unit" },
        { "<domain type='xen'><name>n</name><memory>99999999999999999999</memory></domain>", "not a number" },
        { "<domain type='xen'><name>n</name><memory>1</memory><vcpu>129</vcpu></domain>", "<vcpu>" },
        { "<domain type='xen'><name>n</name><memory>1</memory><os><type>hvm</type></os></domain>", "only PV" },
        { DOMAIN("<on_crash>explode</on_crash>"), "is no action" },
        { DOMAIN("<devices><disk type='network'><target dev='xvda'/></disk></devices>"), "no equivalent" },
        { DOMAIN("<devices><interface type='bridge'><source bridge='a,script=x'/></interface></devices>"), "comma" },
        { DOMAIN("<devices><hostdev type='usb'/></devices>"), "only PCI" },
        { DISK("<driver name='phy'/><iotune><total_iops_sec>7</total_iops_sec></iotune>"), "the kernel's back-end has no limits" },
        { DISK("<iotune><total_iops_sec>1000000001</total_iops_sec></iotune>"), "is not a number up to 1000000000" },
        { DISK("<iotune><total_bytes_sec>-5</total_bytes_sec></iotune>"), "<total_bytes_sec>: '-5' is not a number" },
        { NIC("<filterref filter='clean-traffic'/>"), "'clean-traffic' needs the interface's <ip" },
        { DOMAIN("<cputune><vcpupin vcpu='128' cpuset='1'/></cputune>"), "not a number" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ck_assert_msg(to_config(rows[i].xml) != 0, "%s", rows[i].xml);
        messages_expect(rows[i].xml, rows[i].told);
    }
}
END_TEST

/* A value cannot become another key, whatever stands in it. */
START_TEST(values_stay_values)
{
    struct vl_config *c;

    ck_assert_int_eq(to_config("<domain type='xen'><name>n</name><memory>65536</memory><os><type>linux</type>"
                               "<kernel>/k\"\nramdisk=\"/etc/shadow</kernel></os></domain>"), 0);
    c = parse_config(out);
    ck_assert_ptr_nonnull(c);
    ck_assert_str_eq(c->kernel, "/k\"\nramdisk=\"/etc/shadow");
    ck_assert_ptr_null(c->ramdisk);
    vl_config_free(c);
}
END_TEST

/* Depth and size. */
START_TEST(huge)
{
    size_t depth = 100000;
    char *deep = malloc(depth * 4 + 64), *at = deep;

    at += sprintf(at, "<domain type='xen'>");
    for (size_t i = 0; i < depth; i++)
        at += sprintf(at, "<a>");
    ck_assert_int_ne(to_config(deep), 0);
    messages_clear();
    free(deep);
    deep = malloc(DOMXML_MAX + 2);
    memset(deep, ' ', DOMXML_MAX + 1);
    deep[DOMXML_MAX + 1] = 0;
    ck_assert_int_ne(to_config(deep), 0);
    messages_expect("size", "at most");
    free(deep);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("domxml");
    TCase *t = tcase_create("domxml");
    int failed;

    tcase_add_checked_fixture(t, messages_start, messages_end);
    tcase_add_test(t, there_and_back);
    tcase_add_test(t, missing_is_listed);
    tcase_add_test(t, unknown_is_listed);
    tcase_add_test(t, limits_and_filters);
    tcase_add_test(t, refused);
    tcase_add_test(t, values_stay_values);
    tcase_add_test(t, huge);
    suite_add_tcase(suite, t);
    failed = run_suite(suite);
    free(out);
    xmlCleanupParser();
    return failed;
}
