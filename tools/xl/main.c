/* SPDX-License-Identifier: MIT */
/* Global options, the table of commands, and how a word finds its command. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "xl/xl.h"

bool xl_dry_run, xl_force;
struct vl xl_vl;
const struct xl_command *xl_current;

static const struct xl_command xl_commands[] = {
    { "create", xl_create, true, "<ConfigFile> [options] [vars]", "Create a domain from config file <filename>",
      "-c                      Connect to the console after the domain is created.\n"
      "-d                      Enable debug messages.\n"
      "-e                      Do not wait in the background for the death of the domain.\n"
      "-F                      Run in foreground until death of the domain.\n"
      "-f FILE, --defconfig=FILE\n"
      "                        Use the given configuration file.\n"
      "-n, --dryrun            Only check the configuration.\n"
      "-p                      Leave the domain paused after it is created.\n"
      "-q, --quiet             Quiet.\n"
      "-V, -A                  Accepted; there is no VNC display to connect to.\n" },
    { "list", xl_list, false, "[options] [Domain]", "List information about all/some domains",
      "-l, --long              Output all VM details\n"
      "-v, --verbose           Prints out UUIDs and security context\n"
      "-Z, --context           Prints out security context\n"
      "-c, --cpupool           Prints the cpupool the domain is in\n"
      "-n, --numa              Prints out NUMA node affinity\n" },
    { "destroy", xl_destroy, true, "[options] <Domain>", "Terminate a domain immediately",
      "-f                      Permit destroying domain 0, which will only succeed\n"
      "                        when run from disaggregated toolstack domain with a\n"
      "                        hardware domain distinct from domain 0.\n" },
    { "shutdown", xl_shutdown, true, "[options] <-a|Domain>", "Issue a shutdown signal to a domain",
      "-a, --all               Shutdown all guest domains.\n"
      "-F                      Accepted; for PV guests there is no other way.\n"
      "-w, --wait              Wait for guest(s) to shutdown; twice: for their end.\n" },
    { "reboot", xl_reboot, true, "[options] <-a|Domain>", "Issue a reboot signal to a domain",
      "-a, --all               Reboot all guest domains.\n"
      "-F                      Accepted; for PV guests there is no other way.\n"
      "-w, --wait              Wait for guest(s) to reboot; twice: for their end.\n" },
    { "pause", xl_pause, true, "<Domain>", "Pause execution of a domain", NULL },
    { "unpause", xl_unpause, true, "<Domain>", "Unpause a paused domain", NULL },
    { "console", xl_console, true, "[options] <Domain>", "Attach to domain's console",
      "-t <type>               console type, pv or serial\n"
      "-n <number>             console number\n" },
    { "info", xl_info, false, "[-n]", "Get information about Xen host",
      "-n, --numa              List host NUMA topology information\n" },
    { "dmesg", xl_dmesg, false, "[-c]", "Read and/or clear dmesg buffer",
      "-c                      Clear dmesg buffer as well as printing it\n" },
    { "events", xl_events, false, "[--json]", "Show what happens to the domains, as it happens",
      "--json                  One JSON object a line instead of words.\n" },
    { "help", xl_help, false, "[--long]", "Show the commands", NULL },
    { "monitor", xl_monitor, false, "<DomainId>", NULL, NULL },
};

#define COMMANDS (sizeof(xl_commands) / sizeof(xl_commands[0]))

int xl_help(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    printf("Usage xl [-vfNtT] <subcommand> [args]\n\nxl full list of subcommands:\n\n");
    for (size_t i = 0; i < COMMANDS; i++) {
        if (!xl_commands[i].summary)        /* not for people */
            continue;
        if (strlen(xl_commands[i].name) > 18)
            printf(" %s \n%21s", xl_commands[i].name, "");
        else
            printf(" %-19s ", xl_commands[i].name);
        printf("%s\n", xl_commands[i].summary);
    }
    return 0;
}

static void print_usage(FILE *to)
{
    fprintf(to, "Usage: xl [-vtT%s] %s %s\n\n%s.\n\n", xl_current->changes ? "fN" : "", xl_current->name,
            xl_current->args, xl_current->summary ? xl_current->summary : "For xl's own use");
    if (xl_current->options)
        fprintf(to, "Options:\n\n%s", xl_current->options);
}

int xl_usage(void)
{
    print_usage(stderr);
    return 1;
}

int xl_getopt(int argc, char **argv, const char *options, const struct option *longs, int wanted, int most)
{
    static const struct option none[] = { { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 } };
    char with_help[64];
    int opt;

    snprintf(with_help, sizeof(with_help), "%sh", options);
    opt = getopt_long(argc, argv, with_help, longs ? longs : none, NULL);
    if (opt == 'h') {
        print_usage(stdout);
        exit(0);
    }
    if (opt == '?')
        exit(xl_usage());
    if (opt == -1 && argc - optind < wanted) {
        fprintf(stderr, "'xl %s' requires at least %d argument%s.\n\n", xl_current->name, wanted,
                wanted == 1 ? "" : "s");
        exit(xl_usage());
    }
    if (opt == -1 && most >= 0 && argc - optind > most) {
        fprintf(stderr, "'xl %s' does not know what to do with '%s'.\n\n", xl_current->name, argv[optind + most]);
        exit(xl_usage());
    }
    return opt;
}

uint32_t xl_find_domain(const char *text)
{
    uint32_t domid;

    if (vl_domain_find(&xl_vl, text, &domid))
        exit(1);
    return domid;
}

/* A whole name, or the start of just one. */
static const struct xl_command *find_command(const char *word)
{
    const struct xl_command *found = NULL;
    char which[512] = "";
    size_t used = 0;
    int n = 0;

    for (size_t i = 0; i < COMMANDS; i++) {
        if (!strcmp(xl_commands[i].name, word))
            return &xl_commands[i];
        if (!xl_commands[i].summary || strncmp(xl_commands[i].name, word, strlen(word)))
            continue;
        found = &xl_commands[i];
        if (used < sizeof(which))
            used += (size_t)snprintf(which + used, sizeof(which) - used, "%s%s", n ? ", " : "", found->name);
        n++;
    }
    if (n == 1)
        return found;
    if (n)
        fprintf(stderr, "xl: '%s' can mean %s\n", word, which);
    else
        fprintf(stderr, "xl: there is no command '%s' (see 'xl help')\n", word);
    return NULL;
}

int main(int argc, char **argv)
{
    int opt, verbose = 0, rc;

    vl_log_name("xl");
    prctl(PR_SET_NAME, "xl");           /* also when we have executed ourselves as /proc/self/exe */
    signal(SIGPIPE, SIG_IGN);
    while ((opt = getopt(argc, argv, "+vfNtT")) >= 0) {
        switch (opt) {
        case 'v': verbose++; break;
        case 'N': xl_dry_run = true; break;
        case 'f': xl_force = true; break;
        case 't': case 'T': break;      /* progress with carriage returns, time stamps: for what shows progress */
        default:
            fprintf(stderr, "unknown global option\n");
            return 1;
        }
    }
    if (verbose)
        vl_log_level(verbose > 1 ? VL_DEBUG : VL_INFO);
    if (optind >= argc) {
        xl_help(0, NULL);
        return 1;
    }
    xl_current = find_command(argv[optind]);
    if (!xl_current)
        return 1;
    argc -= optind;
    argv += optind;
    optind = 1;
    rc = xl_current->run(argc, argv);
    if (fflush(stdout) || ferror(stdout)) {
        vl_log(VL_ERROR, "cannot write the output");
        rc = 1;
    }
    return rc;
}
