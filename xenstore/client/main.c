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
    { "read", "hpsR", "[-h] [-p] [-s] [-R] key [...]", "print values", run_read },
    { "write", "hsR", "[-h] [-s] [-R] key value [...]", "write values, making what is missing above them", run_write },
    { "list", "hps", "[-h] [-p] [-s] key [...]", "print the names of a node's children", run_list },
    { "ls", "hfps", "[-h] [-f] [-p] [-s] [path]", "print a tree with its values", run_ls },
    { "exists", "hps", "[-h] [-p] [-s] key [...]", "exit with 0 if all exist", run_exists },
    { "rm", "hst", "[-h] [-s] [-t] key [...]", "remove nodes and what is below them", run_rm },
    { "chmod", "hurs", "[-h] [-u] [-r] [-s] key <mode [modes...]>", "set permissions: nID rID wID bID", run_chmod },
    { "watch", "hn:", "[-h] [-n NR] key", "print the path of each change at or below a node", run_watch },
};

static const struct {
    char letter;
    const char *name, *argument, *help;
} options[] = {
    { 'h', "help", NULL, "-h: the usage in a line; --help: this text" },
    { 'f', "flat", NULL, "full paths instead of indented names" },
    { 'p', "prefix", NULL, "the path before each value; ls: permissions after it" },
    { 'R', "raw", NULL, "bytes as they are, instead of escapes" },
    { 't', "tidy", NULL, "remove parents too that are left empty" },
    { 'r', "recurse", NULL, "everything below as well" },
    { 'u', "upto", NULL, "parents up to the root as well" },
    { 'n', "number", "NR", "end after NR events (default: never)" },
    { 's', NULL, NULL, "accepted and without effect" },
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

/* On standard output, for --help; C: NULL for all commands. */
static int help(const struct command *c, const char *program)
{
    const char *letters = c != NULL ? c->options : "hfpRtruns";

    if (c == NULL)
        printf("Usage: %s <mode> [options] …\n\nModes, also as xenstore-<mode>:\n", program);
    else
        printf("Usage: xenstore-%s %s: %s\n", c->name, c->usage, c->help);
    for (size_t i = 0; c == NULL && i < sizeof(commands) / sizeof(commands[0]); i++)
        printf("  %-8s %-42s %s\n", commands[i].name, commands[i].usage, commands[i].help);
    if (c == NULL)
        puts("  control  [--json] <command> [<arg>...]              administer the daemon");
    puts("\nOptions:");
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        char name[32] = "";

        if (strchr(letters, options[i].letter) == NULL)
            continue;
        if (options[i].name != NULL)
            snprintf(name, sizeof(name), ", --%s%s%s", options[i].name, options[i].argument ? "=" : "",
                     options[i].argument ? options[i].argument : "");
        printf("  -%c%-14s %s\n", options[i].letter, name, options[i].help);
    }
    return 0;
}

static void parse_options(const struct command *c, const char *program, bool by_mode, int argc, char **argv)
{
    struct option long_options[sizeof(options) / sizeof(options[0])] = { 0 };
    int opt, which;

    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]) && options[i].name != NULL; i++) {
        long_options[i].name = options[i].name;
        long_options[i].has_arg = options[i].argument != NULL;
        long_options[i].val = options[i].letter;
    }
    while (which = -1, (opt = getopt_long(argc, argv, "fhn:prstuR", long_options, &which)) != -1) {
        if (opt == '?')
            continue; /* getopt has said it; Debian's clients go on */
        if (opt == 'h' && which >= 0)
            exit(help(c, program));
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
        if (!strcmp(argv[1], "--help"))
            return help(NULL, program);
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
