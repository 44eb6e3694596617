/* SPDX-License-Identifier: MIT */
/*
 * migrate and migrate-receive: a saved state from one xl to another over a command's standard input and output, with
 * the handshake of Debian's xl, so either end may be that.
 *
 *      receiver: BANNER        sender: head and stream
 *      receiver: READY         sender renames its domain to NAME--migratedaway
 *      sender: GO              receiver renames NAME--incoming to NAME, starts it
 *      receiver: REPORT and a status byte; when that is not 0: GO, once its copy is gone, and the sender resumes
 *
 * Until GO the sender's domain is the one; between GO and REPORT neither end can know, so a link that breaks there
 * leaves the sender's copy suspended and renamed, for a person to decide.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/guard.h"
#include "xl/state.h"
#include "xl/xl.h"

static const char banner[] = "xl migration receiver ready, send binary domain data.\n";      /* sent without its NUL */
static const char ready[] = "domain received, ready to unpause";                              /* these with it */
static const char go[] = "domain is yours, you are cleared to unpause";
static const char report[] = "my copy unpause results are as follows";

#define CHILD_SECONDS 5         /* what the transport may take to end */

/* What is agreed upon comes, or it is an error. */
static int expect(struct vl_in *in, const char *what, size_t len, const char *name)
{
    char got[64];
    int rc = vl_in_exact(in, got, len);

    if (!rc && memcmp(got, what, len))
        rc = vl_fail(-EPROTO, "%s: this is no %s of a migration", in->name, name);
    return rc;
}

/* --- the sender ---------------------------------------------------------------------------------------- */

struct migration {
    uint32_t domid;
    const char *command, *host, *config;
    bool no_monitor, paused, keep_domid, debug, live;
    int level;
    uint64_t rate;
    struct vl_live_params params;
    char *name;
    struct vl_arena arena;
    pid_t child;
    struct vl_out out;
    struct vl_in in;
    bool suspended, renamed;
};

/* The command, in the order that Ganeti's relies on: its own ends with a # that hides what follows. */
static char *command_line(struct migration *m)
{
    if (!*m->command)
        return vl_strdup(&m->arena, m->host);
    return vl_printf(&m->arena, "exec %s %s xl%s migrate-receive%s%s%s", m->command, m->host,
                     vl_log_get_level() >= VL_DEBUG ? " -vv" : vl_log_get_level() >= VL_INFO ? " -v" : "",
                     m->no_monitor ? " -e" : "", m->debug ? " -d" : "", m->paused ? " -p" : "");
}

static int start_transport(struct migration *m)
{
    int to[2], from[2];
    char *line = command_line(m);

    if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC))
        return vl_fail_errno("cannot make a pipe");
    fcntl(to[1], F_SETPIPE_SZ, 1 << 20);
    fflush(stdout);
    m->child = fork();
    if (m->child < 0)
        return vl_fail_errno("cannot start the transport");
    if (!m->child) {
        signal(SIGPIPE, SIG_DFL);
        dup2(to[0], 0);
        dup2(from[1], 1);
        execl("/bin/sh", "sh", "-c", line, (char *)NULL);
        _exit(127);
    }
    close(to[0]);
    close(from[1]);
    vl_in_open(&m->in, from[0], "migration receiver stream");
    return vl_out_open(&m->out, to[1], "migration stream", m->level);
}

static void end_transport(struct migration *m, bool failed)
{
    struct timespec pause = { 0, 10000000 };
    int status = 0, tries = CHILD_SECONDS * 100;
    pid_t done;

    if (m->child <= 0)
        return;
    vl_out_close(&m->out);
    vl_in_close(&m->in);
    close(m->out.fd);
    close(m->in.fd);
    while (!(done = waitpid(m->child, &status, WNOHANG)) && tries--)
        nanosleep(&pause, NULL);
    if (!done) {
        kill(m->child, SIGTERM);
        for (tries = CHILD_SECONDS * 100; !(done = waitpid(m->child, &status, WNOHANG)) && tries--;)
            nanosleep(&pause, NULL);
    }
    if (!done) {
        kill(m->child, SIGKILL);
        waitpid(m->child, &status, 0);
    } else if (failed && WIFEXITED(status) && WEXITSTATUS(status)) {
        vl_note("the transport (%s) ended with exit code %d", *m->command ? m->command : m->host, WEXITSTATUS(status));
    }
}

static int send_state(struct migration *m)
{
    struct xl_progress progress = { .what = "Migrating" };
    struct vl_save_options options = { .live = m->live, .params = m->params, .progress = xl_progress,
                                       .progress_ctx = &progress };
    size_t len = 0;
    char *json = xl_state_config(m->domid, m->config, m->keep_domid, &len);
    int rc;

    if (!json)
        return -EINVAL;
    rc = start_transport(m);
    if (!rc)
        rc = expect(&m->in, banner, sizeof(banner) - 1, "receiver's banner");
    m->out.rate = m->rate;
    if (!rc)
        rc = xl_head_write(&m->out, json, len);
    free(json);
    if (!rc)
        rc = vl_state_write(&xl_vl, m->domid, &m->out, &options, &m->suspended);
    vl_log_end_line();
    if (rc)
        return rc;
    rc = expect(&m->in, ready, sizeof(ready), "receiver's acknowledgement");
    if (!rc)
        fprintf(stderr, "migration sender: Target has acknowledged transfer.\n");
    return rc;
}

static int rename_away(struct migration *m)
{
    vl_guard_renamed();
    m->renamed = true;          /* in part, when it fails */
    return vl_domain_rename(&xl_vl, m->domid, vl_printf(&m->arena, "%s" XL_AWAY, m->name));
}

static int resume_here(struct migration *m)
{
    int rc = m->renamed ? vl_domain_rename(&xl_vl, m->domid, m->name) : 0;

    if (!m->suspended)
        return rc;
    fprintf(stderr, "Migration failed, resuming at sender.\n");
    return vl_resume(&xl_vl, m->domid);
}

static int undecided(struct migration *m)
{
    fprintf(stderr, "** Migration failed during final handshake **\n"
            "The other end may have started the domain. Look there: if it runs, 'xl destroy %s" XL_AWAY "' here;\n"
            "if it does not, 'xl rename %s" XL_AWAY " %s' and 'xl resume %s' here. Never let both run:\n"
            "two instances on the same disks destroy their data.\n", m->name, m->name, m->name, m->name);
    return -EIO;
}

/* From GO on: 0 when the other end has it; -EAGAIN when it gave it back; else nobody knows. */
static int hand_over(struct migration *m)
{
    struct vl_out plain;
    char status;

    fprintf(stderr, "migration sender: Giving target permission to start.\n");
    vl_out_open(&plain, m->out.fd, m->out.name, 0);
    if (vl_out_exact(&plain, go, sizeof(go)) || expect(&m->in, report, sizeof(report), "receiver's report") ||
        vl_in_exact(&m->in, &status, 1))
        return undecided(m);
    if (!status) {
        fprintf(stderr, "migration sender: Target reports successful startup.\n");
        return 0;
    }
    fprintf(stderr, "migration sender: Target reports startup failure (status code %d).\n", status);
    return expect(&m->in, go, sizeof(go), "receiver's leave to resume") ? undecided(m) : -EAGAIN;
}

static int migrate(struct migration *m)
{
    int lock, rc = vl_state_check(&xl_vl, m->domid);

    if (!rc)
        rc = vl_state_lock(m->domid, 0, &lock);
    if (rc)
        return rc;
    m->name = vl_store_read(xl_vl.store, &m->arena, "/local/domain/%u/name", m->domid);
    if (!m->name)
        return vl_fail(-ENOENT, "domain %u has no name", m->domid);
    rc = vl_guard_start_resume(m->domid);
    if (!rc)
        rc = send_state(m);
    if (!rc)
        rc = rename_away(m);
    if (rc) {
        if (m->level)
            vl_note("with --zstd the other end has to be this xl too");
        end_transport(m, true);
        resume_here(m);
        vl_guard_settle();      /* it may suspend yet: the guardian waits for that */
    } else {
        vl_guard_cancel();      /* from GO on nobody may resume it unasked */
        rc = hand_over(m);
        if (!rc) {
            vl_guard_finish();          /* it runs there */
        } else if (rc == -EAGAIN) {
            vl_guard_again();           /* it is ours again */
            resume_here(m);
            vl_guard_settle();
        }
        end_transport(m, rc != 0);
        if (!rc) {
            rc = xl_state_end(m->domid);
            vl_guard_cancel();
        }
        if (!rc)
            fprintf(stderr, "Migration successful.\n");
    }
    close(lock);
    return rc;
}

static uint64_t number(const char *option, const char *text, uint64_t most)
{
    char *end;
    unsigned long long n = strtoull(text, &end, 10);

    if (*end || end == text || *text == '-' || n > most) {
        vl_fail(-EINVAL, "--%s takes a number from 0 to %llu, not '%s'", option, (unsigned long long)most, text);
        exit(2);
    }
    return n;
}

static void parse_options(int argc, char **argv, struct migration *m)
{
    static const struct option longs[] = {
        { "debug", no_argument, NULL, 1 }, { "live", no_argument, NULL, 2 },
        { "bandwidth", required_argument, NULL, 3 }, { "rounds", required_argument, NULL, 4 },
        { "downtime", required_argument, NULL, 5 }, { "zstd", optional_argument, NULL, 6 },
        { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 },
    };

    for (int opt; (opt = xl_getopt(argc, argv, "C:s:epD", longs, 2, 2)) != -1;) {
        switch (opt) {
        case 'C': m->config = optarg; break;
        case 's': m->command = optarg; break;
        case 'e': m->no_monitor = true; break;
        case 'p': m->paused = true; break;
        case 'D': m->keep_domid = true; break;
        case 1: m->debug = true; break;
        case 3: m->rate = number("bandwidth", optarg, 1 << 20) << 20; break;
        case 4: m->params.rounds = (unsigned)number("rounds", optarg, 1000); break;
        case 5: m->params.downtime_us = number("downtime", optarg, 3600000) * 1000; break;
        case 6: m->level = optarg ? (int)number("zstd", optarg, 19) : 1; break;
        }
    }
}

int xl_migrate(int argc, char **argv)
{
    struct migration m = { .command = "ssh", .live = true,
                           .params = { XL_LIVE_ROUNDS, XL_DOWNTIME_MS * 1000 } };
    int rc;

    parse_options(argc, argv, &m);
    m.live = m.params.rounds > 0;       /* --rounds=0: stop and copy */
    m.domid = xl_find_domain(argv[optind]);
    m.host = argv[optind + 1];
    rc = migrate(&m);
    vl_arena_free(&m.arena);
    return rc ? 1 : 0;
}

/* --- the receiver --------------------------------------------------------------------------------------- */

/* It did not start, or was not to: our copy goes, and the sender may have its own back. */
static int give_back(struct vl_out *out, int status)
{
    char byte = (char)status;

    fprintf(stderr, "migration target: Failure, destroying our copy.\n");
    if (vl_out_exact(out, report, sizeof(report)) || vl_out_exact(out, &byte, 1))
        return -EIO;
    fprintf(stderr, "migration target: Cleanup OK, granting sender permission to resume.\n");
    vl_out_exact(out, go, sizeof(go));
    return -EIO;
}

static int receive(struct vl_in *in, struct vl_out *out, struct xl_incoming *d, bool paused, bool monitor)
{
    char zero = 0;
    int rc;

    fprintf(stderr, "migration target: Ready to receive domain.\n");
    rc = vl_out_exact(out, banner, sizeof(banner) - 1);
    if (!rc)
        rc = xl_incoming(d, in, NULL, true);
    if (rc) {
        fprintf(stderr, "migration target: Domain creation failed.\n");
        return rc;
    }
    fprintf(stderr, "migration target: Transfer complete, requesting permission to start domain.\n");
    rc = vl_out_exact(out, ready, sizeof(ready));
    if (!rc)
        rc = expect(in, go, sizeof(go), "sender's permission");
    if (rc) {
        xl_incoming_drop(d);
        return give_back(out, -1);
    }
    fprintf(stderr, "migration target: Got permission, starting domain.\n");
    if (xl_incoming_start(d, paused, monitor))
        return give_back(out, -1);
    rc = vl_out_exact(out, report, sizeof(report));
    if (!rc)
        rc = vl_out_exact(out, &zero, 1);
    fprintf(stderr, "migration target: Domain started successfully.\n");
    return rc;
}

int xl_migrate_receive(int argc, char **argv)
{
    bool paused = false, monitor = true;
    struct xl_incoming d = { 0 };
    struct vl_out out;
    struct vl_in in;
    int rc, to;

    for (int opt; (opt = xl_getopt(argc, argv, "Fedpr", NULL, 0, 0)) != -1;) {
        if (opt == 'r')
            return vl_fail(-ENOTSUP, "receiving a checkpointed domain (Remus) is not supported"), 1;
        paused |= opt == 'p';
        monitor &= opt != 'e';
        if (opt == 'd')
            vl_log_level(VL_DEBUG);
    }
    /* Standard output is the sender's; what scripts print goes to where messages go. */
    to = fcntl(1, F_DUPFD_CLOEXEC, 3);
    if (to < 0 || dup2(2, 1) < 0)
        return vl_fail_errno("cannot set up the migration's streams"), 1;
    vl_in_open(&in, 0, "<incoming migration stream>");
    vl_out_open(&out, to, "migration ack stream", 0);
    rc = receive(&in, &out, &d, paused, monitor);
    xl_incoming_free(&d);
    vl_in_close(&in);
    return rc ? 1 : 0;
}
