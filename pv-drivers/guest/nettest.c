/* SPDX-License-Identifier: MIT */
/*
 * nettest: DHCP or a given address, then one of two parts.
 * With the word `serve`: echoes TCP and UDP on port 7, swallows TCP on port 9 and gives endless data on port 19, until the
 * toolstack ends it. With peer=A.B.C.D, against such a server or any other echo service: ping=N (20), TCP echo of mb=N
 * (4), every byte checked, udp=N datagrams (100) of all sizes up to several packets, and with bench=1 figures for TCP
 * each way and the round trip. Last line: "NETTEST ok …" or "NETTEST FAILED …". With neither: ends when it has an address.
 */
#include "netstack.h"

#include <lwip/icmp.h>
#include <lwip/inet_chksum.h>
#include <lwip/prot/ip4.h>
#include <lwip/raw.h>
#include <lwip/udp.h>

#define PORT_ECHO    7
#define PORT_DISCARD 9
#define PORT_SOURCE  19
#define SECOND       1000000000UL

static ip_addr_t peer;
static unsigned long errors;
static uint8_t pattern[1 << 16] __attribute__((aligned(4096)));   /* on no more pages than it needs: a slot each */

static bool never(void *arg) { return (void)arg, false; }

static void wrong(const char *what, unsigned long value)
{
    if (errors++ < 10)
        print("nettest: %s: %lu\n", what, value);
}

static void make_pattern(void)
{
    uint32_t x = 1;

    for (size_t i = 0; i < sizeof(pattern); i++) {
        x = x * 1664525 + 1013904223;
        pattern[i] = (uint8_t)(x >> 24);
    }
}

/* Server. */

struct echo {
    struct pbuf *head; /* received, not yet sent back */
    bool ended;        /* the peer sends no more: close when all is back */
};

static void echo_end(struct tcp_pcb *pcb, struct echo *e)
{
    mem_free(e);
    tcp_arg(pcb, NULL);
    tcp_recv(pcb, NULL);
    tcp_sent(pcb, NULL);
    tcp_poll(pcb, NULL, 0);
    tcp_err(pcb, NULL);
    tcp_close(pcb);
}

static void echo_more(struct tcp_pcb *pcb, struct echo *e)
{
    while (e->head) {
        struct pbuf *p = e->head;
        u16_t n = (u16_t)LWIP_MIN(p->len, tcp_sndbuf(pcb));

        if (!n || tcp_write(pcb, p->payload, n, TCP_WRITE_FLAG_COPY) != ERR_OK)
            break;
        tcp_recved(pcb, n);
        e->head = pbuf_free_header(p, n);
    }
    tcp_output(pcb);
    if (e->ended && !e->head)
        echo_end(pcb, e);
}

static void on_echo_error(void *arg, err_t err)
{
    struct echo *e = arg;

    (void)err;
    if (e && e->head)
        pbuf_free(e->head);
    mem_free(e);
}

static err_t on_echo_data(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    struct echo *e = arg;

    (void)err;
    if (!p)
        e->ended = true;
    else if (e->head)
        pbuf_cat(e->head, p);
    else
        e->head = p;
    echo_more(pcb, e);
    return ERR_OK;
}

static err_t on_echo_sent(void *arg, struct tcp_pcb *pcb, u16_t len)
{
    (void)len;
    echo_more(pcb, arg);
    return ERR_OK;
}

/* Twice a second: nothing may be under way when lwIP had no memory, so that nothing else would ask again. */
static err_t on_echo_poll(void *arg, struct tcp_pcb *pcb)
{
    echo_more(pcb, arg);
    return ERR_OK;
}

static err_t on_echo_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    struct echo *e = err == ERR_OK ? mem_calloc(1, sizeof(*e)) : NULL;

    (void)arg;
    if (!e)
        return ERR_MEM;
    netstack_large_segments(pcb);
    tcp_arg(pcb, e);
    tcp_recv(pcb, on_echo_data);
    tcp_sent(pcb, on_echo_sent);
    tcp_poll(pcb, on_echo_poll, 1);
    tcp_err(pcb, on_echo_error);
    return ERR_OK;
}

static err_t on_discard_data(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    (void)arg;
    (void)err;
    if (!p)
        return tcp_close(pcb);
    tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
    return ERR_OK;
}

static err_t on_discard_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)arg;
    if (err == ERR_OK)
        tcp_recv(pcb, on_discard_data);
    return err;
}

static void send_pattern(struct tcp_pcb *pcb)
{
    while (tcp_sndbuf(pcb) >= sizeof(pattern) / 2)
        if (tcp_write(pcb, pattern, sizeof(pattern) / 2, 0) != ERR_OK)
            break;
    tcp_output(pcb);
}

static err_t on_source_sent(void *arg, struct tcp_pcb *pcb, u16_t len)
{
    (void)arg;
    (void)len;
    send_pattern(pcb);
    return ERR_OK;
}

static err_t on_source_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)arg;
    if (err != ERR_OK)
        return err;
    netstack_large_segments(pcb);
    tcp_recv(pcb, on_discard_data);
    tcp_sent(pcb, on_source_sent);
    send_pattern(pcb);
    return ERR_OK;
}

static void listen_on(u16_t port, tcp_accept_fn accept)
{
    struct tcp_pcb *pcb = tcp_new();

    if (!pcb || tcp_bind(pcb, IP_ADDR_ANY, port) != ERR_OK || !(pcb = tcp_listen(pcb)))
        panic("nettest: cannot listen on port %u", port);
    tcp_accept(pcb, accept);
}

static void on_udp_echo(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from, u16_t port)
{
    (void)arg;
    udp_sendto(pcb, p, from, port);
    pbuf_free(p);
}

static void serve(void)
{
    struct udp_pcb *udp = udp_new();

    listen_on(PORT_ECHO, on_echo_accept);
    listen_on(PORT_DISCARD, on_discard_accept);
    listen_on(PORT_SOURCE, on_source_accept);
    if (!udp || udp_bind(udp, IP_ADDR_ANY, PORT_ECHO) != ERR_OK)
        panic("nettest: cannot bind UDP port %u", PORT_ECHO);
    udp_recv(udp, on_udp_echo, NULL);
    print("NETTEST serving\n");
    netstack_run(never, NULL, ~0UL);
}

/* Client: ping. */

static u16_t ping_seq, ping_seen;

static u8_t on_ping(void *arg, struct raw_pcb *pcb, struct pbuf *p, const ip_addr_t *from)
{
    struct icmp_echo_hdr h;

    (void)arg;
    (void)pcb;
    if (!ip_addr_cmp(from, &peer) || pbuf_copy_partial(p, &h, sizeof(h), IP_HLEN) != sizeof(h) || ICMPH_TYPE(&h) != ICMP_ER)
        return 0;
    ping_seen = lwip_ntohs(h.seqno);
    pbuf_free(p);
    return 1;
}

static bool ping_answered(void *arg) { return (void)arg, ping_seen == ping_seq; }

static bool ping_once(struct raw_pcb *pcb, u16_t size)
{
    struct pbuf *p = pbuf_alloc(PBUF_IP, (u16_t)(sizeof(struct icmp_echo_hdr) + size), PBUF_RAM);
    struct icmp_echo_hdr *h;
    bool ok;

    if (!p)
        return false;
    h = p->payload;
    memset(h, 0, sizeof(*h));
    ICMPH_TYPE_SET(h, ICMP_ECHO);
    h->id = PP_HTONS(0x1234);
    h->seqno = lwip_htons(++ping_seq);
    memcpy(h + 1, pattern, size);
    h->chksum = inet_chksum(h, p->len);
    ok = raw_sendto(pcb, p, &peer) == ERR_OK;
    pbuf_free(p);
    return netstack_run(ping_answered, NULL, time_now() + SECOND) && ok;
}

static void ping(unsigned long count)
{
    struct raw_pcb *pcb = raw_new(IP_PROTO_ICMP);
    uint64_t start;
    unsigned long lost = 0;

    raw_recv(pcb, on_ping, NULL);
    for (unsigned int i = 0; i < 5 && !ping_once(pcb, 56); i++)
        ; /* until ARP and bridges have learned */
    start = time_now();
    for (unsigned long i = 0; i < count; i++)
        lost += !ping_once(pcb, (u16_t)(i * 1400 / count));
    if (lost)
        wrong("pings lost", lost);
    if (count)
        print("BENCH net.ping %lu us\n", (time_now() - start) / count / 1000);
    raw_remove(pcb);
}

/* Client: TCP. */

struct transfer {
    struct tcp_pcb *pcb;
    uint64_t sent, received, acked, wanted;
    bool connected, failed, check;
};

static void transfer_send(struct transfer *t)
{
    while (t->sent < t->wanted) {
        size_t at = t->sent % sizeof(pattern);
        uint64_t n = LWIP_MIN(sizeof(pattern) - at, t->wanted - t->sent);

        n = LWIP_MIN(n, LWIP_MIN(tcp_sndbuf(t->pcb), 0x8000U));
        if (!n || tcp_write(t->pcb, pattern + at, (u16_t)n, 0) != ERR_OK)
            break;
        t->sent += n;
    }
    tcp_output(t->pcb);
}

static void check_piece(struct transfer *t, const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (p[i] != pattern[(t->received + i) % sizeof(pattern)]) {
            wrong("wrong byte at", t->received + i);
            t->check = false;
            return;
        }
}

static err_t on_data(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    struct transfer *t = arg;

    (void)err;
    if (!p) {
        t->failed = true;
        return ERR_OK;
    }
    for (struct pbuf *q = p; q; q = q->next) {
        if (t->check)
            check_piece(t, q->payload, q->len);
        t->received += q->len;
    }
    tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
    return ERR_OK;
}

static err_t on_acked(void *arg, struct tcp_pcb *pcb, u16_t len)
{
    struct transfer *t = arg;

    (void)pcb;
    t->acked += len;
    transfer_send(t);
    return ERR_OK;
}

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
    struct transfer *t = arg;

    (void)err;
    t->connected = true;
    netstack_large_segments(pcb);
    transfer_send(t);
    return ERR_OK;
}

static void on_error(void *arg, err_t err)
{
    struct transfer *t = arg;

    t->failed = true;
    t->pcb = NULL;
    wrong("connection lost, lwIP error", (unsigned long)-err);
}

static bool transfer_done(void *arg)
{
    struct transfer *t = arg;

    return t->failed || (t->check && t->received == t->wanted);
}

static bool open_transfer(struct transfer *t, u16_t port)
{
    t->pcb = tcp_new();
    if (!t->pcb)
        return false;
    tcp_arg(t->pcb, t);
    tcp_recv(t->pcb, on_data);
    tcp_sent(t->pcb, on_acked);
    tcp_err(t->pcb, on_error);
    return tcp_connect(t->pcb, &peer, port, on_connected) == ERR_OK;
}

static void close_transfer(struct transfer *t)
{
    if (!t->pcb)
        return;
    tcp_arg(t->pcb, NULL);
    tcp_recv(t->pcb, NULL);
    tcp_sent(t->pcb, NULL);
    tcp_err(t->pcb, NULL);
    tcp_abort(t->pcb);
}

static void tcp_echo(uint64_t bytes)
{
    struct transfer t = {.wanted = bytes, .check = true};
    uint64_t start = time_now();

    if (!open_transfer(&t, PORT_ECHO) || !netstack_run(transfer_done, &t, start + 60 * SECOND))
        wrong("TCP echo, bytes back", t.received);
    print("nettest: TCP echo of %lu bytes in %lu ms\n", t.received, (time_now() - start) / 1000000);
    close_transfer(&t);
}

/* TCP for two seconds: to the peer when WANTED is not 0, else from it. */
static void tcp_figure(const char *name, u16_t port, uint64_t wanted)
{
    struct transfer t = {.wanted = wanted};
    uint64_t start, before;

    if (!open_transfer(&t, port)) {
        wrong("no connection to port", port);
        return;
    }
    netstack_run(transfer_done, &t, time_now() + SECOND / 2);
    start = time_now();
    before = wanted ? t.acked : t.received;
    netstack_run(transfer_done, &t, start + 2 * SECOND);
    print("BENCH net.%s %lu Mbit/s\n", name,
          ((wanted ? t.acked : t.received) - before) * 8000 / (time_now() - start));
    if (!t.connected)
        wrong("no connection to port", port);
    close_transfer(&t);
}

/* Client: UDP. */

static struct {
    u16_t len;
    bool back;
} datagram;

static void on_udp(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from, u16_t port)
{
    static uint8_t copy[8192];

    (void)arg;
    (void)pcb;
    (void)from;
    (void)port;
    if (p->tot_len == datagram.len && pbuf_copy_partial(p, copy, sizeof(copy), 0) == datagram.len)
        datagram.back = !memcmp(copy, pattern + datagram.len, datagram.len);
    pbuf_free(p);
}

static bool datagram_back(void *arg) { return (void)arg, datagram.back; }

static void udp_echo(unsigned long count)
{
    struct udp_pcb *pcb = udp_new();
    unsigned long lost = 0;

    udp_recv(pcb, on_udp, NULL);
    for (unsigned long i = 0; i < count; i++) {
        struct pbuf *p;

        datagram.len = (u16_t)(1 + i * 4000 / count);
        datagram.back = false;
        p = pbuf_alloc(PBUF_TRANSPORT, datagram.len, PBUF_RAM);
        if (!p)
            break;
        pbuf_take(p, pattern + datagram.len, datagram.len);
        udp_sendto(pcb, p, &peer, PORT_ECHO);
        pbuf_free(p);
        lost += !netstack_run(datagram_back, NULL, time_now() + SECOND);
    }
    if (lost)
        wrong("datagrams lost", lost);
    udp_remove(pcb);
}

void main(void)
{
    unsigned long mb = option("mb", 4), pings = option("ping", 20), datagrams = option("udp", 100);

    control_init();
    make_pattern();
    netstack_init();
    if (option_word("serve"))
        serve();
    if (netstack_option("peer", &peer)) {
        ping(pings);
        udp_echo(datagrams);
        tcp_echo(mb << 20);
        if (option("bench", 0)) {
            tcp_figure("tcp-send", PORT_DISCARD, ~0UL);
            tcp_figure("tcp-receive", PORT_SOURCE, 0);
        }
    }
    if (net_broken(&nic))
        wrong("the device stopped", 0);
    net_close(&nic);
    if (errors)
        print("NETTEST FAILED %lu errors\n", errors);
    else
        print("NETTEST ok %lu pings, %lu datagrams, %lu MiB\n", pings, datagrams, mb);
}
