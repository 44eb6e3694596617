/* SPDX-License-Identifier: MIT */
/*
 * event/fifo against a small model of the guest's side, written after the ABI's rules: a queue's head comes from the
 * control block when the local one is empty; taking a port clears LINKED and its link. Checked: no event is lost,
 * priorities are kept, moved ports do not tangle queues, hostile words hurt nobody else, pages are given back.
 */
#include "hv-event.h"
#include "run-suite.h"

#define PAGES   3
#define VCPUS   3
#define PORTS   64
#define W(port) (&array[(port) / 1024][(port) % 1024])

static struct domain *d0, *d1;
static unsigned long objects_before;
static event_word_t *array[PAGES];
static mfn_t array_mfn[PAGES], control_mfn[VCPUS];
static struct evtchn_fifo_control_block *control[VCPUS];
static uint32_t local_head[VCPUS][EVTCHN_FIFO_MAX_QUEUES];

static mfn_t guest_page(struct domain *d, void *p)
{
    mfn_t m = frames_alloc_domain(d, 0, 0);

    ck_assert_uint_ne(m, INVALID_MFN);
    *(void **)p = mfn_to_virt(m);
    return m;
}

static void setup(void)
{
    fake_reset(2);
    objects_before = fake_live_objects;
    memset(local_head, 0, sizeof(local_head));
    d0 = new_domain(0, true, 2, 131071);
    d1 = new_domain(1, false, VCPUS, 131071);
    for (int i = 0; i < PAGES; i++) {
        array_mfn[i] = guest_page(d1, &array[i]);
        for (int k = 0; k < 1024; k++)
            array[i][k] = 1u << EVTCHN_FIFO_MASKED;
    }
    for (int i = 0; i < VCPUS; i++)
        control_mfn[i] = guest_page(d1, &control[i]);
}

/* Once the domain is gone, the guest's own reference is the last one on each of its pages. */
static void teardown(void)
{
    check_all();
    d1->dying = true;
    ck_assert_int_eq(evtchn_domain_destroy(d1), 0);
    fake_quiesce();
    for (int i = 0; i < PAGES; i++) {
        ck_assert_uint_eq(mfn_to_frame(array_mfn[i])->count & FRAME_COUNT_MASK, 1);
        ck_assert_uint_eq(mfn_to_frame(array_mfn[i])->type & TYPE_COUNT_MASK, 0);
        frame_put(mfn_to_frame(array_mfn[i]));
    }
    for (int i = 0; i < VCPUS; i++) {
        ck_assert_uint_eq(mfn_to_frame(control_mfn[i])->count & FRAME_COUNT_MASK, 1);
        frame_put(mfn_to_frame(control_mfn[i]));
    }
    free_domain(d1);
    free_domain(d0);
    ck_assert_uint_eq(fake_live_objects, objects_before);
    ck_assert_uint_eq(fake_used_frames, 0);
}

static long init_control(uint32_t vcpu, uint64_t gfn, uint32_t offset)
{
    struct evtchn_init_control a = { .control_gfn = gfn, .offset = offset, .vcpu = vcpu };
    long rc = call(d1, EVTCHNOP_init_control, &a);

    if (rc == 0)
        ck_assert_uint_eq(a.link_bits, 17);
    return rc;
}
static long expand(uint64_t gfn)
{
    return call(d1, EVTCHNOP_expand_array, &(struct evtchn_expand_array){ .array_gfn = gfn });
}
static long set_priority(uint32_t port, uint32_t prio)
{
    return call(d1, EVTCHNOP_set_priority, &(struct evtchn_set_priority){ .port = port, .priority = prio });
}

static void go_fifo(void)
{
    for (uint32_t i = 0; i < VCPUS; i++)
        ck_assert_int_eq(init_control(i, control_mfn[i], 0), 0);
    for (int i = 0; i < PAGES; i++)
        ck_assert_int_eq(expand(array_mfn[i]), 0);
}

/* --- the guest's side ---------------------------------------- */

static uint32_t take_link(event_word_t *w)
{
    uint32_t old = __atomic_load_n(w, __ATOMIC_SEQ_CST);

    while (!__atomic_compare_exchange_n(w, &old, old & ~(1u << EVTCHN_FIFO_LINKED | EVTCHN_FIFO_LINK_MASK), false,
                                        __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        continue;
    return old & EVTCHN_FIFO_LINK_MASK;
}

/* Consumes at most `max` queue elements of vCPU c; calls handle for each live event. */
static unsigned int consume(unsigned int c, unsigned int max, void (*handle)(uint32_t port, unsigned int prio))
{
    struct vcpu *v = d1->vcpu[c];
    uint32_t ready, n = 0;

    __atomic_store_n(&v->info->evtchn_upcall_pending, 0, __ATOMIC_SEQ_CST);
    ready = __atomic_exchange_n(&control[c]->ready, 0, __ATOMIC_SEQ_CST);
    while (ready && n < max) {
        unsigned int q = ffs64(ready);
        uint32_t port = local_head[c][q];

        if (!port)
            port = __atomic_load_n(&control[c]->head[q], __ATOMIC_ACQUIRE);
        MUST(port > 0 && port < PAGES * 1024);
        local_head[c][q] = take_link(W(port));
        if (!local_head[c][q])
            ready &= ~(1u << q);
        if ((*W(port) >> EVTCHN_FIFO_PENDING & 1) && !(*W(port) >> EVTCHN_FIFO_MASKED & 1)) {
            __atomic_and_fetch(W(port), ~(1u << EVTCHN_FIFO_PENDING), __ATOMIC_SEQ_CST);
            handle(port, q);
        }
        n++;
        ready |= __atomic_exchange_n(&control[c]->ready, 0, __ATOMIC_SEQ_CST);
    }
    if (ready) {                /* stopped early: what is left stays ready */
        __atomic_or_fetch(&control[c]->ready, ready, __ATOMIC_SEQ_CST);
        __atomic_store_n(&v->info->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST);
    }
    return n;
}

/* Clears MASKED unless PENDING; with PENDING the hypervisor has to do it. */
static void guest_unmask(uint32_t port)
{
    uint32_t old = __atomic_load_n(W(port), __ATOMIC_SEQ_CST);

    for (;;) {
        if (!(old >> EVTCHN_FIFO_MASKED & 1))
            return;
        if (old >> EVTCHN_FIFO_PENDING & 1) {
            MUST(evtchn_unmask(d1, port) == 0);
            return;
        }
        old &= ~(1u << EVTCHN_FIFO_BUSY);
        if (__atomic_compare_exchange_n(W(port), &old, old & ~(1u << EVTCHN_FIFO_MASKED), false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST))
            return;
    }
}

static unsigned int seen[PAGES * 1024], sent[PAGES * 1024], order[1000], order_len;
static void note(uint32_t port, unsigned int prio)
{
    (void)prio;
    seen[port] = sent[port];
    if (order_len < ARRAY_SIZE(order))
        order[order_len++] = port;
}

static void send(uint32_t port)
{
    sent[port]++;
    MUST(evtchn_send(d1, port) == 0);
}

static void make_ipis(uint32_t n)
{
    uint32_t p;

    memset(seen, 0, sizeof(seen));
    memset(sent, 0, sizeof(sent));
    order_len = 0;
    for (uint32_t i = 1; i <= n; i++) {
        ck_assert_int_eq(evtchn_bind_ipi(d1, i % VCPUS, &p), 0);
        ck_assert_uint_eq(p, i);
    }
}

/* --- tests ---------------------------------------- */

START_TEST(errors)
{
    mfn_t foreign = frames_alloc_domain(d0, 0, 0), table = frames_alloc_domain(d1, 0, 0);

    ck_assert_int_eq(expand(array_mfn[0]), -XEN_EOPNOTSUPP);    /* not FIFO yet */
    ck_assert_int_eq(frame_get_type(mfn_to_frame(table), TYPE_L1), 0);
    ck_assert_int_eq(init_control(VCPUS, control_mfn[0], 0), -XEN_ENOENT);
    ck_assert_int_eq(init_control(0, control_mfn[0], 4096), -XEN_EINVAL);
    ck_assert_int_eq(init_control(0, control_mfn[0], 4096 - 64), -XEN_EINVAL);
    ck_assert_int_eq(init_control(0, control_mfn[0], 4), -XEN_EINVAL);
    ck_assert_int_eq(init_control(0, control_mfn[0], ~7u), -XEN_EINVAL);
    ck_assert_int_eq(init_control(0, ~0UL, 0), -XEN_EINVAL);
    ck_assert_int_eq(init_control(0, FAKE_FRAMES, 0), -XEN_EINVAL);
    ck_assert_int_eq(init_control(0, foreign, 0), -XEN_EINVAL);
    ck_assert_int_eq(init_control(0, table, 0), -XEN_EINVAL);
    ck_assert_ptr_null(d1->evtchn->fifo);
    for (int n = 1; n <= 2; n++) {
        fake_alloc_fail(n);
        ck_assert_int_eq(init_control(0, control_mfn[0], 0), -XEN_ENOMEM);
        ck_assert_uint_eq(mfn_to_frame(control_mfn[0])->count & FRAME_COUNT_MASK, 1);
    }
    fake_alloc_fail(0);
    ck_assert_int_eq(init_control(0, control_mfn[0], 4096 - 72), 0);
    ck_assert_int_eq(init_control(0, control_mfn[0], 0), -XEN_EINVAL);  /* has one */
    ck_assert_int_eq(expand(foreign), -XEN_EINVAL);
    ck_assert_int_eq(expand(table), -XEN_EINVAL);
    ck_assert_int_eq(expand(~0UL), -XEN_EINVAL);
    for (int i = 0; i < 128; i++)
        ck_assert_int_eq(expand(array_mfn[0]), 0);
    ck_assert_int_eq(expand(array_mfn[0]), -XEN_ENOSPC);
    frame_put_type(mfn_to_frame(table));
    frame_put(mfn_to_frame(table));
    frame_put(mfn_to_frame(foreign));
}
END_TEST

START_TEST(priorities)
{
    uint32_t want[] = { 5, 4, 3, 2, 1, 6 };

    make_ipis(0);
    ck_assert_int_eq(set_priority(1, 3), -XEN_ENOSYS);
    go_fifo();
    for (uint32_t p = 1; p <= 6; p++) {
        uint32_t q;

        ck_assert_int_eq(evtchn_bind_ipi(d1, 0, &q), 0);
        guest_unmask(p);
    }
    for (uint32_t p = 1; p <= 5; p++)
        ck_assert_int_eq(set_priority(p, 15 - p * 2), 0);
    ck_assert_int_eq(set_priority(6, 15), 0);
    ck_assert_int_eq(set_priority(6, 16), -XEN_EINVAL);
    ck_assert_int_eq(set_priority(0, 1), -XEN_EINVAL);
    ck_assert_int_eq(set_priority(7, 1), -XEN_EINVAL);      /* not in use */
    ck_assert_int_eq(set_priority(70000, 1), -XEN_EINVAL);
    for (uint32_t p = 1; p <= 6; p++)
        send(p);
    ck_assert_uint_eq(d1->vcpu[0]->info->evtchn_upcall_pending, 1);
    ck_assert_uint_eq(consume(0, 100, note), 6);
    for (unsigned int i = 0; i < 6; i++)
        ck_assert_uint_eq(order[i], want[i]);
    ck_assert_int_eq(do_close(d1, 1), 0);
    ck_assert_int_eq(evtchn_bind_ipi(d1, 0, &want[0]), 0);
    ck_assert_uint_eq(port_channel(d1->evtchn, 1)->priority, EVTCHN_FIFO_PRIORITY_DEFAULT);
}
END_TEST

START_TEST(first_in_first_out)
{
    make_ipis(30);
    go_fifo();
    for (uint32_t p = 1; p <= 30; p++)
        guest_unmask(p);
    for (uint32_t p = 30; p >= 1; p--)
        send(p);
    for (uint32_t p = 1; p <= 30; p++)  /* pending already: no second entry */
        send(p);
    for (unsigned int c = 0; c < VCPUS; c++)
        ck_assert_uint_eq(consume(c, 100, note), 10);
    for (unsigned int i = 1; i < 10; i++)
        ck_assert_uint_lt(order[i], order[i - 1]);
    ck_assert_uint_eq(order_len, 30);
}
END_TEST

START_TEST(masked)
{
    make_ipis(3);
    go_fifo();
    send(3);                                                /* 3 notifies vCPU 0; all words start masked */
    ck_assert_int_eq(evtchn_is_pending(d1, 3), 1);
    ck_assert_uint_eq(consume(0, 10, note), 0);
    guest_unmask(3);
    ck_assert_uint_eq(consume(0, 10, note), 1);
    ck_assert_int_eq(evtchn_is_pending(d1, 3), 0);
    ck_assert_int_eq(do_unmask(d1, 3), 0);                  /* not pending: nothing */
    ck_assert_uint_eq(consume(0, 10, note), 0);
    evtchn_debug_dump(d1);
    evtchn_vcpu_info_moved(d1->vcpu[2]);
    ck_assert_uint_eq(d1->vcpu[2]->info->evtchn_upcall_pending, 1);
}
END_TEST

/* Events that came in the 2-level ABI, or before their page of the array, are not lost. */
START_TEST(early)
{
    uint32_t p;

    make_ipis(3);
    send(3);
    ck_assert(pending(d1, 3));
    for (uint32_t i = 0; i < VCPUS; i++)
        ck_assert_int_eq(init_control(i, control_mfn[i], 0), 0);
    while (evtchn_bind_ipi(d1, 0, &p) == 0 && p < 1500)
        continue;
    send(1200);
    send(1300);
    ck_assert_int_eq(do_close(d1, 1300), 0);
    *W(3) = *W(1200) = *W(1300) = 0;
    ck_assert_int_eq(expand(array_mfn[0]), 0);
    ck_assert_uint_eq(consume(0, 10, note), 1);
    ck_assert_uint_eq(order[0], 3);
    ck_assert_int_eq(expand(array_mfn[1]), 0);
    ck_assert_uint_eq(consume(0, 10, note), 1);
    ck_assert_uint_eq(order[1], 1200);
    ck_assert_uint_eq(*W(1300), 0);
}
END_TEST

START_TEST(reset)
{
    uint32_t p;

    make_ipis(10);
    go_fifo();
    ck_assert_int_eq(do_reset(d0, 1), 0);                   /* by another: ports go, the ABI stays */
    ck_assert_ptr_nonnull(d1->evtchn->fifo);
    make_ipis(10);
    ck_assert_int_eq(do_reset(d1, DOMID_SELF), 0);
    ck_assert_ptr_null(d1->evtchn->fifo);
    ck_assert_uint_gt(mfn_to_frame(array_mfn[0])->count & FRAME_COUNT_MASK, 1);     /* a sender may still be there */
    fake_quiesce();
    ck_assert_uint_eq(mfn_to_frame(array_mfn[0])->count & FRAME_COUNT_MASK, 1);
    ck_assert_int_eq(do_ipi(d1, 1, &p), 0);
    ck_assert_int_eq(do_send(d1, p), 0);
    ck_assert(pending(d1, p));
    ck_assert_int_eq(do_close(d1, p), 0);
    memset(local_head, 0, sizeof(local_head));
    for (int i = 0; i < VCPUS; i++)
        memset(control[i], 0, sizeof(*control[i]));
    make_ipis(10);
    go_fifo();                                              /* and once more */
    for (p = 1; p <= 10; p++) {
        guest_unmask(p);
        send(p);
    }
    ck_assert_uint_eq(consume(0, 100, note) + consume(1, 100, note) + consume(2, 100, note), 10);
}
END_TEST

/* A guest that does everything in any order; at the end each port's last event must have been seen. */
START_TEST(random_guest)
{
    uint32_t p, port;

    srandom(100 + _i);
    make_ipis(0);
    go_fifo();
    for (uint32_t i = 1; i <= PORTS; i++)
        ck_assert_int_eq(evtchn_alloc_unbound(d1, 1, &p), 0);
    for (uint32_t i = 1; i <= PORTS; i++)
        ck_assert_int_eq(evtchn_bind_interdomain(d1, 1, i, &p), 0);
    for (uint32_t i = 1; i <= 2 * PORTS; i++)  /* binding sends one to the new end */
        sent[i > PORTS ? i : 0] = 1;
    for (uint32_t i = 1; i <= 2 * PORTS; i++)
        guest_unmask(i);
    for (int n = 0; n < 20000; n++) {
        port = 1 + (uint32_t)random() % PORTS;
        switch (random() % 10) {
        case 0: __atomic_or_fetch(W(port), 1u << EVTCHN_FIFO_MASKED, __ATOMIC_SEQ_CST); break;
        case 1: case 2: guest_unmask(port); break;
        case 3: MUST(do_bind_vcpu(d1, port, (uint32_t)random() % VCPUS) == 0); break;
        case 4: ck_assert_int_eq(set_priority(port, (uint32_t)random() % 16), 0); break;
        case 5: case 6: consume((unsigned)random() % VCPUS, (unsigned)random() % 20, note); break;
        default:                                            /* the peer's end sends to `port` */
            sent[port]++;
            MUST(evtchn_send(d1, port + PORTS) == 0);
        }
    }
    for (uint32_t i = 1; i <= 2 * PORTS; i++)
        guest_unmask(i);
    for (unsigned int c = 0; c < VCPUS; c++)
        consume(c, ~0u, note);
    for (uint32_t i = 1; i <= 2 * PORTS; i++)
        ck_assert_msg(seen[i] == sent[i], "port %u: %u of %u", i, seen[i], sent[i]);
    for (uint32_t i = 1; i <= 2 * PORTS; i++)
        ck_assert_uint_eq(*W(i), 0);
}
END_TEST

/* Words and control blocks are scribbled on between calls: the guest may lose its events, the hypervisor nothing. */
START_TEST(hostile)
{
    uint32_t p, *cb;

    srandom(1000 + _i);
    make_ipis(PORTS);
    go_fifo();
    for (int n = 0; n < 20000; n++) {
        p = 1 + (uint32_t)random() % PORTS;
        switch (random() % 6) {
        case 0: *W(p) = (uint32_t)random() << 1 ^ (uint32_t)random(); break;
        case 1: *W(p) ^= 1u << (28 + random() % 4); break;
        case 2:
            cb = (uint32_t *)control[random() % VCPUS];
            cb[random() % 18] = (uint32_t)random() << (random() % 2);
            break;
        case 3: MUST(evtchn_unmask(d1, p) == 0); break;
        case 4: set_priority(p, (uint32_t)random() % 16); break;
        default: send(p);
        }
    }
}
END_TEST

/* One CPU sends, the other consumes: the last value of each port's data must be seen. */
static unsigned int data[PORTS + 1], got[PORTS + 1];
static bool stop;
static void read_data(uint32_t port, unsigned int prio)
{
    (void)prio;
    got[port] = __atomic_load_n(&data[port], __ATOMIC_SEQ_CST);
}

static void *consumer(void *arg)
{
    unsigned int rounds = 0;

    (void)arg;
    fake_cpu_set(1);
    fake_run(d1->vcpu[0]);
    while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST)) {
        uint32_t p = rounds++ % PORTS + 1;

        for (unsigned int c = 0; c < VCPUS; c++)
            if (__atomic_load_n(&d1->vcpu[c]->info->evtchn_upcall_pending, __ATOMIC_SEQ_CST))
                consume(c, ~0u, read_data);
        __atomic_or_fetch(W(p), 1u << EVTCHN_FIFO_MASKED, __ATOMIC_SEQ_CST);
        guest_unmask(p);
    }
    for (unsigned int c = 0; c < VCPUS; c++)
        consume(c, ~0u, read_data);
    ck_assert_uint_eq(fake_locks_held(), 0);
    return NULL;
}

START_TEST(two_cpus)
{
    pthread_t t;

    make_ipis(PORTS);
    go_fifo();
    memset(data, 0, sizeof(data));
    memset(got, 0, sizeof(got));
    for (uint32_t p = 1; p <= PORTS; p++) {
        port_channel(d1->evtchn, p)->state = EVTCHNSTAT_ipi;
        guest_unmask(p);
    }
    stop = false;
    fake_run(d1->vcpu[1]);
    pthread_create(&t, NULL, consumer, NULL);
    for (int n = 0; n < 200000; n++) {
        uint32_t p = (uint32_t)(n * 7) % PORTS + 1;

        __atomic_add_fetch(&data[p], 1, __ATOMIC_SEQ_CST);
        evtchn_send(d1, p);
        if (n % 16 == 0)  /* as bind_vcpu does */
            WRITE_ONCE(port_channel(d1->evtchn, p)->vcpu, n / 16 % VCPUS);
    }
    __atomic_store_n(&stop, true, __ATOMIC_SEQ_CST);
    pthread_join(t, NULL);
    for (uint32_t p = 1; p <= PORTS; p++)
        ck_assert_msg(got[p] == data[p], "port %u: %u of %u", p, got[p], data[p]);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("hv-event-fifo");
    TCase *t = tcase_create("fifo");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, errors);
    tcase_add_test(t, priorities);
    tcase_add_test(t, first_in_first_out);
    tcase_add_test(t, masked);
    tcase_add_test(t, early);
    tcase_add_test(t, reset);
    tcase_add_loop_test(t, random_guest, 0, 5);
    tcase_add_loop_test(t, hostile, 0, 3);
    tcase_add_test(t, two_cpus);
    suite_add_tcase(s, t);
    return run_suite(s);
}
