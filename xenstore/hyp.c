/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor, through its public libraries: event channels, ring pages by grant (or foreign mapping), domain
 * states. Owns the handles. Without a hypervisor (--no-domain-init on a plain host) there are none, and only sockets
 * are served.
 */
#include "server.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xenctrl.h>
#include <xenevtchn.h>
#include <xenforeignmemory.h>
#include <xengnttab.h>
#include <xen/grant_table.h>

#define KVA_FILE  "/proc/xen/xsd_kva"
#define PORT_FILE "/proc/xen/xsd_port"

enum { MAPPED_KVA, MAPPED_GRANT, MAPPED_FOREIGN };

static xenevtchn_handle *evtchn;
static xengnttab_handle *gnttab;
static xenforeignmemory_handle *foreign;
static xc_interface *xc;

/* ---- event channels ---- */

static void on_event(evutil_socket_t fd, short what, void *arg)
{
    struct server *srv = arg;

    (void)fd;
    (void)what;
    for (unsigned i = 0; i < 64; i++) {
        xenevtchn_port_or_error_t port = xenevtchn_pending(evtchn);

        if (port < 0)
            break;
        xenevtchn_unmask(evtchn, (evtchn_port_t)port);
        if (port == srv->virq_port)
            hyp_check_domains(srv);
        else if ((unsigned)port < srv->ports && srv->ring_of_port[port] != NULL)
            ring_queue(srv, srv->ring_of_port[port]);
        if (i == 0 && !(fcntl(fd, F_GETFL) & O_NONBLOCK))
            break; /* a blocking handle gives one a call */
    }
}

int hyp_open(struct server *srv)
{
    srv->virq_port = -1;
    xc = xc_interface_open(NULL, NULL, 0);
    evtchn = xc != NULL ? xenevtchn_open(NULL, 0) : NULL;
    if (evtchn == NULL) {
        hyp_close(srv);
        return -ENODEV;
    }
    gnttab = xengnttab_open(NULL, 0);
    if (gnttab != NULL)
        xengnttab_set_max_grants(gnttab, DOMID_FIRST_RESERVED);
    foreign = xenforeignmemory_open(NULL, 0);
    srv->virq_port = xenevtchn_bind_virq(evtchn, VIRQ_DOM_EXC);
    if (srv->virq_port < 0)
        log_line(LOG_WARN, "cannot hear of domains that end (VIRQ_DOM_EXC is taken): another xenstored?");
    srv->hyp_event = event_new(srv->base, xenevtchn_fd(evtchn), EV_READ | EV_PERSIST, on_event, srv);
    event_add(srv->hyp_event, NULL);
    return 0;
}

void hyp_close(struct server *srv)
{
    if (srv->hyp_event != NULL)
        event_free(srv->hyp_event);
    srv->hyp_event = NULL;
    if (evtchn != NULL)
        xenevtchn_close(evtchn);
    if (gnttab != NULL)
        xengnttab_close(gnttab);
    if (foreign != NULL)
        xenforeignmemory_close(foreign);
    if (xc != NULL)
        xc_interface_close(xc);
    evtchn = NULL;
    gnttab = NULL;
    foreign = NULL;
    xc = NULL;
}

int hyp_bind(struct server *srv, struct ring *r)
{
    xenevtchn_port_or_error_t port;

    if (evtchn == NULL)
        return -ENODEV;
    port = xenevtchn_bind_interdomain(evtchn, r->c.domid, r->remote_port);
    if (port < 0)
        return -errno;
    if ((unsigned)port >= srv->ports) {
        unsigned ports = ((unsigned)port + 1024) & ~1023u;

        srv->ring_of_port = xrealloc(srv->ring_of_port, ports * sizeof(struct ring *));
        memset(srv->ring_of_port + srv->ports, 0, (ports - srv->ports) * sizeof(struct ring *));
        srv->ports = ports;
    }
    srv->ring_of_port[port] = r;
    r->port = port;
    return 0;
}

void hyp_unbind(struct server *srv, struct ring *r)
{
    if (r->port < 0)
        return;
    srv->ring_of_port[r->port] = NULL;
    xenevtchn_unbind(evtchn, (evtchn_port_t)r->port);
    r->port = -1;
}

void hyp_notify(struct server *srv, const struct ring *r)
{
    (void)srv;
    if (r->port >= 0)
        xenevtchn_notify(evtchn, (evtchn_port_t)r->port);
}

int hyp_dom0_port(void)
{
    char text[16] = "";
    int fd = open(PORT_FILE, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

    if (fd >= 0)
        close(fd);
    return n <= 0 ? -ENOENT : atoi(text);
}

/* ---- ring pages ---- */

static void *map_kva(void)
{
    int fd = open(KVA_FILE, O_RDWR | O_CLOEXEC);
    void *page;

    if (fd < 0)
        return NULL;
    page = mmap(NULL, XC_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    return page == MAP_FAILED ? NULL : page;
}

int hyp_map_ring(struct server *srv, struct ring *r)
{
    xen_pfn_t pfn = r->gfn;

    (void)srv;
    if (r->c.domid == 0) {
        r->page = map_kva();
        r->mapped = MAPPED_KVA;
    } else {
        if (gnttab != NULL)
            r->page = xengnttab_map_grant_ref(gnttab, r->c.domid, GNTTAB_RESERVED_XENSTORE, PROT_READ | PROT_WRITE);
        r->mapped = MAPPED_GRANT;
        if (r->page == NULL && foreign != NULL) { /* a domain built without the grant */
            r->page = xenforeignmemory_map(foreign, r->c.domid, PROT_READ | PROT_WRITE, 1, &pfn, NULL);
            r->mapped = MAPPED_FOREIGN;
        }
    }
    if (r->page != NULL)
        return 0;
    return errno > 0 ? -errno : -EINVAL;
}

void hyp_unmap_ring(struct server *srv, struct ring *r)
{
    (void)srv;
    if (r->page == NULL)
        return;
    switch (r->mapped) {
    case MAPPED_KVA: munmap(r->page, XC_PAGE_SIZE); break;
    case MAPPED_GRANT: xengnttab_unmap(gnttab, r->page, 1); break;
    default: xenforeignmemory_unmap(foreign, r->page, 1); break;
    }
    r->page = NULL;
}

/* ---- domains ---- */

bool hyp_domain_exists(void *arg, unsigned domid)
{
    xc_domaininfo_t info;

    (void)arg;
    return xc == NULL || (xc_domain_getinfolist(xc, domid, 1, &info) == 1 && info.domain == domid);
}

/* Every domain's state by its id: 0 is not there, else the XEN_DOMINF_ flags. NULL if the hypervisor does not tell. */
static const uint32_t *read_states(void)
{
    static uint32_t state[DOMAINS];
    static xc_domaininfo_t info[256];
    uint32_t first = 0;
    int n;

    memset(state, 0, sizeof(state));
    do {
        n = xc_domain_getinfolist(xc, first, ARRAY_SIZE(info), info);
        if (n < 0)
            return NULL;
        for (int i = 0; i < n; i++) {
            state[info[i].domain] = info[i].flags | 0x80000000u; /* present, even with no flag */
            first = info[i].domain + 1u;
        }
    } while (n == (int)ARRAY_SIZE(info));
    return state;
}

void hyp_check_domains(struct server *srv)
{
    static uint16_t ended[DOMAINS], stopped[DOMAINS];
    unsigned ends = 0, stops = 0;
    const uint32_t *state = xc != NULL ? read_states() : NULL;

    if (state == NULL)
        return;
    for (struct domain *d = srv->st.accounts; d != NULL; d = d->next) {
        uint32_t s = state[d->domid];

        if (d->domid == 0)
            continue;
        if (d->introduced ? s == 0 || (s & XEN_DOMINF_dying) : s == 0 && (d->named || (d->owned != NULL && !srv->st.keep_orphans)))
            ended[ends++] = d->domid;
        else if (d->introduced && (s & XEN_DOMINF_shutdown) && !d->shutdown)
            stopped[stops++] = d->domid;
    }
    for (unsigned i = 0; i < ends; i++) { /* a release may end other accounts too */
        if (srv->st.domain[ended[i]] != NULL)
            domain_release(&srv->st, srv->st.domain[ended[i]]);
        server_commit(srv, NULL);
    }
    for (unsigned i = 0; i < stops; i++) {
        if (srv->st.domain[stopped[i]] != NULL)
            domain_shut_down(&srv->st, srv->st.domain[stopped[i]]);
        server_commit(srv, NULL);
    }
}
