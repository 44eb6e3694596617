/* SPDX-License-Identifier: MIT */
/*
 * hold-at PID WORD CALL: waits until that process starts a program with the word among its arguments, lets the program come
 * to its CALL-th system call, leaves it there, stopped (SIGSTOP), and prints its number. Exit code 1: it ended before that;
 * 2: none came in 20 s. ptrace(2).
 */
#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

/* It has been stopped by ptrace; may it go on (how: PTRACE_CONT, …), with that signal if it got one. */
static void go_on(pid_t pid, int status, int how)
{
    int sig = WSTOPSIG(status), event = status >> 16;

    if (event || sig == SIGTRAP || sig == (SIGTRAP | 0x80))
        sig = 0;
    if (ptrace(how, pid, NULL, (void *)(long)sig) && errno != ESRCH)
        err(3, "ptrace");
}

static bool has_word(pid_t pid, const char *word)
{
    char path[40], args[4096];
    FILE *f;
    size_t n, len = strlen(word);

    snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
    f = fopen(path, "re");
    n = f ? fread(args, 1, sizeof(args), f) : 0;
    if (f)
        fclose(f);
    return n >= len && memmem(args, n, word, len);
}

/* Go away from the parent, wherever it is. */
static void leave(pid_t pid)
{
    int status;

    if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) || waitpid(pid, &status, __WALL) != pid)
        err(3, "process %d", pid);
    go_on(pid, status, PTRACE_DETACH);
}

static void too_late(int sig)
{
    (void)sig;
    _exit(2);
}

int main(int argc, char **argv)
{
    const long options = PTRACE_O_TRACEVFORK | PTRACE_O_TRACEFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD;
    pid_t parent, child = 0, pid;
    int status, calls = 0, wanted;

    if (argc != 4 || (parent = atoi(argv[1])) <= 0 || (wanted = atoi(argv[3])) <= 0)
        errx(3, "usage: hold-at PID WORD CALL");
    signal(SIGALRM, too_late);
    alarm(20);
    if (ptrace(PTRACE_SEIZE, parent, NULL, (void *)options))
        err(3, "process %d", parent);
    printf("ready\n");
    fflush(stdout);
    while ((pid = waitpid(-1, &status, __WALL)) > 0) {
        if (WIFEXITED(status) || WIFSIGNALED(status)) {
            if (pid == parent)
                errx(3, "process %d ended", parent);
            if (pid == child)
                return leave(parent), 1;
            continue;
        }
        if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXEC << 8) && !child && has_word(pid, argv[2]))
            child = pid;
        /* A call stops it twice: at its start, and at its end. */
        if (pid == child && WSTOPSIG(status) == (SIGTRAP | 0x80) && ++calls == 2 * wanted - 1) {
            kill(child, SIGSTOP);
            ptrace(PTRACE_DETACH, child, NULL, NULL);
            leave(parent);
            printf("%d\n", child);
            return 0;
        }
        go_on(pid, status, pid == child ? PTRACE_SYSCALL : PTRACE_CONT);
    }
    err(3, "wait");
}
