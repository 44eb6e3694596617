/* SPDX-License-Identifier: MIT */
/*
 * From XML to xl.cfg. The document is read into a tree without network, external entities or a document type; then
 * each thing that means something to us is looked up, used and marked. What bears no mark at the end is listed.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <libxml/parser.h>
#include <libxml/tree.h>

#include "base/arena.h"
#include "base/log.h"
#include "domxml/domxml.h"

struct reading {
    const char *name;           /* of the document, for messages */
    FILE *to;
    struct vl_arena arena;
    int errors;
};

static char used_mark;          /* its address in _private says: this has been used */

static int complain(struct reading *r, const xmlNode *node, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static int complain(struct reading *r, const xmlNode *node, const char *fmt, ...)
{
    char text[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    r->errors++;
    return vl_fail(-EINVAL, "%s:%ld: %s", r->name, node ? xmlGetLineNo((xmlNode *)node) : 1, text);
}

static bool is(const xmlNode *node, const char *name)
{
    return node->type == XML_ELEMENT_NODE && !node->ns && !strcmp((const char *)node->name, name);
}

/* The first child of that name, marked; NULL when there is none. */
static xmlNode *child(xmlNode *node, const char *name)
{
    for (xmlNode *c = node ? node->children : NULL; c; c = c->next)
        if (is(c, name)) {
            c->_private = &used_mark;
            return c;
        }
    return NULL;
}

/* An element's text, or an attribute's (marked), in the arena; NULL when there is none. */
static char *content(struct reading *r, const xmlNode *node)
{
    xmlChar *text = node ? xmlNodeGetContent(node) : NULL;
    const char *s = (const char *)text;
    char *kept = NULL;

    if (s) {
        s += strspn(s, " \t\r\n");
        kept = vl_strndup(&r->arena, s, strlen(s));
        for (size_t n = strlen(kept); n && strchr(" \t\r\n", kept[n - 1]); n--)
            kept[n - 1] = 0;
    }
    xmlFree(text);
    return kept;
}

static char *attribute(struct reading *r, xmlNode *node, const char *name)
{
    xmlAttr *a = node ? xmlHasProp(node, (const xmlChar *)name) : NULL;

    if (!a || a->ns)
        return NULL;
    a->_private = &used_mark;
    return content(r, (xmlNode *)a);
}

static char *child_text(struct reading *r, xmlNode *node, const char *name)
{
    return content(r, child(node, name));
}

/* What libvirt writes for every guest, and says nothing that is not so for all of ours. */
static void expected(struct reading *r, xmlNode *node, const char *attr, const char *const values[])
{
    xmlAttr *a = node ? xmlHasProp(node, (const xmlChar *)attr) : NULL;
    char *text = a ? content(r, (xmlNode *)a) : NULL;

    for (size_t i = 0; text && values[i]; i++)
        if (!strcmp(text, values[i]))
            a->_private = &used_mark;
}

static bool number(struct reading *r, const xmlNode *node, const char *text, uint64_t max, uint64_t *out)
{
    char *end;

    errno = 0;
    *out = text && *text >= '0' && *text <= '9' ? strtoull(text, &end, 10) : 0;
    if (!text || *text < '0' || *text > '9' || *end || errno || *out > max) {
        complain(r, node, "<%s>: '%.60s' is not a number up to %" PRIu64, (const char *)node->name, text ? text : "", max);
        return false;
    }
    return true;
}

/* A string as xl.cfg's grammar reads it back, whatever is in it. */
static void put_quoted(FILE *to, const char *s)
{
    fputc('"', to);
    for (; *s; s++)
        if ((unsigned char)*s < ' ' || *s == '"' || *s == '\\' || *s == 127)
            fprintf(to, "\\x%02x", (unsigned char)*s);
        else
            fputc(*s, to);
    fputc('"', to);
}

static void put_string(struct reading *r, const char *key, const char *value)
{
    if (!value)
        return;
    fprintf(r->to, "%s = ", key);
    put_quoted(r->to, value);
    fputc('\n', r->to);
}

/* A part of a disk's or an interface's specification; there a comma would end it. */
static void add_part(struct reading *r, const xmlNode *node, char **spec, const char *key, const char *value)
{
    if (!value)
        return;
    if (strchr(value, ',') && strcmp(key, "target"))
        complain(r, node, "<%s>: '%.60s' holds a comma", (const char *)node->name, value);
    *spec = vl_printf(&r->arena, "%s%s%s=%s", *spec, **spec ? "," : "", key, value);
}

static void add_flag(struct reading *r, char **spec, const char *flag)
{
    *spec = vl_printf(&r->arena, "%s%s%s", *spec, **spec ? "," : "", flag);
}

/* Memory in KiB from an element with a unit. */
static bool memory(struct reading *r, xmlNode *node, uint64_t *kib)
{
    static const struct { const char *unit; uint64_t bytes; } units[] = {
        { "KiB", 1024 }, { "k", 1024 }, { "b", 1 }, { "bytes", 1 }, { "KB", 1000 }, { "MB", 1000000 }, { "M", 1 << 20 },
        { "MiB", 1 << 20 }, { "GB", 1000000000 }, { "G", 1 << 30 }, { "GiB", 1 << 30 }, { "T", 1ull << 40 },
        { "TiB", 1ull << 40 },
    };
    const char *unit = attribute(r, node, "unit");
    uint64_t n;

    if (!number(r, node, content(r, node), 1ull << 50, &n))
        return false;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (!strcmp(unit ? unit : "KiB", units[i].unit)) {
            *kib = n > UINT64_MAX / units[i].bytes ? UINT64_MAX : n * units[i].bytes / 1024;
            return *kib < 1ull << 44 || complain(r, node, "this is more memory than a guest can have") == 0;
        }
    complain(r, node, "'%.20s' is no unit of memory", unit);
    return false;
}

static void read_memory(struct reading *r, xmlNode *domain)
{
    xmlNode *most = child(domain, "memory"), *now = child(domain, "currentMemory");
    uint64_t max_kib, kib;

    if (!most) {
        complain(r, domain, "<memory> is missing");
        return;
    }
    if (!memory(r, most, &max_kib))
        return;
    kib = max_kib;
    if (now && !memory(r, now, &kib))
        return;
    fprintf(r->to, "memory = %" PRIu64 "\n", (kib + 1023) / 1024);
    if (kib != max_kib)
        fprintf(r->to, "maxmem = %" PRIu64 "\n", (max_kib + 1023) / 1024);
}

static void read_vcpus(struct reading *r, xmlNode *domain)
{
    static const char *const fixed[] = { "static", NULL };
    xmlNode *vcpu = child(domain, "vcpu"), *tune = child(domain, "cputune");
    char *current = attribute(r, vcpu, "current"), *shares;
    uint64_t most = 1, now;

    if (vcpu && !number(r, vcpu, content(r, vcpu), VL_MAX_VCPUS, &most))
        return;
    now = most;
    if (current && !number(r, vcpu, current, most, &now))
        return;
    fprintf(r->to, "vcpus = %" PRIu64 "\n", now);
    if (now != most)
        fprintf(r->to, "maxvcpus = %" PRIu64 "\n", most);
    expected(r, vcpu, "placement", fixed);
    put_string(r, "cpus", attribute(r, vcpu, "cpuset"));
    shares = child_text(r, tune, "shares");
    if (shares && number(r, tune, shares, 65535, &now))
        fprintf(r->to, "cpu_weight = %" PRIu64 "\n", now);
}

/* vcpupin elements, as the list of one string a vCPU; those that are not pinned run anywhere. */
static void read_pins(struct reading *r, xmlNode *domain)
{
    xmlNode *tune = child(domain, "cputune");
    char *pins[VL_MAX_VCPUS] = { NULL };
    uint64_t vcpu, last = 0;
    bool any = false;

    for (xmlNode *n = tune ? tune->children : NULL; n; n = n->next) {
        char *list;

        if (!is(n, "vcpupin"))
            continue;
        n->_private = &used_mark;
        if (!number(r, n, attribute(r, n, "vcpu"), VL_MAX_VCPUS - 1, &vcpu))
            return;
        list = attribute(r, n, "cpuset");
        if (!list) {
            complain(r, n, "<vcpupin> has no cpuset");
            return;
        }
        pins[vcpu] = list;
        last = vcpu > last ? vcpu : last;
        any = true;
    }
    if (!any)
        return;
    fputs("cpus = [", r->to);
    for (uint64_t i = 0; i <= last; i++) {
        fputs(i ? ", " : "", r->to);
        put_quoted(r->to, pins[i] ? pins[i] : "all");
    }
    fputs("]\n", r->to);
}

static void read_boot(struct reading *r, xmlNode *domain)
{
    static const char *const machines[] = { "xenpv", NULL }, *const arches[] = { "x86_64", NULL };
    xmlNode *os = child(domain, "os"), *type = child(os, "type");
    char *text = content(r, type), *loader = child_text(r, domain, "bootloader");

    if (text && strcmp(text, "linux") && strcmp(text, "xen"))
        complain(r, type, "<type>: only PV guests ('linux') can be made here, not '%.40s'", text);
    expected(r, type, "machine", machines);
    expected(r, type, "arch", arches);
    put_string(r, "kernel", child_text(r, os, "kernel"));
    put_string(r, "ramdisk", child_text(r, os, "initrd"));
    put_string(r, "cmdline", child_text(r, os, "cmdline"));
    put_string(r, "bootloader", loader);
    put_string(r, "bootloader_args", child_text(r, domain, "bootloader_args"));
}

static void read_actions(struct reading *r, xmlNode *domain)
{
    static const char *const keys[] = { "on_poweroff", "on_reboot", "on_crash" };

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        xmlNode *n = child(domain, keys[i]);
        char *action = content(r, n);
        bool known = false;

        for (int a = 0; action && a < VL_ACT_COUNT; a++)
            known |= !strcmp(action, vl_action_names[a]);
        if (action && !known)
            complain(r, n, "<%s>: '%.40s' is no action", keys[i], action);
        put_string(r, keys[i], action);
    }
}

/* A limit that is not 0, which is libvirt's word for none. */
static bool limit(struct reading *r, xmlNode *tune, const char *name, uint64_t max, uint64_t *out)
{
    xmlNode *node = child(tune, name);

    return node && number(r, node, content(r, node), max, out) && *out;
}

/* Limits are vellum-blkd's; `how` is the back-end that the document names. */
static void read_iotune(struct reading *r, xmlNode *disk, const char *how, const char *format, char **spec)
{
    xmlNode *tune = child(disk, "iotune");
    bool raw = !format || !strcmp(format, "raw") || !strcmp(format, "aio");
    uint64_t requests = 0, bytes = 0;
    bool any = limit(r, tune, "total_iops_sec", VL_LIMIT_IOPS_MAX, &requests);

    any |= limit(r, tune, "total_bytes_sec", VL_LIMIT_BYTES_MAX, &bytes);
    if (!any)
        return;
    if (how && !strcmp(how, "phy"))
        complain(r, tune, "<iotune>: the kernel's back-end has no limits; <driver name='qemu'> has");
    else if (raw && (!how || strcmp(how, "qemu")))
        add_flag(r, spec, "backendtype=qdisk");
    if (requests)
        add_part(r, tune, spec, "iops", vl_printf(&r->arena, "%" PRIu64, requests));
    if (bytes)
        add_part(r, tune, spec, "rate", vl_printf(&r->arena, "%" PRIu64 "B/s", bytes));
}

static void read_disk(struct reading *r, xmlNode *disk, bool first)
{
    static const char *const buses[] = { "xen", NULL }, *const types[] = { "block", "file", NULL };
    xmlNode *source = child(disk, "source"), *target = child(disk, "target"), *driver = child(disk, "driver");
    char *path = attribute(r, source, "dev"), *file = attribute(r, source, "file"), *device, *how, *format, *spec;
    char *type = attribute(r, disk, "type");

    if (type && strcmp(type, "block") && strcmp(type, "file"))
        complain(r, disk, "<disk>: a disk of type '%.40s' has no equivalent", type);
    (void)types;
    spec = vl_strdup(&r->arena, "");
    format = attribute(r, driver, "type");
    add_part(r, disk, &spec, "format", format && strcmp(format, "aio") ? format : "raw");
    add_part(r, disk, &spec, "vdev", attribute(r, target, "dev"));
    if (!target)
        complain(r, disk, "<disk> has no <target>");
    expected(r, target, "bus", buses);
    add_part(r, disk, &spec, "access", child(disk, "readonly") ? "ro" : "rw");
    device = attribute(r, disk, "device");
    if (device && !strcmp(device, "cdrom"))
        add_flag(r, &spec, "devtype=cdrom");
    else if (device && strcmp(device, "disk"))
        complain(r, disk, "<disk>: a PV guest has no '%.40s'", device);
    how = attribute(r, driver, "name");
    if (how && !strcmp(how, "qemu"))
        add_flag(r, &spec, "backendtype=qdisk");
    else if (how && !strcmp(how, "phy"))
        add_flag(r, &spec, "backendtype=phy");
    else if (how && strcmp(how, "file") && strcmp(how, "tap"))
        complain(r, driver, "<driver>: there is no back-end '%.40s'", how);
    read_iotune(r, disk, how, format, &spec);
    add_part(r, disk, &spec, "backend", attribute(r, child(disk, "backenddomain"), "name"));
    add_part(r, disk, &spec, "script", attribute(r, child(disk, "script"), "path"));
    add_part(r, disk, &spec, "target", path ? path : file);
    fputs(first ? "disk = [\n    " : ",\n    ", r->to);
    put_quoted(r->to, spec);
}

/* Is the address one of those between blanks or commas, each perhaps with a prefix length? */
static bool has_address(const char *all, const char *address)
{
    for (all += strspn(all, " ,"); *all; all += strspn(all, " ,")) {
        size_t len = strcspn(all, " ,/");

        if (len == strlen(address) && !strncmp(all, address, len))
            return true;
        all += strcspn(all, " ,");
    }
    return false;
}

/* The interface's addresses, or, where it names none, those that its filter is given. */
static char *filter_addresses(struct reading *r, xmlNode *filter, char *own)
{
    char *all = own, *name, *value;

    for (xmlNode *n = filter->children; n; n = n->next) {
        name = is(n, "parameter") ? attribute(r, n, "name") : NULL;
        value = name && !strcmp(name, "IP") ? attribute(r, n, "value") : NULL;
        if (!value || (own && !has_address(own, value)))
            continue;
        n->_private = &used_mark;
        if (!own)
            all = vl_printf(&r->arena, "%s%s%s", all ? all : "", all ? " " : "", value);
    }
    return all;
}

/* libvirt's own filters that are what vellum-netd's `antispoof` is. Gives the interface's addresses. */
static char *read_filter(struct reading *r, xmlNode *nic, char **spec, char *ip)
{
    static const struct { const char *filter, *antispoof; } known[] = {
        { "no-mac-spoofing", "mac" }, { "clean-traffic", "ip" }, { "no-ip-spoofing", "ip" },
    };
    xmlNode *filter = child(nic, "filterref");
    char *name = attribute(r, filter, "filter");
    size_t i = 0;

    while (name && i < sizeof(known) / sizeof(known[0]) && strcmp(name, known[i].filter))
        i++;
    if (!filter)
        return ip;
    if (!name || i == sizeof(known) / sizeof(known[0])) {
        filter->_private = NULL;
        return ip;
    }
    ip = filter_addresses(r, filter, ip);
    add_flag(r, spec, "backendtype=vnif");
    add_part(r, nic, spec, "antispoof", known[i].antispoof);
    if (!ip && !strcmp(known[i].antispoof, "ip"))
        complain(r, filter, "<filterref>: '%s' needs the interface's <ip address=…>, or <parameter name='IP' …>", name);
    return ip;
}

static void read_interface(struct reading *r, xmlNode *nic, bool first)
{
    static const char *const models[] = { "netfront", NULL };
    char *type = attribute(r, nic, "type"), *spec = vl_strdup(&r->arena, ""), *bridge;
    xmlNode *source = child(nic, "source"), *out = child(child(nic, "bandwidth"), "outbound");
    char *average = attribute(r, out, "average");
    uint64_t rate;

    if (type && strcmp(type, "bridge") && strcmp(type, "ethernet"))
        complain(r, nic, "<interface>: type '%.40s' has no equivalent; name the bridge instead", type);
    add_part(r, nic, &spec, "mac", attribute(r, child(nic, "mac"), "address"));
    bridge = attribute(r, source, "bridge");
    add_part(r, nic, &spec, "bridge", bridge);
    add_part(r, nic, &spec, "script", attribute(r, child(nic, "script"), "path"));
    add_part(r, nic, &spec, "ip", read_filter(r, nic, &spec, attribute(r, child(nic, "ip"), "address")));
    add_part(r, nic, &spec, "vifname", attribute(r, child(nic, "target"), "dev"));
    add_part(r, nic, &spec, "mtu", attribute(r, child(nic, "mtu"), "size"));
    add_part(r, nic, &spec, "backend", attribute(r, child(nic, "backenddomain"), "name"));
    if (average && number(r, out, average, 1u << 30, &rate))
        add_part(r, nic, &spec, "rate", vl_printf(&r->arena, "%" PRIu64 "KB/s", rate));
    expected(r, child(nic, "model"), "type", models);
    fputs(first ? "vif = [\n    " : ",\n    ", r->to);
    put_quoted(r->to, spec);
}

/* A number as libvirt writes parts of PCI addresses: 0x0a. */
static unsigned hex(struct reading *r, xmlNode *address, const char *part, unsigned max)
{
    char *text = attribute(r, address, part), *end;
    unsigned long v = text ? strtoul(text, &end, 0) : 0;

    if (text && (!*text || *end || v > max))
        complain(r, address, "<address>: %s='%.20s' is not a number up to 0x%x", part, text, max);
    return (unsigned)v;
}

static void read_hostdev(struct reading *r, xmlNode *dev, bool first)
{
    static const char *const modes[] = { "subsystem", NULL };
    xmlNode *address = child(child(dev, "source"), "address");
    char *type = attribute(r, dev, "type"), *managed = attribute(r, dev, "managed");

    expected(r, dev, "mode", modes);
    if (!type || strcmp(type, "pci") || !address) {
        complain(r, dev, "<hostdev>: only PCI devices can be passed through");
        return;
    }
    fprintf(r->to, "%s\"%04x:%02x:%02x.%x%s\"", first ? "pci = [\n    " : ",\n    ", hex(r, address, "domain", 0xffff),
            hex(r, address, "bus", 0xff), hex(r, address, "slot", 0x1f), hex(r, address, "function", 7),
            managed && !strcmp(managed, "yes") ? ",seize=1" : "");
}

static void read_devices(struct reading *r, xmlNode *devices, const char *name,
                         void (*read)(struct reading *r, xmlNode *node, bool first))
{
    bool first = true;

    for (xmlNode *n = devices ? devices->children : NULL; n; n = n->next)
        if (is(n, name)) {
            n->_private = &used_mark;
            read(r, n, first);
            first = false;
        }
    if (!first)
        fputs("\n]\n", r->to);
}

static void mark_all(xmlNode *node)
{
    node->_private = &used_mark;
    for (xmlAttr *a = node->type == XML_ELEMENT_NODE ? node->properties : NULL; a; a = a->next)
        a->_private = &used_mark;
    for (xmlNode *c = node->children; c; c = c->next)
        mark_all(c);
}

/* What every PV guest has in any case. */
static void mark_usual(struct reading *r, xmlNode *domain, xmlNode *devices)
{
    static const char *const xen[] = { "xen", NULL }, *const pty[] = { "pty", NULL }, *const utc[] = { "utc", NULL },
                      *const zero[] = { "0", NULL };

    expected(r, child(devices, "memballoon"), "model", xen);
    for (xmlNode *n = devices ? devices->children : NULL; n; n = n->next)
        if (is(n, "console")) {
            xmlNode *target = child(n, "target");

            expected(r, n, "type", pty);
            expected(r, target, "type", xen);
            expected(r, target, "port", zero);
            n->_private = &used_mark;
        } else if (is(n, "emulator")) {
            mark_all(n);        /* a PV guest has no emulator */
        }
    expected(r, child(domain, "clock"), "offset", utc);
}

static void list_unused(struct reading *r, const xmlNode *node)
{
    for (const xmlNode *c = node->children; c; c = c->next) {
        if (c->type != XML_ELEMENT_NODE)
            continue;
        if (c->_private != &used_mark) {
            vl_warn("%s:%ld: <%s> has no equivalent and is left out", r->name, xmlGetLineNo((xmlNode *)c),
                    (const char *)c->name);
            continue;
        }
        for (const xmlAttr *a = c->properties; a; a = a->next)
            if (a->_private != &used_mark)
                vl_warn("%s:%ld: <%s %s=…> has no equivalent and is left out", r->name, xmlGetLineNo((xmlNode *)c),
                        (const char *)c->name, (const char *)a->name);
        list_unused(r, c);
    }
}

static void read_domain(struct reading *r, xmlNode *domain)
{
    xmlNode *devices = child(domain, "devices");
    char *type = attribute(r, domain, "type");

    domain->_private = &used_mark;
    if (!is(domain, "domain") || !type || strcmp(type, "xen")) {
        complain(r, domain, "this is not a Xen domain: <domain type='xen'> is wanted");
        return;
    }
    put_string(r, "name", child_text(r, domain, "name"));
    put_string(r, "uuid", child_text(r, domain, "uuid"));
    read_boot(r, domain);
    read_memory(r, domain);
    read_vcpus(r, domain);
    read_pins(r, domain);
    read_actions(r, domain);
    read_devices(r, devices, "disk", read_disk);
    read_devices(r, devices, "interface", read_interface);
    read_devices(r, devices, "hostdev", read_hostdev);
    mark_usual(r, domain, devices);
    list_unused(r, domain);
}

/* A document type could declare entities: refused where it begins. */
static void on_doctype(void *ctx, const xmlChar *name, const xmlChar *external, const xmlChar *system)
{
    (void)name;
    (void)external;
    (void)system;
    ((xmlParserCtxt *)ctx)->_private = &used_mark;
    xmlStopParser(ctx);
}

static void no_message(void *ctx, const char *fmt, ...)
{
    (void)ctx;
    (void)fmt;
}

int domxml_to_config(const char *name, const char *text, size_t len, FILE *to)
{
    struct reading r = { .name = name, .to = to };
    xmlParserCtxt *ctx = xmlNewParserCtxt();
    const xmlError *e;
    xmlDoc *doc;

    if (!ctx || len > DOMXML_MAX) {
        xmlFreeParserCtxt(ctx);
        return vl_fail(-EINVAL, "%s: a document may have at most %u bytes", name, DOMXML_MAX);
    }
    xmlSetGenericErrorFunc(NULL, no_message);
    ctx->sax->internalSubset = on_doctype;
    doc = xmlCtxtReadMemory(ctx, text, (int)len, "domain.xml", NULL,
                            XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NOCDATA);
    e = xmlCtxtGetLastError(ctx);
    if (ctx->_private) {
        complain(&r, NULL, "a document type (<!DOCTYPE>) is not taken: it could hold entities");
    } else if (!doc || !xmlDocGetRootElement(doc)) {
        int n = e && e->message ? (int)strcspn(e->message, "\n") : 0;

        r.errors++;
        vl_log(VL_ERROR, "%s:%d: %.*s", name, e ? e->line : 1, n ? n : 6, n ? e->message : "no XML");
    } else {
        read_domain(&r, xmlDocGetRootElement(doc));
    }
    xmlFreeDoc(doc);
    xmlFreeParserCtxt(ctx);
    vl_arena_free(&r.arena);
    return r.errors ? -EINVAL : 0;
}
