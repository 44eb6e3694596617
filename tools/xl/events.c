/* SPDX-License-Identifier: MIT */
/* events: what vellumd tells, as it tells it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <yajl/yajl_tree.h>

#include "life/handover.h"
#include "xl/xl.h"

static const char *member(yajl_val event, const char *name)
{
    const char *path[] = { name, NULL };
    yajl_val v = yajl_tree_get(event, path, yajl_t_any);

    return YAJL_IS_STRING(v) ? YAJL_GET_STRING(v) : YAJL_IS_NUMBER(v) ? YAJL_GET_NUMBER(v) : "";
}

/* "12:00:01.250Z  created          5 web  vbd/51712": for people. */
static void print_words(const char *line)
{
    char error[128];
    yajl_val event = yajl_tree_parse(line, error, sizeof(error));
    const char *time, *more;

    if (!event) {
        vl_warn("vellumd sent what is no event: %s", line);
        return;
    }
    time = member(event, "time");
    more = *member(event, "device") ? member(event, "device") : member(event, "reason");
    printf("%s  %-15s %5s %s%s%s\n", strlen(time) > 11 ? time + 11 : time, member(event, "event"),
           member(event, "domid"), member(event, "name"), *more ? "  " : "", more);
    yajl_tree_free(event);
}

int xl_events(int argc, char **argv)
{
    static const struct option longs[] = {
        { "json", no_argument, NULL, 'j' }, { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 },
    };
    const struct timeval never = { 0, 0 };
    bool json = false;
    char *line = NULL;
    size_t room = 0;
    FILE *from;
    int fd;

    while (xl_getopt(argc, argv, "j", longs, 0, 0) != -1)
        json = true;
    fd = vl_daemon_connect();
    if (fd < 0)
        return vl_fail(-ENOENT, "vellumd does not run: only it knows what happens"), 1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &never, sizeof(never));
    from = send(fd, "events\n", 7, MSG_NOSIGNAL) == 7 ? fdopen(fd, "r") : NULL;
    if (!from)
        return vl_fail_errno("cannot ask vellumd"), 1;
    while (getline(&line, &room, from) > 0) {
        if (json)
            fputs(line, stdout);
        else
            print_words(line);
        if (fflush(stdout))
            break;
    }
    free(line);
    fclose(from);
    return ferror(stdout) ? 1 : vl_fail(-EPIPE, "vellumd has ended"), 1;
}
