/* SPDX-License-Identifier: MIT */
#include "server.h"

#include "xenstore-nohyp.h"

#include <errno.h>
#include <signal.h>

struct xenstore_domain_interface nohyp_page[NOHYP_GUESTS + 1];
unsigned nohyp_notified[NOHYP_GUESTS + 1];
unsigned nohyp_fault;
bool nohyp_check_fault;

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
