/* SPDX-License-Identifier: MIT */
#include "vellumd/hvlog.h"

#include <stdlib.h>

#include "base/log.h"
#include "vellumd/conlog.h"

#define CHUNK 16384

struct hvlog {
    struct conlog log;
    evtchn_port_t port;
    uint32_t index;             /* how far its ring has been read */
};

/* Everything that is new. The ring is finite, and so is what is read at once: an event comes for more. */
static void read_all(struct vellumd *d)
{
    struct hvlog *h = d->hvlog;
    char *buf = vl_xmalloc(CHUNK);
    unsigned n;

    do {
        n = CHUNK;
        if (xc_readconsolering(d->vl.xc, buf, &n, 0, 1, &h->index))
            n = 0;
        conlog_write(&h->log, buf, n);
    } while (n == CHUNK);
    free(buf);
}

void hvlog_start(struct vellumd *d)
{
    xenevtchn_port_or_error_t port = xenevtchn_bind_virq(d->evtchn, VIRQ_CON_RING);
    struct hvlog *h;

    if (port < 0) {
        vl_fail_errno("the hypervisor's log cannot be followed");
        return;
    }
    h = vl_xmalloc(sizeof(*h));
    *h = (struct hvlog){ .port = (evtchn_port_t)port };
    d->hvlog = h;
    conlog_open(&h->log, d->options.log_folder, "hypervisor", d->options.log_limit, d->options.log_keep);
    read_all(d);
}

bool hvlog_event(struct vellumd *d, evtchn_port_t port)
{
    if (!d->hvlog || d->hvlog->port != port)
        return false;
    read_all(d);
    xenevtchn_unmask(d->evtchn, port);
    return true;
}

void hvlog_reopen(struct vellumd *d)
{
    if (d->hvlog)
        conlog_reopen(&d->hvlog->log);
}

void hvlog_stop(struct vellumd *d)
{
    if (!d->hvlog)
        return;
    xenevtchn_unbind(d->evtchn, d->hvlog->port);
    conlog_close(&d->hvlog->log);
    free(d->hvlog);
    d->hvlog = NULL;
}
