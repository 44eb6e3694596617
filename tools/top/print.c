/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "json/json.h"
#include "top/top.h"

#define NAME_WIDTH 10
#define NAME_MAX_WIDTH 256

/* As wide as the longest name where names are shown in full. */
static int name_width(const struct top_options *o, const struct sample *s)
{
    size_t width = NAME_WIDTH;

    for (size_t i = 0; o->full_names && i < s->n_domains; i++)
        width = strlen(s->domains[i].name) > width ? strlen(s->domains[i].name) : width;
    return width < NAME_MAX_WIDTH ? (int)width : NAME_MAX_WIDTH;
}

void top_header(const struct top_options *o, const struct sample *s, char *line, size_t room)
{
    snprintf(line, room, "%*s %6s %10s %6s %10s %6s %10s %9s %5s %4s %8s %8s %4s %8s %8s %8s %10s %10s %4s",
             name_width(o, s), "NAME", "STATE", "CPU(sec)", "CPU(%)", "MEM(k)", "MEM(%)", "MAXMEM(k)", "MAXMEM(%)", "VCPUS", "NETS", "NETTX(k)",
             "NETRX(k)", "VBDS", "VBD_OO", "VBD_RD", "VBD_WR", "VBD_RSECT", "VBD_WSECT", "SSID");
}

static double part(uint64_t of, uint64_t all)
{
    return all ? 100.0 * (double)of / (double)all : 0;
}

void top_row(const struct top_options *o, const struct sample *s, const struct sample_domain *d, char *line,
             size_t room)
{
    struct sample_net net = sample_net_sum(d);
    struct sample_disk disk = sample_disk_sum(d);
    char state[7], max[32], max_part[16];
    int width = name_width(o, s);

    sample_state(d->flags, state);
    snprintf(max, sizeof(max), "no limit");
    snprintf(max_part, sizeof(max_part), "n/a");
    if (d->max_kb != UINT64_MAX) {
        snprintf(max, sizeof(max), "%" PRIu64, d->max_kb);
        snprintf(max_part, sizeof(max_part), "%.1f", part(d->max_kb, s->total_kb));
    }
    snprintf(line, room, "%*.*s %6s %10" PRIu64 " %6.1f %10" PRIu64 " %6.1f %10s %9s %5u %4zu %8" PRIu64 " %8" PRIu64
             " %4zu %8" PRIu64 " %8" PRIu64 " %8" PRIu64 " %10" PRIu64 " %10" PRIu64 " %4u", width, width, d->name, state,
             d->cpu_ns / 1000000000u, d->percent, d->memory_kb, part(d->memory_kb, s->total_kb), max, max_part,
             d->online_vcpus, d->n_nets, net.tx_bytes / 1024, net.rx_bytes / 1024, d->n_disks, disk.oo, disk.reads,
             disk.writes, disk.read_sectors, disk.written_sectors, d->ssid);
}

/* What stands below a domain's row when it is asked for. */
static void print_details(const struct top_options *o, const struct sample_domain *d, FILE *to)
{
    if (o->vcpus && d->n_vcpus) {
        fprintf(to, "VCPUs(sec): ");
        for (unsigned i = 0; i < d->n_vcpus; i++)
            if (d->vcpus[i].online)
                fprintf(to, " %2u: %10" PRIu64 "s", i, d->vcpus[i].ns / 1000000000u);
        fputc('\n', to);
    }
    for (size_t i = 0; o->nets && i < d->n_nets; i++) {
        const struct sample_net *n = &d->nets[i];

        fprintf(to, "Net%u RX: %8" PRIu64 "bytes %8" PRIu64 "pkts %8" PRIu64 "err %8" PRIu64 "drop  TX: %8" PRIu64 "bytes %8"
                PRIu64 "pkts %8" PRIu64 "err %8" PRIu64 "drop\n", n->devid, n->rx_bytes, n->rx_packets, n->rx_errors,
                n->rx_dropped, n->tx_bytes, n->tx_packets, n->tx_errors, n->tx_dropped);
    }
    for (size_t i = 0; o->disks && i < d->n_disks; i++) {
        const struct sample_disk *k = &d->disks[i];

        fprintf(to, "VBD BlkBack %4u [%2x:%2x]  OO: %8" PRIu64 "   RD: %8" PRIu64 "   WR: %8" PRIu64 "   RSECT: %10" PRIu64
                "   WSECT: %10" PRIu64 "\n", k->devid, k->devid >> 8, k->devid & 0xff, k->oo, k->reads, k->writes,
                k->read_sectors, k->written_sectors);
    }
}

void top_print(const struct top_options *o, const struct sample *s, FILE *to)
{
    char line[1024];

    top_header(o, s, line, sizeof(line));
    fprintf(to, "%s\n", line);
    for (size_t i = 0; i < s->n_domains; i++) {
        top_row(o, s, &s->domains[i], line, sizeof(line));
        fprintf(to, "%s\n", line);
        print_details(o, &s->domains[i], to);
    }
}

struct figure {
    const char *key;
    uint64_t value;
};

/* An object of numbers; the list ends with a key of NULL. */
static void figures(struct vl_json *json, const struct figure *f)
{
    vl_json_map(json, NULL);
    for (; f->key; f++)
        vl_json_number(json, f->key, (long long)f->value);
    vl_json_map_end(json);
}

static void json_domain(struct vl_json *json, const struct sample_domain *d)
{
    char state[7];

    sample_state(d->flags, state);
    vl_json_map(json, NULL);
    vl_json_number(json, "domid", d->domid);
    vl_json_text_string(json, "name", d->name);
    vl_json_string(json, "state", state);
    vl_json_real(json, "cpu_seconds", (double)d->cpu_ns / 1e9);
    vl_json_real(json, "cpu_percent", d->percent);
    vl_json_number(json, "memory_kb", (long long)d->memory_kb);
    if (d->max_kb == UINT64_MAX)
        vl_json_null(json, "max_memory_kb");
    else
        vl_json_number(json, "max_memory_kb", (long long)d->max_kb);
    vl_json_array(json, "vcpus");
    for (unsigned i = 0; i < d->n_vcpus; i++) {
        vl_json_map(json, NULL);
        vl_json_number(json, "vcpu", i);
        vl_json_bool(json, "online", d->vcpus[i].online);
        vl_json_number(json, "cpu", d->vcpus[i].cpu);
        vl_json_real(json, "cpu_seconds", (double)d->vcpus[i].ns / 1e9);
        vl_json_map_end(json);
    }
    vl_json_array_end(json);
    vl_json_array(json, "nets");
    for (size_t i = 0; i < d->n_nets; i++) {
        const struct sample_net *n = &d->nets[i];

        figures(json, (struct figure[]){ { "devid", n->devid }, { "tx_bytes", n->tx_bytes }, { "rx_bytes", n->rx_bytes },
                                         { "tx_packets", n->tx_packets }, { "rx_packets", n->rx_packets },
                                         { "tx_dropped", n->tx_dropped }, { "rx_dropped", n->rx_dropped }, { 0 } });
    }
    vl_json_array_end(json);
    vl_json_array(json, "disks");
    for (size_t i = 0; i < d->n_disks; i++) {
        const struct sample_disk *v = &d->disks[i];

        figures(json, (struct figure[]){ { "devid", v->devid }, { "waited", v->oo }, { "reads", v->reads },
                                         { "writes", v->writes }, { "read_sectors", v->read_sectors },
                                         { "written_sectors", v->written_sectors }, { 0 } });
    }
    vl_json_array_end(json);
    vl_json_map_end(json);
}

void top_print_json(const struct sample *s, FILE *to)
{
    struct vl_json *json = vl_json_new(false);

    vl_json_map(json, NULL);
    vl_json_number(json, "version", 1);
    vl_json_map(json, "host");
    vl_json_number(json, "cpus", s->cpus);
    vl_json_number(json, "mhz", s->mhz);
    vl_json_number(json, "total_kb", (long long)s->total_kb);
    vl_json_number(json, "free_kb", (long long)s->free_kb);
    vl_json_map_end(json);
    vl_json_array(json, "domains");
    for (size_t i = 0; i < s->n_domains; i++)
        json_domain(json, &s->domains[i]);
    vl_json_array_end(json);
    vl_json_map_end(json);
    vl_json_print(json, to);
    vl_json_free(json);
}

static const char *const order_names[ORDERS] = { "name", "CPU time", "CPU %", "memory", "vCPUs", "network", "disk" };

const char *top_order_name(enum top_order order)
{
    return order_names[order];
}

/* The figure a domain is sorted by; the more, the higher it stands. */
static double weight(const struct sample_domain *d, enum top_order order)
{
    struct sample_net net = sample_net_sum(d);
    struct sample_disk disk = sample_disk_sum(d);

    switch (order) {
    case ORDER_CPU: return (double)d->cpu_ns;
    case ORDER_PERCENT: return d->percent;
    case ORDER_MEMORY: return (double)d->memory_kb;
    case ORDER_VCPUS: return d->online_vcpus;
    case ORDER_NET: return (double)net.tx_bytes + (double)net.rx_bytes;
    case ORDER_DISK: return (double)disk.read_sectors + (double)disk.written_sectors;
    default: return 0;
    }
}

struct sorting {
    enum top_order order;
    bool reversed;
};

static int compare(const void *x, const void *y, void *arg)
{
    const struct sample_domain *a = x, *b = y;
    const struct sorting *how = arg;
    double wa = weight(a, how->order), wb = weight(b, how->order);
    int rc = wa > wb ? -1 : wa < wb ? 1 : strcasecmp(a->name, b->name);

    return how->reversed ? -rc : rc;
}

void top_sort(struct sample *s, enum top_order order, bool reversed)
{
    struct sorting how = { order, reversed };

    qsort_r(s->domains, s->n_domains, sizeof(*s->domains), compare, &how);
}
