/* SPDX-License-Identifier: MIT */
/*
 * Our network front end on our back-end, both real, in one process: the rings lie in the same memory, a grant is looked up in the fake
 * machine's table, and the tap is a socket pair whose far end sends every frame back as it came.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "front/fake.h"
#include "pair.h"
/* Both have a store; the keeper's is not in this program. */
#define store_read keeper_store_read
#define store_number keeper_store_number
#define store_write keeper_store_write
#include "net/vif.h"
#include "run-suite.h"
#undef store_read
#undef store_number
#undef store_write

#define BACK "/local/domain/0/backend/vif/7/0/"
#define DEV "device/vif/0/"
#define QUEUES 3

static struct net_state state;
static struct vif vif;
static struct arena arena;
static struct net_device nic;
static struct net_config config;
static int far[NET_QUEUES_MAX];
static bool again, on;
static uint8_t *memory, got[NET_MAX_PACKET + 1];
static struct net_received last;
static unsigned received, sent, last_queue;

/* ---- the keeper's part ---- */

static void connect_back(void)
{
    struct net_connect c = { .again = again, .queues = 1 };
    int taps[NET_QUEUES_MAX];

    if (fake_get(DEV "multi-queue-num-queues"))
        c.queues = (uint8_t)fake_get_number(DEV "multi-queue-num-queues");
    c.scatter = fake_get_number(DEV "feature-sg") == 1;
    c.gso4 = fake_get_number(DEV "feature-gso-tcpv4") == 1;
    for (unsigned i = 0; i < c.queues; i++) {
        int pair[2];

        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
        taps[i] = pair[0];
        far[i] = pair[1];
        c.tx_ref[i] = (uint32_t)fake_queue_number(DEV, i, "tx-ring-ref");
        c.rx_ref[i] = (uint32_t)fake_queue_number(DEV, i, "rx-ring-ref");
        c.tx_port[i] = (uint32_t)fake_queue_number(DEV, i, config.split_events ? "event-channel-tx" : "event-channel");
        c.rx_port[i] = (uint32_t)fake_queue_number(DEV, i, config.split_events ? "event-channel-rx" : "event-channel");
    }
    c.split = config.split_events;
    c.ctrl = config.ctrl;
    c.ctrl_ref = (uint32_t)fake_get_number(DEV "ctrl-ring-ref");
    c.ctrl_port = (uint32_t)fake_get_number(DEV "event-channel-ctrl");
    ck_assert_int_eq(vif_connect(&vif, &c, taps), 0);
    on = again = true;
}

static void disconnect_back(void)
{
    for (unsigned i = 0; i < vif.n_queues; i++)
        close(far[i]);
    vif_disconnect(&vif);
    on = false;
}

/* A turn of the worker, and of the net behind it, which has one queue more than it needs: frames come back on another. */
static void turn(void)
{
    static uint8_t frame[70000];
    uint64_t front = fake_get_number(DEV "state");
    ssize_t n;

    if (!on && front == XenbusStateConnected) {
        connect_back();
        fake_set_number(BACK "state", XenbusStateConnected);
    }
    if (front == XenbusStateClosed && fake_get_number(BACK "state") != XenbusStateClosed) {
        disconnect_back();
        fake_set_number(BACK "state", XenbusStateClosed);
    }
    for (unsigned i = 0; on && i < vif.n_queues; i++) {
        tx_run(vif.queue[i]);
        while ((n = recv(far[i], frame, sizeof(frame), MSG_DONTWAIT)) > 0)
            send(far[(i + 1) % vif.n_queues], frame, (size_t)n, MSG_DONTWAIT);
    }
    for (unsigned i = 0; on && i < vif.n_queues; i++)
        rx_run(vif.queue[i]);
    if (on)
        ctrl_run(&vif);
}

/* ---- the guest's part ---- */

static void on_receive(void *arg, unsigned queue, const struct net_received *r)
{
    uint32_t at = 0;

    (void)arg;
    received++;
    last = *r;
    last_queue = queue;
    for (unsigned i = 0; i < r->frags; at += r->frag[i++].len)
        memcpy(got + at, r->frag[i].va, r->frag[i].len);
}

static void on_sent(struct net_packet *p, int error)
{
    (void)p;
    ck_assert_int_eq(error, 0);
    sent++;
}

static void set_up(void)
{
    fake_init();
    memset(&state, 0, sizeof(state));
    vif = (struct vif){ .peer = &pair_peer, .state = &state, .arena = &arena };
    ck_assert_int_eq(arena_open(&arena, &pair_peer, NET_ARENA_PAGES), 0);
    again = on = false;
    received = sent = 0;
    memory = aligned_alloc(4096, 32 * 4096);
    for (unsigned i = 0; i < 32 * 4096; i++)
        memory[i] = (uint8_t)(i * 7 + i / 253);
    config = (struct net_config)NET_CONFIG_ALL;
    config.queues = QUEUES;
    config.receive = on_receive;
}

static void tear_down(void)
{
    net_close(&nic);
    arena_close(&arena);
    free(memory);
    fake_fini();
}

static void open_it(void)
{
    static const char *const offered[] = { "feature-rx-copy", "feature-sg", "feature-gso-tcpv4", "feature-ipv6-csum-offload",
                                           "feature-gso-tcpv6", "feature-split-event-channels", "feature-ctrl-ring", "online" };
    fake_set(DEV "backend", "/local/domain/0/backend/vif/7/0");
    fake_set(DEV "backend-id", "0");
    fake_set(DEV "mac", "00:16:3e:12:ab:cd");
    fake_set(DEV "state", "1");
    for (unsigned i = 0; i < sizeof(offered) / sizeof(offered[0]); i++) {
        fake_set_in(BACK, offered[i], 1);
    }
    fake_set_number(BACK "multi-queue-max-queues", NET_QUEUES_MAX);
    fake_set_number(BACK "state", XenbusStateInitWait);
    fake_peer = turn;
    ck_assert_int_eq(net_open(&nic, 0, &config), 0);
    ck_assert_int_eq(net_wait(&nic, os_time() + 1000000000), 0);
}

static void poll_all(void)
{
    for (unsigned i = 0; i < 10; i++) {
        fake_turn();
        store_poll();
        for (unsigned q = 0; q < nic.queues; q++)
            net_poll(&nic, q);
    }
}

/* A TCP segment in the memory at `off`. */
static void make_tcp(uint32_t off, uint16_t port)
{
    static const uint8_t head[54] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0x16, 0x3e, 0x12, 0xab, 0xcd, 8, 0, 0x45, 0, 0, 0, 0, 0, 0, 0,
                                      64, 6, 0, 0, 10, 0, 0, 2, 10, 0, 0, 1, 0, 0, 0, 80, [46] = 0x50, [47] = 0x10 };

    memcpy(memory + off, head, sizeof(head));
    memory[off + 34] = (uint8_t)(port >> 8);
    memory[off + 35] = (uint8_t)port;
}

static int send_it(struct net_packet *p, uint32_t off, uint32_t len, unsigned pieces, unsigned queue)
{
    static struct net_frag frag[30];

    for (unsigned i = 0; i < pieces; i++)
        frag[i] = (struct net_frag){ memory + off + len / pieces * i, i + 1 < pieces ? len / pieces : len - len / pieces * i };
    p->frag = frag;
    p->frags = pieces;
    p->done = on_sent;
    return net_send(&nic, queue, p);
}

/* Every packet comes back whole, with its checksum and segmentation wishes, whatever is switched off. */
START_TEST(both_ways)
{
    static const uint32_t lens[] = { 60, 1514, 4096, 9000, 30000, 65471 };
    struct net_packet p;

    config.sg = !(_i & 1);
    config.csum = !(_i & 2);
    config.gso4 = !(_i & 4);
    config.split_events = !(_i & 8);
    config.ctrl = !(_i & 16);
    config.queues = _i & 32 ? 1 : QUEUES;
    open_it();
    ck_assert_uint_eq(nic.queues, config.queues);
    for (unsigned i = 0; i < 400; i++) {
        uint32_t len = lens[i % 6], off = i * 13 % 5000;
        bool gso = len > 1514 && nic.info.gso4;

        if (len > 4096 && !nic.info.sg)
            continue;
        make_tcp(off, 1);
        p = (struct net_packet){ .csum_blank = nic.info.csum, .gso = gso ? NET_GSO_TCPV4 : NET_GSO_NONE, .gso_size = gso ? 1448 : 0 };
        received = sent = 0;
        ck_assert_int_eq(send_it(&p, off, len, 1 + i % 30, i), 0);
        poll_all();
        ck_assert_uint_eq(sent, 1);
        ck_assert_uint_eq(received, 1);
        ck_assert_uint_eq(last.len, len);
        ck_assert_mem_eq(got, memory + off, len);
        ck_assert_int_eq(last.csum_blank, nic.info.csum);
        ck_assert_uint_eq(last.gso_size, gso ? 1448 : 0);
    }
    ck_assert_uint_eq(state.stats.tx_errors + state.stats.rx_errors, 0);
}
END_TEST

/* Each packet comes on the queue that its hash names, with the hash, also after the back-end was started again. */
START_TEST(spread_by_hash)
{
    uint32_t map_of[64], seen = 0;
    uint8_t key[40];

    for (unsigned i = 0; i < 64; i++)
        map_of[i] = i % QUEUES;
    for (unsigned i = 0; i < sizeof(key); i++)
        key[i] = (uint8_t)(i * i * 73 + i * 5 + 0x6d);
    open_it();
    ck_assert_int_eq(net_set_hash(&nic, XEN_NETIF_CTRL_HASH_TYPE_IPV4_TCP, key, sizeof(key), map_of, 64), 0);
    for (unsigned i = 0; i < 200; i++) {
        struct net_packet p = { .csum_blank = true };

        if (i == 100) {
            disconnect_back();
            connect_back();
        }
        make_tcp(0, (uint16_t)i);
        received = 0;
        ck_assert_int_eq(send_it(&p, 0, 5000, 1, i), 0);
        poll_all();
        ck_assert_uint_eq(received, 1);
        ck_assert_uint_eq(last.hash_type, _XEN_NETIF_CTRL_HASH_TYPE_IPV4_TCP);
        ck_assert_uint_eq(last_queue, map_of[last.hash % 64]);
        ck_assert_mem_eq(got, memory, 5000);
        seen |= 1u << last_queue;
    }
    ck_assert_uint_eq(seen, 7);
    ck_assert_int_eq(net_set_hash(&nic, 0, NULL, 0, NULL, 0), 0);
}
END_TEST

/* Rings full both ways: nothing is lost that the front end took. */
START_TEST(full_rings)
{
    static struct net_packet p[2000];
    unsigned n = 0;

    config.queues = 1;
    open_it();
    for (unsigned round = 0; round < 200; round++) {
        while (n < 2000) {
            p[n] = (struct net_packet){ .csum_blank = true };
            make_tcp(0, 1);
            if (send_it(&p[n], 0, 3000, 1 + n % 20, 0))
                break;
            n++;
        }
        poll_all();
    }
    ck_assert_uint_eq(n, 2000);
    ck_assert_uint_eq(sent, 2000);
    ck_assert_uint_eq(received, 2000);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pair-net");
    TCase *t = tcase_create("ours on ours");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, both_ways, 0, 64);
    tcase_add_test(t, spread_by_hash);
    tcase_add_test(t, full_rings);
    suite_add_tcase(s, t);
    return run_suite(s);
}
