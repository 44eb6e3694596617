/* SPDX-License-Identifier: MIT */
/* What the host is: info, dmesg. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "life/host.h"
#include "xl/xl.h"

#define MIB(pages) ((unsigned long)((uint64_t)(pages) >> 8))

/* Where the lines go: the output, or memory of which one line is picked. */
static FILE *to;
#define P(...) fprintf(to, __VA_ARGS__)

static void print_kernel(void)
{
    struct utsname u;

    uname(&u);
    P("host                   : %s\n", u.nodename);
    P("release                : %s\n", u.release);
    P("version                : %s\n", u.version);
    P("machine                : %s\n", u.machine);
}

static void print_capabilities(const xc_physinfo_t *p)
{
    static const struct { uint32_t bit; const char *name; } caps[] = {
        { XEN_SYSCTL_PHYSCAP_pv, "pv" }, { XEN_SYSCTL_PHYSCAP_hvm, "hvm" },
        { XEN_SYSCTL_PHYSCAP_hap, "hap" }, { XEN_SYSCTL_PHYSCAP_shadow, "shadow" },
        { XEN_SYSCTL_PHYSCAP_vmtrace, "vmtrace" }, { XEN_SYSCTL_PHYSCAP_vpmu, "vpmu" },
        { XEN_SYSCTL_PHYSCAP_gnttab_v1, "gnttab-v1" }, { XEN_SYSCTL_PHYSCAP_gnttab_v2, "gnttab-v2" },
    };
    uint32_t c = p->capabilities;

    P("hw_caps                : %08x:%08x:%08x:%08x:%08x:%08x:%08x:%08x\n", p->hw_cap[0], p->hw_cap[1],
           p->hw_cap[2], p->hw_cap[3], p->hw_cap[4], p->hw_cap[5], p->hw_cap[6], p->hw_cap[7]);
    P("virt_caps              :");
    for (size_t i = 0; i < sizeof(caps) / sizeof(caps[0]); i++) {
        if (caps[i].bit == XEN_SYSCTL_PHYSCAP_hap && c & XEN_SYSCTL_PHYSCAP_directio) {
            if (c & XEN_SYSCTL_PHYSCAP_pv)
                P(" pv_directio");
            if (c & XEN_SYSCTL_PHYSCAP_hvm)
                P(" hvm_directio");
        }
        if (c & caps[i].bit)
            P(" %s", caps[i].name);
        if (caps[i].bit == XEN_SYSCTL_PHYSCAP_hap && c & XEN_SYSCTL_PHYSCAP_iommu_hap_pt_share)
            P(" iommu_hap_pt_share");
    }
    P("\n");
}

static void print_memory(const xc_physinfo_t *p, const struct vl_host *h)
{
    P("total_memory           : %lu\n", MIB(p->total_pages));
    P("free_memory            : %lu\n", MIB(p->free_pages) - MIB(p->outstanding_pages));
    P("sharing_freed_memory   : %ld\n", h->sharing_freed_pages >> 8);
    P("sharing_used_memory    : %ld\n", h->sharing_used_frames >> 8);
    P("outstanding_claims     : %lu\n", MIB(p->outstanding_pages));
}

static int print_physinfo(const struct vl_host *h)
{
    const xc_physinfo_t *p = &h->phys;

    P("nr_cpus                : %d\n", p->nr_cpus);
    P("max_cpu_id             : %d\n", p->max_cpu_id);
    P("nr_nodes               : %d\n", p->nr_nodes);
    P("cores_per_socket       : %d\n", p->cores_per_socket);
    P("threads_per_core       : %d\n", p->threads_per_core);
    P("cpu_mhz                : %d.%03d\n", p->cpu_khz / 1000, p->cpu_khz % 1000);
    print_capabilities(p);
    print_memory(p, h);
    P("free_cpus              : %d\n", h->free_cpus);
    return 0;
}

static void print_topology(const struct vl_host *h)
{
    P("cpu_topology           :\ncpu:    core    socket     node\n");
    for (unsigned i = 0; i < h->n_cpus; i++)
        if (h->cpus[i].core != XEN_INVALID_CORE_ID)
            P("%3d:    %4d     %4d     %4d\n", i, h->cpus[i].core, h->cpus[i].socket, h->cpus[i].node);
    P("device topology        :\ndevice           node\nNo device topology data available\n");
    P("numa_info              :\nnode:    memsize    memfree    distances\n");
    for (unsigned i = 0; i < h->n_nodes; i++) {
        P("%4d:    %6lu     %6lu      %d", i, (unsigned long)(h->nodes[i].memsize >> 20),
               (unsigned long)(h->nodes[i].memfree >> 20), h->distances[i * h->n_nodes]);
        for (unsigned k = 1; k < h->n_nodes; k++)
            P(",%d", h->distances[i * h->n_nodes + k]);
        P("\n");
    }
}

static void print_version(const struct vl_host *h)
{
    const struct vl_version *v = &h->version;

    P("xen_major              : %d\n", v->major);
    P("xen_minor              : %d\n", v->minor);
    P("xen_extra              : %s\n", v->extra);
    P("xen_version            : %d.%d%s\n", v->major, v->minor, v->extra);
    P("xen_caps               : %s\n", v->capabilities);
    P("xen_scheduler          : %s\n", vl_scheduler_name(h->scheduler));
    P("xen_pagesize           : %d\n", v->page_size);
    P("platform_params        : virt_start=0x%lx\n", v->virt_start);
    P("xen_changeset          : %s\n", v->changeset);
    P("xen_commandline        : %s\n", v->command_line);
    P("cc_compiler            : %s\n", v->compiler);
    P("cc_compile_by          : %s\n", v->compile_by);
    P("cc_compile_domain      : %s\n", v->compile_domain);
    P("cc_compile_date        : %s\n", v->compile_date);
    P("build_id               : %s\n", v->build_id);
    P("xend_config_format     : 4\n");
}

/* The lines of `xl info` as text, malloc'd; NULL without memory. */
static char *facts(const struct vl_host *h)
{
    char *text = NULL;
    size_t len = 0;

    to = open_memstream(&text, &len);
    if (to) {
        print_kernel();
        print_physinfo(h);
        print_version(h);
        fclose(to);
    }
    to = stdout;
    return text;
}

/* `xl info NAME` prints one value. */
static int print_one(const struct vl_host *h, const char *name)
{
    char *text = facts(h), *line, *save = NULL;
    size_t width = strlen(name);
    int rc = 1;

    for (line = text ? strtok_r(text, "\n", &save) : NULL; line && rc; line = strtok_r(NULL, "\n", &save))
        if (!strncmp(line, name, width) && (line[width] == ' ' || line[width] == ':') && strlen(line) >= 25) {
            P("%s\n", line + 25);
            rc = 0;
        }
    free(text);
    return rc;
}

/* A line of `xl info` as a member: numbers stay numbers. */
static void json_line(struct vl_json *j, char *line)
{
    char *value = line + 25, *end;
    long long n;

    line[strcspn(line, " :")] = 0;
    n = strtoll(value, &end, 10);
    if (*value && !*end)
        vl_json_number(j, line, n);
    else
        vl_json_text_string(j, line, value);
}

static void json_topology(struct vl_json *j, const struct vl_host *h)
{
    vl_json_array(j, "cpu_topology");
    for (unsigned i = 0; i < h->n_cpus; i++) {
        if (h->cpus[i].core == XEN_INVALID_CORE_ID)
            continue;
        vl_json_map(j, NULL);
        vl_json_number(j, "cpu", i);
        vl_json_number(j, "core", h->cpus[i].core);
        vl_json_number(j, "socket", h->cpus[i].socket);
        vl_json_number(j, "node", h->cpus[i].node);
        vl_json_map_end(j);
    }
    vl_json_array_end(j);
    vl_json_array(j, "numa_nodes");
    for (unsigned i = 0; i < h->n_nodes; i++) {
        vl_json_map(j, NULL);
        vl_json_number(j, "node", i);
        vl_json_number(j, "memory_mb", (long long)(h->nodes[i].memsize >> 20));
        vl_json_number(j, "free_mb", (long long)(h->nodes[i].memfree >> 20));
        vl_json_map_end(j);
    }
    vl_json_array_end(j);
}

/* The same facts under the same names; with -n the topology too. */
static int print_json(const struct vl_host *h, bool numa)
{
    struct vl_json *j = xl_json_begin("info");
    char *text = facts(h), *line, *save = NULL;

    for (line = text ? strtok_r(text, "\n", &save) : NULL; line; line = strtok_r(NULL, "\n", &save))
        if (strlen(line) >= 25)
            json_line(j, line);
    free(text);
    if (numa)
        json_topology(j, h);
    return xl_json_end(j);
}

int xl_info(int argc, char **argv)
{
    static const struct option longs[] = { { "numa", no_argument, NULL, 'n' }, XL_LONG_JSON, XL_LONG_END };
    bool numa = false, json = false;
    struct vl_host host;
    int rc = 0;

    to = stdout;
    for (int opt; (opt = xl_getopt(argc, argv, "n", longs, 0, 1)) != -1;) {
        numa |= opt == 'n';
        json |= opt == XL_OPT_JSON;
    }
    if (vl_host_read(&xl_vl, &host))
        return 1;
    if (json) {
        rc = print_json(&host, numa);
    } else if (optind < argc) {
        rc = print_one(&host, argv[optind]);
    } else {
        print_kernel();
        print_physinfo(&host);
        if (numa)
            print_topology(&host);
        print_version(&host);
    }
    vl_host_free(&host);
    return rc;
}

int xl_dmesg(int argc, char **argv)
{
    static const struct option longs[] = { { "clear", no_argument, NULL, 'c' }, XL_LONG_END };
    static char buf[64 << 10];
    bool clear = false;
    uint32_t index = 0;
    int rc;

    for (int opt; (opt = xl_getopt(argc, argv, "c", longs, 0, 0)) != -1;)
        clear = true;
    if (!vl_xc(&xl_vl))
        return 1;
    for (;;) {
        unsigned n = sizeof(buf);

        rc = xc_readconsolering(xl_vl.xc, buf, &n, clear, 1, &index);
        if (rc)
            return vl_fail_errno("cannot read the hypervisor's log"), 1;
        if (!n)
            return 0;
        fwrite(buf, 1, n, stdout);
        if (clear)
            return 0;
    }
}
