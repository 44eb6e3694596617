/* SPDX-License-Identifier: MIT */
/*
 * xenstore: `xenstore read …`, or by the names xenstore-read and so on. Options, output and exit codes are those of
 * Debian's xenstore-utils, so that scripts see no difference.
 */
#include "client.h"

#include <err.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool opt_prefix, opt_raw, opt_full, opt_perms, opt_tidy, opt_recurse, opt_upto;
int opt_count = -1;

static const struct command commands[] = {
    { "read", "hpsR", "[-h] [-p] [-s] [-R] key [...]", run_read },
    { "write", "hsR", "[-h] [-s] [-R] key value [...]", run_write },
    { "list", "hps", "[-h] [-p] [-s] key [...]", run_list },
    { "ls", "hfps", "[-h] [-f] [-p] [-s] [path]", run_ls },
    { "exists", "hps", "[-h] [-p] [-s] key [...]", run_exists },
    { "rm", "hst", "[-h] [-s] [-t] key [...]", run_rm },
    { "chmod", "hurs", "[-h] [-u] [-r] [-s] key <mode [modes...]>", run_chmod },
    { "watch", "hn:", "[-h] [-n NR] key", run_watch },
};

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (!strcmp(commands[i].name, name))
            return &commands[i];
    return NULL;
}

static void usage(const struct command *c, const char *program, bool by_mode)
{
    if (by_mode)
        errx(1, "Usage: %s %s %s", program, c->name, c->usage);
    errx(1, "Usage: %s %s", program, c->usage);
}

static void parse_options(const struct command *c, const char *program, bool by_mode, int argc, char **argv)
{
    int opt;

    while ((opt = getopt(argc, argv, "fhn:prstuR")) != -1) {
        if (opt == '?')
            continue; /* getopt has said it; Debian's clients go on */
        if (strchr(c->options, opt) == NULL)
            usage(c, program, by_mode);
        switch (opt) {
        case 'p': opt_prefix = opt_perms = true; break;
        case 'R': opt_raw = true; break;
        case 'f': opt_full = true; break;
        case 't': opt_tidy = true; break;
        case 'r': opt_recurse = true; break;
        case 'u': opt_upto = true; break;
        case 's': break; /* "sockets only": there is nothing else */
        case 'n': opt_count = atoi(optarg); break;
        default: usage(c, program, by_mode);
        }
    }
}

int main(int argc, char **argv)
{
    const char *name = strrchr(argv[0], '/'), *program = argv[0];
    const struct command *c;
    struct xs_handle *xs;
    bool by_mode = false;
    int rc;

    name = name != NULL ? name + 1 : argv[0];
    if (!strncmp(name, "xenstore-", 9)) {
        name += 9;
    } else {
        if (argc < 2)
            errx(1, "Usage: %s <mode> [-h] [...]", program);
        name = argv[1];
        argv++;
        argc--;
        by_mode = true;
    }
    if (!strcmp(name, "control"))
        return control_main(argc, argv);
    c = find_command(name);
    if (c == NULL)
        errx(1, "unknown mode %s", name);
    parse_options(c, program, by_mode, argc, argv);
    argc -= optind;
    argv += optind;
    if (argc == 0 && c->run != run_ls)
        usage(c, program, by_mode);
    if (c->run == run_write && argc % 2 != 0)
        usage(c, program, by_mode);
    xs = xs_open(0);
    if (xs == NULL)
        err(1, "xs_open");
    rc = c->run(xs, argv, argc);
    xs_close(xs);
    return rc;
}
