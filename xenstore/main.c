/* SPDX-License-Identifier: MIT */
/* xenstored: the command line (Debian's), becoming a daemon, telling who waits that it is ready. */
#include "server.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

static struct server server;

static const char usage[] =
    "Usage:\n\n  xenstored <options>\n\nwhere options may include (each is in xenstored(8)):\n\n"
    "  -D, --no-domain-init    to state that xenstored should not initialise dom0,\n"
    "  -F, --pid-file <file>   giving a file for the daemon's pid to be written,\n"
    "  -H, --help              to output this message,\n"
    "  -N, --no-fork           to request that the daemon does not fork,\n"
    "  -P, --output-pid        to request that the pid of the daemon is output,\n"
    "  -T, --trace-file <file> giving the file for logging, and\n"
    "  -E, --entry-nb <nb>     limit the number of entries per domain,\n"
    "  -S, --entry-size <size> limit the size of entry per domain, and\n"
    "  -W, --watch-nb <nb>     limit the number of watches per domain,\n"
    "  -t, --transaction <nb>  limit the number of transaction allowed per domain,\n"
    "  -A, --perm-nb <nb>      limit the number of permissions per node,\n"
    "  -M, --path-max <chars>  limit the allowed Xenstore node path length,\n"
    "  -Q, --quota <what>=<nb> set the quota <what> to the value <nb>: transaction-nodes, memory,\n"
    "                          outstanding, or any other that xenstore-control quota shows,\n"
    "  -q, --quota-soft <what>=<nb> set a soft quota <what> to the value <nb>, causing a\n"
    "                          warning when the limit is violated: memory,\n"
    "  -w, --timeout <what>=<seconds>  accepted; watch events never time out,\n"
    "  -R, --no-recovery       to begin with an empty store whatever the journal holds,\n"
    "  -I, --internal-db [on|off] accepted; the store is always in memory,\n"
    "  -K, --keep-orphans      don't delete nodes owned by a domain when the\n"
    "                          domain is deleted (this is a security risk!)\n"
    "  -V, --verbose           to request verbose execution.\n";

static const struct option options[] = {
    { "no-domain-init", no_argument, NULL, 'D' }, { "pid-file", required_argument, NULL, 'F' },
    { "help", no_argument, NULL, 'H' },           { "no-fork", no_argument, NULL, 'N' },
    { "output-pid", no_argument, NULL, 'P' },     { "trace-file", required_argument, NULL, 'T' },
    { "entry-nb", required_argument, NULL, 'E' }, { "entry-size", required_argument, NULL, 'S' },
    { "watch-nb", required_argument, NULL, 'W' }, { "transaction", required_argument, NULL, 't' },
    { "perm-nb", required_argument, NULL, 'A' },  { "path-max", required_argument, NULL, 'M' },
    { "quota", required_argument, NULL, 'Q' },    { "quota-soft", required_argument, NULL, 'q' },
    { "timeout", required_argument, NULL, 'w' },  { "no-recovery", no_argument, NULL, 'R' },
    { "internal-db", optional_argument, NULL, 'I' }, { "keep-orphans", no_argument, NULL, 'K' },
    { "verbose", no_argument, NULL, 'V' },        { "live-update", no_argument, NULL, 'U' },
    { NULL, 0, NULL, 0 },
};

static void bad_argument(const char *what)
{
    fprintf(stderr, "xenstored: bad argument: %s\n", what);
    exit(1);
}

static uint32_t number(const char *s)
{
    char *end;
    unsigned long v = strtoul(s, &end, 10);

    if (s[0] < '0' || s[0] > '9' || *end != 0 || v >= UINT32_MAX)
        bad_argument(s);
    return (uint32_t)v;
}

static void set_quota(struct config *c, enum quota q, const char *value)
{
    c->quota[q] = number(value);
    c->quota_given[q] = true;
}

static void named_quota(struct config *c, const char *arg, bool soft)
{
    const char *eq = strchr(arg, '=');

    if (eq == NULL)
        bad_argument(arg);
    if (soft) {
        if (strncmp(arg, "memory=", 7))
            bad_argument(arg);
        c->soft_memory = number(eq + 1);
        c->soft_given = true;
        return;
    }
    for (unsigned i = 0; i < QUOTA_COUNT; i++) {
        if (strlen(quota_info[i].name) == (size_t)(eq - arg) && !strncmp(quota_info[i].name, arg, (size_t)(eq - arg))) {
            set_quota(c, (enum quota)i, eq + 1);
            return;
        }
    }
    bad_argument(arg);
}

static void parse_arguments(int argc, char **argv, struct config *c)
{
    int opt;

    while ((opt = getopt_long(argc, argv, "DF:HNPT:E:S:W:t:A:M:Q:q:w:RI::KVU", options, NULL)) != -1) {
        switch (opt) {
        case 'D': c->no_domain_init = true; break;
        case 'F': c->pid_file = optarg; break;
        case 'H': fputs(usage, stdout); exit(0);
        case 'N': c->no_fork = true; break;
        case 'P': c->output_pid = true; break;
        case 'T': c->trace_file = xstrdup(optarg); break;
        case 'E': set_quota(c, QUOTA_NODES, optarg); break;
        case 'S': set_quota(c, QUOTA_NODE_SIZE, optarg); break;
        case 'W': set_quota(c, QUOTA_WATCHES, optarg); break;
        case 't': set_quota(c, QUOTA_TRANSACTIONS, optarg); break;
        case 'A': set_quota(c, QUOTA_PERMISSIONS, optarg); break;
        case 'M': set_quota(c, QUOTA_PATH_MAX, optarg); break;
        case 'Q': named_quota(c, optarg, false); break;
        case 'q': named_quota(c, optarg, true); break;
        case 'w': case 'I': break;
        case 'R': c->no_recovery = true; break;
        case 'K': c->keep_orphans = true; break;
        case 'V': log_verbose = true; break;
        case 'U': c->live_update = true; break;
        default: fputs(usage, stderr); exit(1);
        }
    }
    if (optind < argc && strcmp(argv[optind], "on") && strcmp(argv[optind], "off"))
        bad_argument("no arguments desired");
}

/* ---- becoming a daemon ---- */

static int ready_pipe = -1;

/* The first process waits until the daemon serves, and ends with its verdict. */
static void become_daemon(void)
{
    int fd[2];
    char ok;
    pid_t pid;

    if (pipe2(fd, O_CLOEXEC) < 0 || (pid = fork()) < 0) {
        perror("xenstored: fork");
        exit(1);
    }
    if (pid > 0) {
        close(fd[1]);
        _exit(read(fd[0], &ok, 1) == 1 ? 0 : 1);
    }
    close(fd[0]);
    ready_pipe = fd[1];
    setsid();
    pid = fork();
    if (pid != 0)
        _exit(pid < 0);
    if (chdir("/") < 0)
        perror("xenstored: chdir");
    umask(S_IWGRP | S_IWOTH);
}

static void start_syslog(void)
{
    openlog("xenstored", 0, LOG_DAEMON);
    log_to_syslog = true;
}

static void finish_daemon(void)
{
    int null = open("/dev/null", O_RDWR);

    for (int fd = 0; fd < 3 && null >= 0; fd++)
        dup2(null, fd);
    if (null > 2)
        close(null);
    start_syslog();
    if (write(ready_pipe, "1", 1) < 0)
        log_line(LOG_WARN, "the starting process is gone");
    close(ready_pipe);
}

static int write_pid_file(const char *path)
{
    char text[16];
    int len = snprintf(text, sizeof(text), "%d\n", (int)getpid()), rc = 0;
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0)
        return -errno;
    if (ftruncate(fd, 0) < 0 || write(fd, text, (size_t)len) != len)
        rc = -errno;
    close(fd);
    return rc;
}

/* sd_notify's protocol: a datagram to the socket named in the environment. */
static void notify_ready(void)
{
    struct sockaddr_un sun = { .sun_family = AF_UNIX };
    const char *path = getenv("NOTIFY_SOCKET"), text[] = "READY=1\nSTATUS=serving";
    size_t len = path != NULL ? strlen(path) : 0;
    int fd;

    if (len == 0 || len >= sizeof(sun.sun_path))
        return;
    memcpy(sun.sun_path, path, len);
    if (path[0] == '@')
        sun.sun_path[0] = 0;
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    if (sendto(fd, text, sizeof(text) - 1, MSG_NOSIGNAL, (struct sockaddr *)&sun,
               (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0)
        log_line(LOG_WARN, "cannot notify %s: %s", path, strerror(errno));
    close(fd);
}

static void on_signal(evutil_socket_t signal, short what, void *arg)
{
    (void)signal;
    (void)what;
    ((struct server *)arg)->stop = true;
}

static void raise_limits(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int main(int argc, char **argv)
{
    struct config config = { .run_dir = getenv("XENSTORED_RUNDIR") };
    struct event *term;
    int rc;

    parse_arguments(argc, argv, &config);
    if (config.run_dir == NULL)
        config.run_dir = "/run/xenstored";
    if (mkdir(config.run_dir, 0755) < 0 && errno != EEXIST) {
        fprintf(stderr, "xenstored: cannot make %s: %s\n", config.run_dir, strerror(errno));
        return 1;
    }
    signal(SIGPIPE, SIG_IGN);
    if (!config.no_fork && !config.live_update)
        become_daemon();
    else if (!config.no_fork)
        start_syslog();
    raise_limits();
    server.argc = argc;
    server.argv = argv;
    if (server_init(&server, &config) < 0)
        return 1;
    if (config.trace_file != NULL && (rc = server_trace_open(&server, config.trace_file)) < 0)
        log_line(LOG_ERROR, "cannot write %s: %s", config.trace_file, strerror(-rc));
    if (config.pid_file != NULL && (rc = write_pid_file(config.pid_file)) < 0) {
        log_line(LOG_ERROR, "cannot write %s: %s", config.pid_file, strerror(-rc));
        return 1;
    }
    if (config.output_pid) {
        printf("%d\n", (int)getpid());
        fflush(stdout);
    }
    term = evsignal_new(server.base, SIGTERM, on_signal, &server);
    event_add(term, NULL);
    if (ready_pipe >= 0)
        finish_daemon();
    notify_ready();
    server_run(&server);
    event_free(term);
    server_fini(&server);
    return 0;
}
