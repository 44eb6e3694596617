/* SPDX-License-Identifier: MIT */
/* Which packets a guest wants, and on which queue: multicast control, the control ring, hashes. */
#include <check.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "back-net.h"

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

void add_spreading(TCase *full)
{
    tcase_add_test(full, hashes_as_published);
    tcase_add_test(full, is_told_how_to_spread);
    tcase_add_test(full, spreads);
}

void add_groups(TCase *plain)
{
    tcase_add_test(plain, delivers_groups_asked_for);
}
