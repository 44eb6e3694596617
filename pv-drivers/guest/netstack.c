/* SPDX-License-Identifier: MIT */
/*
 * Between lwIP and the network front end. Owns the interface, and a fixed number of records of packets being sent, each of
 * which holds a reference to its pbuf until the back-end is done with it. Packets are received by copying them once.
 *
 * Where the back-end segments, the interface claims an MTU of 64 KiB so that lwIP hands down what a connection with large
 * segments sends; what is not TCP is cut to the true MTU by us.
 */
#include "netstack.h"

#include <lwip/dhcp.h>
#include <lwip/etharp.h>
#include <lwip/inet_chksum.h>
#include <lwip/init.h>
#include <lwip/ip4_frag.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/prot/tcp.h>
#include <lwip/prot/udp.h>
#include <lwip/timeouts.h>
#include <netif/ethernet.h>
#include <xen/io/netif.h>

#define NR_SENDING 256U
#define LARGE_MSS  (TCP_MSS * 44)     /* with headers on NET_MAX_SLOTS pages, wherever it begins */
#define MAX_FRAGS  36U

struct sending {
    struct net_packet packet;
    struct net_frag frag[MAX_FRAGS];
    struct pbuf *p;
    struct sending *next;
};

struct net_device nic;

static struct netif interface;
static struct sending sending[NR_SENDING], *idle;
static bool refused; /* a packet was, for want of room: TCP is told when there may be some */
static uint64_t random_state;
static void (*also_poll)(void);
static bool (*also_pending)(void);

u32_t sys_now(void) { return (u32_t)(time_now() / 1000000); }

uint64_t netstack_random(void)
{
    random_state ^= cycles() + 0x9e3779b97f4a7c15UL;
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    return random_state ^= random_state << 17;
}

/* For lwIP's netif_find, which is all that wants it; stdlib.h declares it. */
int atoi(const char *s)
{
    int n = 0;

    while (*s >= '0' && *s <= '9')
        n = n * 10 + *s++ - '0';
    return n;
}

static void on_sent(struct net_packet *packet, int error)
{
    struct sending *s = packet->arg;

    (void)error;
    pbuf_free(s->p);
    s->next = idle;
    idle = s;
}

static struct ip_hdr *ip_header(struct pbuf *p)
{
    struct eth_hdr *eth = p->payload;

    if (p->len < SIZEOF_ETH_HDR + IP_HLEN || eth->type != PP_HTONS(ETHTYPE_IP))
        return NULL;
    return (struct ip_hdr *)((uint8_t *)p->payload + SIZEOF_ETH_HDR);
}

static uint8_t *checksum_field(struct ip_hdr *ip, uint8_t *header)
{
    if (IPH_OFFSET(ip) & PP_HTONS(IP_OFFMASK | IP_MF))
        return NULL;
    if (IPH_PROTO(ip) == IP_PROTO_TCP)
        return header + offsetof(struct tcp_hdr, chksum);
    return IPH_PROTO(ip) == IP_PROTO_UDP ? header + offsetof(struct udp_hdr, chksum) : NULL;
}

/* The sum of the pseudo header alone, which whoever completes the checksum goes on from. */
static u16_t pseudo_sum(const struct ip_hdr *ip, uint32_t len)
{
    uint32_t sum = lwip_htons(IPH_PROTO(ip)) + lwip_htons((u16_t)len);

    sum += (ip->src.addr & 0xffff) + (ip->src.addr >> 16) + (ip->dest.addr & 0xffff) + (ip->dest.addr >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (u16_t)(sum + (sum >> 16));
}

static void offload(struct net_packet *packet, struct pbuf *p)
{
    struct ip_hdr *ip = ip_header(p);
    uint32_t header, len;
    uint8_t *field, *l4;
    u16_t sum;

    if (!ip || !nic.info.csum)
        return;
    header = IPH_HL_BYTES(ip);
    l4 = (uint8_t *)ip + header;
    field = checksum_field(ip, l4);
    if (!field || p->len < SIZEOF_ETH_HDR + header + sizeof(struct udp_hdr))
        return;
    len = p->tot_len - SIZEOF_ETH_HDR - header;
    sum = pseudo_sum(ip, len);
    memcpy(field, &sum, sizeof(sum));
    packet->csum_blank = true;
    if (IPH_PROTO(ip) == IP_PROTO_TCP && p->tot_len > nic.info.mtu + SIZEOF_ETH_HDR) {
        packet->gso = NET_GSO_TCPV4;
        packet->gso_size = (uint16_t)(nic.info.mtu - header - TCPH_HDRLEN_BYTES((struct tcp_hdr *)l4));
    }
}

/* One connection, one queue. */
static unsigned int queue_of(struct pbuf *p)
{
    struct ip_hdr *ip = ip_header(p);

    if (!ip || nic.queues < 2 || p->len < SIZEOF_ETH_HDR + IPH_HL_BYTES(ip) + 4)
        return 0;
    return (ip->dest.addr ^ *(u32_t *)((uint8_t *)ip + IPH_HL_BYTES(ip))) % 251;
}

/* Takes over a reference to P when it is sent. */
static bool send_pbuf(struct pbuf *p)
{
    struct sending *s = idle;
    unsigned int n = 0;

    if (!s)
        return false;
    for (struct pbuf *q = p; q; q = q->next)
        s->frag[n++] = (struct net_frag){q->payload, q->len};
    s->packet = (struct net_packet){.frag = s->frag, .frags = n, .done = on_sent, .arg = s};
    offload(&s->packet, p);
    if (net_send(&nic, queue_of(p), &s->packet))
        return false;
    idle = s->next;
    s->p = p;
    return true;
}

static err_t link_output(struct netif *netif, struct pbuf *p)
{
    bool whole = pbuf_clen(p) <= MAX_FRAGS;
    struct pbuf *copy = whole ? p : pbuf_clone(PBUF_RAW, PBUF_RAM, p);

    (void)netif;
    if (copy && send_pbuf(copy)) {
        if (whole)
            pbuf_ref(p);
        return ERR_OK;
    }
    if (copy && !whole)
        pbuf_free(copy);
    refused = true;
    return ERR_MEM;
}

/* What lwIP would have cut, had it known the true MTU. */
static err_t output(struct netif *netif, struct pbuf *p, const ip4_addr_t *to)
{
    struct ip_hdr *ip = p->payload;
    u16_t claimed = netif->mtu;
    err_t rc;

    if (p->tot_len <= nic.info.mtu || IPH_PROTO(ip) == IP_PROTO_TCP)
        return etharp_output(netif, p, to);
    netif->mtu = (u16_t)nic.info.mtu;
    rc = ip4_frag(p, netif, to);
    netif->mtu = claimed;
    return rc;
}

static bool checksum_good(struct pbuf *p)
{
    struct ip_hdr *ip = ip_header(p);
    uint32_t header;
    u16_t len;
    ip4_addr_t from, to;
    bool good;

    if (!ip)
        return true;
    header = IPH_HL_BYTES(ip);
    if (header < IP_HLEN || p->len < SIZEOF_ETH_HDR + header + sizeof(struct udp_hdr) || lwip_ntohs(IPH_LEN(ip)) < header)
        return true; /* lwIP drops it for that */
    len = (u16_t)(lwip_ntohs(IPH_LEN(ip)) - header);
    if (!checksum_field(ip, (uint8_t *)ip + header) || len > p->tot_len - SIZEOF_ETH_HDR - header)
        return true;
    if (IPH_PROTO(ip) == IP_PROTO_UDP && !((struct udp_hdr *)((uint8_t *)ip + header))->chksum)
        return true;
    ip4_addr_copy(from, ip->src);
    ip4_addr_copy(to, ip->dest);
    pbuf_remove_header(p, SIZEOF_ETH_HDR + header);
    good = inet_chksum_pseudo_partial(p, IPH_PROTO(ip), len, len, &from, &to) == 0;
    pbuf_add_header(p, SIZEOF_ETH_HDR + header);
    return good;
}

static void on_received(void *arg, unsigned int queue, const struct net_received *r)
{
    struct pbuf *p = r->len <= 0xffff ? pbuf_alloc(PBUF_RAW, (u16_t)r->len, PBUF_POOL) : NULL;
    u16_t at = 0;

    (void)arg;
    (void)queue;
    if (!p)
        return;
    for (unsigned int i = 0; i < r->frags; i++) {
        pbuf_take_at(p, r->frag[i].va, (u16_t)r->frag[i].len, at);
        at = (u16_t)(at + r->frag[i].len);
    }
    if ((!r->csum_valid && !checksum_good(p)) || interface.input(p, &interface) != ERR_OK)
        pbuf_free(p);
}

static void on_link(void *arg, bool up)
{
    (void)arg;
    print("network: link %s\n", up ? "up" : "down");
    if (!interface.input)
        return;
    if (up)
        netif_set_link_up(&interface);
    else
        netif_set_link_down(&interface);
}

static bool pending(void *arg)
{
    (void)arg;
    for (unsigned int q = 0; q < nic.queues; q++)
        if (net_pending(&nic, q))
            return true;
    return store_pending() || (also_pending && also_pending());
}

void netstack_poll_also(void (*poll)(void), bool (*waiting)(void))
{
    also_poll = poll;
    also_pending = waiting;
}

bool netstack_run(bool (*done)(void *arg), void *arg, uint64_t deadline)
{
    for (;;) {
        uint64_t now, timer;
        u32_t ms;

        store_poll();
        for (unsigned int q = 0; q < nic.queues; q++)
            net_poll(&nic, q);
        if (also_poll)
            also_poll();
        if (refused) {
            refused = false;
            tcp_txnow();
        }
        sys_check_timeouts();
        now = time_now();
        if (done(arg))
            return true;
        if (now >= deadline)
            return false;
        ms = sys_timeouts_sleeptime();
        timer = ms == SYS_TIMEOUTS_SLEEPTIME_INFINITE ? deadline : now + (uint64_t)ms * 1000000;
        os_wait(pending, NULL, timer < deadline ? timer : deadline);
    }
}

void netstack_large_segments(struct tcp_pcb *pcb)
{
    if (!nic.info.gso4)
        return;
    pcb->mss = LARGE_MSS;
    if (pcb->cwnd < 2 * LARGE_MSS) /* lwIP sends whole segments only: a smaller window would let none out */
        pcb->cwnd = 2 * LARGE_MSS;
}

bool netstack_option(const char *name, ip4_addr_t *addr)
{
    char text[16];

    return option_text(name, text, sizeof(text)) && ip4addr_aton(text, addr);
}

static err_t set_up(struct netif *netif)
{
    netif->name[0] = 'p';
    netif->name[1] = 'v';
    netif->hwaddr_len = 6;
    memcpy(netif->hwaddr, nic.info.mac, 6);
    netif->mtu = nic.info.gso4 ? 0xffff : (u16_t)nic.info.mtu;
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_LINK_UP;
    netif->output = output;
    netif->linkoutput = link_output;
    /* TCP and UDP are checked as they come, where nobody has, and completed by the back-end. */
    NETIF_SET_CHECKSUM_CTRL(netif, NETIF_CHECKSUM_ENABLE_ALL & ~(NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP) &
                                       ~(nic.info.csum ? NETIF_CHECKSUM_GEN_TCP | NETIF_CHECKSUM_GEN_UDP : 0));
    return ERR_OK;
}

static bool has_address(void *arg) { return (void)arg, !ip4_addr_isany_val(*netif_ip4_addr(&interface)); }

/* hash=1: packets come by connection, over all queues in turn. */
static void spread(void)
{
    uint32_t map[64];
    uint8_t key[40];
    int rc;

    for (unsigned int i = 0; i < ARRAY_SIZE(map); i++)
        map[i] = i % nic.queues;
    for (unsigned int i = 0; i < sizeof(key); i++)
        key[i] = (uint8_t)netstack_random();
    rc = net_set_hash(&nic, XEN_NETIF_CTRL_HASH_TYPE_IPV4 | XEN_NETIF_CTRL_HASH_TYPE_IPV4_TCP, key, sizeof(key), map, ARRAY_SIZE(map));
    if (rc)
        panic("network: the hash cannot be set: %d", rc);
}

static void open_device(void)
{
    struct net_config config = NET_CONFIG_ALL;
    unsigned int id;
    int rc;

    config.queues = (unsigned int)option("queues", 1);
    config.sg = option("sg", 1);
    config.csum = option("csum", 1);
    config.gso4 = config.gso6 = option("gso", 1);
    config.split_events = option("split", 1);
    config.ctrl = option("ctrl", 1);
    config.receive = on_received;
    config.link = on_link;
    if (xenbus_scan("vif", &id, 1) < 1)
        panic("network: no device");
    rc = net_open(&nic, id, &config);
    if (!rc)
        rc = net_wait(&nic, time_now() + 30000000000UL);
    if (rc)
        panic("network: device/vif/%u does not connect: %d", id, rc);
    print("network: %s: %u queues, mtu %u%s%s%s%s%s\n", nic.bus.dir, nic.queues, nic.info.mtu, nic.info.sg ? ", sg" : "",
          nic.info.csum ? ", csum" : "", nic.info.gso4 ? ", gso4" : "", nic.info.split_events ? ", split events" : "",
          nic.info.ctrl ? ", control ring" : "");
    if (option("hash", 0))
        spread();
}

void netstack_init(void)
{
    ip4_addr_t addr = {0}, mask = {PP_HTONL(0xffffff00)}, gw = {0};
    bool fixed = netstack_option("ip", &addr);

    for (unsigned int i = 0; i < NR_SENDING; i++) {
        sending[i].next = idle;
        idle = &sending[i];
    }
    lwip_init();
    open_device();
    netstack_option("gw", &gw);
    netif_add(&interface, fixed ? &addr : NULL, fixed ? &mask : NULL, &gw, NULL, set_up, ethernet_input);
    netif_set_default(&interface);
    netif_set_up(&interface);
    if (!fixed)
        dhcp_start(&interface);
    if (!netstack_run(has_address, NULL, time_now() + 30000000000UL))
        panic("network: no address by DHCP");
    print("network: %s%s\n", ip4addr_ntoa(netif_ip4_addr(&interface)), fixed ? "" : " by DHCP");
}
