/* SPDX-License-Identifier: MIT */
/* event/fifo: the FIFO ABI. The guest gives one word a port (the event array) and one control block a vCPU; pending
 * ports form linked lists inside the array, one a priority and vCPU. We only append; the guest only consumes. A
 * vCPU's queue lock (RANK_EVENT_QUEUE) guards its tails and the control block pointer, and `last_vcpu` and
 * `last_priority` of the ports that were last linked there. Moving a port between vCPUs takes both vCPUs' locks.
 * What the guest writes is never followed: our tails are our own, links are only written. Words change by
 * compare-and-swap with a bounded number of tries; a guest that keeps a word spinning loses that event's
 * notification, nobody else's. Senders use the array without a lock: pages of one given up are released only after a
 * quiesce. */
#include "private.h"

#define WORDS_PER_PAGE ((uint32_t)(PAGE_SIZE / sizeof(event_word_t)))
#define MAX_PAGES      (EVTCHN_FIFO_NR_CHANNELS / WORDS_PER_PAGE)
#define PENDING        (1u << EVTCHN_FIFO_PENDING)
#define MASKED         (1u << EVTCHN_FIFO_MASKED)
#define LINKED         (1u << EVTCHN_FIFO_LINKED)
#define BUSY           (1u << EVTCHN_FIFO_BUSY)
#define LINK_MASK      ((uint32_t)EVTCHN_FIFO_LINK_MASK)
#define BUSY_AFTER     4u       /* tries before we ask the guest to wait */
#define MAX_TRIES      64u
#define MAX_MOVES      8u       /* look-ups of a port's old queue while it is being moved under our hands */

struct evtchn_fifo {
    struct quiesce quiesce;
    struct domain *domain;
    uint32_t nr_pages;
    event_word_t *page[MAX_PAGES];
    uint32_t nr_control;
    struct frame *control[];    /* [nr_control]: the vCPUs' control blocks; NULL: none */
};

struct evtchn_vcpu {
    spinlock_t lock;
    struct evtchn_fifo_control_block *block;    /* NULL: not set up */
    uint32_t tail[EVTCHN_FIFO_MAX_QUEUES];      /* last port appended; 0: none */
};

static event_word_t *word_of(const struct evtchn_fifo *f, uint32_t port)
{
    event_word_t *page = __atomic_load_n(&f->page[port / WORDS_PER_PAGE], __ATOMIC_ACQUIRE);
    return page ? page + port % WORDS_PER_PAGE : NULL;
}

/* Claims an unmasked word that is on no queue. */
static bool word_set_linked(event_word_t *w)
{
    uint32_t old = READ_ONCE(*w);
    for (unsigned int i = 0; i < MAX_TRIES; i++) {
        if (old & (MASKED | LINKED))
            return false;
        if (__atomic_compare_exchange_n(w, &old, (old & ~(BUSY | LINK_MASK)) | LINKED, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST))
            return true;
    }
    return false;
}

/* Links `port` behind the tail's word; false: the guest has consumed the tail already. */
static bool word_append(event_word_t *w, uint32_t port)
{
    uint32_t old = READ_ONCE(*w);
    unsigned int i;
    for (i = 0; i < MAX_TRIES && (old & LINKED); i++) {
        if (i == BUSY_AFTER)
            old = __atomic_or_fetch(w, BUSY, __ATOMIC_SEQ_CST);
        else if (__atomic_compare_exchange_n(w, &old, (old & ~(BUSY | LINK_MASK)) | port, false, __ATOMIC_SEQ_CST,
                                             __ATOMIC_SEQ_CST))
            return true;
    }
    if (i > BUSY_AFTER)
        __atomic_and_fetch(w, ~BUSY, __ATOMIC_SEQ_CST);
    return false;
}

static struct evtchn_vcpu *queues_of(const struct vcpu *v)
{
    return v ? __atomic_load_n(&v->evtchn, __ATOMIC_ACQUIRE) : NULL;
}

/* Locks q, and the queues the port was last linked on (*was; q itself when there are none), so that ch->last_vcpu
 * holds still. False, nothing locked: the guest moves the port faster than we can follow. */
static bool lock_for_link(const struct domain *d, const struct evtchn *ch, struct evtchn_vcpu *q,
                          struct evtchn_vcpu **was)
{
    for (unsigned int i = 0; i < MAX_MOVES; i++) {
        uint16_t last = READ_ONCE(ch->last_vcpu);
        *was = queues_of(domain_vcpu(d, last)) ?: q;
        spin_lock_two(&q->lock, &(*was)->lock);
        if (READ_ONCE(ch->last_vcpu) == last)
            return true;
        spin_unlock_two(&q->lock, &(*was)->lock);
    }
    return false;
}

/* Puts a pending, unmasked port on its vCPU's queue and tells the vCPU if that queue was empty. */
static void fifo_link(struct domain *d, struct evtchn_fifo *f, uint32_t port, struct evtchn *ch, struct vcpu *v,
                      event_word_t *w)
{
    struct evtchn_vcpu *q = queues_of(v), *was;
    uint8_t prio = READ_ONCE(ch->priority);
    bool notify = false;
    if (!q || !lock_for_link(d, ch, q, &was))
        return;
    /* What is on the queue is of the array that is there now: f may have been retired, and another come, while we waited. */
    if (q->block && READ_ONCE(d->evtchn->fifo) == f && word_set_linked(w)) {
        uint32_t *tail = &q->tail[prio];
        /* It was consumed from where it was last: if it was the tail there, none must be appended to it any more. */
        if (was->tail[ch->last_priority] == port)
            was->tail[ch->last_priority] = 0;
        ch->last_vcpu = (uint16_t)v->id;
        ch->last_priority = prio;
        if (!*tail || !word_append(word_of(f, *tail), port)) {
            __atomic_store_n(&q->block->head[prio], port, __ATOMIC_RELEASE);
            notify = !test_and_set_bit(prio, &q->block->ready);
        }
        *tail = port;
    }
    spin_unlock_two(&q->lock, &was->lock);
    if (notify)
        vcpu_mark_events_pending(v);
}

/* True: it was not pending before. */
bool fifo_set_pending(struct domain *d, struct evtchn_fifo *f, uint32_t port, struct evtchn *ch, struct vcpu *v)
{
    event_word_t *w = word_of(f, port);
    uint32_t old;
    if (!w) {
        __atomic_store_n(&ch->fifo_early, 1, __ATOMIC_SEQ_CST);
        /* The page may have come just now, and fifo_expand_array looked before we wrote: then it is ours to do. */
        if (!(w = word_of(f, port)) || !__atomic_exchange_n(&ch->fifo_early, 0, __ATOMIC_SEQ_CST))
            return true;
    }
    old = __atomic_fetch_or(w, PENDING, __ATOMIC_SEQ_CST);
    if (!(old & (MASKED | LINKED)))
        fifo_link(d, f, port, ch, v, w);
    return !(old & PENDING);
}

void fifo_unmask(struct domain *d, struct evtchn_fifo *f, uint32_t port, struct evtchn *ch, struct vcpu *v)
{
    event_word_t *w = word_of(f, port);
    uint32_t old;
    if (!w)
        return;
    old = __atomic_fetch_and(w, ~MASKED, __ATOMIC_SEQ_CST);
    if ((old & (PENDING | LINKED)) == PENDING)
        fifo_link(d, f, port, ch, v, w);
}

bool fifo_test(const struct evtchn_fifo *f, uint32_t port, unsigned int bit)
{
    const event_word_t *w = word_of(f, port);
    return w && (READ_ONCE(*w) >> bit & 1);
}

void fifo_clear_pending(struct evtchn_fifo *f, uint32_t port)
{
    event_word_t *w = word_of(f, port);
    if (w)
        __atomic_and_fetch(w, ~PENDING, __ATOMIC_SEQ_CST);
}

/* A frame of d's that the guest shares with us, writable; NULL: it may not. */
static struct frame *shared_frame(struct domain *d, uint64_t gfn)
{
    return mfn_valid(gfn) && frame_get_and_type(mfn_to_frame(gfn), d, TYPE_WRITABLE) ? mfn_to_frame(gfn) : NULL;
}

/* The first control block turns the domain to FIFO. What is pending now becomes pending again as its page is added. */
static int fifo_start(struct domain *d)
{
    struct evtchn_domain *ed = d->evtchn;
    struct evtchn_fifo *f = hv_alloc(sizeof(*f) + d->max_vcpus * sizeof(f->control[0]));
    if (!f)
        return -XEN_ENOMEM;
    f->domain = d;
    f->nr_control = d->max_vcpus;
    for (uint32_t p = 1; p < ed->nr_ports; p++)
        if (port_test(d, p, EVTCHN_FIFO_PENDING))
            port_channel(ed, p)->fifo_early = 1;
    __atomic_store_n(&ed->fifo, f, __ATOMIC_RELEASE);
    return 0;
}

static int init_control_locked(struct domain *d, struct vcpu *v, struct frame *frame, uint32_t offset)
{
    struct evtchn_domain *ed = d->evtchn;
    struct evtchn_vcpu *q = v->evtchn;
    if (d->dying || (q && q->block) || (ed->fifo && v->id >= ed->fifo->nr_control))
        return -XEN_EINVAL;
    if (!q && (q = hv_alloc(sizeof(*q)))) {
        spin_lock_init(&q->lock, RANK_EVENT_QUEUE);
        __atomic_store_n(&v->evtchn, q, __ATOMIC_RELEASE);
    }
    if (!q || (!ed->fifo && fifo_start(d)))
        return -XEN_ENOMEM;
    ed->fifo->control[v->id] = frame;
    spin_lock(&q->lock);
    q->block = (void *)((char *)mfn_to_virt(frame_to_mfn(frame)) + offset);
    spin_unlock(&q->lock);
    return 0;
}

/* -XEN_ENOENT: no such vCPU; -XEN_EINVAL: bad frame or offset, or the vCPU has a control block. */
EVTCHN_OP(init_control)
{
    struct evtchn_init_control *op = &a->init_control;
    struct vcpu *v = domain_vcpu(d, op->vcpu);
    struct frame *frame;
    int rc;
    if (!v)
        return -XEN_ENOENT;
    if (op->offset > PAGE_SIZE - sizeof(struct evtchn_fifo_control_block) || op->offset % 8)
        return -XEN_EINVAL;
    if (!(frame = shared_frame(d, op->control_gfn)))
        return -XEN_EINVAL;
    spin_lock(&d->evtchn->lock);
    rc = init_control_locked(d, v, frame, op->offset);
    spin_unlock(&d->evtchn->lock);
    if (rc)
        frame_put_and_type(frame);
    op->link_bits = EVTCHN_FIFO_LINK_BITS;
    return rc;
}

/* Ports of a new page that became pending before it was there. Lock held. */
static void replay_early(struct domain *d, uint32_t first)
{
    struct evtchn *ch;
    for (uint32_t p = first; p < first + WORDS_PER_PAGE && p < d->evtchn->nr_ports; p++)
        if ((ch = port_channel(d->evtchn, p)) && __atomic_exchange_n(&ch->fifo_early, 0, __ATOMIC_SEQ_CST))
            port_set_pending(d, p, ch);
}

/* -XEN_EOPNOTSUPP: 2-level; -XEN_ENOSPC: the array is complete; -XEN_EINVAL: bad frame. */
EVTCHN_OP(expand_array)
{
    uint64_t gfn = a->expand_array.array_gfn;
    struct evtchn_domain *ed = d->evtchn;
    struct frame *frame = shared_frame(d, gfn);     /* before the lock, which ranks above the frames' */
    struct evtchn_fifo *f;
    spin_lock(&ed->lock);
    f = ed->fifo;
    int rc = !f ? -XEN_EOPNOTSUPP : f->nr_pages == MAX_PAGES ? -XEN_ENOSPC : !frame ? -XEN_EINVAL : 0;
    if (rc == 0) {
        __atomic_store_n(&f->page[f->nr_pages], mfn_to_virt(gfn), __ATOMIC_SEQ_CST);
        replay_early(d, f->nr_pages++ * WORDS_PER_PAGE);
    }
    spin_unlock(&ed->lock);
    if (rc && frame)
        frame_put_and_type(frame);
    return rc;
}

/* -XEN_ENOSYS: 2-level; -XEN_EINVAL: no such priority or port. It counts from the next event on. */
EVTCHN_OP(set_priority)
{
    uint32_t priority = a->set_priority.priority;
    struct evtchn_domain *ed = d->evtchn;
    struct evtchn *ch = port_channel(ed, a->set_priority.port);
    int rc = 0;
    spin_lock(&ed->lock);
    if (!ed->fifo)
        rc = -XEN_ENOSYS;
    else if (priority > EVTCHN_FIFO_PRIORITY_MIN || !ch || ch->state == EVTCHNSTAT_closed)
        rc = -XEN_EINVAL;
    else
        WRITE_ONCE(ch->priority, (uint8_t)priority);
    spin_unlock(&ed->lock);
    return rc;
}

/* Calls fn for each guest page that f holds. */
static void fifo_walk(const struct evtchn_fifo *f, void (*fn)(mfn_t m, bool writable, void *arg), void *arg)
{
    for (uint32_t i = 0; i < f->nr_pages; i++)
        fn(virt_to_mfn(f->page[i]), true, arg);
    for (uint32_t i = 0; i < f->nr_control; i++)
        if (f->control[i])
            fn(frame_to_mfn(f->control[i]), true, arg);
}

void evtchn_walk_refs(struct domain *d, void (*f)(mfn_t m, bool writable, void *arg), void *arg)
{
    if (d->evtchn && d->evtchn->fifo)
        fifo_walk(d->evtchn->fifo, f, arg);
}

static void put_page(mfn_t m, bool writable __unused, void *arg __unused) { frame_put_and_type(mfn_to_frame(m)); }

/* No CPU can have a pointer into the pages any more. */
static void fifo_release(void *arg)
{
    struct evtchn_fifo *f = arg;
    fifo_walk(f, put_page, NULL);
    domain_put(f->domain);
    hv_free(f);
}

void fifo_retire(struct domain *d)
{
    struct evtchn_fifo *f = d->evtchn->fifo;
    struct vcpu *v;
    if (!f)
        return;
    __atomic_store_n(&d->evtchn->fifo, NULL, __ATOMIC_RELEASE);
    for_each_vcpu(d, v) {
        struct evtchn_vcpu *q = v->evtchn;
        if (!q)
            continue;
        spin_lock(&q->lock);
        q->block = NULL;
        memset(q->tail, 0, sizeof(q->tail));
        spin_unlock(&q->lock);
    }
    domain_hold(d);             /* the frames' owner must outlive them */
    cpu_after_quiesce(&f->quiesce, fifo_release, f);
}
