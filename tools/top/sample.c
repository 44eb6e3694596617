/* SPDX-License-Identifier: MIT */
#include "top/sample.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "life/life.h"

#define NET_FOLDER "/sys/class/net"
#define BACKEND_FOLDER "/sys/bus/xen-backend/devices"

/* A number from a file of /sys; 0 when it cannot be read, as when the device has just gone. */
static uint64_t read_number(const char *folder, const char *device, const char *name)
{
    char path[512], text[32];
    int fd;
    ssize_t n;

    snprintf(path, sizeof(path), "%s/%s/statistics/%s", folder, device, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return 0;
    text[n] = 0;
    return strtoull(text, NULL, 10);
}

static struct sample_domain *find(struct sample *s, uint32_t domid)
{
    for (size_t i = 0; i < s->n_domains; i++)
        if (s->domains[i].domid == domid)
            return &s->domains[i];
    return NULL;
}

/* The host sends what the guest receives. */
static void add_net(struct sample *s, const char *device)
{
    unsigned domid, devid;
    struct sample_domain *d;
    int end = 0;

    if (sscanf(device, "vif%u.%u%n", &domid, &devid, &end) != 2 || device[end] || !(d = find(s, domid)))
        return;
    VL_PUSH(&s->arena, d->nets, d->n_nets, ((struct sample_net){
        devid, read_number(NET_FOLDER, device, "rx_bytes"), read_number(NET_FOLDER, device, "tx_bytes"),
        read_number(NET_FOLDER, device, "rx_packets"), read_number(NET_FOLDER, device, "tx_packets"),
        read_number(NET_FOLDER, device, "rx_errors"), read_number(NET_FOLDER, device, "tx_errors"),
        read_number(NET_FOLDER, device, "rx_dropped"), read_number(NET_FOLDER, device, "tx_dropped") }));
}

static void add_disk(struct sample *s, const char *device)
{
    unsigned domid, devid;
    struct sample_domain *d;

    if (sscanf(device, "vbd-%u-%u", &domid, &devid) != 2 || !(d = find(s, domid)))
        return;
    VL_PUSH(&s->arena, d->disks, d->n_disks, ((struct sample_disk){
        devid, read_number(BACKEND_FOLDER, device, "oo_req"), read_number(BACKEND_FOLDER, device, "rd_req"),
        read_number(BACKEND_FOLDER, device, "wr_req"), read_number(BACKEND_FOLDER, device, "rd_sect"),
        read_number(BACKEND_FOLDER, device, "wr_sect") }));
}

static void each_entry(struct sample *s, const char *folder, void (*add)(struct sample *s, const char *device))
{
    DIR *dir = opendir(folder);
    struct dirent *e;

    while (dir && (e = readdir(dir)))
        add(s, e->d_name);
    if (dir)
        closedir(dir);
}

static void read_vcpus(struct vl *vl, struct sample *s, struct sample_domain *d)
{
    d->vcpus = vl_alloc(&s->arena, d->n_vcpus * sizeof(*d->vcpus));
    for (unsigned i = 0; i < d->n_vcpus; i++) {
        xc_vcpuinfo_t info;

        if (xc_vcpu_getinfo(vl->xc, d->domid, i, &info) == 0)
            d->vcpus[i] = (struct sample_vcpu){ info.online, info.cpu_time, info.cpu };
    }
}

static double percent(const struct sample *now, const struct sample_domain *d, const struct sample *before)
{
    for (size_t i = 0; before && i < before->n_domains; i++) {
        const struct sample_domain *b = &before->domains[i];

        if (b->domid == d->domid && b->cpu_ns <= d->cpu_ns && now->ns > before->ns)
            return 100.0 * (double)(d->cpu_ns - b->cpu_ns) / (double)(now->ns - before->ns);
    }
    return 0;
}

static void read_host(struct vl *vl, struct sample *s)
{
    xc_physinfo_t host;

    if (xc_physinfo(vl->xc, &host))
        return;
    s->total_kb = (uint64_t)host.total_pages * 4;
    s->free_kb = (uint64_t)host.free_pages * 4;
    s->cpus = host.nr_cpus;
    s->mhz = host.cpu_khz / 1000;
}

int sample_take(struct vl *vl, struct sample *s, const struct sample *before)
{
    struct vl_domain_list list;
    struct timespec now;
    int rc;

    *s = (struct sample){ 0 };
    rc = vl_domains(vl, &list, true);
    if (rc) {
        vl_domains_free(&list);
        return rc;
    }
    clock_gettime(CLOCK_MONOTONIC, &now);
    s->ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    read_host(vl, s);
    s->domains = vl_alloc(&s->arena, list.count * sizeof(*s->domains));
    for (size_t i = 0; i < list.count; i++) {
        const xc_domaininfo_t *info = &list.all[i].info;
        struct sample_domain *d = &s->domains[s->n_domains++];

        *d = (struct sample_domain){ .domid = info->domain, .flags = info->flags, .ssid = info->ssidref,
            .name = vl_strdup(&s->arena, list.all[i].name), .cpu_ns = info->cpu_time, .memory_kb = info->tot_pages * 4,
            .max_kb = info->max_pages == UINT64_MAX || info->max_pages >= UINT32_MAX ? UINT64_MAX : info->max_pages * 4,
            .online_vcpus = info->nr_online_vcpus, .n_vcpus = info->max_vcpu_id + 1 };
        d->percent = percent(s, d, before);
        read_vcpus(vl, s, d);
    }
    vl_domains_free(&list);
    each_entry(s, NET_FOLDER, add_net);
    each_entry(s, BACKEND_FOLDER, add_disk);
    return 0;
}

void sample_free(struct sample *s)
{
    vl_arena_free(&s->arena);
    *s = (struct sample){ 0 };
}
