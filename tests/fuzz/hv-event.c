/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer: a stream of event-channel operations by three domains, with raw arguments, writes to the pages they
 * share with the hypervisor, and events the hypervisor sends. After each operation all bindings agree; at the end
 * nothing is left.
 */
#include "../unit/hv-event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PAGES 4
struct input { const uint8_t *p, *end; };
static struct domain *doms[3];
static mfn_t pages[3][PAGES];

static uint32_t take(struct input *in, unsigned int bytes)
{
    uint32_t v = 0;

    while (bytes-- && in->p < in->end)
        v = v << 8 | *in->p++;
    return v;
}

/* Mostly small numbers, sometimes a page of the domain, sometimes anything. */
static uint64_t number(struct input *in, unsigned int dom)
{
    uint32_t v = take(in, 1);

    if (v < 0xd0)
        return v % 80;
    if (v < 0xf0)
        return pages[dom][v % PAGES];
    if (v < 0xf8)
        return v == 0xf0 ? DOMID_SELF : v * 4096ul;
    return (uint64_t)take(in, 4) << (v & 4 ? 32 : 0) | take(in, 2);
}

static void raw_op(struct input *in, unsigned int dom)
{
    static const uint8_t words[14] = { 2, 2, 2, 1, 1, 2, 2, 1, 2, 1, 1, 0, 0, 2 };
    unsigned int cmd = take(in, 1) % 14;
    union { uint32_t w[8]; uint64_t q[4]; uint16_t h[16]; } a = { .w = { 0 } };
    struct domain *d = doms[dom];

    if (cmd == EVTCHNOP_alloc_unbound || cmd == EVTCHNOP_status || cmd == EVTCHNOP_reset) {
        a.h[0] = (uint16_t)number(in, dom);
        a.h[1] = (uint16_t)number(in, dom);
        a.w[1] = (uint32_t)number(in, dom);
    } else if (cmd == EVTCHNOP_bind_interdomain) {
        a.h[0] = (uint16_t)number(in, dom) % 4;
        a.w[1] = (uint32_t)number(in, dom);
    } else if (cmd == EVTCHNOP_init_control || cmd == EVTCHNOP_expand_array) {
        a.q[0] = number(in, dom);
        a.w[2] = (uint32_t)number(in, dom) * 8;
        a.w[3] = take(in, 1) % 4;
    } else {
        for (unsigned int i = 0; i < words[cmd]; i++)
            a.w[i] = (uint32_t)number(in, dom);
    }
    fake_preempt = cmd == EVTCHNOP_reset && (a.w[1] & 1);
    if (take(in, 1) == 0x77)
        fake_copy_fail(2);
    if (take(in, 1) == 0x77)
        fake_alloc_fail(1);
    while (call_on(d->vcpu[dom == 1 ? 1 : 0], (int)cmd, &a) == FAKE_CONTINUED)
        continue;
    fake_copy_fail(0);
    fake_alloc_fail(0);
}

static void hv_event(struct input *in, unsigned int dom)
{
    struct domain *d = doms[dom];
    uint32_t x = take(in, 1);

    switch (take(in, 1) % 6) {
    case 0: virq_send_vcpu(d->vcpu[0], x % NR_VIRQS); break;
    case 1: virq_send_global(x % NR_VIRQS); break;
    case 2: pirq_event_send(d, (int)x - 2); break;
    case 3: evtchn_send_from_hv(d, x); break;
    case 4: virq_set_handler(d, x % 30); break;
    case 5: evtchn_is_pending(d, x); break;
    }
}

/* The guest writes to a page of its own, which may be an event array or control block, or to its shared info. */
static void guest_write(struct input *in, unsigned int dom)
{
    uint32_t *page = mfn_to_virt(pages[dom][take(in, 1) % PAGES]);
    uint32_t off = take(in, 2), val = take(in, 1) << 24 | take(in, 2);

    if (off & 0x8000)
        ((uint32_t *)doms[dom]->shared_info->evtchn_pending)[off % 256] = val;
    else
        page[off % 80] = val;
}

static void start(void)
{
    fake_reset(2);
    for (unsigned int i = 0; i < 3; i++) {
        doms[i] = new_domain((domid_t)i, i == 0, i == 1 ? 2 : 1, i == 2 ? 20 : 131071);
        for (unsigned int k = 0; k < PAGES; k++)
            pages[i][k] = frames_alloc_domain(doms[i], 0, 0);
        for (int k = 0; k < 256; k += 3)
            fake_pirq_map(doms[i], k);
    }
}

static void finish(void)
{
    for (unsigned int i = 0; i < 3; i++) {
        doms[i]->dying = true;
        evtchn_domain_destroy(doms[i]);
        check_all();
    }
    fake_quiesce();
    for (unsigned int i = 0; i < 3; i++) {
        for (unsigned int k = 0; k < PAGES; k++) {
            MUST((mfn_to_frame(pages[i][k])->count & FRAME_COUNT_MASK) == 1);
            frame_put(mfn_to_frame(pages[i][k]));
        }
        free_domain(doms[i]);
    }
    MUST(fake_live_objects == 0 && fake_used_frames == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = { data, data + size };

    start();
    while (in.p < in.end) {
        uint32_t what = take(&in, 1);
        unsigned int dom = what % 3;

        if (what < 0xb0)
            raw_op(&in, dom);
        else if (what < 0xd8)
            hv_event(&in, dom);
        else if (what < 0xfe)
            guest_write(&in, dom);
        else
            fake_quiesce();
        check_all();
    }
    finish();
    return 0;
}
