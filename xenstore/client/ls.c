/* SPDX-License-Identifier: MIT */
/* xenstore-ls: a tree, indented or with full paths, cut to the screen's width, its permissions in one column. */
#include "client.h"

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define TAG_COLUMN 60 /* dots lead up to here */

static int width = 80;

static void show_perms(struct xs_handle *xs, const char *path)
{
    unsigned count;
    struct xs_permissions *perms = xs_get_permissions(xs, XBT_NULL, path, &count);

    if (perms == NULL) {
        warn("\ncould not access permissions for %s", path);
        return;
    }
    fputs("  (", stdout);
    for (unsigned i = 0; i < count; i++)
        printf("%s%c%u", i ? "," : "", "nrwb"[perms[i].perms & (XS_PERM_READ | XS_PERM_WRITE)], perms[i].id);
    putchar(')');
    free(perms);
}

/* From COLUMN on: a space, then dots on odd columns. */
static void lead(int column)
{
    putchar(' ');
    for (column++; column < TAG_COLUMN && !opt_full; column++)
        putchar(column & 1 ? '.' : ' ');
}

static void show_node(struct xs_handle *xs, const char *path, const char *name, int depth)
{
    unsigned len;
    char *value = xs_read(xs, XBT_NULL, path, &len), *text;
    int prefix, room, shown;
    bool cut;

    if (opt_full)
        prefix = printf("%s", path);
    else
        prefix = printf("%*s%s", depth, "", name);
    if (value == NULL) { /* gone meanwhile, or not ours to see */
        printf(errno == ENOENT ? "\n" : " = <%s>\n", strerror(errno));
        return;
    }
    text = show_value(value, len);
    prefix += 4; /* ' = "' */
    room = width - 4 - prefix;
    shown = (int)strlen(text);
    cut = !opt_full && shown > room;
    if (cut)
        shown = room > 0 ? room : 0;
    printf(" = \"%.*s%s\"", shown, text, cut ? "\\..." : "");
    if (opt_perms) {
        if (!cut)
            lead(prefix + shown + 1);
        show_perms(xs, path);
    }
    putchar('\n');
    free(text);
    free(value);
}

static void show_children(struct xs_handle *xs, const char *path, int depth)
{
    unsigned count;
    char **names = xs_directory(xs, XBT_NULL, path, &count);

    if (names == NULL) {
        if (depth == 0 || (errno != ENOENT && errno != EACCES))
            err(1, "xs_directory (%s)", path);
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        char *below;

        if (asprintf(&below, "%s/%s", strcmp(path, "/") ? path : "", names[i]) < 0)
            err(1, "memory");
        show_node(xs, below, names[i], depth);
        show_children(xs, below, depth + 1);
        free(below);
    }
    free(names);
}

int run_ls(struct xs_handle *xs, char **argv, int argc)
{
    struct winsize size;

    if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        width = size.ws_col;
    show_children(xs, argc > 0 ? argv[0] : "/", 0);
    return 0;
}
