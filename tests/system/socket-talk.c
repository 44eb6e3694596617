/* SPDX-License-Identifier: MIT */
/* socket-talk PATH LINE ANSWER: sends a line to a Unix socket and waits 20 s for one with the answer in it. Exit code 0, 1. */
#include <err.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    char line[512];
    FILE *from;
    int fd;

    if (argc != 4 || strlen(argv[1]) >= sizeof(addr.sun_path))
        errx(2, "usage: socket-talk PATH LINE ANSWER");
    strcpy(addr.sun_path, argv[1]);
    alarm(20);
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
        err(1, "%s", argv[1]);
    if (dprintf(fd, "%s\n", argv[2]) < 0)
        err(1, "write");
    from = fdopen(fd, "r");
    while (from && fgets(line, sizeof(line), from)) {
        printf("%s", line);
        if (strstr(line, argv[3]))
            return 0;
    }
    errx(1, "no answer");
}
