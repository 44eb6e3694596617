/* SPDX-License-Identifier: MIT */
#include "metrics/text.h"

#include <inttypes.h>

/* A label's value: what would end it is escaped, and control characters are replaced. */
static void put_label(const char *s, FILE *to)
{
    for (; *s; s++)
        if (*s == '\\' || *s == '"')
            fprintf(to, "\\%c", *s);
        else
            fputc((unsigned char)*s < ' ' || *s == 127 ? '?' : *s, to);
}

static void start(FILE *to, const char *name, const char *type, const char *help)
{
    fprintf(to, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* NAME{domain="…",domid="…"[,KEY="NUMBER"]} VALUE */
static void put(FILE *to, const char *name, const struct sample_domain *d, const char *key, unsigned number, double value)
{
    fprintf(to, "%s{domain=\"", name);
    put_label(d->name, to);
    fprintf(to, "\",domid=\"%u\"", d->domid);
    if (key)
        fprintf(to, ",%s=\"%u\"", key, number);
    fprintf(to, "} %.15g\n", value);
}

/* One metric of every domain, of each of its vCPUs, interfaces or disks. */
enum of { OF_DOMAIN, OF_VCPU, OF_NET, OF_DISK };

static double field(const void *base, size_t offset, double scale)
{
    return (double)*(const uint64_t *)((const char *)base + offset) * scale;
}

static const struct {
    const char *name, *type, *help;
    enum of of;
    size_t offset;              /* of a uint64_t */
    double scale;
} metrics[] = {
    { "vellum_domain_cpu_seconds_total", "counter", "CPU time used", OF_DOMAIN, offsetof(struct sample_domain, cpu_ns), 1e-9 },
    { "vellum_domain_memory_bytes", "gauge", "Memory the domain has", OF_DOMAIN,
      offsetof(struct sample_domain, memory_kb), 1024 },
    { "vellum_domain_vcpu_seconds_total", "counter", "CPU time used by a vCPU", OF_VCPU, offsetof(struct sample_vcpu, ns),
      1e-9 },
    { "vellum_domain_net_transmit_bytes_total", "counter", "Bytes the guest has sent", OF_NET,
      offsetof(struct sample_net, tx_bytes), 1 },
    { "vellum_domain_net_receive_bytes_total", "counter", "Bytes the guest has received", OF_NET,
      offsetof(struct sample_net, rx_bytes), 1 },
    { "vellum_domain_net_transmit_packets_total", "counter", "Packets the guest has sent", OF_NET,
      offsetof(struct sample_net, tx_packets), 1 },
    { "vellum_domain_net_receive_packets_total", "counter", "Packets the guest has received", OF_NET,
      offsetof(struct sample_net, rx_packets), 1 },
    { "vellum_domain_disk_reads_total", "counter", "Read requests", OF_DISK, offsetof(struct sample_disk, reads), 1 },
    { "vellum_domain_disk_writes_total", "counter", "Write requests", OF_DISK, offsetof(struct sample_disk, writes), 1 },
    { "vellum_domain_disk_read_bytes_total", "counter", "Bytes read", OF_DISK,
      offsetof(struct sample_disk, read_sectors), 512 },
    { "vellum_domain_disk_written_bytes_total", "counter", "Bytes written", OF_DISK,
      offsetof(struct sample_disk, written_sectors), 512 },
};

static void put_metric(FILE *to, size_t m, const struct sample_domain *d)
{
    const char *name = metrics[m].name;
    size_t offset = metrics[m].offset;
    double scale = metrics[m].scale;

    switch (metrics[m].of) {
    case OF_DOMAIN:
        put(to, name, d, NULL, 0, field(d, offset, scale));
        break;
    case OF_VCPU:
        for (unsigned i = 0; i < d->n_vcpus; i++)
            put(to, name, d, "vcpu", i, field(&d->vcpus[i], offset, scale));
        break;
    case OF_NET:
        for (size_t i = 0; i < d->n_nets; i++)
            put(to, name, d, "device", d->nets[i].devid, field(&d->nets[i], offset, scale));
        break;
    case OF_DISK:
        for (size_t i = 0; i < d->n_disks; i++)
            put(to, name, d, "device", d->disks[i].devid, field(&d->disks[i], offset, scale));
        break;
    }
}

void metrics_print(const struct sample *s, FILE *to)
{
    start(to, "vellum_host_cpus", "gauge", "CPUs of the host");
    fprintf(to, "vellum_host_cpus %u\n", s->cpus);
    start(to, "vellum_host_memory_bytes", "gauge", "Memory of the host");
    fprintf(to, "vellum_host_memory_bytes %" PRIu64 "\n", s->total_kb * 1024);
    start(to, "vellum_host_memory_free_bytes", "gauge", "Memory that no domain has");
    fprintf(to, "vellum_host_memory_free_bytes %" PRIu64 "\n", s->free_kb * 1024);
    start(to, "vellum_domain_state", "gauge", "1 for the state that the domain is in");
    for (size_t i = 0; i < s->n_domains; i++) {
        uint32_t f = s->domains[i].flags;

        fprintf(to, "vellum_domain_state{domain=\"");
        put_label(s->domains[i].name, to);
        fprintf(to, "\",domid=\"%u\",state=\"%s\"} 1\n", s->domains[i].domid, f & XEN_DOMINF_dying ? "dying"
                : f & XEN_DOMINF_shutdown ? "shutdown" : f & XEN_DOMINF_paused ? "paused"
                : f & XEN_DOMINF_running ? "running" : "blocked");
    }
    start(to, "vellum_domain_vcpus", "gauge", "vCPUs that are online");
    for (size_t i = 0; i < s->n_domains; i++)
        put(to, "vellum_domain_vcpus", &s->domains[i], NULL, 0, s->domains[i].online_vcpus);
    for (size_t m = 0; m < sizeof(metrics) / sizeof(metrics[0]); m++) {
        start(to, metrics[m].name, metrics[m].type, metrics[m].help);
        for (size_t i = 0; i < s->n_domains; i++)
            put_metric(to, m, &s->domains[i]);
    }
}
