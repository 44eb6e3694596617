/* SPDX-License-Identifier: MIT */
/* The commands on single keys. Each returns the exit code; errors are one line to stderr and end the command. */
#include "client.h"

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int run_read(struct xs_handle *xs, char **argv, int argc)
{
    for (int i = 0; i < argc; i++) {
        unsigned len;
        char *value = xs_read(xs, XBT_NULL, argv[i], &len), *text;

        if (value == NULL) {
            warnx("couldn't read path %s", argv[i]);
            return 1;
        }
        if (opt_prefix)
            printf("%s: ", argv[i]);
        if (opt_raw) {
            fwrite(value, len, 1, stdout);
        } else {
            text = show_value(value, len);
            puts(text);
            free(text);
        }
        free(value);
    }
    return 0;
}

static int write_all(struct xs_handle *xs, xs_transaction_t t, char **argv, const int *len, int argc)
{
    for (int i = 0; i < argc; i += 2) {
        if (!xs_write(xs, t, argv[i], argv[i + 1], (unsigned)len[i / 2])) {
            warnx("could not write path %s", argv[i]);
            return 1;
        }
    }
    return 0;
}

/* All pairs in one transaction, tried again while others interfere. */
int run_write(struct xs_handle *xs, char **argv, int argc)
{
    int *len = calloc((size_t)argc / 2 + 1, sizeof(*len)), rc;

    if (len == NULL)
        err(1, "memory");
    for (int i = 1; i < argc; i += 2) {
        len[i / 2] = opt_raw ? (int)strlen(argv[i]) : parse_value(argv[i]);
        if (len[i / 2] < 0)
            errx(1, "bad escape in the value of %s", argv[i - 1]);
    }
    for (;;) {
        xs_transaction_t t = xs_transaction_start(xs);

        if (t == XBT_NULL)
            errx(1, "couldn't start transaction");
        rc = write_all(xs, t, argv, len, argc);
        if (xs_transaction_end(xs, t, rc != 0) || rc != 0)
            break;
        if (errno != EAGAIN)
            errx(1, "couldn't end transaction");
    }
    free(len);
    return rc;
}

int run_list(struct xs_handle *xs, char **argv, int argc)
{
    for (int i = 0; i < argc; i++) {
        unsigned count;
        char **names = xs_directory(xs, XBT_NULL, argv[i], &count);

        if (names == NULL) {
            warnx("could not list path %s", argv[i]);
            return 1;
        }
        for (unsigned k = 0; k < count; k++) {
            if (opt_prefix)
                printf("%s%s%s\n", argv[i], argv[i][strlen(argv[i]) - 1] == '/' ? "" : "/", names[k]);
            else
                puts(names[k]);
        }
        free(names);
    }
    return 0;
}

int run_exists(struct xs_handle *xs, char **argv, int argc)
{
    for (int i = 0; i < argc; i++) {
        unsigned len;
        char *value = xs_read(xs, XBT_NULL, argv[i], &len);

        if (value == NULL)
            return 1;
        free(value);
    }
    return 0;
}

/* -t: parents that are left without value and children go too. */
static void remove_empty_parents(struct xs_handle *xs, const char *path)
{
    char *parent = strdup(path), *slash;

    while (parent != NULL && (slash = strrchr(parent, '/')) != NULL && slash != parent) {
        unsigned len, count;
        char *value, **names;
        bool empty;

        *slash = 0;
        value = xs_read(xs, XBT_NULL, parent, &len);
        names = xs_directory(xs, XBT_NULL, parent, &count);
        empty = value != NULL && names != NULL && len == 0 && count == 0;
        free(value);
        free(names);
        if (!empty || !xs_rm(xs, XBT_NULL, parent))
            break;
    }
    free(parent);
}

int run_rm(struct xs_handle *xs, char **argv, int argc)
{
    for (int i = 0; i < argc; i++) {
        if (!xs_rm(xs, XBT_NULL, argv[i])) {
            warnx("could not remove path %s", argv[i]);
            return 1;
        }
        if (opt_tidy)
            remove_empty_parents(xs, argv[i]);
    }
    return 0;
}

/* ---- chmod ---- */

static void parse_perms(struct xs_permissions *perms, char **argv, int argc)
{
    for (int i = 0; i < argc; i++) {
        perms[i].id = (unsigned)atoi(argv[i][0] != 0 ? argv[i] + 1 : "");
        switch (argv[i][0]) {
        case 'n': perms[i].perms = XS_PERM_NONE; break;
        case 'r': perms[i].perms = XS_PERM_READ; break;
        case 'w': perms[i].perms = XS_PERM_WRITE; break;
        case 'b': perms[i].perms = XS_PERM_READ | XS_PERM_WRITE; break;
        default: errx(1, "Invalid permission specification: '%c'", argv[i][0]);
        }
    }
}

static void set_perms(struct xs_handle *xs, const char *path, struct xs_permissions *perms, int count)
{
    unsigned children = 0;
    char **names, below[4096];

    if (!xs_set_permissions(xs, XBT_NULL, path, perms, (unsigned)count))
        err(1, "Error occurred setting permissions on '%s'", path);
    if (!opt_recurse)
        return;
    names = xs_directory(xs, XBT_NULL, path, &children);
    for (unsigned i = 0; names != NULL && i < children; i++) {
        snprintf(below, sizeof(below), "%s%s%s", strcmp(path, "/") ? path : "", "/", names[i]);
        set_perms(xs, below, perms, count);
    }
    free(names);
}

int run_chmod(struct xs_handle *xs, char **argv, int argc)
{
    struct xs_permissions *perms = calloc((size_t)argc, sizeof(*perms));
    char *path = strdup(argv[0]), *slash;

    if (perms == NULL || path == NULL)
        err(1, "memory");
    parse_perms(perms, argv + 1, argc - 1);
    set_perms(xs, path, perms, argc - 1);
    opt_recurse = false;
    while (opt_upto && (slash = strrchr(path, '/')) != NULL && slash != path) {
        *slash = 0;
        set_perms(xs, path, perms, argc - 1);
    }
    free(path);
    free(perms);
    return 0;
}

/* ---- watch ---- */

int run_watch(struct xs_handle *xs, char **argv, int argc)
{
    unsigned count;

    for (int i = 0; i < argc; i++)
        if (!xs_watch(xs, argv[i], argv[i]))
            errx(1, "Unable to add watch on %s", argv[i]);
    for (int seen = 0; opt_count < 0 || seen < opt_count; seen++) {
        char **event = xs_read_watch(xs, &count);

        if (event == NULL)
            err(1, "xs_read_watch");
        puts(event[XS_WATCH_PATH]);
        fflush(stdout);
        free(event);
    }
    return 0;
}
