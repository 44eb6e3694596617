/* SPDX-License-Identifier: MIT */
#include "server.h"

#include "xenstore-nohyp.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

struct xenstore_domain_interface *nohyp_page;
unsigned nohyp_notified[NOHYP_GUESTS + 1];
unsigned nohyp_fault;
bool nohyp_check_fault;

static char run_dir[] = "/dev/shm/xs-nohyp.XXXXXX";
struct server server;
struct config nohyp_config = { .run_dir = run_dir, .no_domain_init = true };

static void __attribute__((constructor)) map_pages(void)
{
    nohyp_page = mmap(NULL, (NOHYP_GUESTS + 1) * sizeof(*nohyp_page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (nohyp_page == MAP_FAILED)
        abort();
}

int hyp_open(struct server *srv)
{
    (void)srv;
    return 0;
}

void hyp_close(struct server *srv)
{
    (void)srv;
}

void hyp_unbind(struct server *srv, struct ring *r)
{
    (void)srv;
    if (nohyp_fault != 0 && r->c.domid == nohyp_fault)
        raise(SIGSEGV);
    r->port = -1;
}

bool hyp_domain_exists(void *srv, unsigned domid)
{
    (void)srv;
    return domid <= NOHYP_GUESTS;
}

void hyp_check_domains(struct server *srv)
{
    (void)srv;
    if (nohyp_check_fault)
        raise(SIGSEGV);
}

int hyp_dom0_port(void)
{
    return -ENOENT;
}

void hyp_notify(struct server *srv, const struct ring *r)
{
    (void)srv;
    nohyp_notified[r->c.domid]++;
}

int hyp_bind(struct server *srv, struct ring *r)
{
    (void)srv;
    r->port = r->c.domid;
    return 0;
}

int hyp_map_ring(struct server *srv, struct ring *r)
{
    (void)srv;
    if (r->c.domid > NOHYP_GUESTS)
        return -ENOENT;
    r->page = &nohyp_page[r->c.domid];
    return 0;
}

void hyp_unmap_ring(struct server *srv, struct ring *r)
{
    (void)srv;
    r->page = NULL;
}

/* ---- the daemon in this process ---- */

void make_run_dir(void)
{
    strcpy(strrchr(run_dir, '.'), ".XXXXXX");
    if (mkdtemp(run_dir) == NULL)
        abort();
    memset(nohyp_page, 0, (NOHYP_GUESTS + 1) * sizeof(*nohyp_page));
}

void remove_run_dir(void)
{
    char command[64];

    snprintf(command, sizeof(command), "rm -r %s", run_dir);
    if (system(command) != 0)
        abort();
}

void start_daemon(void)
{
    if (server_init(&server, &nohyp_config) < 0)
        _exit(9);
    server.yield_skip = UINT32_MAX;
}

int daemon_does(void (*work)(void))
{
    int status = -1;
    pid_t pid = fork();

    if (pid == 0) {
        start_daemon();
        work();
        _exit(0);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        abort();
    return status;
}
