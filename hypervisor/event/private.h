/* SPDX-License-Identifier: MIT */
/* event/, inside: the port table and the functions its files share. A domain's ports live in buckets of 32, made
 * when the first port of a bucket is allocated; a directory of groups of buckets finds them. Buckets and groups are
 * never freed or moved while the domain lives, and `nr_ports` is raised (release) after the directory entry is
 * written: so readers need no lock. Everything is written under the domain's evtchn->lock (a connected pair: under
 * both domains' locks). Senders take no lock: they read `state` (acquire), then the peer, and check that the peer's
 * end names them. A send that races with a close may still set the port's pending bit once; that is what an event of
 * an instant earlier would have done. A domain found through `remote` stays valid until the CPU leaves the
 * hypervisor: domains are freed after a quiesce. */
#pragma once
#include <hv/domain.h>
#include <hv/event.h>
#include <hv/lib.h>
#include <hv/lock.h>
#include <hv/mm.h>

/* evtchn.state: the ABI's EVTCHNSTAT_*, and one more: taken, but not in use yet or no longer. */
#define STATE_RESERVED 15

struct evtchn_fifo;
struct evtchn {
    uint8_t state;
    uint8_t priority;           /* FIFO: queue it goes to */
    uint8_t last_priority;      /* FIFO: queue it was last linked on; under that vCPU's queue lock */
    uint8_t fifo_early;         /* FIFO: became pending before the array reached it */
    uint16_t vcpu;              /* whom it notifies */
    uint16_t last_vcpu;         /* FIFO: see last_priority */
    uint32_t arg;               /* peer's port, VIRQ or PIRQ */
    uint16_t remote_id;         /* unbound: who may connect; interdomain: the peer */
    struct domain *remote;      /* interdomain: the peer */
};

#define BUCKET_PORTS  32u
#define GROUP_BUCKETS 64u
#define GROUP_PORTS   (BUCKET_PORTS * GROUP_BUCKETS)
#define NR_GROUPS     (EVTCHN_FIFO_NR_CHANNELS / GROUP_PORTS)
struct evtchn_bucket {
    uint32_t used;              /* one bit a port: not free */
    struct evtchn port[BUCKET_PORTS];
};

#define NR_PIRQS      8192u     /* numbers a PIRQ of a domain may have here */
struct evtchn_domain {
    spinlock_t lock;
    uint32_t nr_ports;          /* ports 0..nr_ports-1 have buckets */
    uint32_t max_port;          /* set at creation */
    uint32_t first_free;        /* no free port below it */
    uint32_t next_reset, next_destroy;  /* where a preempted EVTCHNOP_reset, evtchn_domain_destroy goes on */
    struct evtchn_fifo *fifo;   /* NULL: 2-level */
    uint32_t *pirq_port;        /* [NR_PIRQS], 0: not bound; NULL: none was ever bound */
    struct evtchn_bucket **group[NR_GROUPS];
};

/* The channel of a port number from outside; NULL: none such. */
static inline struct evtchn *port_channel(const struct evtchn_domain *ed, uint32_t port)
{
    uint32_t n = __atomic_load_n(&ed->nr_ports, __ATOMIC_ACQUIRE);   /* pairs with the release in table_grow */
    if (port == 0 || port >= n)
        return NULL;
    port = (uint32_t)index_clamp(port, n);
    return &ed->group[port / GROUP_PORTS][port / BUCKET_PORTS % GROUP_BUCKETS]->port[port % BUCKET_PORTS];
}

static inline uint8_t channel_state(const struct evtchn *ch) { return __atomic_load_n(&ch->state, __ATOMIC_ACQUIRE); }
/* Publishes a binding: all other fields first. */
static inline void channel_set_state(struct evtchn *ch, uint8_t s)
{
    __atomic_store_n(&ch->state, s, __ATOMIC_RELEASE);
}

/* A vCPU by the guest's number; NULL: none. */
static inline struct vcpu *domain_vcpu(const struct domain *d, uint32_t id)
{
    return d->vcpu && id < d->max_vcpus ? d->vcpu[index_clamp(id, d->max_vcpus)] : NULL;
}

/* EVTCHNOP_*: d is the domain that the operation names, else the caller's. 0 or -errno; results in *a. */
union evtchn_arg {
    domid_t dom;                /* of those that name a domain: their first field */
    struct evtchn_alloc_unbound alloc_unbound; struct evtchn_bind_interdomain bind_interdomain;
    struct evtchn_bind_virq bind_virq; struct evtchn_bind_ipi bind_ipi; struct evtchn_bind_pirq bind_pirq;
    struct evtchn_bind_vcpu bind_vcpu; struct evtchn_close close; struct evtchn_send send; struct evtchn_unmask unmask;
    struct evtchn_status status; struct evtchn_reset reset; struct evtchn_init_control init_control;
    struct evtchn_expand_array expand_array; struct evtchn_set_priority set_priority;
};
#define EVTCHN_OP(name) int evtchn_op_##name(struct domain *d, union evtchn_arg *a __unused)
EVTCHN_OP(alloc_unbound); EVTCHN_OP(bind_interdomain); EVTCHN_OP(bind_virq); EVTCHN_OP(bind_ipi); EVTCHN_OP(bind_pirq);
EVTCHN_OP(bind_vcpu); EVTCHN_OP(status); EVTCHN_OP(reset);                                      /* bind.c */
EVTCHN_OP(unmask);                                                                              /* channel.c */
EVTCHN_OP(init_control); EVTCHN_OP(expand_array); EVTCHN_OP(set_priority);                      /* fifo.c */

int evtchn_close(struct domain *d, uint32_t port);          /* bind.c */

/* channel.c */
int port_alloc(struct domain *d, uint32_t *port);           /* lock held; leaves it STATE_RESERVED */
void port_free(struct domain *d, uint32_t port);            /* lock held */
void port_set_pending(struct domain *d, uint32_t port, struct evtchn *ch);
bool port_test(const struct domain *d, uint32_t port, unsigned int bit);    /* EVTCHN_FIFO_PENDING or _MASKED */
int evtchn_send(struct domain *d, uint32_t port);

/* virq.c */
bool virq_is_global(uint32_t virq);
int pirq_port_set(struct evtchn_domain *ed, uint32_t pirq, uint32_t port);  /* lock held; -XEN_ENOMEM */
uint32_t pirq_port(const struct evtchn_domain *ed, uint32_t pirq);
void virq_forget_handler(const struct domain *d);

/* fifo.c */
bool fifo_set_pending(struct domain *d, struct evtchn_fifo *f, uint32_t port, struct evtchn *ch, struct vcpu *v);
void fifo_unmask(struct domain *d, struct evtchn_fifo *f, uint32_t port, struct evtchn *ch, struct vcpu *v);
bool fifo_test(const struct evtchn_fifo *f, uint32_t port, unsigned int bit);
void fifo_clear_pending(struct evtchn_fifo *f, uint32_t port);
void fifo_retire(struct domain *d);                         /* lock held: back to 2-level */
