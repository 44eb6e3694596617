/* SPDX-License-Identifier: MIT */
#include "back-net.h"

#include <check.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct fake_peer fake;
struct net_state state;
struct vif vif;
netif_tx_front_ring_t tx;
netif_rx_front_ring_t rx;
int far;
static struct arena arena;

static void setup_with(struct net_connect c, bool shares)
{
    int pair[2];

    fake_peer_init(&fake);
    fake.shares = shares;
    memset(&state, 0, sizeof(state));
    memset(&vif, 0, sizeof(vif));
    vif.peer = &fake.peer;
    vif.state = &state;
    vif.arena = &arena;
    ck_assert_int_eq(arena_open(&arena, &fake.peer, NET_ARENA_PAGES), 0);
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

void setup(void)
{
    setup_with((struct net_connect){ .scatter = 1, .gso4 = 1, .gso6 = 1 }, false);
}

void setup_shared(void)
{
    setup_with((struct net_connect){ .scatter = 1, .gso4 = 1, .gso6 = 1 }, true);
}

void setup_plain(void)
{
    setup_with((struct net_connect){ 0 }, false);
    vif.rules.multicast_control = 1;
}

void teardown(void)
{
    vif_disconnect(&vif);
    close(far);
    arena_close(&arena);
    ck_assert_uint_eq(fake.mapped, 0);
    ck_assert_uint_eq(fake.bound, 0);
    fake_peer_free(&fake);
}

void make_tcp(uint8_t *p, unsigned size)
{
    static const uint8_t head[] = {
        0, 1, 2, 3, 4, 5, 0, 0x16, 0x3e, 0, 0, 1, 8, 0, 0x45, 0, 0, 0, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 2, 10, 0, 0, 1,
        0x12, 0x34, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x10, 1, 0, 0, 0, 0, 0,
    };

    for (unsigned i = 0; i < size; i++)
        p[i] = (uint8_t)(i * 3);
    memcpy(p, head, size < sizeof(head) ? size : sizeof(head));
}

netif_tx_request_t *put(unsigned page, unsigned size, unsigned flags)
{
    netif_tx_request_t *r = RING_GET_REQUEST(&tx, tx.req_prod_pvt);

    *r = (netif_tx_request_t){ .gref = DATA + page, .flags = (uint16_t)flags, .size = (uint16_t)size,
                               .id = (uint16_t)tx.req_prod_pvt };
    tx.req_prod_pvt++;
    return r;
}

void put_extra(struct netif_extra_info extra)
{
    memcpy(RING_GET_REQUEST(&tx, tx.req_prod_pvt), &extra, sizeof(extra));
    tx.req_prod_pvt++;
}

void run(void)
{
    RING_PUSH_REQUESTS(&tx);
    while (tx_run(vif.queue[0]) == 1)
        ;
}

int answer(void)
{
    netif_tx_response_t r;

    ck_assert_uint_ne(tx.rsp_cons, tx.sring->rsp_prod);
    RING_COPY_RESPONSE(&tx, tx.rsp_cons, &r);
    tx.rsp_cons++;
    return r.status;
}

int arrived(uint8_t *buffer, struct virtio_net_hdr *h)
{
    static uint8_t all[70000];
    ssize_t n = recv(far, all, sizeof(all), MSG_DONTWAIT);

    if (n < (ssize_t)HEADER)
        return -1;
    memcpy(h, all, HEADER);
    memcpy(buffer, all + HEADER, (size_t)n - HEADER);
    return (int)(n - (ssize_t)HEADER);
}

uint8_t out[70000];
struct virtio_net_hdr header;

void offer(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        *RING_GET_REQUEST(&rx, rx.req_prod_pvt) = (netif_rx_request_t){ .id = (uint16_t)(rx.req_prod_pvt & 255),
                                                                        .gref = DATA + (rx.req_prod_pvt & 127) };
        rx.req_prod_pvt++;
    }
    RING_PUSH_REQUESTS(&rx);
}

void arrive(unsigned size, struct virtio_net_hdr h)
{
    static uint8_t all[70000];

    memcpy(all, &h, HEADER);
    make_tcp(all + HEADER, size);
    ck_assert_int_eq(send(far, all, HEADER + size, 0), (ssize_t)(HEADER + size));
}

netif_rx_response_t got(void)
{
    netif_rx_response_t r;

    ck_assert_uint_ne(rx.rsp_cons, rx.sring->rsp_prod);
    RING_COPY_RESPONSE(&rx, rx.rsp_cons, &r);
    rx.rsp_cons++;
    return r;
}
