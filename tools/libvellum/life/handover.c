/* SPDX-License-Identifier: MIT */
#include "life/handover.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/store.h"

#define ANSWER_SECONDS 5        /* a daemon that is alive answers in milliseconds */

int vl_daemon_connect(void)
{
    const char *other = getenv("VELLUMD_SOCKET");
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    struct timeval limit = { ANSWER_SECONDS, 0 };
    int fd;

    snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", other ? other : VL_DAEMON_SOCKET);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    if (connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
        close(fd);
        return -1;
    }
    return fd;
}

int vl_daemon_ask(int fd, const char *request, char *answer, size_t room)
{
    size_t len = strlen(request), have = 0;
    ssize_t n;

    n = send(fd, request, len, MSG_NOSIGNAL);
    if (n != (ssize_t)len)
        return n < 0 ? -errno : -EIO;
    for (;;) {
        n = recv(fd, answer + have, room - 1 - have, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n ? -errno : -EPIPE;
        have += (size_t)n;
        if (answer[have - 1] == '\n') {
            answer[have - 1] = 0;
            return 0;
        }
        if (have == room - 1)
            return -EPROTO;
    }
}

bool vl_handover(int fd, uint32_t domid)
{
    char request[32], answer[128];
    int own = fd < 0 ? vl_daemon_connect() : -1, at = fd < 0 ? own : fd;
    bool taken;

    if (at < 0)
        return false;
    snprintf(request, sizeof(request), "adopt %u\n", domid);
    taken = !vl_daemon_ask(at, request, answer, sizeof(answer)) && !strcmp(answer, "ok");
    if (own >= 0)
        close(own);
    return taken;
}

uint32_t vl_handover_shell(int fd, uint64_t shape)
{
    char request[40], answer[128];
    unsigned domid;

    snprintf(request, sizeof(request), "shell %" PRIx64 "\n", shape);
    if (fd < 0 || vl_daemon_ask(fd, request, answer, sizeof(answer)) || sscanf(answer, "shell %u", &domid) != 1)
        return VL_NOBODY;
    return domid;
}

void vl_handover_keep(int fd, uint32_t domid)
{
    char request[32], answer[128];

    snprintf(request, sizeof(request), "kept %u\n", domid);
    vl_daemon_ask(fd, request, answer, sizeof(answer));
}
