/* SPDX-License-Identifier: MIT */
/* From a configuration to XML. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <libxml/tree.h>
#include <libxml/xmlsave.h>

#include "base/log.h"
#include "base/uuid.h"
#include "domxml/domxml.h"

static xmlNode *element(xmlNode *parent, const char *name, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static xmlNode *element(xmlNode *parent, const char *name, const char *fmt, ...)
{
    char text[4096];
    va_list ap;

    if (!fmt)
        return xmlNewChild(parent, NULL, (const xmlChar *)name, NULL);
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    return xmlNewTextChild(parent, NULL, (const xmlChar *)name, (const xmlChar *)text);
}

static void set(xmlNode *node, const char *name, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void set(xmlNode *node, const char *name, const char *fmt, ...)
{
    char text[4096];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    xmlNewProp(node, (const xmlChar *)name, (const xmlChar *)text);
}

static void left_out(const struct vl_config *c, bool is_so, const char *what)
{
    if (is_so)
        vl_warn("%s: %s has no equivalent in libvirt's XML and is left out", c->name, what);
}

static void list_missing(const struct vl_config *c)
{
    left_out(c, c->cap > 0, "'cap'");
    left_out(c, c->pool != NULL, "'pool'");
    left_out(c, c->n_cpus_soft > 0, "'cpus_soft'");
    left_out(c, c->rtds_period != VL_UNSET || c->rtds_budget != VL_UNSET, "the RTDS scheduler's parameters");
    left_out(c, c->on_watchdog != VL_ACT_DESTROY, "'on_watchdog'");
    left_out(c, c->n_channels > 0, "'channel'");
    left_out(c, c->n_ioports || c->n_iomem || c->n_irqs, "'ioports', 'iomem' or 'irqs'");
    left_out(c, c->tsc_mode != 0, "'tsc_mode'");
    left_out(c, c->nomigrate, "'nomigrate'");
    left_out(c, c->driver_domain, "'driver_domain'");
    left_out(c, c->firmware != NULL, "'firmware'");
    left_out(c, c->seclabel != NULL, "'seclabel'");
    left_out(c, c->pci_permissive || c->pci_msitranslate, "'pci_permissive' or 'pci_msitranslate'");
}

static void write_vcpus(xmlNode *domain, const struct vl_config *c)
{
    xmlNode *vcpu = element(domain, "vcpu", "%u", c->max_vcpus), *tune;

    set(vcpu, "placement", "static");
    if (c->vcpus != c->max_vcpus)
        set(vcpu, "current", "%u", c->vcpus);
    if (c->n_cpus && !c->cpus_per_vcpu)
        set(vcpu, "cpuset", "%s", c->cpus[0]);
    if (c->cpu_weight == VL_UNSET && !(c->n_cpus && c->cpus_per_vcpu))
        return;
    tune = element(domain, "cputune", NULL);
    if (c->cpu_weight != VL_UNSET)
        element(tune, "shares", "%d", c->cpu_weight);
    for (size_t i = 0; c->cpus_per_vcpu && i < c->n_cpus; i++) {
        xmlNode *pin = element(tune, "vcpupin", NULL);

        set(pin, "vcpu", "%zu", i);
        set(pin, "cpuset", "%s", c->cpus[i]);
    }
}

static void write_boot(xmlNode *domain, const struct vl_config *c)
{
    xmlNode *os, *type;

    if (c->bootloader) {
        element(domain, "bootloader", "%s", c->bootloader);
        if (c->n_bootloader_args)
            element(domain, "bootloader_args", "%s", c->bootloader_args[0]);
        left_out(c, c->n_bootloader_args > 1, "all but the first of 'bootloader_args'");
    }
    os = element(domain, "os", NULL);
    type = element(os, "type", "linux");
    set(type, "arch", "x86_64");
    set(type, "machine", "xenpv");
    if (c->kernel)
        element(os, "kernel", "%s", c->kernel);
    if (c->ramdisk)
        element(os, "initrd", "%s", c->ramdisk);
    if (c->cmdline)
        element(os, "cmdline", "%s", c->cmdline);
}

static void write_disk(xmlNode *devices, const struct vl_config *c, const struct vl_disk *d)
{
    bool block = d->target && !strncmp(d->target, "/dev/", 5), packed = d->format == VL_DISK_GZIP || d->format == VL_DISK_XZ || d->format == VL_DISK_AUTO;
    xmlNode *disk, *n;

    left_out(c, packed, "a disk of format 'gzip', 'xz' or 'auto'");
    left_out(c, !packed && vl_disk_is_address(d), "a disk that vellum-blkd reads from an address");
    if (packed || vl_disk_is_address(d))
        return;
    disk = element(devices, "disk", NULL);
    set(disk, "type", block ? "block" : "file");
    set(disk, "device", d->cdrom ? "cdrom" : "disk");
    n = element(disk, "driver", NULL);
    set(n, "name", d->backend == VL_BACKEND_QDISK || d->format != VL_DISK_RAW ? "qemu" : block ? "phy" : "file");
    set(n, "type", "%s", d->format == VL_DISK_EMPTY ? "raw" : vl_disk_format_names[d->format]);
    if (d->target) {
        n = element(disk, "source", NULL);
        set(n, block ? "dev" : "file", "%s", d->target);
    }
    n = element(disk, "target", NULL);
    set(n, "dev", "%s", d->vdev);
    set(n, "bus", "xen");
    if (d->readonly)
        element(disk, "readonly", NULL);
    if (d->backend_domain)
        set(element(disk, "backenddomain", NULL), "name", "%s", d->backend_domain);
    if (d->limit_iops || d->limit_bytes)
        n = element(disk, "iotune", NULL);
    if (d->limit_bytes)
        element(n, "total_bytes_sec", "%" PRIu64, d->limit_bytes);
    if (d->limit_iops)
        element(n, "total_iops_sec", "%" PRIu32, d->limit_iops);
    left_out(c, d->script != NULL, "a disk's 'script'");
    left_out(c, d->no_discard || d->untrusted || d->direct_io_safe,
             "a disk's 'no-discard', 'untrusted' or 'direct-io-safe'");
}

/* libvirt's own filters that are what vellum-netd does; the second is given the addresses, each on its own. */
static void write_filter(xmlNode *nic, const struct vl_config *c, const struct vl_vif *v)
{
    xmlNode *filter;

    if (v->antispoof != VL_ANTISPOOF_MAC && v->antispoof != VL_ANTISPOOF_IP) {
        left_out(c, v->process, "a vif's 'backendtype=vnif'");
        return;
    }
    filter = element(nic, "filterref", NULL);
    set(filter, "filter", v->antispoof == VL_ANTISPOOF_MAC ? "no-mac-spoofing" : "clean-traffic");
    for (const char *s = v->antispoof == VL_ANTISPOOF_IP ? v->ip : ""; *s; s += strspn(s, " ,")) {
        size_t len = strcspn(s, " ,");

        if (len) {
            xmlNode *parameter = element(filter, "parameter", NULL);

            set(parameter, "name", "IP");
            set(parameter, "value", "%.*s", (int)strcspn(s, " ,/"), s);
        }
        s += len;
    }
}

static void write_vif(xmlNode *devices, const struct vl_config *c, const struct vl_vif *v)
{
    xmlNode *nic = element(devices, "interface", NULL);

    set(nic, "type", v->bridge || !v->script ? "bridge" : "ethernet");
    set(element(nic, "mac", NULL), "address", "%02x:%02x:%02x:%02x:%02x:%02x", v->mac[0], v->mac[1], v->mac[2], v->mac[3],
        v->mac[4], v->mac[5]);
    if (v->bridge || !v->script)
        set(element(nic, "source", NULL), "bridge", "%s", v->bridge ? v->bridge : VL_DEFAULT_BRIDGE);
    if (v->script)
        set(element(nic, "script", NULL), "path", "%s", v->script);
    if (v->ip)
        set(element(nic, "ip", NULL), "address", "%s", v->ip);
    if (v->vifname)
        set(element(nic, "target", NULL), "dev", "%s", v->vifname);
    if (v->mtu)
        set(element(nic, "mtu", NULL), "size", "%d", v->mtu);
    if (v->backend_domain)
        set(element(nic, "backenddomain", NULL), "name", "%s", v->backend_domain);
    if (v->rate_bytes && v->rate_usecs)
        set(element(element(nic, "bandwidth", NULL), "outbound", NULL), "average", "%" PRIu64,
            v->rate_bytes * 1000000 / v->rate_usecs / 1000);
    write_filter(nic, c, v);
    left_out(c, v->gatewaydev != NULL, "a vif's 'gatewaydev'");
    left_out(c, v->untrusted, "a vif's 'untrusted'");
}

static void write_pci(xmlNode *devices, const struct vl_config *c, const struct vl_pci *p)
{
    xmlNode *dev = element(devices, "hostdev", NULL), *address;

    set(dev, "mode", "subsystem");
    set(dev, "type", "pci");
    set(dev, "managed", p->seize || c->pci_seize ? "yes" : "no");
    address = element(element(dev, "source", NULL), "address", NULL);
    set(address, "domain", "0x%04x", p->domain);
    set(address, "bus", "0x%02x", p->bus);
    set(address, "slot", "0x%02x", p->device);
    set(address, "function", "0x%x", p->function);
}

static void write_devices(xmlNode *domain, const struct vl_config *c)
{
    xmlNode *devices = element(domain, "devices", NULL), *console, *target;

    for (size_t i = 0; i < c->n_disks; i++)
        write_disk(devices, c, c->disks[i]);
    for (size_t i = 0; i < c->n_vifs; i++)
        write_vif(devices, c, c->vifs[i]);
    console = element(devices, "console", NULL);
    set(console, "type", "pty");
    target = element(console, "target", NULL);
    set(target, "type", "xen");
    set(target, "port", "0");
    for (size_t i = 0; i < c->n_pci; i++)
        write_pci(devices, c, c->pci[i]);
    set(element(devices, "memballoon", NULL), "model", "xen");
}

int domxml_from_config(const struct vl_config *c, FILE *to)
{
    xmlDoc *doc = xmlNewDoc((const xmlChar *)"1.0");
    xmlNode *domain = xmlNewNode(NULL, (const xmlChar *)"domain"), *n;
    char uuid[VL_UUID_TEXT];
    xmlChar *text = NULL;
    int len = 0;

    xmlDocSetRootElement(doc, domain);
    set(domain, "type", "xen");
    element(domain, "name", "%s", c->name);
    vl_uuid_format(c->uuid, uuid);
    element(domain, "uuid", "%s", uuid);
    n = element(domain, "memory", "%" PRIu64, c->maxmem_kb);
    set(n, "unit", "KiB");
    n = element(domain, "currentMemory", "%" PRIu64, c->memory_kb);
    set(n, "unit", "KiB");
    write_vcpus(domain, c);
    write_boot(domain, c);
    set(element(domain, "clock", NULL), "offset", c->localtime ? "localtime" : "utc");
    element(domain, "on_poweroff", "%s", vl_action_names[c->on_poweroff]);
    element(domain, "on_reboot", "%s", vl_action_names[c->on_reboot]);
    element(domain, "on_crash", "%s", vl_action_names[c->on_crash]);
    write_devices(domain, c);
    list_missing(c);
    xmlDocDumpFormatMemoryEnc(doc, &text, &len, "UTF-8", 1);
    xmlFreeDoc(doc);
    if (!text)
        return vl_fail(-ENOMEM, "%s: cannot be written as XML (is all of it UTF-8?)", c->name);
    fwrite(text, 1, (size_t)len, to);
    xmlFree(text);
    return ferror(to) || fflush(to) ? vl_fail(-EIO, "cannot write the document") : 0;
}
