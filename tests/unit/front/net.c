/* SPDX-License-Identifier: MIT */
/* The network front end against an honest back-end with every feature on and off, and against hostile ones. */
#include "fake.h"
#include "../run-suite.h"

#include <check.h>
#include <stdlib.h>

static struct net_device nic;
static uint8_t *memory, got[NET_MAX_PACKET + 1];
static uint32_t got_len;
static struct net_received last;
static unsigned int received, sent, sent_bad, links;
static struct net_config config;
static struct net_frag frags[20];

static void on_receive(void *arg, unsigned int queue, const struct net_received *r)
{
    (void)arg, (void)queue;
    received++;
    last = *r;
    got_len = 0;
    for (unsigned int i = 0; i < r->frags; i++) {
        ck_assert_uint_le(got_len + r->frag[i].len, sizeof(got));
        memcpy(got + got_len, r->frag[i].va, r->frag[i].len);
        got_len += r->frag[i].len;
    }
}

static void on_sent(struct net_packet *p, int error)
{
    (void)p;
    sent++;
    sent_bad += error != 0;
}

static void on_link(void *arg, bool up) { (void)arg, (void)up, links++; }

static void set_up(void)
{
    fake_init();
    fake_net_init();
    fake_quiet = !getenv("FRONT_LOG");
    memory = aligned_alloc(4096, 32 * 4096);
    for (unsigned int i = 0; i < 32 * 4096; i++)
        memory[i] = (uint8_t)(i * 11 + i / 255);
    config = (struct net_config)NET_CONFIG_ALL;
    config.receive = on_receive;
    config.link = on_link;
}

static void tear_down(void)
{
    net_close(&nic);
    free(memory);
    fake_fini();
}

static void open_it(void)
{
    fake_net_offer();
    ck_assert_int_eq(net_open(&nic, 0, &config), 0);
    ck_assert_int_eq(net_wait(&nic, os_time() + 1000000000), 0);
    ck_assert(nic.link);
}

static void poll_all(void)
{
    for (unsigned int i = 0; i < 20; i++) {
        fake_turn();
        store_poll();
        for (unsigned int q = 0; q < nic.queues; q++)
            net_poll(&nic, q);
    }
}

/* A packet of this length in memory from OFF, in N pieces that are not page-aligned. */
static int send(struct net_packet *p, uint32_t off, uint32_t len, unsigned int n, unsigned int queue)
{
    uint32_t piece = len / n;

    for (unsigned int i = 0; i < n; i++)
        frags[i] = (struct net_frag){memory + off + i * piece, i + 1 < n ? piece : len - i * piece};
    p->frag = frags;
    p->frags = n;
    p->done = on_sent;
    return net_send(&nic, queue, p);
}

START_TEST(test_features)
{
    static const uint32_t lens[] = {14, 60, 1514, 4096, 9000, 60000};
    struct net_packet p = {.frags = 0};

    fake_net.sg = _i & 1;
    fake_net.csum = _i & 2;
    fake_net.gso = _i & 4;
    fake_net.split = _i & 8;
    fake_net.queues = _i & 16 ? 3 : 1;
    fake_net.ctrl = _i & 32;
    fake_net.echo = true;
    fake_conflicts = 1;
    open_it();
    ck_assert_uint_eq(nic.queues, _i & 16 ? 3 : 1);
    ck_assert_int_eq(nic.info.gso4, (_i & 7) == 7);
    ck_assert_mem_eq(nic.info.mac, "\x00\x16\x3e\x12\xab\xcd", 6);
    for (unsigned int i = 0; i < 300; i++) { /* more than a ring */
        uint32_t len = lens[i % 6], off = i * 13 % 5000;
        unsigned int pieces = 1 + i % 3;
        int rc;

        received = sent = 0;
        p = (struct net_packet){.frags = 0};
        rc = send(&p, off, len, pieces, i);
        if (!(_i & 1) && len > 4096) {
            ck_assert_int_eq(rc, -XEN_E2BIG);
            continue;
        }
        ck_assert_int_eq(rc, 0);
        poll_all();
        ck_assert_uint_eq(sent, 1);
        ck_assert_uint_eq(received, 1);
        ck_assert_uint_eq(got_len, len);
        ck_assert_mem_eq(got, memory + off, len);
    }
    ck_assert_uint_eq(sent_bad, 0);
    ck_assert_uint_eq(fake_logged, 0);
}
END_TEST

START_TEST(test_gso)
{
    struct net_packet p = {.csum_blank = true, .gso = NET_GSO_TCPV4, .gso_size = 1448};

    fake_net.sg = fake_net.csum = true;
    fake_net.gso = _i;
    fake_net.echo = true;
    open_it();
    ck_assert_int_eq(send(&p, 100, 50000, 3, 0), _i ? 0 : -XEN_EOPNOTSUPP);
    poll_all();
    ck_assert_uint_eq(received, (unsigned int)_i);
    if (_i) {
        ck_assert_uint_eq(fake_net.gso_size, 1448);
        ck_assert(fake_net.flags & NETTXF_csum_blank);
        ck_assert(last.csum_blank && last.gso == NET_GSO_TCPV4 && last.gso_size == 1448);
        ck_assert_mem_eq(got, memory + 100, 50000);
    }
    p = (struct net_packet){.gso = NET_GSO_TCPV4, .gso_size = 1448};
    ck_assert_int_eq(send(&p, 0, 5000, 1, 0), -XEN_EINVAL);
}
END_TEST

/* Memory in more pieces than the ring takes is copied, whatever its size; for want of pages it is refused until some are back. */
START_TEST(test_many_pieces)
{
    static struct net_packet p[40];
    unsigned int n;

    fake_net.sg = fake_net.csum = fake_net.gso = true;
    fake_net.echo = true;
    open_it();
    p[0] = (struct net_packet){.csum_blank = true, .gso = NET_GSO_TCPV4, .gso_size = 1448};
    ck_assert_int_eq(send(&p[0], 7, 65000, 20, 0), 0);
    poll_all();
    ck_assert_uint_eq(received, 1);
    ck_assert_uint_eq(got_len, 65000);
    ck_assert_mem_eq(got, memory + 7, 65000);
    ck_assert(last.gso == NET_GSO_TCPV4 && last.gso_size == 1448);
    fake_net.hold = true;
    for (n = 0; n < 40; n++) {
        int rc;

        p[n] = (struct net_packet){.frags = 0};
        rc = send(&p[n], n, 30000, 20, 0);
        if (rc) {
            ck_assert_int_eq(rc, -XEN_EBUSY);
            break;
        }
    }
    ck_assert_uint_eq(n, 8); /* of 64 pages */
    fake_net.hold = false;
    poll_all();
    ck_assert_uint_eq(sent, 9);
    ck_assert_uint_eq(received, 9);
    ck_assert_mem_eq(got, memory + 7, 30000);
    ck_assert_int_eq(send(&p[0], 0, 30000, 20, 0), 0);
    poll_all();
    ck_assert_uint_eq(sent_bad, 0);
}
END_TEST

/* A page's end, or a piece's, within the Ethernet header: the header still goes out in one request. */
START_TEST(test_header_cut)
{
    struct net_packet p = {.frags = 0};

    fake_net.sg = _i & 1;
    fake_net.echo = true;
    open_it();
    for (unsigned int k = 1; k <= 15; k++) {
        received = sent = 0;
        p = (struct net_packet){.frags = 0};
        ck_assert_int_eq(send(&p, OS_PAGE_SIZE - k, 60, 1, 0), 0);
        poll_all();
        p = (struct net_packet){.frags = 0};
        ck_assert_int_eq(send(&p, 100, k * 3 + 14, 3, 0), 0);
        poll_all();
        ck_assert_uint_eq(sent, 2);
        ck_assert_uint_eq(received, 2);
        ck_assert_mem_eq(got, memory + 100, k * 3 + 14);
    }
    ck_assert_uint_eq(sent_bad, 0);
}
END_TEST

/* Each feature offered, and switched off by us. */
START_TEST(test_switched_off)
{
    fake_net.sg = fake_net.csum = fake_net.gso = fake_net.split = fake_net.ctrl = true;
    fake_net.queues = 8;
    config.queues = _i == 0 ? 1 : 4;
    config.sg = _i != 1;
    config.csum = _i != 2;
    config.gso4 = _i != 3;
    config.split_events = _i != 4;
    config.ctrl = _i != 5;
    open_it();
    ck_assert_int_eq(nic.queues == 1, _i == 0);
    ck_assert_int_eq(!nic.info.sg, _i == 1);
    ck_assert_int_eq(!nic.info.csum, _i == 2);
    ck_assert_int_eq(!nic.info.gso4, _i >= 1 && _i <= 3);
    ck_assert_int_eq(!nic.info.split_events, _i == 4);
    ck_assert_int_eq(!nic.info.ctrl, _i == 5);
    ck_assert_uint_eq(fake_get_number("device/vif/0/feature-sg"), _i != 1);
    ck_assert_uint_eq(fake_get_number("device/vif/0/feature-no-csum-offload"), _i == 2);
    ck_assert_uint_eq(fake_get_number("device/vif/0/feature-gso-tcpv4"), _i < 1 || _i > 3);
}
END_TEST

START_TEST(test_multicast)
{
    static const uint8_t group[6] = {1, 0, 0x5e, 0, 0, 1};

    fake_net.multicast = _i;
    config.multicast = true;
    open_it();
    ck_assert_uint_eq(fake_get_number("device/vif/0/request-multicast-control"), (uint64_t)_i);
    ck_assert_int_eq(net_multicast(&nic, group, true), _i ? 0 : -XEN_EOPNOTSUPP);
    ck_assert_int_eq(net_multicast(&nic, group, false), _i ? 0 : -XEN_EOPNOTSUPP);
    poll_all();
    ck_assert_uint_eq(fake_net.mcast_added, (unsigned long)_i);
    ck_assert_uint_eq(fake_net.mcast_deleted, (unsigned long)_i);
}
END_TEST

START_TEST(test_hash)
{
    static const uint8_t key[40] = {1};
    uint32_t mapping[8] = {0, 1, 0, 1, 0, 1, 0, 1};

    fake_net.queues = 2;
    fake_net.ctrl = _i;
    open_it();
    ck_assert_int_eq(net_set_hash(&nic, XEN_NETIF_CTRL_HASH_TYPE_IPV4_TCP, key, 40, mapping, 8), _i ? 0 : -XEN_EOPNOTSUPP);
    ck_assert_uint_eq(fake_net.controls, _i ? 5 : 0);
    mapping[3] = 2;
    ck_assert_int_eq(net_set_hash(&nic, XEN_NETIF_CTRL_HASH_TYPE_IPV4_TCP, key, 40, mapping, 8), _i ? -XEN_EINVAL : -XEN_EOPNOTSUPP);
}
END_TEST

START_TEST(test_refusals)
{
    struct net_packet p = {.frags = 0};

    fake_net.sg = true;
    open_it();
    ck_assert_int_eq(send(&p, 0, 13, 1, 0), -XEN_EINVAL);
    ck_assert_int_eq(send(&p, 0, 0, 1, 0), -XEN_EINVAL);
    ck_assert_int_eq(send(&p, 1, 18 * 4096, 1, 0), -XEN_E2BIG);
    p.csum_blank = true;
    ck_assert_int_eq(send(&p, 0, 100, 1, 0), -XEN_EOPNOTSUPP);
    ck_assert_uint_eq(fake_net.packets, 0);
}
END_TEST

/* A back-end that takes nothing: the ring fills, and says so; it goes on when there is room. */
START_TEST(test_full)
{
    static struct net_packet p[300];
    unsigned int n;

    open_it();
    fake_net.hold = true;
    for (n = 0; n < 300 && !send(&p[n], 0, 100, 1, 0); n++)
        ;
    ck_assert_uint_eq(n, 256);
    fake_net.hold = false;
    poll_all();
    ck_assert_uint_eq(sent, 256);
    ck_assert_int_eq(send(&p[0], 0, 100, 1, 0), 0);
}
END_TEST

START_TEST(test_no_grants)
{
    struct net_packet p = {.frags = 0};

    fake_net.sg = true;
    open_it();
    fake_grants_limit = fake_grants_used + 2;
    ck_assert_int_eq(send(&p, 0, 20000, 1, 0), -XEN_EBUSY);
    ck_assert_uint_eq(fake_grants_used, fake_grants_limit - 2);
    ck_assert_int_eq(send(&p, 0, 5000, 1, 0), 0);
    poll_all();
    ck_assert_uint_eq(sent, 1);
}
END_TEST

START_TEST(test_restart)
{
    struct net_packet p = {.frags = 0};

    fake_net.echo = true;
    open_it();
    fake_net.hold = true;
    ck_assert_int_eq(send(&p, 0, 100, 1, 0), 0);
    fake_net.queues = 3;
    fake_net_offer();
    fake_net.hold = false;
    poll_all();
    ck_assert_uint_eq(sent, 1); /* lost, and told */
    ck_assert_uint_eq(sent_bad, 1);
    ck_assert_uint_eq(nic.queues, 3);
    ck_assert_uint_eq(links, 3);
    ck_assert_int_eq(send(&p, 0, 100, 1, 2), 0);
    poll_all();
    ck_assert_uint_eq(received, 1);
}
END_TEST

START_TEST(test_bad_mac)
{
    static const char *const bad[] = {"", "00:16:3e:12:34", "00:16:3e:12:34:5g", "00-16-3e-12-34-56", "0016:3e:12:34:56:7"};

    fake_set("device/vif/0/mac", bad[_i]);
    fake_net_offer();
    ck_assert_int_eq(net_open(&nic, 0, &config), -XEN_EINVAL);
}
END_TEST

/* Hostile. */

static void tx_id(struct netif_tx_response *r) { r->id ^= 0x55; }
static void tx_huge(struct netif_tx_response *r) { r->id = 0xfff0; }
static void tx_jump(struct netif_tx_response *r)
{
    (void)r;
    fake_net_ring(0, true)->rsp_prod += 5000;
    fake_net.hold = true;
}
static void rx_id(struct netif_rx_response *r) { r->id ^= 1; }
static void rx_offset(struct netif_rx_response *r) { r->offset = 4090; }
static void rx_size(struct netif_rx_response *r) { r->status = 5000; }
static void rx_more(struct netif_rx_response *r) { r->flags |= NETRXF_more_data; }
static void rx_jump(struct netif_rx_response *r) { (void)r, fake_net_ring(0, false)->rsp_prod += 5000; }
static void rx_extra(struct netif_rx_response *r) { r->flags |= NETRXF_extra_info; }

START_TEST(test_hostile)
{
    void (*const tx[])(struct netif_tx_response *) = {tx_id, tx_huge, tx_jump};
    void (*const rx[])(struct netif_rx_response *) = {rx_id, rx_offset, rx_size, rx_more, rx_jump, rx_extra};
    struct net_packet p[40] = {{.frags = 0}};

    fake_net.echo = true;
    open_it();
    if (_i < 3)
        fake_net.answer = tx[_i];
    else
        fake_net.deliver = rx[_i - 3];
    for (unsigned int i = 0; i < 40; i++)
        send(&p[i], 0, 100, 1, 0);
    poll_all();
    ck_assert(net_broken(&nic));
    ck_assert_uint_gt(fake_logged, 0);
    ck_assert_uint_eq(sent, 40); /* each exactly once */
    ck_assert_int_eq(send(&p[0], 0, 100, 1, 0), -XEN_EIO);
}
END_TEST

/* An error instead of a packet is dropped alone. */
static void rx_error(struct netif_rx_response *r) { r->status = NETIF_RSP_ERROR; }

START_TEST(test_rx_error)
{
    struct net_packet p = {.frags = 0};

    fake_net.echo = true;
    open_it();
    fake_net.deliver = rx_error;
    ck_assert_int_eq(send(&p, 0, 100, 1, 0), 0);
    poll_all();
    fake_net.deliver = NULL;
    ck_assert_int_eq(send(&p, 0, 100, 1, 0), 0);
    poll_all();
    ck_assert_uint_eq(received, 1);
    ck_assert(!net_broken(&nic));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("front-net");
    TCase *t = tcase_create("net");

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_loop_test(t, test_features, 0, 64);
    tcase_add_loop_test(t, test_gso, 0, 2);
    tcase_add_test(t, test_many_pieces);
    tcase_add_loop_test(t, test_header_cut, 0, 2);
    tcase_add_loop_test(t, test_switched_off, 0, 6);
    tcase_add_loop_test(t, test_multicast, 0, 2);
    tcase_add_loop_test(t, test_hash, 0, 2);
    tcase_add_test(t, test_refusals);
    tcase_add_test(t, test_full);
    tcase_add_test(t, test_no_grants);
    tcase_add_test(t, test_restart);
    tcase_add_loop_test(t, test_bad_mac, 0, 5);
    tcase_add_loop_test(t, test_hostile, 0, 9);
    tcase_add_test(t, test_rx_error);
    suite_add_tcase(s, t);
    return run_suite(s);
}
