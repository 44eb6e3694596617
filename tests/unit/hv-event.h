/* SPDX-License-Identifier: MIT */
/* What the event-channel tests and the event fuzzer share: domains with ports, calls as a guest makes them,
 * invariants. */
#ifndef TEST_HV_EVENT_H
#define TEST_HV_EVENT_H

#ifndef FUZZING
#include <check.h>
#endif
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fake/fake.h"
#include "../../hypervisor/event/private.h"
#include <hv/hypercall.h>

/* For checks made very often (Check's own write a mark to a file each time), and by the fuzzer. */
#ifndef FUZZING
#define MUST(c) do { if (!(c)) ck_abort_msg("%s:%d: %s", __FILE__, __LINE__, #c); } while (0)
#else
#define MUST(c) do { if (!(c)) panic("%s:%d: %s", __FILE__, __LINE__, #c); } while (0)
#endif

static inline struct domain *new_domain(domid_t id, bool privileged, unsigned int vcpus, unsigned int max_port)
{
    struct domain *d = fake_domain_new(id, privileged, vcpus);
    struct vcpu *v;

    MUST(evtchn_domain_init(d, max_port) == 0);
    for_each_vcpu(d, v) MUST(evtchn_vcpu_init(v) == 0);
    return d;
}

static inline void free_domain(struct domain *d)
{
    struct vcpu *v;

    d->dying = true;
    MUST(evtchn_domain_destroy(d) == 0);
    fake_quiesce();
    for_each_vcpu(d, v) evtchn_vcpu_destroy(v);
    evtchn_domain_free(d);
    MUST(d->refcount == 1);
    fake_domain_free(d);
}

/* Every port's record agrees with everything that refers to it. */
static inline void check_port(struct domain *d, uint32_t p)
{
    struct evtchn_domain *ed = d->evtchn;
    struct evtchn *ch = port_channel(ed, p), *peer;
    bool used = ed->group[p / GROUP_PORTS][p / BUCKET_PORTS % GROUP_BUCKETS]->used >> p % BUCKET_PORTS & 1;

    MUST(used == (ch->state != EVTCHNSTAT_closed));
    if (!used)
        MUST(p >= ed->first_free);
    switch (ch->state) {
    case EVTCHNSTAT_interdomain:
        peer = port_channel(ch->remote->evtchn, ch->arg);
        MUST(peer);
        MUST(peer->state == EVTCHNSTAT_interdomain);
        MUST(peer->remote == d);
        MUST(peer->arg == p);
        MUST(ch->remote_id == ch->remote->id);
        break;
    case EVTCHNSTAT_virq:
        MUST(d->vcpu[virq_is_global(ch->arg) ? 0 : ch->vcpu]->virq_port[ch->arg] == p);
        break;
    case EVTCHNSTAT_pirq:
        MUST(pirq_port(ed, ch->arg) == p);
        MUST(fake_pirqs[d->id][ch->arg].bound);
        break;
    }
}

static inline void check_all(void)
{
    struct domain *d;
    struct vcpu *v;

    MUST(fake_locks_held() == 0);
    for_each_domain(d) {
        if (!d->evtchn)
            continue;
        for (uint32_t p = 1; p < d->evtchn->nr_ports; p++)
            check_port(d, p);
        for_each_vcpu(d, v)
            for (unsigned int i = 0; i < NR_VIRQS; i++) {
                struct evtchn *ch = v->virq_port[i] ? port_channel(d->evtchn, v->virq_port[i]) : NULL;

                if (v->virq_port[i])
                    MUST(ch && ch->state == EVTCHNSTAT_virq && ch->arg == i);
            }
        for (uint32_t i = 0; i < 256; i++)
            if (pirq_port(d->evtchn, i))
                MUST(port_channel(d->evtchn, pirq_port(d->evtchn, i))->state == EVTCHNSTAT_pirq);
    }
}

/* EVTCHNOP_cmd as vCPU v of d. */
static inline long call_on(struct vcpu *v, int cmd, void *arg)
{
    long rc;

    fake_run(v);
    rc = hypercall_event_channel_op((unsigned long)(long)cmd, (unsigned long)arg, 0, 0, 0, 0);
    check_all();
    if (rc == FAKE_CONTINUED)
        MUST(fake_continued.nr == __HYPERVISOR_event_channel_op && fake_continued.arg[0] == (unsigned long)cmd &&
             fake_continued.arg[1] == (unsigned long)arg);
    return rc;
}
static inline long call(struct domain *d, int cmd, void *arg) { return call_on(d->vcpu[0], cmd, arg); }

/* Operations without the hypercall and its checks, for use in bulk. */
static inline int evtchn_alloc_unbound(struct domain *d, domid_t remote, uint32_t *port)
{
    union evtchn_arg a = { .alloc_unbound = { .remote_dom = remote } };
    int rc = evtchn_op_alloc_unbound(d, &a);

    *port = a.alloc_unbound.port;
    return rc;
}
static inline int evtchn_bind_interdomain(struct domain *d, domid_t remote, uint32_t remote_port, uint32_t *port)
{
    union evtchn_arg a = { .bind_interdomain = { .remote_dom = remote, .remote_port = remote_port } };
    int rc = evtchn_op_bind_interdomain(d, &a);

    *port = a.bind_interdomain.local_port;
    return rc;
}
static inline int evtchn_bind_ipi(struct domain *d, uint32_t vcpu, uint32_t *port)
{
    union evtchn_arg a = { .bind_ipi = { .vcpu = vcpu } };
    int rc = evtchn_op_bind_ipi(d, &a);

    *port = a.bind_ipi.port;
    return rc;
}
static inline int evtchn_unmask(struct domain *d, uint32_t port)
{
    return evtchn_op_unmask(d, &(union evtchn_arg){ .unmask = { .port = port } });
}

/* The operations with their arguments spelled out; *port receives the result. */
static inline long do_unbound(struct domain *d, domid_t dom, domid_t remote, uint32_t *port)
{
    struct evtchn_alloc_unbound a = { .dom = dom, .remote_dom = remote };
    long rc = call(d, EVTCHNOP_alloc_unbound, &a);

    if (rc == 0)
        *port = a.port;
    return rc;
}

static inline long do_interdomain(struct domain *d, domid_t remote, uint32_t rport, uint32_t *port)
{
    struct evtchn_bind_interdomain a = { .remote_dom = remote, .remote_port = rport };
    long rc = call(d, EVTCHNOP_bind_interdomain, &a);

    if (rc == 0)
        *port = a.local_port;
    return rc;
}

static inline long do_virq(struct domain *d, uint32_t virq, uint32_t vcpu, uint32_t *port)
{
    struct evtchn_bind_virq a = { .virq = virq, .vcpu = vcpu };
    long rc = call(d, EVTCHNOP_bind_virq, &a);

    if (rc == 0)
        *port = a.port;
    return rc;
}

static inline long do_ipi(struct domain *d, uint32_t vcpu, uint32_t *port)
{
    struct evtchn_bind_ipi a = { .vcpu = vcpu };
    long rc = call(d, EVTCHNOP_bind_ipi, &a);

    if (rc == 0)
        *port = a.port;
    return rc;
}

static inline long do_pirq(struct domain *d, uint32_t pirq, uint32_t flags, uint32_t *port)
{
    struct evtchn_bind_pirq a = { .pirq = pirq, .flags = flags };
    long rc = call(d, EVTCHNOP_bind_pirq, &a);

    if (rc == 0)
        *port = a.port;
    return rc;
}

static inline long do_bind_vcpu(struct domain *d, uint32_t port, uint32_t vcpu)
{
    return call(d, EVTCHNOP_bind_vcpu, &(struct evtchn_bind_vcpu){ .port = port, .vcpu = vcpu });
}
static inline long do_close(struct domain *d, uint32_t port)
{
    return call(d, EVTCHNOP_close, &(struct evtchn_close){ .port = port });
}
static inline long do_send(struct domain *d, uint32_t port)
{
    return call(d, EVTCHNOP_send, &(struct evtchn_send){ .port = port });
}
static inline long do_unmask(struct domain *d, uint32_t port)
{
    return call(d, EVTCHNOP_unmask, &(struct evtchn_unmask){ .port = port });
}
static inline long do_reset(struct domain *d, domid_t dom)
{
    return call(d, EVTCHNOP_reset, &(struct evtchn_reset){ .dom = dom });
}
static inline struct evtchn_status do_status(struct domain *d, domid_t dom, uint32_t port, long *rc)
{
    struct evtchn_status st = { .dom = dom, .port = port };

    *rc = call(d, EVTCHNOP_status, &st);
    return st;
}

/* --- the 2-level guest side --- */
static inline bool pending(const struct domain *d, uint32_t port)
{
    return test_bit(port, d->shared_info->evtchn_pending);
}
/* Handles all that is signalled to vCPU v, as a guest's upcall does; the number of ports seen. */
static inline unsigned int upcall(struct vcpu *v)
{
    struct shared_info *s = v->domain->shared_info;
    unsigned int seen = 0;

    while (v->info->evtchn_upcall_pending) {
        unsigned long sel;

        v->info->evtchn_upcall_pending = 0;
        sel = __atomic_exchange_n(&v->info->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);
        for (; sel; sel &= sel - 1) {
            unsigned int w = ffs64(sel);

            for (unsigned int b = 0; b < 64; b++)
                if (!test_bit(w * 64 + b, s->evtchn_mask) && test_and_clear_bit(w * 64 + b, s->evtchn_pending))
                    seen++;
        }
    }
    return seen;
}

#endif
