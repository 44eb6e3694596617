/* SPDX-License-Identifier: MIT */
/*
 * xenstore-control: sends a command to the daemon and prints its answer. A live update is three commands: the new
 * program, its arguments if they change, and the start. --json prints `quota` as JSON, put together from as many
 * answers as it takes.
 */
#include "client.h"

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xen/io/xs_wire.h>

/* COMMAND with its arguments; the answer, for the caller to free; NULL with errno when the daemon refuses. */
static char *try_to_ask(struct xs_handle *xs, const char *command, int argc, char **argv)
{
    char data[XENSTORE_PAYLOAD_MAX];
    size_t len = 0;

    for (int i = 0; i < argc; i++) {
        size_t n = strlen(argv[i]) + 1;

        if (n > sizeof(data) - len)
            errx(1, "arguments too long");
        memcpy(data + len, argv[i], n);
        len += n;
    }
    return xs_control_command(xs, command, data, (unsigned)len);
}

/* The same; a refusal is the end, in the words of Debian's client. */
static char *ask(struct xs_handle *xs, const char *command, int argc, char **argv)
{
    char *answer = try_to_ask(xs, command, argc, argv);

    if (answer != NULL)
        return answer;
    if (errno != EINVAL) {
        fprintf(stderr, "Error %d when trying to execute command.\n", errno);
        exit(3);
    }
    answer = try_to_ask(xs, "help", 0, NULL);
    fprintf(stderr, "Command not supported. Valid commands are:\n%s\n", answer != NULL ? answer : "");
    exit(3);
}

static void ask_ok(struct xs_handle *xs, const char *failed, int argc, const char **argv)
{
    char *answer = ask(xs, "live-update", argc, (char **)argv);

    if (strcmp(answer, "OK")) {
        fprintf(stderr, "%s failed:\n%s\n", failed, answer);
        exit(3);
    }
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
    if (file == NULL) {
        fputs("Missing binary specification\n", stderr);
        return 2;
    }
    ask_ok(xs, "Setting update binary", 2, (const char *[]){ "-f", file });
    if (cmdline != NULL)
        ask_ok(xs, "Setting update cmdline", 2, (const char *[]){ "-c", cmdline });
    ask_ok(xs, "Starting live update", count, start);
    return 0;
}

/* The quotas and what domains use of them. The daemon's answer begins with where the next one has to begin, or `-`. */
static void print_json(struct xs_handle *xs, char *domain)
{
    char from[16] = "0", *answer, *text, *end, *settings[] = { (char *)"json" };

    if (domain != NULL) {
        answer = ask(xs, "quota", 2, (char *[]){ settings[0], domain });
        puts(answer);
        free(answer);
        return;
    }
    answer = ask(xs, "quota", 1, settings);
    printf("%s", answer);
    free(answer);
    for (const char *comma = "";; comma = ",") {
        answer = ask(xs, "quota", 3, (char *[]){ settings[0], (char *)"from", from });
        text = strchr(answer, '\n');
        if (text == NULL)
            errx(3, "not an answer to quota json from: %s", answer);
        *text++ = 0;
        printf("%s%s", *text ? comma : "", text);
        strtoul(answer, &end, 10);
        if (end == answer)
            break;
        snprintf(from, sizeof(from), "%.15s", answer);
        free(answer);
    }
    free(answer);
    puts("]}");
}

static const char control_help[] =
    "Usage: xenstore-control [--json] <command> [<arg>...]\n\nCommands:\n"
    "  help                          what the daemon understands\n"
    "  check                         compare its accounts with its tree\n"
    "  log on|off                    trace requests to the trace file\n"
    "  logfile <file>                where to trace to\n"
    "  memreport [<file>]            what it holds, to the trace file or a file\n"
    "  print <string>                a line into its log\n"
    "  quota                         the quotas of all domains\n"
    "  quota <domid>                 what a domain uses of them\n"
    "  quota set <name> <val> [<domid>]\n"
    "                                set one, for all domains or for one\n"
    "  quota-soft [set memory <val>] from where on it warns\n"
    "  live-update [-c <cmdline>] [-F] [-t <timeout>] <file>\n"
    "                                go on as the program <file>; no connection is dropped, and -F and -t, about\n"
    "                                waiting for transactions, have no effect\n\n"
    "Options:\n"
    "  --json                        with quota [<domid>]: quotas and use as JSON\n"
    "  -h, --help                    this text\n";

int control_main(int argc, char **argv)
{
    struct xs_handle *xs;
    bool json = argc > 1 && !strcmp(argv[1], "--json");
    char *answer;
    int rc = 0;

    if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
        fputs(control_help, stdout);
        return 0;
    }
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
    } else if (json) {
        print_json(xs, argc == 3 ? argv[2] : NULL);
    } else {
        answer = ask(xs, argv[1], argc - 2, argv + 2);
        puts(answer);
        free(answer);
    }
    xs_close(xs);
    return rc;
}
