/* SPDX-License-Identifier: MIT */
/* Small commands on domains and the hypervisor, and those that answer with what is unsupported. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xenhypfs.h>

#include "life/affinity.h"
#include "life/lock.h"
#include "life/userdata.h"
#include "xl/xl.h"

int xl_rename(int argc, char **argv)
{
    uint32_t domid;
    int lock, rc;

    xl_getopt(argc, argv, "", NULL, 2, 2);
    domid = xl_find_domain(argv[optind]);
    lock = vl_domain_lock(&xl_vl, domid);
    rc = lock < 0 ? lock : vl_domain_rename(&xl_vl, domid, argv[optind + 1]);
    vl_domain_unlock(lock);
    return rc ? 1 : 0;
}

int xl_sysrq(int argc, char **argv)
{
    uint32_t domid;

    xl_getopt(argc, argv, "", NULL, 2, 2);
    domid = xl_find_domain(argv[optind]);
    if (strlen(argv[optind + 1]) != 1)
        return vl_fail(1, "a sysrq is one letter, not '%s'", argv[optind + 1]);
    if (!vl_store(&xl_vl))
        return 1;
    vl_store_expect(xl_vl.store, "/local/domain/%u", domid);
    vl_store_write(xl_vl.store, argv[optind + 1], "/local/domain/%u/control/sysrq", domid);
    return vl_store_apply(xl_vl.store) ? 1 : 0;
}

int xl_trigger(int argc, char **argv)
{
    static const struct { const char *name; uint32_t number; } triggers[] = {
        { "nmi", XEN_DOMCTL_SENDTRIGGER_NMI }, { "reset", XEN_DOMCTL_SENDTRIGGER_RESET },
        { "init", XEN_DOMCTL_SENDTRIGGER_INIT }, { "power", XEN_DOMCTL_SENDTRIGGER_POWER },
        { "sleep", XEN_DOMCTL_SENDTRIGGER_SLEEP }, { "s3resume", XEN_DOMCTL_SENDTRIGGER_SLEEP },
    };
    uint32_t domid;
    long vcpu = 0;
    size_t i;

    xl_getopt(argc, argv, "", NULL, 2, 3);
    domid = xl_find_domain(argv[optind]);
    for (i = 0; i < sizeof(triggers) / sizeof(triggers[0]); i++)
        if (!strcmp(triggers[i].name, argv[optind + 1]))
            break;
    if (i == sizeof(triggers) / sizeof(triggers[0]))
        return vl_fail(1, "there is no trigger '%s' (nmi, reset, init, power, sleep or s3resume)", argv[optind + 1]);
    if (i)
        return vl_fail(1, "the trigger '%s' is for HVM guests: a PV guest takes only 'nmi'", argv[optind + 1]);
    if (argv[optind + 2] && !xl_number("vCPU", argv[optind + 2], 0, VL_MAX_VCPUS - 1, &vcpu))
        return 1;
    if (xc_domain_send_trigger(xl_vl.xc, domid, triggers[i].number, (uint32_t)vcpu))
        return vl_fail_errno("cannot send '%s' to vCPU %ld of domain %u", triggers[i].name, vcpu, domid), 1;
    return 0;
}

int xl_debug_keys(int argc, char **argv)
{
    xl_getopt(argc, argv, "", NULL, 1, 1);
    if (!vl_xc(&xl_vl))
        return 1;
    return xc_send_debug_keys(xl_vl.xc, argv[optind]) ? vl_fail_errno("the hypervisor did not take the keys '%s'",
                                                                      argv[optind]), 1 : 0;
}

/* One `name=value`, `name` or `no-name` of the hypervisor's command line, through its file system of parameters. */
static int set_parameter(xenhypfs_handle *fs, char *text)
{
    char *value = strchr(text, '='), path[256];
    int rc;

    if (value)
        *value++ = 0;
    else if (!strncmp(text, "no-", 3)) {
        text += 3;
        value = (char *)"off";
    }
    snprintf(path, sizeof(path), "/params/%s", text);
    rc = xenhypfs_write(fs, path, value ? value : "on");
    if (rc && errno == ENOENT)
        return vl_fail(1, "the hypervisor has no parameter '%s' that can be set while it runs", text);
    return rc ? vl_fail_errno("the hypervisor did not set '%s' to '%s'", text, value ? value : "on"), 1 : 0;
}

int xl_set_parameters(int argc, char **argv)
{
    xenhypfs_handle *fs;
    char *save = NULL;
    int rc = 0;

    xl_getopt(argc, argv, "", NULL, 1, 1);
    if (!vl_xc(&xl_vl))
        return 1;
    fs = xenhypfs_open(xl_vl.logger, 0);
    if (!fs)
        return vl_fail(1, "the hypervisor has no parameters that can be set while it runs");
    for (char *word = strtok_r(argv[optind], " ,", &save); word && !rc; word = strtok_r(NULL, " ,", &save))
        rc = set_parameter(fs, word);
    xenhypfs_close(fs);
    return rc;
}

/* The kept configuration of a running domain is replaced: what a reboot makes of it. Name and UUID stay. */
int xl_config_update(int argc, char **argv)
{
    static const struct option longs[] = { { "defconfig", required_argument, NULL, 'f' }, XL_LONG_END };
    struct vl_config *config;
    xc_domaininfo_t info;
    const char *file = NULL;
    uint32_t domid;
    int lock, rc;

    if (argc < 2 || !strcmp(argv[1], "-h") || !strcmp(argv[1], "--help")) {
        xl_getopt(argc, argv, "", NULL, 1, -1);
        return xl_usage();
    }
    vl_warn("what other commands change of a domain is kept anyway; config-update replaces all of it");
    domid = xl_find_domain(argv[1]);
    argc--;
    argv++;
    for (int opt; (opt = xl_getopt(argc, argv, "df:", longs, 0, -1)) != -1;)
        if (opt == 'f')
            file = optarg;
        else
            vl_log_level(VL_DEBUG);
    if (!file && optind < argc && !strchr(argv[optind], '='))
        file = argv[optind++];
    if (vl_domain_info(&xl_vl, domid, &info))
        return vl_fail(1, "domain %u has gone", domid);
    config = vl_config_load(file, argv + optind, (size_t)(argc - optind));
    if (!config)
        return 1;
    lock = vl_domain_lock(&xl_vl, domid);
    rc = lock < 0 ? lock : vl_affinity_plain(&xl_vl, config);
    memcpy(config->uuid, info.handle, sizeof(config->uuid));
    if (!rc) {
        config->name = vl_strdup(&config->arena, xl_domain_name(domid));
        fprintf(stderr, "setting dom%u configuration\n", domid);
        rc = vl_userdata_save(domid, config);
    }
    vl_domain_unlock(lock);
    vl_config_free(config);
    return rc ? 1 : 0;
}

/* What a family of commands would need. The first prefix that fits counts. */
static const struct { const char *prefix, *why; } refusals[] = {
    { "vncviewer", "there is no framebuffer: PV guests' displays need a device model" },
    { "cd-", "media are changed in HVM guests only: use block-detach and block-attach" },
    { "button-press", "buttons are for HVM guests" },
    { "vtpm-", "virtual TPMs are not supported" },
    { "vkb-", "PV keyboards are not supported: they need a device model" },
    { "vdispl-", "PV displays are not supported: they need a device model" },
    { "vsnd-", "PV sound is not supported: it needs a device model" },
    { "usb", "PV USB is not supported: it needs a device model" },
    { "getenforce", "Flask XSM Disabled" },
    { "setenforce", "the hypervisor has no Flask security module" },
    { "loadpolicy", "the hypervisor has no Flask security module" },
    { "remus", "checkpoint replication (Remus, COLO) is not supported" },
    { "psr-", "cache and memory bandwidth allocation is not supported" },
    { "qemu-monitor-command", "there is no device model to talk to" },
};

const char *xl_refusal(const struct xl_command *c)
{
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]) && c->run == xl_refuse; i++)
        if (!strncmp(c->name, refusals[i].prefix, strlen(refusals[i].prefix)))
            return refusals[i].why;
    return c->run == xl_refuse ? "it is not supported" : NULL;
}

int xl_refuse(int argc, char **argv)
{
    /* Only --help is looked for: what it would take says nothing here. */
    for (int i = 1; i < argc; i++)
        if (!strcmp(argv[i], "-h") || !strcmp(argv[i], "--help")) {
            char *help[] = { argv[0], (char *)"-h", NULL };

            xl_getopt(2, help, "", NULL, 0, -1);
        }
    return vl_fail(1, "%s: %s", xl_current->name, xl_refusal(xl_current));
}
