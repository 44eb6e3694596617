/* SPDX-License-Identifier: MIT */
/* Configuration files: grammar, keys, specifications, messages with their places; and the kept form in JSON. */
#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "config/hostconf.h"
#include "json/domain.h"
#include "messages.h"
#include "../run-suite.h"

#define BASE "name='t'\nkernel='/k'\n"

static struct vl_config *load(const char *text)
{
    struct vl_settings settings = { 0 };
    struct vl_arena arena = { 0 };
    struct vl_config *c = NULL;

    if (!vl_settings_parse(&settings, &arena, "f.cfg", text, strlen(text)))
        c = vl_config_make(&settings);
    vl_arena_free(&arena);
    return c;
}

/* A file that is refused, or taken with a message; `lines` come after two lines of BASE. */
static const struct { const char *lines, *message; bool taken; } files[] = {
    { "memory=64", NULL, true },
    { "memory = 0x40 ; vcpus=2\n\n# a comment\nextra = \"a\" # another", NULL, true },
    { "memory=010", NULL, true },
    { "disk=[\n 'phy:/dev/x,xvda,w', # one\n '/y,raw,xvdb,r',\n]\n", NULL, true },
    { "extra='a'\nextra+='b'", NULL, true },
    { "extra='it''s'", "f.cfg:3:11: unexpected a string", false },
    { "memory=64 vcpus=2", "f.cfg:3:11: unexpected a key", false },
    { "memory=", "f.cfg:3:8: unexpected the end of the text", false },
    { "memory\n=64", "f.cfg:3:7: unexpected the end of the line", false },
    { "extra='open\nmemory=64", "f.cfg:3:7: this string has no end", false },
    { "extra=\"a\\qb\"", "f.cfg:3:7: the string holds the unknown escape \\q", false },
    { "extra=\"a\\x00b\"", "f.cfg:3:7: the string holds a NUL character", false },
    { "extra=\"a\\x41\\102\\n\"", NULL, true },
    { "memory=1.5", "'.' means nothing here", false },
    { "disk=['a'", "unexpected the end of the text", false },
    { "disk=['/a,,xvda',,]", "f.cfg:3:18: unexpected ','", false },
    { "memory=[64]", "f.cfg:3:8: 'memory' wants a number, not a list", false },
    { "memory='many'", "f.cfg:3:8: 'memory' wants a number, not 'many'", false },
    { "memory=0", "f.cfg:3:8: 'memory' must be from 1 to", false },
    { "memory=99999999999999999999", "'memory' must be from 1 to", false },
    { "vcpus=129", "f.cfg:3:7: 'vcpus' must be from 1 to 128, not 129", false },
    { "vcpus=4\nmaxvcpus=2", "f.cfg:3:1: 'vcpus' is larger than 'maxvcpus'", false },
    { "memory=64\nmaxmem=32", "f.cfg:3:1: 'memory' is larger than 'maxmem'", false },
    { "memroy=64", "f.cfg:3:1: unknown key 'memroy' (did you mean 'memory'?)", false },
    { "on_reboots='destroy'", "(did you mean 'on_reboot'?)", false },
    { "zzzzzz=1", "f.cfg:3:1: unknown key 'zzzzzz'\n", false },
    { "on_crash='explode'", "f.cfg:3:10: 'on_crash' cannot be 'explode' (one of: destroy, restart", false },
    { "type='hvm'", "f.cfg:3:6: guests of type 'hvm' are not supported", false },
    { "builder='hvm'", "only PV guests", false },
    { "builder='generic'", NULL, true },
    { "viridian=1", "f.cfg:3:1: 'viridian' means nothing to a PV guest and is ignored", true },
    { "hap=0", NULL, true },
    { "vfb=['vnc=1']", "f.cfg:3:1: 'vfb' is not supported", false },
    { "vfb=[]", NULL, true },
    { "e820_host=1", "f.cfg:3:1: 'e820_host' is not supported", false },
    { "memory=64\nmemory=65", "warning: f.cfg:4:1: 'memory' was already set on line 3", true },
    { "name='a b'", "f.cfg:3:1: the domain's name holds a space", false },
    { "name='a/b'", "the domain's name holds a slash", false },
    { "name='12'", "would be taken for a domain id", false },
    { "name='a\tb'", "holds a control character", false },
    { "name=''", "the domain's name is empty", false },
    { "name='vellum-shell-x'", "f.cfg:3:1: a domain's name cannot begin with 'vellum-shell-'", false },
    { "name='vellum-shell'", "'name' was already set", true },
    { "uuid='x'", "f.cfg:3:6: 'x' is not a UUID", false },
    { "kernel=''", "f.cfg:3:8: 'kernel' is empty", false },
    { "cpus='0-3,^2'", NULL, true },
    { "cpus=['0','1']\nvcpus=2", NULL, true },
    { "cpus='0-'", "f.cfg:3:6: 'cpus' is not a list of CPUs: \"0-\"", false },
    { "cpus='nodes:0,^node:1'", NULL, true },
    { "cpu='0'\ncpu_cap=50\nbootargs='-q'", NULL, true },
    { "cmdline='a'\nroot='b'", "warning: f.cfg:3:1: with 'cmdline', 'root' and 'extra' are ignored", true },
    { "disk='x'", "f.cfg:3:6: 'disk' wants a list of specifications", false },
    { "disk=['/a,,xvda','/b,,51712']", "f.cfg:3:18: two disks have the vdev '51712'", false },
    { "vif=['devid=1','']", "f.cfg:3:16: two network interfaces have the devid 1", false },
    { "pci=['00:1f.0','0000:03:00.7@5,permissive=1']", NULL, true },
    { "pci=['00:20.0']", "is not a PCI device", false },
    { "pci=['permissive=1']", "one of 'bdf' and 'name' is needed", false },
    { "ioports=['2f8-2ff','3f8']\niomem=['a0000,20']\nirqs=[3,4]", NULL, true },
    { "ioports=['2ff-2f8']", "is not a range", false },
    { "ioports=['ffff-10000']", "reaches beyond 0xffff", false },
    { "channel=['name=a.b,connection=socket,path=/run/x']", NULL, true },
    { "channel=['name=a,connection=socket']", "connection=socket wants path=", false },
    { "channel=['name=a,connection=socket,path=x']", "connection=socket wants path=", false },
    { "channel=['name=a,path=/x']", "path= goes with connection=socket", false },
    { "channel=['name=a,connection=tube']", "unknown connection 'tube'", false },
    { "tsc_mode='native'", NULL, true },
    { "tsc_mode=7", "'tsc_mode' must be from 0 to 3", false },
};

START_TEST(test_files)
{
    char *text = malloc(strlen(BASE) + strlen(files[_i].lines) + 1);
    struct vl_config *c;

    strcpy(text, BASE);
    strcat(text, files[_i].lines);
    c = load(text);
    ck_assert_msg((c != NULL) == files[_i].taken, "%s: %s", files[_i].lines, c ? "was taken" : "was refused");
    messages_expect(files[_i].lines, files[_i].message);
    vl_config_free(c);
    free(text);
}
END_TEST

START_TEST(test_missing)
{
    ck_assert_ptr_null(load("kernel='/k'"));
    messages_expect("no name", "f.cfg: 'name' is missing");
    ck_assert_ptr_null(load("name='t'"));
    messages_expect("no kernel", "nothing to boot");
    ck_assert_ptr_null(load(""));
    ck_assert_ptr_null(load("\n\n;;\n"));
}
END_TEST

/* One run reports every bad line. */
START_TEST(test_many_errors)
{
    ck_assert_ptr_null(load("name='t'\nkernel='/k'\nmemroy=1\nvcpus=900\nfoo bar\nbar=['/a']\n"));
    messages_expect("syntax", "f.cfg:5:5: unexpected a key, expected += or '='");
    ck_assert_ptr_null(load("name='t'\nkernel='/k'\nmemroy=1\nvcpus=900\ndisk=['/a','/b']\n"));
    fflush(messages_stream);
    ck_assert_ptr_nonnull(strstr(messages_text, "f.cfg:3:1:"));
    ck_assert_ptr_nonnull(strstr(messages_text, "f.cfg:4:7:"));
    ck_assert_ptr_nonnull(strstr(messages_text, "f.cfg:5:7:"));
    ck_assert_ptr_nonnull(strstr(messages_text, "f.cfg:5:12:"));
}
END_TEST

START_TEST(test_defaults)
{
    struct vl_config *c = load(BASE "maxmem=64\nmaxvcpus=3\nroot='/dev/xvda1'\nextra='ro quiet'\n");

    ck_assert_ptr_nonnull(c);
    ck_assert_uint_eq(c->memory_kb, 65536);
    ck_assert_uint_eq(c->maxmem_kb, 65536);
    ck_assert_uint_eq(c->vcpus, 3);
    ck_assert_uint_eq(c->max_vcpus, 3);
    ck_assert_str_eq(c->cmdline, "root=/dev/xvda1 ro quiet");
    ck_assert_int_eq(c->on_poweroff, VL_ACT_DESTROY);
    ck_assert_int_eq(c->on_reboot, VL_ACT_RESTART);
    ck_assert_int_eq(c->max_event_channels, 1023);
    vl_config_free(c);
}
END_TEST

START_TEST(test_strings)
{
    struct vl_config *c = load(BASE "extra=\"a\\x41\\102\\t'\\\"\"\n");

    ck_assert_ptr_nonnull(c);
    ck_assert_str_eq(c->cmdline, "aAB\t'\"");
    vl_config_free(c);
    c = load(BASE "extra='a'\nextra+='b'\ndisk=['/a,,xvda']\ndisk+=['/b,,xvdb']\n");
    ck_assert_ptr_nonnull(c);
    ck_assert_str_eq(c->cmdline, "ab");
    ck_assert_uint_eq(c->n_disks, 2);
    vl_config_free(c);
    c = load(BASE "extra='a'\nextra+=['b']\n");
    ck_assert_ptr_null(c);
    messages_expect("+=", "f.cfg:4:1: 'extra +=' joins");
}
END_TEST

/* key=value words of a command line win over the file; bare words need no quotes. */
START_TEST(test_arguments)
{
    static const char *const args[] = { "memory=99", "name=other", "kernel=/boot/vmlinuz-6.1", "disk=['/x,,xvda']",
                                        "extra='a b'; vcpus=2", "uuid=12345678-1234-1234-1234-123456789abc" };
    struct vl_settings settings = { 0 };
    struct vl_arena arena = { 0 };
    struct vl_config *c;
    const char *file = BASE "memory=64\n";

    ck_assert_int_eq(vl_settings_parse(&settings, &arena, "f.cfg", file, strlen(file)), 0);
    for (size_t i = 0; i < sizeof(args) / sizeof(args[0]); i++)
        ck_assert_int_eq(vl_settings_parse_argument(&settings, &arena, args[i]), 0);
    c = vl_config_make(&settings);
    messages_expect("arguments", NULL);
    ck_assert_ptr_nonnull(c);
    ck_assert_uint_eq(c->memory_kb, 99 << 10);
    ck_assert_str_eq(c->name, "other");
    ck_assert_str_eq(c->kernel, "/boot/vmlinuz-6.1");
    ck_assert_str_eq(c->cmdline, "a b");
    ck_assert_uint_eq(c->vcpus, 2);
    ck_assert_uint_eq(c->n_disks, 1);
    ck_assert_uint_eq(c->uuid[0], 0x12);
    vl_config_free(c);
    ck_assert_int_lt(vl_settings_parse_argument(&settings, &arena, "nothing"), 0);
    ck_assert_int_lt(vl_settings_parse_argument(&settings, &arena, "=x"), 0);
    vl_arena_free(&arena);
}
END_TEST

static const struct {
    const char *spec, *target, *vdev, *script;
    enum vl_disk_format format;
    bool readonly, cdrom;
    const char *message;        /* refused with this */
} disks[] = {
    { "/dev/vg/v,,hda", "/dev/vg/v", "hda", NULL, VL_DISK_RAW, false, false, NULL },
    { "/dev/vg/v,raw,hda,rw", "/dev/vg/v", "hda", NULL, VL_DISK_RAW, false, false, NULL },
    { "format=raw, vdev=hda, access=rw, target=/dev/vg/v", "/dev/vg/v", "hda", NULL, VL_DISK_RAW, false, false, NULL },
    { "raw:/dev/vg/v,hda,w", "/dev/vg/v", "hda", NULL, VL_DISK_RAW, false, false, NULL },
    { "/i.iso,,hdc,cdrom", "/i.iso", "hdc", NULL, VL_DISK_RAW, true, true, NULL },
    { "/i.iso,,hdc,,cdrom", "/i.iso", "hdc", NULL, VL_DISK_RAW, true, true, NULL },
    { "/i.iso,raw,hdc,devtype=cdrom", "/i.iso", "hdc", NULL, VL_DISK_RAW, true, true, NULL },
    { "raw:/i.iso,hdc:cdrom,ro", "/i.iso", "hdc", NULL, VL_DISK_RAW, true, true, NULL },
    { ",hdc:cdrom,r", NULL, "hdc", NULL, VL_DISK_EMPTY, true, true, NULL },
    { "phy:/dev/x,sda,w", "/dev/x", "sda", NULL, VL_DISK_RAW, false, false, NULL },
    { "file:/x.img,xvda,r", "/x.img", "xvda", NULL, VL_DISK_RAW, true, false, NULL },
    { "tap:aio:/x,xvda,w", "/x", "xvda", NULL, VL_DISK_RAW, false, false, NULL },
    { "tap2:tapdisk:aio:/x,xvdb1,w", "/x", "xvdb1", NULL, VL_DISK_RAW, false, false, NULL },
    { "tap:qcow2:/x,xvda,w", "/x", "xvda", NULL, VL_DISK_QCOW2, false, false, NULL },
    { "iscsi:iqn.foo,xvda,w", "iqn.foo", "xvda", "block-iscsi", VL_DISK_RAW, false, false, NULL },
    { "drbd:res,xvda,w", "res", "xvda", "block-drbd", VL_DISK_RAW, false, false, NULL },
    { "/a,qcow2,xvda,backendtype=qdisk", "/a", "xvda", NULL, VL_DISK_QCOW2, false, false, NULL },
    { "/a,vmdk,xvda", "/a", "xvda", NULL, VL_DISK_VMDK, false, false, NULL },
    { "/a,vhdx,xvda,r", "/a", "xvda", NULL, VL_DISK_VHDX, true, false, NULL },
    { "/a,gzip,xvda,r", "/a", "xvda", NULL, VL_DISK_GZIP, true, false, NULL },
    { "/a,auto,xvda,w", "/a", "xvda", NULL, VL_DISK_AUTO, false, false, NULL },
    { "/a,auto,xvda,w,backendtype=phy", NULL, NULL, NULL, 0, false, false, "disk: the back-end phy reads only format raw, not auto" },
    { "vdev=xvda,format=auto,access=ro,target=http://h/a", NULL, NULL, NULL, 0, false, false, "an image of format auto has to be a file" },
    { "/a,xz,xvda,w", NULL, NULL, NULL, 0, false, false, "disk: what is packed by xz can only be read (access=ro)" },
    { "vdev=xvda,access=ro,target=http://h/a", "http://h/a", "xvda", NULL, VL_DISK_RAW, true, false, NULL },
    { "vdev=xvda,format=xz,access=ro,target=http://h/a", "http://h/a", "xvda", NULL, VL_DISK_XZ, true, false, NULL },
    { "vdev=xvda,target=http://h/a", NULL, NULL, NULL, 0, false, false, "disk: what is behind a URL can only be read (access=ro)" },
    { "vdev=xvda,target=s3://b/k?endpoint=http://h", NULL, NULL, NULL, 0, false, false, "disk: one object in S3 can only be read" },
    { "vdev=xvda,target=s3://b/k?size=1G&object-size=64k", "s3://b/k?size=1G&object-size=64k", "xvda", NULL, VL_DISK_RAW, false,
      false, NULL },
    { "vdev=xvda,format=qcow2,target=ssh://h/a", NULL, NULL, NULL, 0, false, false, "an image of format qcow2 has to be a file" },
    { "vdev=xvda,target=/a,b", "/a,b", "xvda", NULL, VL_DISK_RAW, false, false, NULL },
    { ",,xvda,target=/b", "/b", "xvda", NULL, VL_DISK_RAW, false, false, NULL },
    { "/a, raw , xvda , ro ", "/a", "xvda", NULL, VL_DISK_RAW, true, false, NULL },
    { "/a,foo,xvda", NULL, NULL, NULL, 0, false, false, "disk: unknown format 'foo'" },
    { "/a,,xvda,rx", NULL, NULL, NULL, 0, false, false, "disk: unknown access mode 'rx'" },
    { "/a,,xvda,w!", NULL, NULL, NULL, 0, false, false, "xend's sharing mode" },
    { "/a,,xvda,rw,extra", NULL, NULL, NULL, 0, false, false, "do not know what to make of 'extra'" },
    { "/a", NULL, NULL, NULL, 0, false, false, "the virtual device is missing" },
    { "/a,,hdz", NULL, NULL, NULL, 0, false, false, "'hdz' is not a virtual device" },
    { "/a=b,raw,xvda", NULL, NULL, NULL, 0, false, false, "unknown parameter '/a'" },
    { "vdev=xvda,vdev=xvdb,target=/a", NULL, NULL, NULL, 0, false, false, "the virtual device is given twice" },
    { "/a,,xvda,target=/b", NULL, NULL, NULL, 0, false, false, "the target is given twice" },
    { ",,xvda", NULL, NULL, NULL, 0, false, false, "the target is missing" },
    { "/a,qed,xvda,backendtype=phy", NULL, NULL, NULL, 0, false, false, "phy reads only format raw" },
    { "", NULL, NULL, NULL, 0, false, false, "the virtual device is missing" },
    { ",,,,,,", NULL, NULL, NULL, 0, false, false, "the virtual device is missing" },
};

START_TEST(test_disks)
{
    struct vl_place place = { "f.cfg", 1, 2 };
    struct vl_arena arena = { 0 };
    struct vl_disk *d = vl_disk_parse(&arena, &place, disks[_i].spec);

    messages_expect(disks[_i].spec, disks[_i].message);
    ck_assert_int_eq(d == NULL, disks[_i].message != NULL);
    if (d) {
        ck_assert_pstr_eq(d->target, disks[_i].target);
        ck_assert_str_eq(d->vdev, disks[_i].vdev);
        ck_assert_pstr_eq(d->script, disks[_i].script);
        ck_assert_int_eq(d->format, disks[_i].format);
        ck_assert_int_eq(d->readonly, disks[_i].readonly);
        ck_assert_int_eq(d->cdrom, disks[_i].cdrom);
    }
    vl_arena_free(&arena);
}
END_TEST

static const struct { const char *spec; uint32_t iops; uint64_t bytes; const char *message; } limits[] = {
    { "/a,raw,xvda,backendtype=qdisk", 0, 0, NULL }, { "/a,qcow2,xvda,iops=1,rate=10MB/s", 1, 10000000, NULL },
    { "iops=1000000000,vdev=xvda,target=memory:8M", 1000000000, 0, NULL },
    { "vdev=xvda,rate=8b/s,format=raw,backendtype=qdisk,target=/a,iops=3", 0, 1, NULL },
    { "/a,raw,xvda,backendtype=qdisk,rate=80Mb/s", 0, 10000000, NULL },
    { "/a,raw,xvda,backendtype=qdisk,rate=1000GB/s", 0, 1000000000000, NULL },
    { ",raw,hdc,cdrom,backendtype=qdisk,rate=2KB/s", 0, 2000, NULL },
    { "/a,raw,xvda,iops=5", 0, 0, "disk: 'iops' needs vellum-blkd: say backendtype=qdisk" },
    { "/a,raw,xvda,rate=1MB/s", 0, 0, "disk: 'rate' needs vellum-blkd: say backendtype=qdisk" },
    { "/a,raw,xvda,backendtype=phy,rate=1MB/s", 0, 0, "say backendtype=qdisk" },
    { "/a,qcow2,xvda,iops=0", 0, 0, "'iops' must be from 1 to 1000000000" },
    { "/a,qcow2,xvda,iops=1000000001", 0, 0, "'iops' must be from 1 to 1000000000" },
    { "/a,qcow2,xvda,iops=-1", 0, 0, "'iops' must be from 1" }, { "/a,qcow2,xvda,iops=99999999999999999999", 0, 0, "'iops' must be" },
    { "/a,qcow2,xvda,iops=", 0, 0, "'iops' wants a number, not ''" }, { "/a,qcow2,xvda,iops=5k", 0, 0, "wants a number, not '5k'" },
    { "/a,qcow2,xvda,rate=", 0, 0, "disk: '' is not a rate (such as 10MB/s or 80Mb/s)" },
    { "/a,qcow2,xvda,rate=10MB", 0, 0, "'10MB' is not a rate" }, { "/a,qcow2,xvda,rate=10", 0, 0, "'10' is not a rate" },
    { "/a,qcow2,xvda,rate=10MB/s@20ms", 0, 0, "'10MB/s@20ms' is not a rate" }, { "/a,qcow2,xvda,rate=-1B/s", 0, 0, "is not a rate" },
    { "/a,qcow2,xvda,rate=10MB/sx", 0, 0, "is not a rate" }, { "/a,qcow2,xvda,rate=0MB/s", 0, 0, "less than a byte a second" },
    { "/a,qcow2,xvda,rate=7b/s", 0, 0, "less than a byte a second" }, { "/a,qcow2,xvda,rate=1125899GB/s", 0, 1125899000000000, NULL },
    { "/a,qcow2,xvda,rate=1125900GB/s", 0, 0, "the rate '1125900GB/s' is too high" },
    { "/a,qcow2,xvda,rate=99999999999999999GB/s", 0, 0, "is not a rate" },
};

START_TEST(test_disk_limits)
{
    struct vl_place place = { "f.cfg", 1, 2 };
    struct vl_arena arena = { 0 };
    struct vl_disk *d = vl_disk_parse(&arena, &place, limits[_i].spec);

    messages_expect(limits[_i].spec, limits[_i].message);
    ck_assert_int_eq(d == NULL, limits[_i].message != NULL);
    if (d) {
        ck_assert_uint_eq(d->limit_iops, limits[_i].iops);
        ck_assert_uint_eq(d->limit_bytes, limits[_i].bytes);
    }
    vl_arena_free(&arena);
}
END_TEST

static const struct { const char *spec; bool process, address; } served[] = {
    { "/a,raw,xvda", false, false }, { "/a,raw,xvda,backendtype=phy", false, false }, { "/a,raw,xvda,backendtype=qdisk", true, false },
    { "/a,qcow2,xvda", true, false }, { "vdev=xvda,target=memory:8M", true, true }, { "vdev=xvda,target=ssh://h/a", true, true },
    { "vdev=xvda,target=rbd:p/i", true, true }, { ",hdc:cdrom,r", false, false },
};

START_TEST(test_who_serves_disks)
{
    struct vl_place place = { "f.cfg", 1, 2 };
    struct vl_arena arena = { 0 };
    struct vl_disk *d = vl_disk_parse(&arena, &place, served[_i].spec);

    ck_assert_ptr_nonnull(d);
    ck_assert_int_eq(vl_disk_by_process(d), served[_i].process);
    ck_assert_int_eq(vl_disk_is_address(d), served[_i].address);
    vl_arena_free(&arena);
}
END_TEST

static const struct { const char *vdev; long number; } vdevs[] = {
    { "xvda", 51712 }, { "xvda1", 51713 }, { "xvdp15", 51712 + 15 * 16 + 15 }, { "xvdq", (1 << 28) + (16 << 8) },
    { "xvda16", (1 << 28) + 16 }, { "xvdtq37", (1 << 28) + (536 << 8) + 37 }, { "d0", 51712 }, { "d0p0", 51712 },
    { "d536p37", (1 << 28) + (536 << 8) + 37 }, { "sda", 2048 }, { "sdb3", 2048 + 16 + 3 }, { "hda", 768 },
    { "hdb1", 768 + 64 + 1 }, { "hdc2", (22 << 8) + 2 }, { "hdd", (22 << 8) + 64 }, { "51712", 51712 },
    { "0xca00", 51712 }, { "hde", -1 }, { "sdq", -1 }, { "xvd", -1 }, { "xvda256", -1 }, { "xvdA", -1 }, { "", -1 },
    { "vda", -1 }, { "d", -1 }, { "d1p", -1 }, { "xvda1x", -1 }, { "99999999999", -1 }, { "xvdzzzzzz", -1 },
    { "d1048576", -1 }, { "d1048575p255", (1l << 28) + (1048575l << 8) + 255 },
};

START_TEST(test_vdevs)
{
    ck_assert_msg(vl_vdev_number(vdevs[_i].vdev) == vdevs[_i].number, "%s: %ld", vdevs[_i].vdev,
                  vl_vdev_number(vdevs[_i].vdev));
}
END_TEST

#define MAC "mac=00:16:3e:01:02:03"
static const struct { const char *spec; uint64_t rate; uint32_t usecs; const char *message; } vifs[] = {
    { "", 0, 0, NULL }, { MAC, 0, 0, NULL }, { "mac=00:16:3E:74:3d:76,model=rtl8139,bridge=xenbr0", 0, 0, NULL },
    { MAC ", bridge=br1 , ip=10.0.0.1, vifname=foo", 0, 0, NULL }, { MAC ",rate=10Mb/s", 62500, 50000, NULL },
    { MAC ",rate=250KB/s@20ms", 5000, 20000, NULL }, { MAC ",rate=1GB/s@1s", 1000000000, 1000000, NULL },
    { MAC ",rate=3MB/s@7", 21000000, 7000000, NULL }, { MAC ",rate=10", 0, 0, "'10' is not a rate" },
    { MAC ",rate=-18446744073709541616B/s", 0, 0, "is not a rate" }, { MAC ",rate=1MB/s@", 0, 0, "is not a rate" },
    { MAC ",rate=1MB/s@-1", 0, 0, "is not a rate" }, { MAC ",rate=1MB/s@101s", 0, 0, "is not a rate" },
    { MAC ",rate=1MB/s@100s", 100000000, 100000000, NULL }, { MAC ",rate=9999999999GB/s@1s", 0, 0, "'9999999999GB/s@1s' is too high" },
    { MAC ",rate=1b/s@1us", 0, 0, "less than a byte" }, { MAC ",rate=99999999999999GB/s", 0, 0, "is not a rate" },
    { "mac=00:16:3e:01:02", 0, 0, "is not a MAC address" }, { "mac=01:16:3e:01:02:03", 0, 0, "multicast" },
    { MAC ",foo=1", 0, 0, "unknown parameter 'foo'" }, { MAC ",mtu=9000,trusted", 0, 0, NULL },
    { MAC ",backendtype=vnif", 0, 0, NULL }, { MAC ",backendtype=tap", 0, 0, "unknown back-end type 'tap'" },
    { MAC ",mtu=9", 0, 0, "'mtu' must be from 68" }, { MAC ",type=ioemu,accel=1", 0, 0, NULL },
    { MAC ",type=foo", 0, 0, "'type' cannot be 'foo'" }, { MAC ",vifname=averyverylongname", 0, 0, "not a name" },
    { MAC ",bridge=a/b", 0, 0, "not a name for a bridge" },
    { MAC ",bridge=a234567890123456", 0, 0, "not a name for a bridge" }, { MAC ",bridge=ovs0.100:200:300:4,script=vif-openvswitch", 0, 0, NULL },
    { MAC ",bridge=a/b,script=vif-openvswitch", 0, 0, "not a name for a bridge" }, { MAC ",colo_x=1", 0, 0, "not supported" },
    { "bridge", 0, 0, "do not know what to make of 'bridge'" },
};

START_TEST(test_vifs)
{
    struct vl_place place = { "f.cfg", 1, 2 };
    struct vl_arena arena = { 0 };
    struct vl_vif *v = vl_vif_parse(&arena, &place, vifs[_i].spec, 3);

    messages_expect(vifs[_i].spec, vifs[_i].message);
    ck_assert_int_eq(v == NULL, vifs[_i].message != NULL);
    if (v) {
        ck_assert_uint_eq(v->rate_bytes, vifs[_i].rate);
        ck_assert_uint_eq(v->rate_usecs, vifs[_i].usecs);
        ck_assert_uint_eq(v->mac[0], 0);
        ck_assert_uint_eq(v->mac[1], 0x16);
    }
    vl_arena_free(&arena);
}
END_TEST

#define VNIF MAC ",backendtype=vnif,antispoof="
static const struct { const char *spec; enum vl_antispoof antispoof; const char *message; } spoofs[] = {
    { MAC ",backendtype=vnif", VL_ANTISPOOF_UNSET, NULL }, { VNIF "none", VL_ANTISPOOF_NONE, NULL },
    { VNIF "mac", VL_ANTISPOOF_MAC, NULL }, { "antispoof=mac,backendtype=vnif", VL_ANTISPOOF_MAC, NULL },
    { VNIF "ip,ip=10.0.0.1", VL_ANTISPOOF_IP, NULL }, { "ip=10.0.0.1/24 fe80::1," VNIF "ip", VL_ANTISPOOF_IP, NULL },
    { VNIF "ip,ip=1.1.1.1 1.1.1.2 1.1.1.3 1.1.1.4 1.1.1.5 1.1.1.6 1.1.1.7 1.1.1.8", VL_ANTISPOOF_IP, NULL },
    { VNIF "ip,ip=1.1.1.1 1.1.1.2 1.1.1.3 1.1.1.4 1.1.1.5 1.1.1.6 1.1.1.7 1.1.1.8 1.1.1.9", 0, "up to 8 addresses" },
    { VNIF "ip", 0, "vif: antispoof=ip needs the addresses: 'ip='" }, { VNIF "ip,ip=", 0, "needs the addresses" },
    { VNIF "ip,ip=10.0.0", 0, "antispoof=ip: '10.0.0' is not an address" },
    { VNIF "ip,ip=10.0.0.1 host/8 x", 0, "'host/8' is not an address" }, { VNIF "ip,ip=/24", 0, "'/24' is not an address" },
    { VNIF "ip,ip=1111111111111111111111111111111111111111111111111111111111", 0, "is not an address" },
    { VNIF "all", 0, "vif: 'antispoof' cannot be 'all' (none, mac or ip)" }, { VNIF, 0, "cannot be ''" },
    { MAC ",antispoof=mac", 0, "vif: 'antispoof' needs vellum-netd: say backendtype=vnif" },
    { MAC ",antispoof=none,backendtype=vif", 0, "say backendtype=vnif" },
};

START_TEST(test_antispoof)
{
    struct vl_place place = { "f.cfg", 1, 2 };
    struct vl_arena arena = { 0 };
    struct vl_vif *v = vl_vif_parse(&arena, &place, spoofs[_i].spec, 3);

    messages_expect(spoofs[_i].spec, spoofs[_i].message);
    ck_assert_int_eq(v == NULL, spoofs[_i].message != NULL);
    if (v)
        ck_assert_int_eq(v->antispoof, spoofs[_i].antispoof);
    vl_arena_free(&arena);
}
END_TEST

static char *kept(const struct vl_config *c)
{
    struct vl_json *j = vl_json_new(true);
    char *text;

    vl_json_config(j, NULL, c, VL_JSON_KEPT, NULL);
    text = strdup(vl_json_text(j, NULL));
    vl_json_free(j);
    return text;
}

static const char everything[] = BASE
    "uuid='12345678-1234-1234-1234-123456789abc'\nmemory=64\nmaxmem=128\nvcpus=2\nmaxvcpus=3\nramdisk='/r'\n"
    "cmdline='a \"b\" \\\\'\ncpus='0,1'\ncpus_soft=['0','1','0']\ncpu_weight=512\ncap=50\npool='p'\n"
    "on_poweroff='preserve'\non_reboot='coredump-restart'\non_crash='rename-restart'\non_watchdog='restart'\n"
    "disk=['/a,raw,xvda,rw','/i,,hdc,cdrom','iscsi:x,xvdc,r,no-discard,untrusted',\n"
    "'/q,qcow2,xvdd,r,iops=1000,rate=10MB/s']\n"
    "vif=['mac=00:16:3e:01:02:03,rate=10Mb/s,mtu=9000,ip=10.0.0.1,vifname=x','mac=00:16:3e:01:02:04,backend=dd',\n"
    "'mac=00:16:3e:01:02:05,backendtype=vnif,antispoof=ip,ip=10.0.0.2','mac=00:16:3e:01:02:06,backendtype=vnif,antispoof=none']\n"
    "pci=['03:01.2@5,permissive=1','name=nic']\nchannel=['name=a','name=b,connection=socket,path=/run/b']\n"
    "ioports=['2f8-2ff']\niomem=['a0000,20']\nirqs=[3]\ntsc_mode='native'\nnomigrate=1\nmsr_relaxed=1\n"
    "driver_domain=1\nrtc_timeoffset=-100\nlocaltime=1\nmax_grant_frames=64\nmax_maptrack_frames=0\n"
    "max_grant_version=1\nmax_event_channels=200\npassthrough='enabled'\nseclabel='a:b:c'\n"
    "bootloader='pygrub'\nbootloader_args=['-q','x']\nperiod=1000\nbudget=500\nextratime=1\n";

START_TEST(test_json)
{
    struct vl_config *c = load(everything), *again;
    char *first, *second;

    messages_expect("everything", NULL);
    ck_assert_ptr_nonnull(c);
    first = kept(c);
    again = vl_json_config_read("kept", first, strlen(first));
    messages_expect("kept", NULL);
    ck_assert_ptr_nonnull(again);
    second = kept(again);
    ck_assert_str_eq(first, second);
    ck_assert_str_eq(again->cmdline, "a \"b\" \\");
    ck_assert_int_eq(again->rtc_timeoffset, -100);
    ck_assert_uint_eq(again->disks[3]->limit_iops, 1000);
    ck_assert_uint_eq(again->disks[3]->limit_bytes, 10000000);
    ck_assert_int_eq(again->vifs[2]->antispoof, VL_ANTISPOOF_IP);
    ck_assert_int_eq(again->vifs[3]->antispoof, VL_ANTISPOOF_NONE);
    vl_config_free(again);
    vl_config_free(c);
    free(first);
    free(second);
}
END_TEST

/* What only our back-ends have is not among the members of who does not use it: listings are as Debian's then. */
START_TEST(test_json_plain)
{
    struct vl_config *c = load(BASE "disk=['/a,qcow2,xvda']\nvif=['mac=00:16:3e:01:02:03,backendtype=vnif']\n");
    char *text = kept(c);

    ck_assert_ptr_null(strstr(text, "limit_"));
    ck_assert_ptr_null(strstr(text, "antispoof"));
    vl_config_free(c);
    free(text);
}
END_TEST

/* A kept file cut at any byte is refused, or (behind its end) read. */
START_TEST(test_json_cut)
{
    struct vl_config *c = load(everything);
    char *text = kept(c);
    size_t len = strlen(text);

    for (size_t n = 0; n < len - 2; n++) {
        ck_assert_ptr_null(vl_json_config_read("kept", text, n));
        messages_clear();
    }
    vl_config_free(c);
    free(text);
}
END_TEST

static const char *const not_configs[] = {
    "", "{}", "[]", "null", "{\"c_info\":{},\"b_info\":{}}", "{\"c_info\":[],\"b_info\":{}}",
    "{\"c_info\":{\"name\":\"vellum-shell-0\"},\"b_info\":{}}",
    "{\"c_info\":{\"name\":\"a b\"},\"b_info\":{}}", "{\"c_info\":{\"name\":\"a\",\"type\":\"hvm\"},\"b_info\":{}}",
    "{\"c_info\":{\"name\":\"a\"},\"b_info\":{},\"disks\":[{}]}",
    "{\"c_info\":{\"name\":\"a\"},\"b_info\":{},\"disks\":[{\"vdev\":\"zz\"}]}",
    "{\"c_info\":{\"name\":\"a\"},\"b_info\":{},\"nics\":[{\"mac\":\"x,bridge=y\"}]}",
    "{\"c_info\":{\"name\":\"a\"},\"b_info\":{},\"channels\":[3]}",
    "{\"c_info\":{\"name\":\"a\"},\"b_info\":{},\"disks\":[{\"vdev\":\"xvda\",\"format\":\"raw\",\"limit_iops\":5}]}",
    "{\"c_info\":{\"name\":\"a\"},\"b_info\":{},\"nics\":[{\"mac\":\"00:16:3e:01:02:03\",\"antispoof\":\"mac\"}]}",
    "{\"c_info\":{\"name\":\"a\"},\"b_info\":{},\"nics\":[{\"mac\":\"00:16:3e:01:02:03\",\"backend_process\":\"True\",\"antispoof\":\"x\"}]}",
    "{\"c_info\":{\"name\":\"a\"},\"b_info\":{},\"nics\":[{\"mac\":\"00:16:3e:01:02:03\",\"backend_process\":\"True\",\"antispoof\":\"ip\"}]}",
};

START_TEST(test_json_bad)
{
    ck_assert_ptr_null(vl_json_config_read("x", not_configs[_i], strlen(not_configs[_i])));
    messages_expect(not_configs[_i], "x: ");
}
END_TEST

/* xl.conf: what is good in it counts, what is not is told. */
START_TEST(test_hostconf)
{
    char path[] = "/tmp/vl-conf-XXXXXX";
    static const char text[] = "vif.default.bridge = \"br7\"\nmax_grant_frames=32\nautoballoon=\"off\"\nvm.pv.cpumask=\"0-3\"\n"
        "lockfile=\"/x\"\nrun_hotplug_scripts=0\nmax_grant_version=9\nnosuch=1\n";
    int fd = mkstemp(path);
    const struct vl_hostconf *c;

    ck_assert_int_eq(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
    close(fd);
    c = vl_hostconf_read(path);
    ck_assert_str_eq(c->vif_bridge, "br7");
    ck_assert_int_eq(c->max_grant_frames, 32);
    ck_assert_int_eq(c->max_grant_version, VL_UNSET);
    ck_assert_int_eq(c->autoballoon, VL_AUTOBALLOON_OFF);
    ck_assert_str_eq(c->pv_cpumask, "0-3");
    ck_assert(!c->run_hotplug_scripts);
    messages_expect("xl.conf", ":7:19: 'max_grant_version' must be from 0 to 2, not 9");
    fd = open(path, O_WRONLY | O_TRUNC);
    ck_assert_int_eq(write(fd, "defaultbridge=\"old\"\nvifscript=\"vif-route\"\n", 42), 42);
    close(fd);
    c = vl_hostconf_read(path);
    ck_assert_str_eq(c->vif_bridge, "old");
    ck_assert_str_eq(c->vif_script, "vif-route");
    messages_expect("old names", NULL);
    unlink(path);
    c = vl_hostconf_read(path);
    ck_assert_ptr_null(c->vif_bridge);
    ck_assert(c->run_hotplug_scripts);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tools: configuration");
    TCase *t = tcase_create("config");

    tcase_add_checked_fixture(t, messages_start, messages_end);
    tcase_add_loop_test(t, test_files, 0, sizeof(files) / sizeof(files[0]));
    tcase_add_test(t, test_missing);
    tcase_add_test(t, test_many_errors);
    tcase_add_test(t, test_defaults);
    tcase_add_test(t, test_strings);
    tcase_add_test(t, test_arguments);
    tcase_add_loop_test(t, test_disks, 0, sizeof(disks) / sizeof(disks[0]));
    tcase_add_loop_test(t, test_disk_limits, 0, sizeof(limits) / sizeof(limits[0]));
    tcase_add_loop_test(t, test_antispoof, 0, sizeof(spoofs) / sizeof(spoofs[0]));
    tcase_add_test(t, test_json_plain);
    tcase_add_loop_test(t, test_who_serves_disks, 0, sizeof(served) / sizeof(served[0]));
    tcase_add_loop_test(t, test_vdevs, 0, sizeof(vdevs) / sizeof(vdevs[0]));
    tcase_add_loop_test(t, test_vifs, 0, sizeof(vifs) / sizeof(vifs[0]));
    tcase_add_test(t, test_hostconf);
    tcase_add_test(t, test_json);
    tcase_add_test(t, test_json_cut);
    tcase_add_loop_test(t, test_json_bad, 0, sizeof(not_configs) / sizeof(not_configs[0]));
    suite_add_tcase(s, t);
    return run_suite(s);
}
