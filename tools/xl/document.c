/* SPDX-License-Identifier: MIT */
/* For the build: the tables of keys and of commands, for docs/config.md and the man pages. */
#include <stdio.h>
#include <string.h>

#include "xl/xl.h"

/* Text in which POD would see its own marks. */
static void pod_text(const char *s)
{
    for (; *s; s++)
        if (*s == '<')
            fputs("E<lt>", stdout);
        else if (*s == '>')
            fputs("E<gt>", stdout);
        else
            putchar(*s);
}

static void commands(void)
{
    for (size_t i = 0; i < xl_command_count; i++) {
        const struct xl_command *c = &xl_commands[i];

        if (!c->summary)
            continue;
        printf("=item B<%s> ", c->name);
        pod_text(c->args);
        printf("\n\n");
        pod_text(c->summary);
        printf("%s\n\n", xl_full_stop(c->summary));
        if (xl_refusal(c)) {
            printf("Not supported: ");
            pod_text(xl_refusal(c));
            printf(".\n\n");
        }
        for (const char *line = c->options; line && *line; line = strchr(line, '\n') + 1)
            printf("%s  %.*s\n", line == c->options ? "" : "", (int)strcspn(line, "\n"), line);
        if (c->options)
            putchar('\n');
    }
}

int xl_document(int argc, char **argv)
{
    xl_getopt(argc, argv, "", NULL, 1, 1);
    if (!strcmp(argv[optind], "commands"))
        commands();
    else
        vl_config_document(!strcmp(argv[optind], "keys-pod"));
    return 0;
}
