/* SPDX-License-Identifier: MIT */
/* What must be known of a packet's headers. Every length is checked against what is there. */
#ifndef NET_PACKET_H
#define NET_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire.h"

struct packet_layout {
    uint16_t l3_type;           /* ETH_P_IP, ETH_P_IPV6, … in host order */
    uint16_t l3, l4;            /* offsets; l4 0: not known */
    uint8_t protocol;           /* IPPROTO_TCP, … */
    uint16_t checksum;          /* offset of its checksum from l4; 0: none that could be left out */
    uint16_t payload;           /* offset behind the TCP or UDP header; 0: not known */
};

/* False when the headers are not whole; then the layout tells what could be read. */
bool packet_parse(const uint8_t *data, size_t size, struct packet_layout *out);

/* May the guest send this, by its MAC and IP addresses? ARP and DHCP and neighbour discovery are looked into. */
bool packet_allowed(const uint8_t *data, size_t size, const struct net_rules *rules);

#endif
