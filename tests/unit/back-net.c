/* SPDX-License-Identifier: MIT */
/* vellum-netd's rings and filters against a guest that does everything it must not; a socket pair is the tap. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "back-net.h"
#include "net/packet.h"
#include "run-suite.h"

START_TEST(sends)
{
    make_tcp(fake.pages[DATA], 1000);
    put(0, 1000, NETTXF_data_validated);
    run();
    ck_assert_int_eq(answer(), NETIF_RSP_OKAY);
    ck_assert_int_eq(arrived(out, &header), 1000);
    ck_assert_mem_eq(out, fake.pages[DATA], 1000);
    ck_assert_uint_eq(header.flags, VIRTIO_NET_HDR_F_DATA_VALID);
    ck_assert_uint_eq(state.stats.tx_bytes, 1000);
}
END_TEST

START_TEST(sends_large_segments)
{
    struct netif_extra_info gso = { .type = XEN_NETIF_EXTRA_TYPE_GSO, .u.gso = { .size = 1448, .type = XEN_NETIF_GSO_TYPE_TCPV4 } };

    make_tcp(fake.pages[DATA], PAGE);
    put(0, 3 * PAGE, NETTXF_csum_blank | NETTXF_data_validated | NETTXF_extra_info | NETTXF_more_data);
    put_extra(gso);
    memset(fake.pages[DATA + 1], 0x11, PAGE);
    put(1, PAGE, NETTXF_more_data);
    put(2, PAGE, 0);
    run();
    ck_assert_uint_eq(fake.operations, 3);
    ck_assert_int_eq(answer(), NETIF_RSP_OKAY);
    ck_assert_int_eq(answer(), NETIF_RSP_NULL);
    ck_assert_int_eq(answer(), NETIF_RSP_OKAY);
    ck_assert_int_eq(answer(), NETIF_RSP_OKAY);
    ck_assert_int_eq(arrived(out, &header), 3 * PAGE);
    ck_assert_mem_eq(out + PAGE, fake.pages[DATA + 1], PAGE);
    ck_assert_uint_eq(header.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
    ck_assert_uint_eq(header.csum_start, 34);
    ck_assert_uint_eq(header.csum_offset, 16);
    ck_assert_uint_eq(header.gso_type, VIRTIO_NET_HDR_GSO_TCPV4);
    ck_assert_uint_eq(header.gso_size, 1448);
    ck_assert_uint_eq(header.hdr_len, 54);
}
END_TEST

static uint16_t sum16(const uint8_t *p, unsigned n, uint32_t sum)
{
    for (unsigned i = 0; i < n; i += 2)
        sum += (unsigned)(p[i] << 8 | p[i + 1]);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

static void put_be16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

/* The sum that stands in a TCP header whose checksum was left out. */
static uint16_t pseudo_sum(const uint8_t *p, unsigned size)
{
    return sum16(p + 26, 8, 6 + size - 34);
}

/* What comes out of the tap is a whole packet: sums and lengths are right. */
static void check_tcp(const uint8_t *p, unsigned size)
{
    ck_assert_uint_eq((unsigned)(p[16] << 8 | p[17]), size - 14);
    ck_assert_uint_eq(sum16(p + 14, 20, 0), 0xffff);
    ck_assert_uint_eq((unsigned)(p[50] << 8 | p[51]), pseudo_sum(p, size));
}

START_TEST(splits_what_is_too_large_for_the_tap)
{
    struct netif_extra_info gso = { .type = XEN_NETIF_EXTRA_TYPE_GSO, .u.gso = { .size = 1448, .type = XEN_NETIF_GSO_TYPE_TCPV4 } };
    static uint8_t whole[65500];
    unsigned size = sizeof(whole), first, second;

    make_tcp(whole, size);
    put_be16(whole + 16, size - 14);
    put_be16(whole + 18, 0xfff8);               /* number of the IP packet; it and the sequence wrap */
    put_be16(whole + 24, (uint16_t)~sum16(whole + 14, 20, 0));
    memset(whole + 38, 0xff, 4);
    whole[47] = 0x99;                           /* CWR, ACK, PSH, FIN */
    put_be16(whole + 50, pseudo_sum(whole, size));
    check_tcp(whole, size);
    for (unsigned i = 0; i < 16; i++)
        memcpy(fake.pages[DATA + i], whole + i * PAGE, i < 15 ? PAGE : size - 15 * PAGE);
    put(0, size, NETTXF_csum_blank | NETTXF_data_validated | NETTXF_extra_info | NETTXF_more_data);
    put_extra(gso);
    for (unsigned i = 1; i < 16; i++)
        put(i, i < 15 ? PAGE : size - 15 * PAGE, i < 15 ? NETTXF_more_data : 0);
    run();
    ck_assert_int_eq(answer(), NETIF_RSP_OKAY);

    first = (unsigned)arrived(out, &header);
    ck_assert_uint_eq((first - 54) % 1448, 0);
    ck_assert_uint_eq(header.hdr_len, 54);
    ck_assert_uint_eq(header.gso_size, 1448);
    check_tcp(out, first);
    ck_assert_uint_eq(out[47], 0x90);
    ck_assert_mem_eq(out + 38, whole + 38, 4);
    ck_assert_mem_eq(out + 54, whole + 54, first - 54);

    second = (unsigned)arrived(out, &header);
    ck_assert_uint_eq(first + second - 54, size);
    check_tcp(out, second);
    ck_assert_uint_eq((unsigned)(out[18] << 8 | out[19]), (0xfff8 + (first - 54) / 1448) & 0xffff);
    ck_assert_uint_eq((unsigned)(out[38] << 24 | out[39] << 16 | out[40] << 8 | out[41]), 0xffffffff + (first - 54));
    ck_assert_uint_eq(out[47], 0x19);
    ck_assert_mem_eq(out + 54, whole + first, second - 54);
    ck_assert_int_eq(arrived(out, &header), -1);
}
END_TEST

/* As Linux cuts a large one: headers, the rest of a page, pages, the beginning of one. */
START_TEST(copies_page_by_page)
{
    static const struct { uint16_t offset, size; } slots[] = { { 700, 66 }, { 1000, 3096 }, { 0, PAGE }, { 0, PAGE }, { 0, 500 } };
    unsigned whole = 66 + 3096 + 2 * PAGE + 500;

    for (unsigned i = 0; i < 5; i++)
        memset(fake.pages[DATA + i], (int)i + 1, PAGE);
    for (unsigned i = 0; i < 5; i++)
        put(i, i ? slots[i].size : whole, i < 4 ? NETTXF_more_data : 0)->offset = slots[i].offset;
    run();
    ck_assert_uint_eq(fake.operations, 5);
    ck_assert_int_eq(arrived(out, &header), (int)whole);
    for (unsigned i = 0, at = 0; i < 5; at += slots[i++].size) {
        ck_assert_uint_eq(out[at], i + 1);
        ck_assert_uint_eq(out[at + slots[i].size - 1], i + 1);
    }
}
END_TEST

static void refused(unsigned slots)
{
    run();
    ck_assert_uint_eq(tx.sring->rsp_prod, tx.req_prod_pvt);
    while (slots--)
        ck_assert_int_lt(answer(), NETIF_RSP_OKAY);
    ck_assert_int_eq(arrived(out, &header), -1);
}

START_TEST(refuses_bad_packets)
{
    make_tcp(fake.pages[DATA], PAGE);
    put(0, 13, 0);
    refused(1);
    put(0, 0, 0);
    refused(1);
    put(0, 1000, 0)->offset = 4000;
    refused(1);
    put(0, 1000, 0)->offset = 0xffff;
    refused(1);
    put(0, PAGE + 1, 0);
    refused(1);
    put(0, 1000, 0)->gref = FAKE_NO_GRANT;
    refused(1);
    put(0, 100, NETTXF_more_data);      /* the second is larger than the whole */
    put(1, 200, 0);
    refused(2);
    put(0, 1000, NETTXF_more_data);
    put(1, 0, 0);
    refused(2);
    put(0, 60000, NETTXF_more_data);    /* more slots than a packet may have */
    for (int i = 0; i < 20; i++)
        put(1, 100, i < 19 ? NETTXF_more_data : 0);
    refused(21);
    memset(fake.pages[DATA], 0, 64);    /* no checksum that could be left out */
    put(0, 100, NETTXF_csum_blank);
    refused(1);
}
END_TEST

START_TEST(refuses_bad_extras)
{
    static const struct netif_extra_info bad[] = {
        { .type = XEN_NETIF_EXTRA_TYPE_NONE }, { .type = 77 },
        { .type = XEN_NETIF_EXTRA_TYPE_GSO, .u.gso = { .size = 0, .type = XEN_NETIF_GSO_TYPE_TCPV4 } },
        { .type = XEN_NETIF_EXTRA_TYPE_GSO, .u.gso = { .size = 9, .type = 9 } },
    };

    make_tcp(fake.pages[DATA], PAGE);
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        put(0, 1000, NETTXF_extra_info | NETTXF_csum_blank);
        put_extra(bad[i]);
        run();
        ck_assert_int_eq(answer(), NETIF_RSP_ERROR);
        ck_assert_int_eq(answer(), NETIF_RSP_NULL);
        ck_assert_int_eq(arrived(out, &header), -1);
    }
}
END_TEST

START_TEST(stops_at_a_torn_packet)
{
    put(0, 1000, NETTXF_more_data);
    run();
    ck_assert(vif.queue[0]->tx_broken);
    ck_assert_uint_eq(tx.sring->rsp_prod, 0);
}
END_TEST

START_TEST(stops_at_impossible_indices)
{
    tx.req_prod_pvt += 257;
    run();
    ck_assert(vif.queue[0]->tx_broken);
    rx.sring->req_prod = 100000;
    rx_run(vif.queue[0]);
    ck_assert(vif.queue[0]->rx_broken);
}
END_TEST

START_TEST(filters_addresses)
{
    vif.rules = (struct net_rules){ .mac = { 0, 0x16, 0x3e, 0, 0, 1 }, .check_mac = 1, .check_ip = 1, .n_ip4 = 1,
                                    .ip4 = { { 10, 0, 0, 2 } } };
    make_tcp(fake.pages[DATA], 100);
    put(0, 100, 0);
    run();
    ck_assert_int_eq(answer(), NETIF_RSP_OKAY);
    ck_assert_int_eq(arrived(out, &header), 100);
    fake.pages[DATA][11] = 2;           /* another's MAC */
    put(0, 100, 0);
    refused(1);
    fake.pages[DATA][11] = 1;
    fake.pages[DATA][29] = 3;           /* another's IP */
    put(0, 100, 0);
    refused(1);
    ck_assert_uint_eq(state.stats.tx_spoofed, 2);
}
END_TEST

START_TEST(limits_the_rate)
{
    vif.limit = (struct limit){ .rate = 10000, .burst = 2000 };
    make_tcp(fake.pages[DATA], 1000);
    for (int i = 0; i < 6; i++)
        put(0, 1000, 0);
    RING_PUSH_REQUESTS(&tx);
    ck_assert_uint_gt(tx_run(vif.queue[0]), 1);
    ck_assert_uint_ge(tx.sring->rsp_prod, 2);
    ck_assert_uint_le(tx.sring->rsp_prod, 3);
    ck_assert_uint_eq(state.stats.throttled, 1);
}
END_TEST

/* ---- to the guest ---- */

START_TEST(receives)
{
    struct netif_extra_info extra;
    netif_rx_response_t r;

    offer(8);
    arrive(900, (struct virtio_net_hdr){ .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM });
    arrive(5000, (struct virtio_net_hdr){ .gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 1400 });
    rx_run(vif.queue[0]);
    r = got();
    ck_assert_int_eq(r.status, 900);
    ck_assert_uint_eq(r.flags, NETRXF_csum_blank | NETRXF_data_validated);
    make_tcp(out, 5000);
    ck_assert_mem_eq(fake.pages[DATA], out, 900);
    r = got();
    ck_assert_int_eq(r.status, PAGE);
    ck_assert_uint_eq(r.flags, NETRXF_extra_info | NETRXF_more_data);
    memcpy(&extra, RING_GET_RESPONSE(&rx, rx.rsp_cons), sizeof(extra));
    ck_assert_uint_eq(extra.u.gso.size, 1400);
    got();
    r = got();
    ck_assert_int_eq(r.status, 5000 - PAGE);
    ck_assert_uint_eq(r.flags, 0);
    ck_assert_mem_eq(fake.pages[DATA + 3], out + PAGE, 5000 - PAGE);
    ck_assert_uint_eq(fake.operations, 3);
    ck_assert_uint_eq(rx.rsp_cons, rx.sring->rsp_prod);
}
END_TEST

START_TEST(waits_for_a_guest_without_pages)
{
    offer(1);
    arrive(5000, (struct virtio_net_hdr){ 0 });
    arrive(100, (struct virtio_net_hdr){ 0 });
    rx_run(vif.queue[0]);
    ck_assert_uint_eq(rx.sring->rsp_prod, 0);
    ck_assert(vif.queue[0]->rx_full);
    for (int i = 0; i < 100; i++)       /* events without end change nothing */
        rx_run(vif.queue[0]);
    offer(2);
    rx_run(vif.queue[0]);
    ck_assert_uint_eq(rx.sring->rsp_prod, 3);
    ck_assert_int_eq(got().status, PAGE);
    ck_assert_int_eq(got().status, 5000 - PAGE);
    ck_assert_int_eq(got().status, 100);
}
END_TEST

/* One packet has waited, and another has to wait while the first is on its way. */
START_TEST(keeps_what_waited)
{
    static uint8_t all[HEADER + 9000];

    offer(1);
    memset(all + HEADER, 'a', 5000);
    ck_assert_int_eq(send(far, all, HEADER + 5000, 0), HEADER + 5000);
    rx_run(vif.queue[0]);
    memset(all + HEADER, 'b', 9000);
    ck_assert_int_eq(send(far, all, HEADER + 9000, 0), HEADER + 9000);
    offer(2);
    rx_run(vif.queue[0]);
    ck_assert_uint_eq(rx.sring->rsp_prod, 2);
    ck_assert(vif.queue[0]->rx_full);
    for (unsigned i = 0; i < 5000; i++)
        ck_assert_int_eq(fake.pages[DATA + i / PAGE][i % PAGE], 'a');
    offer(2);
    rx_run(vif.queue[0]);
    ck_assert_uint_eq(rx.sring->rsp_prod, 5);
    for (unsigned i = 0; i < 9000; i++)
        ck_assert_int_eq(fake.pages[DATA + 2 + i / PAGE][i % PAGE], 'b');
}
END_TEST

START_TEST(survives_bad_pages)
{
    offer(2);
    fake.revoked[DATA] = true;
    arrive(100, (struct virtio_net_hdr){ 0 });
    arrive(200, (struct virtio_net_hdr){ 0 });
    rx_run(vif.queue[0]);
    ck_assert_int_eq(got().status, NETIF_RSP_ERROR);
    ck_assert_int_eq(got().status, 200);
    ck_assert_uint_eq(state.stats.rx_errors, 1);
}
END_TEST

START_TEST(keeps_to_what_the_guest_can)
{
    offer(4);
    arrive(5000, (struct virtio_net_hdr){ 0 });         /* no scatter/gather */
    arrive(101, (struct virtio_net_hdr){ 0 });          /* multicast (the first byte is 0: not one) */
    rx_run(vif.queue[0]);
    ck_assert_int_eq(got().status, 101);
    ck_assert_uint_eq(state.stats.rx_dropped, 1);
}
END_TEST

START_TEST(parses_noise)
{
    struct net_rules rules = { .check_mac = 1, .check_ip = 1, .n_ip4 = 1, .n_ip6 = 1 };
    struct packet_layout p;

    srand(99);
    for (int i = 0; i < 200000; i++) {
        unsigned size = (unsigned)rand() % 120;
        uint8_t *data = malloc(size + 1);

        make_tcp(data, size);
        for (int k = rand() % 12; k >= 0 && size; k--)
            data[(unsigned)rand() % size] = (uint8_t)rand();
        if (size > 13 && rand() % 3 == 0)
            memcpy(data + 12, (uint8_t[]){ 0x86, 0xdd }, 2);
        if (packet_parse(data, size, &p)) {
            ck_assert_uint_le(p.l4, size);
            if (p.checksum)
                ck_assert_uint_le((unsigned)p.l4 + p.checksum + 2, size);
            ck_assert_uint_le(p.payload, size);
        }
        packet_allowed(data, size, &rules);
        free(data);
    }
}
END_TEST

START_TEST(survives_noise)
{
    srand(17 + (unsigned)_i);
    fake.revoked[TX] = fake.revoked[RX] = true;
    for (int round = 0; round < 5000 && !vif.queue[0]->tx_broken; round++) {
        for (int i = rand() % 20; i >= 0; i--) {
            netif_tx_request_t *r = put((unsigned)rand() % 16, (unsigned)rand() % 6000, rand() % 8 ? 0 : (unsigned)rand() % 16);

            if (rand() % 4 == 0)
                ((uint8_t *)r)[(unsigned)rand() % sizeof(*r)] = (uint8_t)rand();
        }
        put(0, 60, 0);
        run();
        while (arrived(out, &header) >= 0)
            ;
    }
    ck_assert(vif.queue[0]->tx_broken || tx.sring->rsp_prod == tx.req_prod_pvt);
}
END_TEST

static TCase *with_all_features(const char *name, void (*setup_it)(void))
{
    TCase *full = tcase_create(name);

    tcase_add_checked_fixture(full, setup_it, teardown);
    tcase_set_timeout(full, 60);
    tcase_add_test(full, sends);
    tcase_add_test(full, sends_large_segments);
    tcase_add_test(full, splits_what_is_too_large_for_the_tap);
    tcase_add_test(full, copies_page_by_page);
    tcase_add_test(full, refuses_bad_packets);
    tcase_add_test(full, refuses_bad_extras);
    tcase_add_test(full, stops_at_a_torn_packet);
    tcase_add_test(full, stops_at_impossible_indices);
    tcase_add_test(full, filters_addresses);
    tcase_add_test(full, limits_the_rate);
    tcase_add_test(full, receives);
    tcase_add_test(full, waits_for_a_guest_without_pages);
    tcase_add_test(full, keeps_what_waited);
    tcase_add_test(full, survives_bad_pages);
    tcase_add_test(full, parses_noise);
    tcase_add_loop_test(full, survives_noise, 0, 20);
    add_spreading(full);
    return full;
}

int main(void)
{
    Suite *s = suite_create("back-net");
    TCase *plain = tcase_create("no features");

    suite_add_tcase(s, with_all_features("all features", setup));
    suite_add_tcase(s, with_all_features("all features, shared pages", setup_shared));
    tcase_add_checked_fixture(plain, setup_plain, teardown);
    tcase_add_test(plain, keeps_to_what_the_guest_can);
    add_groups(plain);
    suite_add_tcase(s, plain);
    return run_suite(s);
}
