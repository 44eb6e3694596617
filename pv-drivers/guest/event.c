/* SPDX-License-Identifier: MIT */
/*
 * Event channels, 2-level ABI: one handler a port. Handlers run from the upcall with upcalls masked; the port's pending
 * bit is cleared before its handler runs, so that an event that comes meanwhile is seen again.
 */
#include "hypercall.h"

#define NR_PORTS 4096
#define vinfo    (&shared_info->vcpu_info[0])

static struct {
    event_fn fn;
    void *arg;
} handlers[NR_PORTS];
static evtchn_port_t timer_port;

void event_upcall(void);

static void clear_bit(unsigned long *map, evtchn_port_t port)
{
    __asm__ volatile("lock btrq %1, %0" : "+m"(map[port / 64]) : "r"((unsigned long)port % 64) : "memory", "cc");
}

static void scan_word(unsigned int word)
{
    unsigned long bits;

    while ((bits = ACCESS(shared_info->evtchn_pending[word]) & ~ACCESS(shared_info->evtchn_mask[word])) != 0) {
        evtchn_port_t port = word * 64 + (unsigned int)__builtin_ctzl(bits);

        clear_bit(shared_info->evtchn_pending, port);
        if (handlers[port].fn)
            handlers[port].fn(handlers[port].arg);
    }
}

void event_upcall(void)
{
    while (ACCESS(vinfo->evtchn_upcall_pending)) {
        unsigned long words;

        ACCESS(vinfo->evtchn_upcall_pending) = 0;
        words = __atomic_exchange_n(&vinfo->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);
        for (; words; words &= words - 1)
            scan_word((unsigned int)__builtin_ctzl(words));
    }
}

bool events_off(void)
{
    bool on = !ACCESS(vinfo->evtchn_upcall_mask);

    ACCESS(vinfo->evtchn_upcall_mask) = 1;
    barrier();
    return on;
}

/* An upcall that arrived while masked is only given at the hypervisor's next exit to us: make one. */
void events_on(void)
{
    barrier();
    ACCESS(vinfo->evtchn_upcall_mask) = 0;
    mb();
    if (ACCESS(vinfo->evtchn_upcall_pending))
        HC(xen_version, 0, 0);
}

void event_bind(evtchn_port_t port, event_fn fn, void *arg)
{
    struct evtchn_unmask unmask = {.port = port};

    if (port >= NR_PORTS)
        panic("event port %u", port);
    handlers[port].fn = fn;
    handlers[port].arg = arg;
    event_op(EVTCHNOP_unmask, &unmask);
}

void event_close(evtchn_port_t port)
{
    struct evtchn_close close = {.port = port};

    if (port >= NR_PORTS)
        return;
    handlers[port].fn = NULL;
    event_op(EVTCHNOP_close, &close);
}

void event_notify(evtchn_port_t port)
{
    struct evtchn_send send = {.port = port};

    event_op(EVTCHNOP_send, &send);
}

evtchn_port_t event_bind_virq(unsigned int virq, event_fn fn, void *arg)
{
    struct evtchn_bind_virq bind = {.virq = virq, .vcpu = 0};
    long rc = event_op(EVTCHNOP_bind_virq, &bind);

    if (rc)
        panic("virq %u: %ld", virq, rc);
    event_bind(bind.port, fn, arg);
    return bind.port;
}

void event_wait(uint64_t deadline)
{
    /* Far ones are none: the hypervisor takes a time beyond its range for a mistake, and wakes us soon. */
    if (HC(set_timer_op, deadline >> 62 ? 0 : time_to_system(deadline)) == 0)
        sched_op(SCHEDOP_block, NULL); /* unmasks, and returns at once if an event is pending */
    events_on();
    events_off();
}

static void on_timer(void *arg) { (void)arg; }

void event_init(void)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(shared_info->evtchn_mask); i++)
        ACCESS(shared_info->evtchn_mask[i]) = ~0UL;
    memset(handlers, 0, sizeof(handlers)); /* after a resume: those ports are another's */
    timer_port = event_bind_virq(VIRQ_TIMER, on_timer, NULL);
}
