/* SPDX-License-Identifier: MIT */
/* event/debug: debug key 'e' lists every domain's ports. Reads without locks: it has to work when something is stuck.
 * */
#include <hv/console.h>
#include "private.h"

static void dump_port(const struct domain *d, uint32_t port, const struct evtchn *ch)
{
    static const char *const names[] = {
        [EVTCHNSTAT_unbound] = "unbound", [EVTCHNSTAT_interdomain] = "interdomain", [EVTCHNSTAT_pirq] = "pirq",
        [EVTCHNSTAT_virq] = "virq", [EVTCHNSTAT_ipi] = "ipi",
    };
    uint8_t st = channel_state(ch);

    if (st == EVTCHNSTAT_closed)
        return;
    console_printf("  %4u [%c%c] %-11s vcpu %u", port, port_is_pending(d->evtchn, d, port) ? 'p' : '-',
                   port_is_masked(d->evtchn, d, port) ? 'm' : '-',
                   st < ARRAY_SIZE(names) && names[st] ? names[st] : "reserved", ch->vcpu);
    switch (st) {
    case EVTCHNSTAT_unbound:
        console_printf(" for d%u\n", ch->remote_id);
        break;
    case EVTCHNSTAT_interdomain:
        console_printf(" to d%u port %u\n", ch->remote_id, ch->arg);
        break;
    default:
        console_printf(" %u\n", ch->arg);
    }
}

void evtchn_debug_dump(struct domain *d)
{
    const struct evtchn_domain *ed = d->evtchn;
    uint32_t n = ed ? READ_ONCE(ed->nr_ports) : 0;

    if (!ed)
        return;
    console_printf("d%u: event channels, %s ABI, ports below %u, [pending, masked]\n", d->id,
                   ed->fifo ? "FIFO" : "2-level", ed->max_port + 1);
    for (uint32_t p = 1; p < n; p++)
        dump_port(d, p, port_channel(ed, p));
}

static void dump_all(char key)
{
    struct domain *d;

    (void)key;
    for_each_domain(d) evtchn_debug_dump(d);
}

void evtchn_init(void)
{
    debugkey_register('e', "event channels of all domains", dump_all);
}
