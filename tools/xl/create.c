/* SPDX-License-Identifier: MIT */
/* create, and the monitor that it leaves behind. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/guard.h"
#include "json/listing.h"
#include "json/domain.h"
#include "life/affinity.h"
#include "life/handover.h"
#include "life/monitor.h"
#include "life/power.h"
#include "life/shell.h"
#include "xl/xl.h"

#define LOG_FOLDER "/var/log/xen"
#define LOGS_KEPT 10

struct create_options {
    bool console, paused, quiet, dry_run, no_monitor, foreground, json;
    const char *file;
};

static int print_config(const struct vl_config *config)
{
    struct vl_json *json = vl_json_new(true);
    int rc;

    vl_json_config(json, NULL, config, VL_JSON_CHECKED, NULL);
    rc = vl_json_print(json, stdout);
    vl_json_free(json);
    return rc ? 1 : 0;
}

/* Become another command of xl: all that is mapped or open goes, and nothing is left to wait for. */
static int become(const char *command, const char *flag, uint32_t domid)
{
    char id[16];
    char *argv[] = { (char *)"xl", (char *)command, (char *)flag, id, NULL };

    snprintf(id, sizeof(id), "%u", domid);
    execv("/proc/self/exe", argv);
    return vl_fail_errno("cannot run xl %s", command);
}

/* The new domain, as `xl list --json` shows one. */
static int print_domain(uint32_t domid, const struct vl_config *config)
{
    struct vl_domain d = { .name = config->name };
    struct vl_json *j;

    if (vl_domain_info(&xl_vl, domid, &d.info))
        return vl_fail(1, "domain %u has ended already", domid);
    j = xl_json_begin("create");
    vl_json_listing_domain(j, "domain", &xl_vl, &d);
    return xl_json_end(j);
}

/* Of one of vellumd's shells when it has one that fits, else from nothing with a guardian beside it. */
static int make(struct vl_config *config, int daemon, uint32_t *domid, bool *guarded)
{
    uint64_t shape;
    bool shell;
    int rc;

    *domid = daemon >= 0 && vl_shape(config, &shape) ? vl_handover_shell(daemon, shape) : VL_NOBODY;
    shell = *domid != VL_NOBODY;
    vl_log_phase(shell ? "shell given" : "no shell");
    /* vellumd watches over who takes a shell; a guardian is wanted where scripts may have to be stopped too. */
    *guarded = !shell || config->n_disks || config->n_vifs;
    rc = *guarded ? vl_guard_start(config->uuid) : 0;
    if (rc)
        return rc;
    if (shell)
        vl_guard_number(*domid);        /* the guest may get its UUID of the shell */
    return shell ? vl_shell_take(&xl_vl, config, *domid) : vl_create(&xl_vl, config, domid);
}

/* The guest is made. Who looks after it from now on: vellumd, a process of its own, or (as asked) nobody. */
static void leave(const struct vl_config *config, int daemon, uint32_t domid, bool monitor, bool guarded)
{
    bool taken = monitor && daemon >= 0 && vl_handover(daemon, domid);

    vl_log_phase("handed over");

    if (!taken && daemon >= 0)
        vl_handover_keep(daemon, domid);
    if (!guarded && monitor && !taken)          /* vellumd has gone meanwhile */
        guarded = !vl_guard_start(config->uuid);
    if (guarded)
        vl_guard_done(monitor && !taken, domid);
}

static int create(const struct create_options *o, struct vl_config *config)
{
    bool start_here = !o->paused && !o->console, monitor = !o->no_monitor && !o->foreground, guarded;
    int daemon = vl_daemon_connect(), rc;
    uint32_t domid;

    rc = make(config, daemon, &domid, &guarded);
    if (!rc && start_here && xc_domain_unpause(xl_vl.xc, domid)) {
        rc = vl_fail_errno("cannot start domain %u", domid);
        vl_destroy(&xl_vl, domid);
    }
    if (rc) {
        if (guarded)
            vl_guard_cancel();
        return 3;
    }
    leave(config, daemon, domid, monitor, guarded);
    if (o->json && (print_domain(domid, config) || fflush(stdout)))
        return 1;
    if (o->console && !o->foreground)
        return become("console", o->paused ? "-n0" : "--unpause", domid);
    if (o->foreground)
        return become("monitor", o->console && !o->paused ? "-u" : "-F", domid);
    return 0;
}

static void parse_options(int argc, char **argv, struct create_options *o)
{
    static const struct option longs[] = {
        { "defconfig", required_argument, NULL, 'f' }, { "dryrun", no_argument, NULL, 'n' },
        { "quiet", no_argument, NULL, 'q' }, { "help", no_argument, NULL, 'h' },
        { "vncviewer", no_argument, NULL, 'V' }, { "vncviewer-autopass", no_argument, NULL, 'A' },
        { "ignore-global-affinity-masks", no_argument, NULL, 'i' }, XL_LONG_JSON, { NULL, 0, NULL, 0 },
    };
    int opt;

    while ((opt = xl_getopt(argc, argv, "cdeFf:npqVA", longs, 0, -1)) != -1) {
        switch (opt) {
        case 'c': o->console = true; break;
        case 'd': vl_log_level(VL_DEBUG); break;
        case 'e': o->no_monitor = true; break;
        case 'F': o->foreground = true; break;
        case 'f': o->file = optarg; break;
        case 'n': o->dry_run = true; break;
        case 'p': o->paused = true; break;
        case 'q': o->quiet = true; break;
        case XL_OPT_JSON: o->json = true; break;
        case 'i': vl_affinity_ignore_masks = true; break;
        }
    }
}

/* The configuration, also of a file in libvirt's XML. */
static struct vl_config *load(const char *file, char *const *arguments, size_t n)
{
    struct vl_config *config;
    char *made;

    if (!file || !xl_is_xml(file))
        return vl_config_load(file, arguments, n);
    made = xl_from_xml(file);
    config = made ? vl_config_load(made, arguments, n) : NULL;
    if (made)
        unlink(made);
    return config;
}

int xl_create(int argc, char **argv)
{
    struct create_options o = { .dry_run = xl_dry_run };
    struct vl_config *config;
    int rc;

    vl_log_phase("command found");
    /* The file's name may stand before the options, as people write it. */
    if (argc > 1 && argv[1][0] != '-' && !strchr(argv[1], '=')) {
        o.file = argv[1];
        argc--;
        argv++;
    }
    parse_options(argc, argv, &o);
    if (optind < argc && !o.file && !strchr(argv[optind], '='))
        o.file = argv[optind++];
    if (!o.file && optind == argc)
        return xl_usage();
    if (!o.quiet && o.file)
        fprintf(stderr, "Parsing config from %s\n", o.file);
    config = load(o.file, argv + optind, (size_t)(argc - optind));
    if (!config)
        return 1;
    vl_log_phase("configuration read");
    rc = vl_affinity_plain(&xl_vl, config);
    if (rc)
        rc = 1;
    else
        rc = o.dry_run ? (o.quiet ? 0 : print_config(config)) : create(&o, config);
    vl_config_free(config);
    return rc;
}

/* xl-NAME.log, with the last ones kept as xl-NAME.log.1 and so on. */
static FILE *open_log(const char *name)
{
    char path[2][400];
    FILE *log;

    mkdir(LOG_FOLDER, 0755);
    for (int i = LOGS_KEPT; i > 0; i--) {
        snprintf(path[0], sizeof(path[0]), i > 1 ? LOG_FOLDER "/xl-%s.log.%d" : LOG_FOLDER "/xl-%s.log", name, i - 1);
        snprintf(path[1], sizeof(path[1]), LOG_FOLDER "/xl-%s.log.%d", name, i);
        rename(path[0], path[1]);
    }
    snprintf(path[0], sizeof(path[0]), LOG_FOLDER "/xl-%s.log", name);
    log = fopen(path[0], "we");
    if (log)
        setvbuf(log, NULL, _IOLBF, 0);
    return log;
}

/* Leave the terminal and the folder we were started in; what we and the scripts say goes to the log. */
static int become_daemon(uint32_t domid)
{
    struct vl_arena arena = { 0 };
    char *name = vl_store(&xl_vl) ? vl_store_read(xl_vl.store, &arena, "/local/domain/%u/name", domid) : NULL;
    FILE *log = name && !strchr(name, '/') ? open_log(name) : NULL;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (null >= 0) {
        dup2(null, 0);
        dup2(log ? fileno(log) : null, 1);
        dup2(log ? fileno(log) : null, 2);
        close(null);
    }
    if (chdir("/"))
        vl_debug("/: %s", strerror(errno));
    setsid();
    vl_arena_free(&arena);
    return 0;
}

/* Start a domain, if whoever was to do so has not. 0 or a told -errno. */
static int start(uint32_t domid)
{
    xc_domaininfo_t info;

    if (vl_domain_info(&xl_vl, domid, &info))
        return vl_fail(-ESRCH, "domain %u has gone", domid);
    if (info.flags & XEN_DOMINF_paused && xc_domain_unpause(xl_vl.xc, domid))
        return vl_fail_errno("cannot start domain %u", domid);
    return 0;
}

/*
 * Not for people: what create and guardians run. -d: as a daemon, -F: in the foreground, -u: start the domain first, -s: do
 * nothing else.
 */
int xl_monitor(int argc, char **argv)
{
    bool daemon = false, unpause = false, only = false;
    uint32_t domid;

    for (int opt; (opt = xl_getopt(argc, argv, "dFus", NULL, 1, 1)) != -1;) {
        daemon |= opt == 'd';
        unpause |= opt == 'u' || opt == 's';
        only |= opt == 's';
    }
    domid = (uint32_t)strtoul(argv[optind], NULL, 10);
    if (!vl_xc(&xl_vl) || !vl_store(&xl_vl))
        return 1;
    if (daemon) {
        become_daemon(domid);
        vl_log_name("xl monitor");
        if (vl_log_get_level() < VL_INFO)
            vl_log_level(VL_INFO);
    }
    if (unpause && start(domid))
        return 1;
    return only ? 0 : vl_monitor(&xl_vl, domid) ? 1 : 0;
}
