/* SPDX-License-Identifier: MIT */
/*
 * xenstore-control: sends a command to the daemon and prints its answer. A live update is three commands: the new
 * program, its arguments if they change, and the start. --json asks for `quota` as JSON.
 */
#include "client.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xen/io/xs_wire.h>

/* COMMAND with its arguments; the answer, for the caller to free. */
static char *ask(struct xs_handle *xs, const char *command, int argc, char **argv)
{
    char data[XENSTORE_PAYLOAD_MAX];
    size_t len = 0;
    char *answer;

    for (int i = 0; i < argc; i++) {
        size_t n = strlen(argv[i]) + 1;

        if (n > sizeof(data) - len)
            errx(1, "arguments too long");
        memcpy(data + len, argv[i], n);
        len += n;
    }
    answer = xs_control_command(xs, command, data, (unsigned)len);
    if (answer == NULL)
        err(3, "Command not accepted by Xenstore");
    return answer;
}

static void ask_ok(struct xs_handle *xs, int argc, const char **argv)
{
    char *answer = ask(xs, "live-update", argc, (char **)argv);

    if (strcmp(answer, "OK"))
        errx(1, "live update: %s", answer);
    free(answer);
}

static int live_update(struct xs_handle *xs, int argc, char **argv)
{
    const char *file = NULL, *cmdline = NULL, *start[5] = { "-s" };
    int count = 1;

    for (int i = 0; i < argc; i++) {
        if (!strcmp(argv[i], "-c") && i + 1 < argc) {
            cmdline = argv[++i];
        } else if (!strcmp(argv[i], "-t") && i + 1 < argc) {
            start[count++] = "-t";
            start[count++] = argv[++i];
        } else if (!strcmp(argv[i], "-F")) {
            start[count++] = "-F";
        } else if (file == NULL && argv[i][0] != '-') {
            file = argv[i];
        } else {
            errx(2, "live-update: unexpected argument %s", argv[i]);
        }
        if (count > 4)
            errx(2, "live-update: an option is given twice");
    }
    if (file == NULL)
        errx(2, "live-update: which file?");
    ask_ok(xs, 2, (const char *[]){ "-f", file });
    if (cmdline != NULL)
        ask_ok(xs, 2, (const char *[]){ "-c", cmdline });
    ask_ok(xs, count, start);
    puts("OK");
    return 0;
}

int control_main(int argc, char **argv)
{
    struct xs_handle *xs;
    bool json = argc > 1 && !strcmp(argv[1], "--json");
    char *answer, *args[4] = { (char *)"json" };
    int rc = 0;

    if (json) {
        argv++;
        argc--;
    }
    if (argc < 2 || (json && (strcmp(argv[1], "quota") || argc > 3))) {
        fprintf(stderr, "Usage:\n%s [--json] <command> [<arg>...]\n", json ? argv[-1] : argv[0]);
        return 2;
    }
    xs = xs_open(0);
    if (xs == NULL) {
        fputs("Failed to contact Xenstored.\n", stderr);
        return 1;
    }
    if (!strcmp(argv[1], "live-update")) {
        rc = live_update(xs, argc - 2, argv + 2);
    } else {
        if (json) {
            args[1] = argc == 3 ? argv[2] : NULL;
            answer = ask(xs, "quota", argc - 1, args);
        } else {
            answer = ask(xs, argv[1], argc - 2, argv + 2);
        }
        puts(answer);
        free(answer);
    }
    xs_close(xs);
    return rc;
}
