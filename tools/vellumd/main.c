/* SPDX-License-Identifier: MIT */
/* vellumd: the command line, becoming a daemon, the loop. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "life/handover.h"
#include "vellumd/act.h"
#include "vellumd/console.h"
#include "vellumd/domain.h"
#include "vellumd/guests.h"
#include "vellumd/notify.h"
#include "vellumd/rival.h"
#include "vellumd/shells.h"
#include "vellumd/socket.h"
#include "vellumd/vellumd.h"
#include "vellumd/work.h"

#define DAEMON_LOG_FOLDER "/var/log/xen"
#define DAEMON_LOG DAEMON_LOG_FOLDER "/vellumd.log"

static bool own_log;            /* what we say goes to it */

static const char help[] =
    "Usage: vellumd [OPTION]...\n"
    "Looks after the guests that xl creates: carries out on_poweroff, on_reboot, on_crash and\n"
    "on_watchdog, serves their consoles, keeps ready-made domain shells, and tells subscribers what\n"
    "happens (xl events).\n\n"
    "  -F, --foreground       stay in the foreground, messages on standard error\n"
    "      --pid-file FILE    write the daemon's process id there\n"
    "      --consoles         serve consoles (the default where xenconsoled does not run)\n"
    "      --no-consoles      leave them to xenconsoled\n"
    "      --log-folder DIR   where guest-NAME.log is written (/var/log/xen/console)\n"
    "      --hypervisor-log   write what the hypervisor prints to hypervisor.log there\n"
    "      --log-limit BYTES  size at which a log is renamed to .1 (1048576; 0: never)\n"
    "      --log-keep N       how many old logs are kept (5)\n"
    "      --shells N         ready-made domains to keep for each shape of guest used lately (2; 0: none)\n"
    "      --shell-memory MB  memory that all of them may take together (128)\n"
    "      --run-folder DIR   where its notes and socket are (" VL_DAEMON_FOLDER ")\n"
    "      --socket PATH      its socket (vellumd.sock in the run folder)\n"
    "  -v, --verbose          more messages\n"
    "  -h, --help             this text\n\n"
    "For the start and the end of the host:\n"
    "      --start-guests     restore saved guests, then create those of --auto, in order; then exit\n"
    "      --stop-guests      migrate, save or shut down all guests; then exit\n"
    "      --auto DIR         configuration files (/etc/xen/auto)\n"
    "      --save DIR         save guests there, and restore them from there\n"
    "      --migrate HOST     migrate guests to that host\n"
    "      --seconds N        that guests have for shutting down (300)\n";

enum { OPT_PID = 256, OPT_CONSOLES, OPT_NO_CONSOLES, OPT_LOG_FOLDER, OPT_LOG_LIMIT, OPT_LOG_KEEP, OPT_SHELLS,
       OPT_SHELL_MEMORY, OPT_RUN_FOLDER, OPT_SOCKET, OPT_START, OPT_STOP, OPT_AUTO, OPT_SAVE, OPT_MIGRATE, OPT_SECONDS,
       OPT_ACT, OPT_MAKE_SHELL, OPT_HYPERVISOR_LOG };

static const struct option longs[] = {
    { "foreground", no_argument, NULL, 'F' }, { "pid-file", required_argument, NULL, OPT_PID },
    { "consoles", no_argument, NULL, OPT_CONSOLES }, { "no-consoles", no_argument, NULL, OPT_NO_CONSOLES },
    { "log-folder", required_argument, NULL, OPT_LOG_FOLDER }, { "log-limit", required_argument, NULL, OPT_LOG_LIMIT },
    { "log-keep", required_argument, NULL, OPT_LOG_KEEP }, { "shells", required_argument, NULL, OPT_SHELLS },
    { "shell-memory", required_argument, NULL, OPT_SHELL_MEMORY },
    { "run-folder", required_argument, NULL, OPT_RUN_FOLDER }, { "socket", required_argument, NULL, OPT_SOCKET },
    { "start-guests", no_argument, NULL, OPT_START }, { "stop-guests", no_argument, NULL, OPT_STOP },
    { "auto", required_argument, NULL, OPT_AUTO }, { "save", required_argument, NULL, OPT_SAVE },
    { "migrate", required_argument, NULL, OPT_MIGRATE }, { "seconds", required_argument, NULL, OPT_SECONDS },
    { "hypervisor-log", no_argument, NULL, OPT_HYPERVISOR_LOG },
    { "act", required_argument, NULL, OPT_ACT }, { "make-shell", required_argument, NULL, OPT_MAKE_SHELL },
    { "verbose", no_argument, NULL, 'v' }, { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 },
};

/* What the command line asks for. */
struct request {
    enum { SERVE, START, STOP, ACT, MAKE_SHELL } what;
    bool foreground;
    int consoles;               /* 1, 0, or -1: where nobody else serves them */
    const char *pid_file;
    uint32_t domid;
    const char *uuid;
    struct guests_options guests;
    struct options options;
};

static long number(const char *name, const char *text, long max)
{
    char *end;
    long v = strtol(text, &end, 10);

    if (!*text || *end || v < 0 || v > max) {
        fprintf(stderr, "vellumd: --%s wants a number from 0 to %ld, not '%s'\n", name, max, text);
        exit(2);
    }
    return v;
}

static void one_option(struct request *r, int opt, int index)
{
    const char *name = index >= 0 ? longs[index].name : "";
    struct options *o = &r->options;

    switch (opt) {
    case 'F': r->foreground = true; break;
    case 'v': vl_log_level(vl_log_get_level() + 1); break;
    case OPT_PID: r->pid_file = optarg; break;
    case OPT_CONSOLES: r->consoles = 1; break;
    case OPT_NO_CONSOLES: r->consoles = 0; break;
    case OPT_LOG_FOLDER: o->log_folder = optarg; break;
    case OPT_LOG_LIMIT: o->log_limit = number(name, optarg, 1l << 40); break;
    case OPT_LOG_KEEP: o->log_keep = (unsigned)number(name, optarg, 1000); break;
    case OPT_HYPERVISOR_LOG: o->hypervisor_log = true; break;
    case OPT_SHELLS: o->shells = (unsigned)number(name, optarg, 1000); break;
    case OPT_SHELL_MEMORY: o->shell_mb = (unsigned)number(name, optarg, 1 << 20); break;
    case OPT_RUN_FOLDER: o->run_folder = optarg; break;
    case OPT_SOCKET: o->socket = optarg; break;
    case OPT_START: r->what = START; break;
    case OPT_STOP: r->what = STOP; break;
    case OPT_AUTO: r->guests.auto_folder = optarg; break;
    case OPT_SAVE: r->guests.save_folder = optarg; break;
    case OPT_MIGRATE: r->guests.migrate_host = optarg; break;
    case OPT_SECONDS: r->guests.seconds = (unsigned)number(name, optarg, 86400); break;
    case OPT_ACT: r->what = ACT; r->domid = (uint32_t)number(name, optarg, DOMID_FIRST_RESERVED - 1); break;
    case OPT_MAKE_SHELL: r->what = MAKE_SHELL; r->uuid = optarg; break;
    case 'h': fputs(help, stdout); exit(0);
    default: fputs("Try 'vellumd --help'.\n", stderr); exit(2);
    }
}

static void parse(int argc, char **argv, struct request *r)
{
    static char socket[200];

    *r = (struct request){ .consoles = -1, .guests = { .auto_folder = "/etc/xen/auto", .seconds = 300 },
                           .options = { .run_folder = VL_DAEMON_FOLDER, .log_folder = "/var/log/xen/console",
                                        .log_limit = 1 << 20, .log_keep = 5, .shells = 2, .shell_mb = 128 } };
    for (;;) {
        int index = -1, opt = getopt_long(argc, argv, "Fvh", longs, &index);

        if (opt == -1)
            break;
        one_option(r, opt, index);
    }
    if (optind < argc) {
        fprintf(stderr, "vellumd: what is '%s'? It takes only options.\n", argv[optind]);
        exit(2);
    }
    if (!r->options.socket) {
        snprintf(socket, sizeof(socket), "%.180s/vellumd.sock", r->options.run_folder);
        r->options.socket = socket;
    }
}

/* Who serves the consoles. 0 or a told -errno. */
static int choose_consoles(struct request *r)
{
    pid_t pid = r->consoles == 0 ? 0 : rival_find();

    if (pid && r->consoles == 1)
        return vl_fail(-EBUSY, "xenconsoled (process %d) serves the consoles: stop it first, or use --no-consoles",
                       (int)pid);
    if (pid)
        vl_note("xenconsoled (process %d) serves the consoles", (int)pid);
    r->options.consoles = r->consoles && !pid;
    return 0;
}

static void on_stop(evutil_socket_t sig, short what, void *arg)
{
    (void)sig;
    (void)what;
    event_base_loopbreak(((struct vellumd *)arg)->base);
    ((struct vellumd *)arg)->stopping = true;
}

/* What is said from now on goes to our log; nowhere when that cannot be opened. */
static void open_own_log(void)
{
    int log = open(DAEMON_LOG, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);

    if (log < 0 && errno == ENOENT && !mkdir(DAEMON_LOG_FOLDER, 0755))
        log = open(DAEMON_LOG, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (log < 0)
        log = open("/dev/null", O_WRONLY | O_CLOEXEC);
    dup2(log, 1);
    dup2(log, 2);
    close(log);
}

static void on_hangup(evutil_socket_t sig, short what, void *arg)
{
    (void)sig;
    (void)what;
    consoles_reopen_logs(arg);
    if (own_log)
        open_own_log();
}

/* One daemon for a run folder: the lock is the process's, and goes with it. */
static int take_folder(const char *folder)
{
    int fd;

    if (mkdir(folder, 0700) && errno != EEXIST)
        return vl_fail_errno("%s", folder);
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return vl_fail_errno("%s", folder);
    if (flock(fd, LOCK_EX | LOCK_NB))
        return errno == EWOULDBLOCK ? vl_fail(-EBUSY, "a vellumd is running already") : vl_fail_errno("%s", folder);
    return 0;
}

static int start(struct vellumd *d)
{
    int rc = take_folder(d->options.run_folder);

    if (rc)
        return rc;
    d->base = event_base_new();
    if (!d->base)
        return vl_fail(-ENOMEM, "libevent does not start");
    d->signals[0] = evsignal_new(d->base, SIGTERM, on_stop, d);
    d->signals[1] = evsignal_new(d->base, SIGINT, on_stop, d);
    d->signals[2] = evsignal_new(d->base, SIGHUP, on_hangup, d);
    for (int i = 0; i < 3; i++)
        if (!d->signals[i] || event_add(d->signals[i], NULL))
            return vl_fail(-ENOMEM, "out of memory");
    if (work_start(d) || socket_start(d) || shells_start(d) || consoles_start(d) || domains_start(d))
        return -EIO;
    return 0;
}

static void stop(struct vellumd *d)
{
    socket_stop(d);
    shells_stop(d);
    consoles_stop(d);
    domains_stop(d);
    work_stop(d);
    for (int i = 0; i < 3; i++)
        event_free(d->signals[i]);
    event_base_free(d->base);
    vl_close(&d->vl);
}

/* The parent's part of becoming a daemon: wait until the child is ready, and end as it went. */
static int wait_ready(int fd)
{
    char byte;
    ssize_t n;

    do
        n = read(fd, &byte, 1);
    while (n < 0 && errno == EINTR);
    return n == 1 ? 0 : 1;
}

/* In the child: leave the terminal and the folder; standard error goes to our log from the moment we are ready. */
static void become_daemon(int ready)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (null >= 0) {
        dup2(null, 0);
        close(null);
    }
    own_log = true;
    open_own_log();
    if (write(ready, "", 1) != 1)
        vl_debug("the parent has gone");
    close(ready);
}

static void write_pid(const char *path)
{
    FILE *f = path ? fopen(path, "we") : NULL;

    if (path && !f)
        vl_fail_errno("%s", path);
    if (!f)
        return;
    fprintf(f, "%d\n", (int)getpid());
    fclose(f);
}

static int serve(struct request *r)
{
    static struct vellumd d;
    int ready[2] = { -1, -1 };

    if (choose_consoles(r))
        return 1;
    if (!r->foreground) {
        pid_t pid;

        if (pipe2(ready, O_CLOEXEC) || (pid = fork()) < 0)
            return vl_fail_errno("cannot become a daemon"), 1;
        if (pid) {
            close(ready[1]);
            return wait_ready(ready[0]);
        }
        close(ready[0]);
        setsid();
        if (chdir("/"))
            vl_debug("/: %s", strerror(errno));
    }
    d.options = r->options;
    setenv("VELLUMD_SOCKET", d.options.socket, 1);      /* for the workers */
    if (start(&d))
        return 1;
    write_pid(r->pid_file);
    if (ready[1] >= 0)
        become_daemon(ready[1]);
    notify("READY=1");
    while (!d.stopping && event_base_loop(d.base, EVLOOP_ONCE) == 0 && !event_base_got_break(d.base))
        domains_poll(&d);       /* what came along with answers to our own requests */
    notify("STOPPING=1");
    stop(&d);
    return d.stopping ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct request r;

    vl_log_name("vellumd");
    prctl(PR_SET_NAME, "vellumd");
    signal(SIGPIPE, SIG_IGN);
    parse(argc, argv, &r);
    switch (r.what) {
    case START: return guests_start(&r.guests);
    case STOP: return guests_stop(&r.guests);
    case ACT: return act_run(&r.options, r.domid);
    case MAKE_SHELL: return shells_make(&r.options, r.uuid);
    default: return serve(&r);
    }
}
