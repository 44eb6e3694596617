/* SPDX-License-Identifier: MIT */
/* xl top: what domains use, on a terminal or as a listing. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "top/top.h"

static const char help[] =
    "Usage: xl top [OPTION]...\n"
    "Shows what the domains use, as xentop does.\n\n"
    "  -b, --batch           print to standard output, without a display\n"
    "  -i, --iterations=N    how often (until it is ended)\n"
    "  -d, --delay=SECONDS   between two looks (3)\n"
    "  -f, --full-name       names in full length\n"
    "  -n, --networks        a line for each interface too\n"
    "  -x, --vbds            a line for each disk too\n"
    "  -v, --vcpus           the vCPUs' times too\n"
    "      --json            one JSON object a look, with all of it\n"
    "  -h, --help            this text\n";

static const struct option longs[] = {
    { "batch", no_argument, NULL, 'b' }, { "iterations", required_argument, NULL, 'i' },
    { "delay", required_argument, NULL, 'd' }, { "full-name", no_argument, NULL, 'f' },
    { "networks", no_argument, NULL, 'n' }, { "vbds", no_argument, NULL, 'x' }, { "vcpus", no_argument, NULL, 'v' },
    { "repeat-header", no_argument, NULL, 'r' }, { "json", no_argument, NULL, 'j' }, { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
};

static double number(const char *what, const char *text, double max)
{
    char *end;
    double v = strtod(text, &end);

    if (!*text || *end || !(v > 0) || v > max) {
        fprintf(stderr, "xl top: %s wants a number above 0, not '%s'\n", what, text);
        exit(1);
    }
    return v;
}

static void parse(int argc, char **argv, struct top_options *o)
{
    int opt;

    while ((opt = getopt_long(argc, argv, "bi:d:fnxvrh", longs, NULL)) != -1)
        switch (opt) {
        case 'b': o->batch = true; break;
        case 'i': o->iterations = (long)number("-i", optarg, 1e9); break;
        case 'd': o->delay = number("-d", optarg, 86400); break;
        case 'f': o->full_names = true; break;
        case 'n': o->nets = true; break;
        case 'x': o->disks = true; break;
        case 'v': o->vcpus = true; break;
        case 'r': break;        /* the header comes with each look anyway */
        case 'j': o->json = o->batch = true; break;
        case 'h': fputs(help, stdout); exit(0);
        default: fputs(help, stderr); exit(2);
        }
    if (optind < argc) {
        fprintf(stderr, "xl top: what is '%s'?\n", argv[optind]);
        exit(2);
    }
}

static int batch(struct vl *vl, const struct top_options *o)
{
    const struct timespec wait = { (time_t)o->delay, (long)((o->delay - (double)(time_t)o->delay) * 1e9) };
    struct sample before = { 0 }, now;

    for (long i = 0; o->iterations < 0 || i < o->iterations; i++) {
        if (i)
            nanosleep(&wait, NULL);
        if (sample_take(vl, &now, before.n_domains ? &before : NULL))
            return 1;
        top_sort(&now, o->order, o->reversed);
        if (o->json)
            top_print_json(&now, stdout);
        else
            top_print(o, &now, stdout);
        sample_free(&before);
        before = now;
        if (fflush(stdout) || ferror(stdout))
            return vl_fail(-EIO, "cannot write the output"), 1;
    }
    sample_free(&before);
    return 0;
}

int main(int argc, char **argv)
{
    struct top_options o = { .iterations = -1, .delay = 3, .order = ORDER_NAME };
    struct vl vl = { 0 };
    int rc;

    vl_log_name("xl");
    parse(argc, argv, &o);
    if (!vl_xc(&vl) || !vl_store(&vl))
        return 1;
    if (!o.batch && (!isatty(0) || !isatty(1)))
        return vl_fail(-ENOTTY, "xl top wants a terminal; use -b to print"), 1;
    rc = o.batch ? batch(&vl, &o) : top_screen(&vl, &o);
    vl_close(&vl);
    return rc;
}
