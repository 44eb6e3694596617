/* SPDX-License-Identifier: MIT */
#include "packet.h"

#include <string.h>

#include <linux/if_ether.h>
#include <netinet/in.h>

#define IP6_EXTENSIONS_MAX 8
#define TCP_CHECKSUM 16
#define UDP_CHECKSUM 6

static uint16_t be16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static bool parse_l4(const uint8_t *data, size_t size, struct packet_layout *p)
{
    if (p->protocol == IPPROTO_TCP && size >= (size_t)p->l4 + 20) {
        p->checksum = TCP_CHECKSUM;
        p->payload = (uint16_t)(p->l4 + (data[p->l4 + 12] >> 4) * 4);
        return p->payload >= p->l4 + 20 && p->payload <= size;
    }
    if (p->protocol == IPPROTO_UDP && size >= (size_t)p->l4 + 8) {
        p->checksum = UDP_CHECKSUM;
        p->payload = (uint16_t)(p->l4 + 8);
        return true;
    }
    return p->protocol != IPPROTO_TCP && p->protocol != IPPROTO_UDP;
}

static bool parse_ip4(const uint8_t *data, size_t size, struct packet_layout *p)
{
    unsigned header;

    if (size < (size_t)p->l3 + 20 || data[p->l3] >> 4 != 4)
        return false;
    header = (data[p->l3] & 15) * 4u;
    if (header < 20 || size < p->l3 + header)
        return false;
    p->protocol = data[p->l3 + 9];
    p->l4 = (uint16_t)(p->l3 + header);
    if (be16(data + p->l3 + 6) & 0x1fff)        /* not the first fragment: no header behind it */
        return true;
    return parse_l4(data, size, p);
}

static bool parse_ip6(const uint8_t *data, size_t size, struct packet_layout *p)
{
    size_t at = (size_t)p->l3 + 40;
    uint8_t next;

    if (size < at || data[p->l3] >> 4 != 6)
        return false;
    next = data[p->l3 + 6];
    for (int i = 0; i < IP6_EXTENSIONS_MAX; i++) {
        if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS)
            break;
        if (size < at + 8)
            return false;
        next = data[at];
        at += 8 + data[at + 1] * 8u;
        if (size < at)
            return false;
    }
    p->protocol = next;
    p->l4 = (uint16_t)at;
    return next == IPPROTO_FRAGMENT || parse_l4(data, size, p);
}

bool packet_parse(const uint8_t *data, size_t size, struct packet_layout *p)
{
    *p = (struct packet_layout){ 0 };
    if (size < ETH_HLEN || size > UINT16_MAX)
        return false;
    p->l3_type = be16(data + 12);
    p->l3 = ETH_HLEN;
    if (p->l3_type == ETH_P_8021Q || p->l3_type == ETH_P_8021AD) {
        if (size < ETH_HLEN + 4)
            return false;
        p->l3_type = be16(data + 16);
        p->l3 = ETH_HLEN + 4;
    }
    if (p->l3_type == ETH_P_IP)
        return parse_ip4(data, size, p);
    if (p->l3_type == ETH_P_IPV6)
        return parse_ip6(data, size, p);
    return true;
}

static bool listed(const uint8_t *address, const uint8_t *list, unsigned n, size_t size)
{
    for (unsigned i = 0; i < n; i++)
        if (!memcmp(address, list + i * size, size))
            return true;
    return false;
}

static bool ip4_allowed(const uint8_t *data, const struct packet_layout *p, const struct net_rules *rules)
{
    static const uint8_t none[4];
    const uint8_t *source = data + p->l3 + 12;

    if (listed(source, rules->ip4[0], rules->n_ip4, 4))
        return true;
    /* A client that has no address yet asks a DHCP server. */
    return !memcmp(source, none, 4) && p->payload && p->protocol == IPPROTO_UDP && be16(data + p->l4) == 68 &&
           be16(data + p->l4 + 2) == 67;
}

static bool ip6_allowed(const uint8_t *data, const struct packet_layout *p, const struct net_rules *rules)
{
    static const uint8_t none[16];
    const uint8_t *source = data + p->l3 + 8;

    return listed(source, rules->ip6[0], rules->n_ip6, 16) || (source[0] == 0xfe && (source[1] & 0xc0) == 0x80) ||
           (!memcmp(source, none, 16) && p->protocol == IPPROTO_ICMPV6);
}

bool packet_allowed(const uint8_t *data, size_t size, const struct net_rules *rules)
{
    static const uint8_t none[4];
    struct packet_layout p;
    bool whole;

    if (!rules->check_mac && !rules->check_ip)
        return true;
    whole = packet_parse(data, size, &p);
    if (size < ETH_HLEN || (rules->check_mac && memcmp(data + 6, rules->mac, 6)))
        return false;
    if (p.l3_type == ETH_P_ARP) {
        const uint8_t *arp = data + p.l3;

        if (size < (size_t)p.l3 + 28)
            return false;
        if (rules->check_mac && memcmp(arp + 8, rules->mac, 6))
            return false;
        return !rules->check_ip || listed(arp + 14, rules->ip4[0], rules->n_ip4, 4) || !memcmp(arp + 14, none, 4);
    }
    if (!rules->check_ip)
        return true;
    if (!whole)
        return false;
    return (p.l3_type == ETH_P_IP && ip4_allowed(data, &p, rules)) || (p.l3_type == ETH_P_IPV6 && ip6_allowed(data, &p, rules));
}
