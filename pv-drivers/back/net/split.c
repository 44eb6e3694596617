/* SPDX-License-Identifier: MIT */
#include "split.h"

#include <errno.h>
#include <string.h>

#include <linux/if_ether.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#define TCP_FLAGS 13
#define TCP_CHECKSUM 16

static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)get16(p) << 16 | get16(p + 2);
}

/* The sum at p, in one's complement, when a word that it covers changes. */
static void adjust(uint8_t *p, uint16_t from, uint16_t to)
{
    uint32_t sum = (uint32_t)get16(p) + (uint16_t)~from + to;

    sum = (sum & 0xffff) + (sum >> 16);
    put16(p, (sum & 0xffff) + (sum >> 16));
}

static void invert(uint8_t *p)
{
    p[0] = (uint8_t)~p[0];
    p[1] = (uint8_t)~p[1];
}

/* Headers of a packet of `size` bytes where there was one of `old`; `later`: segments before it. */
static void resize(uint8_t *h, const struct packet_layout *p, uint32_t old, uint32_t size, uint32_t later)
{
    uint8_t *l3 = h + p->l3, *l4 = h + p->l4;

    if (p->l3_type == ETH_P_IP) {
        uint16_t was = get16(l3 + 2), id = get16(l3 + 4);

        invert(l3 + 10);        /* in the header stands the sum's complement */
        put16(l3 + 2, size - p->l3);
        adjust(l3 + 10, was, get16(l3 + 2));
        put16(l3 + 4, id + later);
        adjust(l3 + 10, id, get16(l3 + 4));
        invert(l3 + 10);
    } else {
        put16(l3 + 4, size - p->l3 - 40);
    }
    /* Here stands the sum itself, of the pseudo header alone, which has the length behind the IP headers. */
    adjust(l4 + TCP_CHECKSUM, (uint16_t)(old - p->l4), (uint16_t)(size - p->l4));
}

int split_packet(uint8_t *data, uint32_t size, uint16_t segment, struct split *s)
{
    struct packet_layout p;
    uint32_t payload, n, sequence;

    if (!packet_parse(data, size, &p) || p.checksum != TCP_CHECKSUM || p.payload > SPLIT_HEADER_MAX || !segment)
        return -EINVAL;
    payload = size - p.payload;
    n = payload / 2 / segment;
    if (!n)
        return -EINVAL;
    s->first = p.payload + n * segment;
    s->header = p.payload;
    memcpy(s->head, data, s->header);
    resize(data, &p, size, s->first, 0);
    resize(s->head, &p, size, p.payload + (size - s->first), n);
    data[p.l4 + TCP_FLAGS] &= (uint8_t)~(TH_FIN | TH_PUSH);
    s->head[p.l4 + TCP_FLAGS] &= 0x7f;          /* CWR */
    sequence = get32(data + p.l4 + 4) + n * segment;
    put16(s->head + p.l4 + 4, sequence >> 16);
    put16(s->head + p.l4 + 6, sequence);
    return 0;
}
