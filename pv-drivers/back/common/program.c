/* SPDX-License-Identifier: MIT */
#include "program.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon.h"
#include "log.h"

#define DOMID_MAX 0x7fef
#define OWN_MAX 16

enum { OPT_OWN = 256, OPT_DOMAIN = OPT_OWN + OWN_MAX, OPT_ALL, OPT_STATS, OPT_DAEMON, OPT_LOG, OPT_VERBOSE, OPT_TYPE, OPT_STATE,
       OPT_WORKER, OPT_WORKER_OPTION, OPT_SELF, OPT_HELP, OPT_VERSION };

static const struct option common[] = {
    { "domain", required_argument, NULL, OPT_DOMAIN }, { "all", no_argument, NULL, OPT_ALL },
    { "stats", optional_argument, NULL, OPT_STATS }, { "daemon", no_argument, NULL, OPT_DAEMON },
    { "log", required_argument, NULL, OPT_LOG }, { "verbose", no_argument, NULL, OPT_VERBOSE },
    { "type", required_argument, NULL, OPT_TYPE }, { "state-dir", required_argument, NULL, OPT_STATE },
    { "worker", required_argument, NULL, OPT_WORKER }, { "worker-option", required_argument, NULL, OPT_WORKER_OPTION },
    { "self", required_argument, NULL, OPT_SELF },
    { "help", no_argument, NULL, OPT_HELP }, { "version", no_argument, NULL, OPT_VERSION },
};
#define N_COMMON (sizeof(common) / sizeof(common[0]))

static const char *program_name;

unsigned program_number(const char *option, const char *text, unsigned min, unsigned max)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end || n < min || n > max) {
        fprintf(stderr, "%s: --%s wants a number from %u to %u, not '%s'\n", program_name, option, min, max, text);
        exit(2);
    }
    return (unsigned)n;
}

static void merge_options(const struct program *p, struct option all[N_COMMON + OWN_MAX + 1])
{
    memcpy(all, common, sizeof(common));
    for (unsigned i = 0; i < p->n_own && i < OWN_MAX; i++)
        all[N_COMMON + i] = (struct option){ p->own[i].name, p->own[i].has_argument ? required_argument : no_argument, NULL,
                                             OPT_OWN + (int)i };
}

static int domain(const char *name, const char *text)
{
    return (int)program_number(name, text, 0, DOMID_MAX);
}

int program_main(const struct program *p, int argc, char **argv)
{
    struct option all[N_COMMON + OWN_MAX + 1] = { 0 };
    struct daemon_options run = { .domid = -2, .argv = calloc((size_t)argc + 1, sizeof(char *)) };
    struct backend_kind kind = *p->kind;
    struct keeper keeper = { .kind = &kind, .options = p->options, .state_dir = "/run/vellum" };
    struct worker_setup setup = { 0 };
    bool stats = false;
    int c, which;

    program_name = kind.program;
    log_name(kind.program, -1);
    merge_options(p, all);
    run.argv[run.argc++] = argv[0];
    while ((c = getopt_long(argc, argv, "", all, &which)) != -1) {
        const char *name = c == '?' ? "" : all[which].name;

        switch (c) {
        case OPT_DOMAIN: run.domid = domain(name, optarg); continue;
        case OPT_ALL: run.domid = -1; continue;
        case OPT_STATS: stats = true; continue;
        case OPT_DAEMON: run.background = true; continue;
        case OPT_LOG: run.log_file = optarg; continue;
        case OPT_WORKER_OPTION: setup.option = optarg; continue;
        case OPT_SELF: setup.self = (uint16_t)domain(name, optarg); continue;
        case OPT_WORKER: setup.domid = (uint16_t)domain(name, optarg); return p->worker(&setup);
        case OPT_HELP: fputs(p->help, stdout); return 0;
        case OPT_VERSION: printf("%s " PACKAGE_VERSION "\n", kind.program); return 0;
        case OPT_VERBOSE: log_verbose = true; break;
        case OPT_TYPE: kind.type = optarg; break;
        case OPT_STATE:
            snprintf(keeper.state_dir, sizeof(keeper.state_dir), "%s", optarg);
            if (p->state_dir)
                p->state_dir(optarg);
            break;
        case '?': fputs(p->help, stderr); return 2;
        default: p->own[c - OPT_OWN].set(optarg);
        }
        /* What a supervisor hands on to each keeper. */
        if (asprintf(&run.argv[run.argc], optarg ? "--%s=%s" : "--%s", name, optarg) >= 0)
            run.argc++;
    }
    if (stats)
        return stats_print(p->stats, keeper.state_dir, optind < argc ? domain("stats", argv[optind]) : -1);
    if (run.domid == -2 || optind < argc) {
        fputs(p->help, stderr);
        return 2;
    }
    return daemon_run(&keeper, &run);
}
