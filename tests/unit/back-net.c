/* SPDX-License-Identifier: MIT */
/* vellum-netd's rings and filters against a guest that does everything it must not; a socket pair is the tap. */
#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "back-peer.h"
#include "net/packet.h"
#include "net/vif.h"

#define TX 0                    /* pages of the guest's: two rings, data from here on */
#define RX 1
#define DATA 16
#define HEADER sizeof(struct virtio_net_hdr)

static struct fake_peer fake;
static struct net_state state;
static struct vif vif;
static netif_tx_front_ring_t tx;
static netif_rx_front_ring_t rx;
static int far;                 /* the tap's other end */

static void setup_with(struct net_connect c)
{
    int pair[2];

    fake_peer_init(&fake);
    memset(&state, 0, sizeof(state));
    memset(&vif, 0, sizeof(vif));
    vif.peer = &fake.peer;
    vif.state = &state;
    SHARED_RING_INIT((netif_tx_sring_t *)fake.pages[TX]);
    SHARED_RING_INIT((netif_rx_sring_t *)fake.pages[RX]);
    FRONT_RING_INIT(&tx, (netif_tx_sring_t *)fake.pages[TX], PAGE);
    FRONT_RING_INIT(&rx, (netif_rx_sring_t *)fake.pages[RX], PAGE);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
    far = pair[1];
    c.queues = 1;
    c.tx_ref[0] = TX;
    c.rx_ref[0] = RX;
    c.tx_port[0] = c.rx_port[0] = 3;
    ck_assert_int_eq(vif_connect(&vif, &c, &pair[0]), 0);
}

static void setup(void)
{
    setup_with((struct net_connect){ .scatter = 1, .gso4 = 1, .gso6 = 1 });
}

static void setup_plain(void)
{
    setup_with((struct net_connect){ 0 });
    vif.rules.multicast_control = 1;
}

static void teardown(void)
{
    vif_disconnect(&vif);
    close(far);
    ck_assert_uint_eq(fake.mapped, 0);
    ck_assert_uint_eq(fake.bound, 0);
    fake_peer_free(&fake);
}

/* ---- packets ---- */

/* A TCP segment of a size; the addresses are 10.0.0.2 → 10.0.0.1. */
static void make_tcp(uint8_t *p, unsigned size)
{
    static const uint8_t head[] = {
        0, 1, 2, 3, 4, 5, 0, 0x16, 0x3e, 0, 0, 1, 8, 0, 0x45, 0, 0, 0, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 2, 10, 0, 0, 1,
        0x12, 0x34, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x10, 1, 0, 0, 0, 0, 0,
    };

    for (unsigned i = 0; i < size; i++)
        p[i] = (uint8_t)(i * 3);
    memcpy(p, head, size < sizeof(head) ? size : sizeof(head));
}

static netif_tx_request_t *put(unsigned page, unsigned size, unsigned flags)
{
    netif_tx_request_t *r = RING_GET_REQUEST(&tx, tx.req_prod_pvt);

    *r = (netif_tx_request_t){ .gref = DATA + page, .flags = (uint16_t)flags, .size = (uint16_t)size,
                               .id = (uint16_t)tx.req_prod_pvt };
    tx.req_prod_pvt++;
    return r;
}

static void put_extra(struct netif_extra_info extra)
{
    memcpy(RING_GET_REQUEST(&tx, tx.req_prod_pvt), &extra, sizeof(extra));
    tx.req_prod_pvt++;
}

static void run(void)
{
    RING_PUSH_REQUESTS(&tx);
    while (tx_run(vif.queue[0]) == 1)
        ;
}

static int answer(void)
{
    netif_tx_response_t r;

    ck_assert_uint_ne(tx.rsp_cons, tx.sring->rsp_prod);
    RING_COPY_RESPONSE(&tx, tx.rsp_cons, &r);
    tx.rsp_cons++;
    return r.status;
}

/* What came out of the tap: its size less the header; -1: nothing. */
static int arrived(uint8_t *buffer, struct virtio_net_hdr *h)
{
    static uint8_t all[70000];
    ssize_t n = recv(far, all, sizeof(all), MSG_DONTWAIT);

    if (n < (ssize_t)HEADER)
        return -1;
    memcpy(h, all, HEADER);
    memcpy(buffer, all + HEADER, (size_t)n - HEADER);
    return (int)(n - (ssize_t)HEADER);
}

static uint8_t out[70000];
static struct virtio_net_hdr header;

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

static void offer(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        *RING_GET_REQUEST(&rx, rx.req_prod_pvt) = (netif_rx_request_t){ .id = (uint16_t)(rx.req_prod_pvt & 255),
                                                                        .gref = DATA + (rx.req_prod_pvt & 127) };
        rx.req_prod_pvt++;
    }
    RING_PUSH_REQUESTS(&rx);
}

static void arrive(unsigned size, struct virtio_net_hdr h)
{
    static uint8_t all[70000];

    memcpy(all, &h, HEADER);
    make_tcp(all + HEADER, size);
    ck_assert_int_eq(send(far, all, HEADER + size, 0), (ssize_t)(HEADER + size));
}

static netif_rx_response_t got(void)
{
    netif_rx_response_t r;

    ck_assert_uint_ne(rx.rsp_cons, rx.sring->rsp_prod);
    RING_COPY_RESPONSE(&rx, rx.rsp_cons, &r);
    rx.rsp_cons++;
    return r;
}

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

/* A multicast frame to the group; was it delivered? */
static bool group_comes(uint8_t group)
{
    uint64_t dropped = state.stats.rx_dropped;
    uint8_t frame[HEADER + 60] = { 0 };

    memcpy(frame + HEADER, (uint8_t[]){ 1, 0, 0x5e, 0, 0, group }, 6);
    ck_assert_int_eq(send(far, frame, sizeof(frame), 0), (int)sizeof(frame));
    rx_run(vif.queue[0]);
    return state.stats.rx_dropped == dropped && got().status == 60;
}

static void ask_for(unsigned type, uint8_t group)
{
    put(0, 0, NETTXF_extra_info);
    put_extra((struct netif_extra_info){ .type = (uint8_t)type, .u.mcast = { .addr = { 1, 0, 0x5e, 0, 0, group } } });
    run();
    ck_assert_int_eq(answer(), NETIF_RSP_OKAY);
    ck_assert_int_eq(answer(), NETIF_RSP_NULL);
}

START_TEST(delivers_groups_asked_for)
{
    struct net_connect c = vif.features;
    int pair[2];

    offer(30);
    ck_assert(!group_comes(1));
    ask_for(XEN_NETIF_EXTRA_TYPE_MCAST_ADD, 1);
    ask_for(XEN_NETIF_EXTRA_TYPE_MCAST_ADD, 2);
    ck_assert(group_comes(1) && group_comes(2) && !group_comes(3));
    ask_for(XEN_NETIF_EXTRA_TYPE_MCAST_DEL, 1);
    ck_assert(!group_comes(1) && group_comes(2));
    vif.rules.multicast_control = 0;    /* at any time */
    ck_assert(group_comes(3));
    vif.rules.multicast_control = 1;
    for (int again = 1; again >= 0; again--) {  /* a successor of this worker; then another connection */
        vif_disconnect(&vif);
        close(far);
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
        far = pair[1];
        c.again = (uint8_t)again;
        ck_assert_int_eq(vif_connect(&vif, &c, &pair[0]), 0);
        ck_assert(group_comes(2) == again);
    }
    for (unsigned i = 0; i < 70; i++)
        ask_for(XEN_NETIF_EXTRA_TYPE_MCAST_ADD, (uint8_t)i);
    ck_assert_uint_eq(state.n_multicast, 64);
}
END_TEST

/* ---- spreading ---- */

#define CTRL 2                  /* page of the ring; keys and tables lie in SET */
#define SET 3

/* The key and packets by which cards are checked; the results are those published with them. */
static const uint8_t key[40] = {
    0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb,
    0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

static void make_known(uint8_t p[100])
{
    static const uint8_t addresses[] = { 66, 9, 149, 187, 161, 142, 100, 80, 2794 >> 8, 2794 & 255, 1766 >> 8, 1766 & 255 };

    make_tcp(p, 100);
    memcpy(p + 26, addresses, sizeof(addresses));
}

START_TEST(hashes_as_published)
{
    struct net_hash h = { .algorithm = XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ };
    struct packet_hash out;
    uint8_t p[100];

    make_known(p);
    memcpy(h.key, key, sizeof(key));
    ck_assert(!hash_packet(&h, p, sizeof(p), &out));
    h.types = XEN_NETIF_CTRL_HASH_TYPE_IPV4;
    ck_assert(hash_packet(&h, p, sizeof(p), &out));
    ck_assert_uint_eq(out.value, 0x323e8fc2);
    ck_assert_uint_eq(out.type, _XEN_NETIF_CTRL_HASH_TYPE_IPV4);
    h.types |= XEN_NETIF_CTRL_HASH_TYPE_IPV4_TCP;
    ck_assert(hash_packet(&h, p, sizeof(p), &out));
    ck_assert_uint_eq(out.value, 0x51ccc178);
    ck_assert_uint_eq(out.type, _XEN_NETIF_CTRL_HASH_TYPE_IPV4_TCP);
    p[20] = 0x20;               /* fragments: all by addresses */
    ck_assert(hash_packet(&h, p, sizeof(p), &out));
    ck_assert_uint_eq(out.value, 0x323e8fc2);
    p[12] = 0x12;               /* no IP */
    ck_assert(!hash_packet(&h, p, sizeof(p), &out));
}
END_TEST

static xen_netif_ctrl_front_ring_t ctrl;

static uint32_t control(unsigned type, uint32_t a, uint32_t b, uint32_t c)
{
    struct xen_netif_ctrl_response r;

    *RING_GET_REQUEST(&ctrl, ctrl.req_prod_pvt) =
        (struct xen_netif_ctrl_request){ .id = (uint16_t)ctrl.req_prod_pvt, .type = (uint16_t)type, .data = { a, b, c } };
    ctrl.req_prod_pvt++;
    RING_PUSH_REQUESTS(&ctrl);
    ctrl_run(&vif);
    ck_assert_uint_ne(ctrl.rsp_cons, ctrl.sring->rsp_prod);
    RING_COPY_RESPONSE(&ctrl, ctrl.rsp_cons, &r);
    ck_assert_uint_eq(r.id, (uint16_t)ctrl.rsp_cons);
    ctrl.rsp_cons++;
    return r.status;
}

START_TEST(is_told_how_to_spread)
{
    struct net_connect c = { .queues = 1, .ctrl = 1, .ctrl_ref = CTRL, .ctrl_port = 5 };
    uint32_t *map = (uint32_t *)fake.pages[SET];
    struct netif_extra_info extra;
    uint8_t frame[HEADER + 100] = { 0 };

    SHARED_RING_INIT((xen_netif_ctrl_sring_t *)fake.pages[CTRL]);
    FRONT_RING_INIT(&ctrl, (xen_netif_ctrl_sring_t *)fake.pages[CTRL], PAGE);
    ck_assert_int_eq(ctrl_open(&vif, &c), 0);
    memcpy(fake.pages[SET], key, sizeof(key));
    ck_assert_uint_eq(control(XEN_NETIF_CTRL_TYPE_SET_HASH_KEY, SET, 40, 0), XEN_NETIF_CTRL_STATUS_NOT_SUPPORTED);
    ck_assert_uint_eq(control(XEN_NETIF_CTRL_TYPE_SET_HASH_ALGORITHM, 2, 0, 0), XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER);
    ck_assert_uint_eq(control(XEN_NETIF_CTRL_TYPE_SET_HASH_ALGORITHM, 1, 0, 0), XEN_NETIF_CTRL_STATUS_SUCCESS);
    ck_assert_uint_eq(control(XEN_NETIF_CTRL_TYPE_SET_HASH_KEY, SET, 65, 0), XEN_NETIF_CTRL_STATUS_BUFFER_OVERFLOW);
    ck_assert_uint_eq(control(XEN_NETIF_CTRL_TYPE_SET_HASH_KEY, FAKE_NO_GRANT, 40, 0), XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER);
    ck_assert_uint_eq(control(XEN_NETIF_CTRL_TYPE_SET_HASH_KEY, SET, 40, 0), XEN_NETIF_CTRL_STATUS_SUCCESS);
    ck_assert_uint_eq(control(XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS, 16, 0, 0), XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER);
    ck_assert_uint_eq(control(XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS, 3, 0, 0), XEN_NETIF_CTRL_STATUS_SUCCESS);
    ck_assert_uint_eq(control(XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING_SIZE, 129, 0, 0), XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER);
    ck_assert_uint_eq(control(XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING_SIZE, 4, 0, 0), XEN_NETIF_CTRL_STATUS_SUCCESS);
    memset(map, 0, PAGE);
    ck_assert_uint_eq(control(XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING, SET, 4, 0), XEN_NETIF_CTRL_STATUS_SUCCESS);
    ck_assert_uint_eq(control(XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING, SET, 4, 1), XEN_NETIF_CTRL_STATUS_BUFFER_OVERFLOW);
    ck_assert_uint_eq(control(XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING, SET, 2, 0xffffffff), XEN_NETIF_CTRL_STATUS_BUFFER_OVERFLOW);
    map[3] = 1;                 /* a queue that there is not */
    ck_assert_uint_eq(control(XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING, SET, 4, 0), XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER);
    ck_assert_uint_eq(control(XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING, 0, 0, 0), XEN_NETIF_CTRL_STATUS_NOT_SUPPORTED);
    offer(4);
    make_known(frame + HEADER);
    ck_assert_int_eq(send(far, frame, sizeof(frame), 0), (int)sizeof(frame));
    rx_run(vif.queue[0]);
    ck_assert_uint_eq(got().flags, NETRXF_extra_info);
    memcpy(&extra, RING_GET_RESPONSE(&rx, rx.rsp_cons), sizeof(extra));
    ck_assert_uint_eq(extra.type, XEN_NETIF_EXTRA_TYPE_HASH);
    ck_assert_uint_eq(extra.u.hash.type, _XEN_NETIF_CTRL_HASH_TYPE_IPV4_TCP);
    ck_assert_mem_eq(extra.u.hash.value, "\x78\xc1\xcc\x51", 4);
    ctrl.req_prod_pvt += 1000;
    ctrl.sring->req_prod += 1000;
    ctrl_run(&vif);
    ck_assert_ptr_null(vif.ctrl_page);
}
END_TEST

/* Two queues: what the tap gives to one goes where the table says, or is dropped when there is no room. */
START_TEST(spreads)
{
    struct vif_queue other = { .vif = &vif };
    uint8_t frame[HEADER + 100] = { 0 };

    SHARED_RING_INIT((netif_rx_sring_t *)fake.pages[SET]);
    BACK_RING_INIT(&other.rx, (netif_rx_sring_t *)fake.pages[SET], PAGE);
    vif.queue[vif.n_queues++] = &other;
    state.hash = (struct net_hash){ .algorithm = 1, .types = 2, .map_size = 1, .map = { 1 } };
    offer(8);
    make_known(frame + HEADER);
    for (unsigned i = 0; i < 2; i++) {
        ck_assert_int_eq(send(far, frame, sizeof(frame), 0), (int)sizeof(frame));
        rx_run(vif.queue[0]);
        ck_assert_uint_eq(rx.sring->rsp_prod, 0);
        ck_assert_uint_eq(other.rx.sring->rsp_prod, i * 2);
        ck_assert_uint_eq(state.stats.rx_dropped, 1);
        for (unsigned k = 0; k < 4; k++)
            RING_GET_REQUEST(&other.rx, k)->gref = DATA + k;
        other.rx.sring->req_prod = 4;
    }
    vif.n_queues--;
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

int main(void)
{
    Suite *s = suite_create("back-net");
    TCase *full = tcase_create("all features"), *plain = tcase_create("no features");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(full, setup, teardown);
    tcase_add_checked_fixture(plain, setup_plain, teardown);
    tcase_set_timeout(full, 60);
    tcase_add_test(full, sends);
    tcase_add_test(full, sends_large_segments);
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
    tcase_add_test(full, hashes_as_published);
    tcase_add_test(full, is_told_how_to_spread);
    tcase_add_test(full, spreads);
    tcase_add_test(full, parses_noise);
    tcase_add_loop_test(full, survives_noise, 0, 20);
    tcase_add_test(plain, keeps_to_what_the_guest_can);
    tcase_add_test(plain, delivers_groups_asked_for);
    suite_add_tcase(s, full);
    suite_add_tcase(s, plain);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}
