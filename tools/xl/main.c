/* SPDX-License-Identifier: MIT */
/* Global options, how a word finds its command, help, and what all commands share. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "xl/xl.h"

#define COLUMNS 100             /* that usage lines have at most, and where they go on */
#define INDENT 10

bool xl_dry_run, xl_force, xl_progress_cr, xl_timestamps;
struct vl xl_vl;
const struct xl_command *xl_current;

/* Where the next argument ends: at a space that stands in no brackets. */
static size_t argument_length(const char *text)
{
    size_t n = 0;

    for (int depth = 0; text[n] && (depth || text[n] != ' '); n++)
        depth += text[n] == '[' || text[n] == '<' ? 1 : text[n] == ']' || text[n] == '>' ? -1 : 0;
    return n;
}

static void print_usage(FILE *to, const struct xl_command *c)
{
    int at = fprintf(to, "Usage: xl [-vtT%s%s] %s", c->flags & 1 ? "f" : "", c->flags == XL_DRY ? "N" : "", c->name);

    for (const char *s = c->args; *s; s += *s == ' ') {
        size_t n = argument_length(s);

        if (at + 1 + (int)n > COLUMNS)
            at = fprintf(to, "\n%*s", INDENT - 1, "") - 1;
        at += fprintf(to, " %.*s", (int)n, s);
        s += n;
    }
    fprintf(to, "\n\n%s%s\n\n", c->summary ? c->summary : "For xl's own use.", c->summary ? xl_full_stop(c->summary) : "");
    if (xl_refusal(c))
        fprintf(to, "Not supported: %s.\n\n", xl_refusal(c));
    if (c->options)
        fprintf(to, "Options:\n\n%s", c->options);
}

const char *xl_full_stop(const char *sentence)
{
    return *sentence && sentence[strlen(sentence) - 1] == '.' ? "" : ".";
}

int xl_usage(void)
{
    print_usage(stderr, xl_current);
    return 2;
}

static void print_list(FILE *to)
{
    fprintf(to, "Usage xl [-vfNtT] <subcommand> [args]\n\nxl full list of subcommands:\n\n");
    for (size_t i = 0; i < xl_command_count; i++) {
        const struct xl_command *c = &xl_commands[i];

        if (!c->summary)
            continue;
        if (strlen(c->name) > 19)
            fprintf(to, " %s \n%21s%s\n", c->name, "", c->summary);
        else
            fprintf(to, " %-19s %s\n", c->name, c->summary);
    }
}

/* A whole name, or the start of just one. */
static const struct xl_command *find_command(const char *word)
{
    const struct xl_command *found = NULL;
    char which[1024] = "";
    size_t used = 0;
    int n = 0;

    for (size_t i = 0; i < xl_command_count; i++) {
        const struct xl_command *c = &xl_commands[i];

        if (!strcmp(c->name, word))
            return c;
        if (!c->summary || strncmp(c->name, word, strlen(word)))
            continue;
        found = c;
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

int xl_help(int argc, char **argv)
{
    static const struct option longs[] = { { "long", no_argument, NULL, 'l' }, XL_LONG_END };
    const struct xl_command *c;
    bool all = false;

    for (int opt; (opt = xl_getopt(argc, argv, "l", longs, 0, 1)) != -1;)
        all = true;
    if (optind < argc) {
        c = find_command(argv[optind]);
        if (!c)
            return 1;
        print_usage(stdout, c);
        return 0;
    }
    print_list(stdout);
    for (size_t i = 0; all && i < xl_command_count; i++)
        if (xl_commands[i].summary) {
            printf("\n----\n\n");
            print_usage(stdout, &xl_commands[i]);
        }
    return 0;
}

int xl_getopt(int argc, char **argv, const char *options, const struct option *longs, int wanted, int most)
{
    static const struct option none[] = { XL_LONG_END };
    char with_help[64];
    int opt;

    snprintf(with_help, sizeof(with_help), "%sh", options);
    opt = getopt_long(argc, argv, with_help, longs ? longs : none, NULL);
    if (opt == 'h') {
        print_usage(stdout, xl_current);
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

bool xl_getopt_json(int argc, char **argv, int wanted, int most)
{
    static const struct option longs[] = { XL_LONG_JSON, XL_LONG_END };
    bool json = false;

    while (xl_getopt(argc, argv, "", longs, wanted, most) != -1)
        json = true;
    return json;
}

uint32_t xl_find_domain(const char *text)
{
    uint32_t domid;

    if (vl_domain_find(&xl_vl, text, &domid))
        exit(1);
    return domid;
}

const char *xl_domain_name(uint32_t domid)
{
    static struct vl_arena arena;
    char *name = vl_store(&xl_vl) ? vl_store_read(xl_vl.store, &arena, "/local/domain/%u/name", domid) : NULL;

    return name ? name : "(null)";
}

bool xl_number(const char *what, const char *text, long min, long max, long *out)
{
    char *end;

    errno = 0;
    *out = strtol(text, &end, 10);
    if (end == text || *end) {
        vl_log(VL_ERROR, "%s: '%s' is not a number", what, text);
        return false;
    }
    if (errno || *out < min || *out > max) {
        vl_log(VL_ERROR, "%s: %s is not from %ld to %ld", what, text, min, max);
        return false;
    }
    return true;
}

struct vl_json *xl_json_begin(const char *name)
{
    struct vl_json *json = vl_json_new(true);
    char schema[64];

    snprintf(schema, sizeof(schema), "vellum.%s", name);
    vl_json_map(json, NULL);
    vl_json_string(json, "schema", schema);
    vl_json_number(json, "version", 1);
    return json;
}

int xl_json_end(struct vl_json *json)
{
    int rc;

    vl_json_map_end(json);
    rc = vl_json_print(json, stdout);
    vl_json_free(json);
    return rc ? 1 : 0;
}

int main(int argc, char **argv)
{
    static const struct option longs[] = { { "version", no_argument, NULL, 'V' }, XL_LONG_END };
    int opt, verbose = 0, rc;
    char *name;

    vl_log_name("xl");
    prctl(PR_SET_NAME, "xl");           /* also when we have executed ourselves as /proc/self/exe */
    signal(SIGPIPE, SIG_IGN);
    while ((opt = getopt_long(argc, argv, "+vfNtTh", longs, NULL)) >= 0) {
        switch (opt) {
        case 'v': verbose++; break;
        case 'N': xl_dry_run = true; break;
        case 'f': xl_force = true; break;
        case 't': xl_progress_cr = true; break;
        case 'T': xl_timestamps = true; break;
        case 'h': print_list(stdout); return 0;
        case 'V': puts("xl (Vellum) " PACKAGE_VERSION); return 0;
        default:
            fprintf(stderr, "Usage: xl [-vfNtT] <subcommand> [args]; 'xl help' lists the subcommands.\n");
            return 2;
        }
    }
    if (verbose)
        vl_log_level(verbose > 1 ? VL_DEBUG : VL_INFO);
    vl_log_timestamps(xl_timestamps);
    if (optind >= argc) {
        print_list(stderr);
        return 1;
    }
    xl_current = find_command(argv[optind]);
    if (!xl_current)
        return 1;
    argc -= optind;
    argv += optind;
    optind = 1;
    /* getopt's messages begin with it. */
    argv[0] = asprintf(&name, "xl %s", xl_current->name) < 0 ? argv[0] : name;
    rc = xl_current->run(argc, argv);
    if (fflush(stdout) || ferror(stdout)) {
        vl_log(VL_ERROR, "cannot write the output");
        rc = 1;
    }
    return rc;
}
