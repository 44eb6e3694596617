/* SPDX-License-Identifier: MIT */
/* The same for the network rings: what the guest sends, what it offers for receiving, and the headers of its packets. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "back-peer.h"
#include "net/packet.h"
#include "net/vif.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fake_peer fake;
    static struct net_state state;
    static uint8_t sink[70000];
    static struct arena arena;
    struct vif vif = { .state = &state, .arena = &arena };
    struct net_connect c = { .queues = 1, .tx_ref = { 0 }, .rx_ref = { 1 }, .tx_port = { 1 }, .rx_port = { 1 },
                             .ctrl = 1, .ctrl_ref = 2, .ctrl_port = 2 };
    netif_tx_sring_t *tx;
    netif_rx_sring_t *rx;
    xen_netif_ctrl_sring_t *ctrl;
    int pair[2];

    if (size < 1)
        return 0;
    if (!fake.pages) {
        fake_peer_init(&fake);
        if (arena_open(&arena, &fake.peer, NET_ARENA_PAGES))
            abort();
    }
    vif.peer = &fake.peer;
    memset(fake.pages, 0, 3 * PAGE);
    tx = (netif_tx_sring_t *)fake.pages[0];
    rx = (netif_rx_sring_t *)fake.pages[1];
    SHARED_RING_INIT(tx);
    SHARED_RING_INIT(rx);
    ctrl = (xen_netif_ctrl_sring_t *)fake.pages[2];
    SHARED_RING_INIT(ctrl);
    c.scatter = data[0] & 1;
    vif.rules.multicast_control = data[0] >> 1 & 1;
    vif.rules.check_mac = data[0] >> 2 & 1;
    vif.rules.check_ip = data[0] >> 3 & 1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair))
        return 0;
    if (vif_connect(&vif, &c, &pair[0]))
        abort();
    data++;
    size--;
    while (size >= 4) {
        unsigned at = (data[0] | data[1] << 8) % (4 * PAGE), n = data[2] & 63;

        if (n > size - 4)
            n = (unsigned)(size - 4);
        memcpy((uint8_t *)fake.pages + at, data + 4, n);
        tx->req_prod += data[3] & 15;
        rx->req_prod += data[3] >> 4 & 3;
        if (data[3] & 64) {
            struct virtio_net_hdr h = { .flags = data[0], .gso_type = data[1], .gso_size = 1000 };

            memcpy(sink, &h, sizeof(h));
            memcpy(sink + sizeof(h), fake.pages[3], PAGE);
            if (send(pair[1], sink, sizeof(h) + 64 + (data[2] << 6), MSG_DONTWAIT) >= 0)
                rx_run(vif.queue[0]);
        }
        tx_run(vif.queue[0]);
        ctrl->req_prod += data[3] >> 7;
        ctrl_run(&vif);
        while (recv(pair[1], sink, sizeof(sink), MSG_DONTWAIT) > 0)
            ;
        data += 4 + n;
        size -= 4 + n;
    }
    vif_disconnect(&vif);
    close(pair[1]);
    if (fake.mapped || fake.bound)
        abort();
    return 0;
}
