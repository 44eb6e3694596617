/* SPDX-License-Identifier: MIT */
/*
 * A hostile back-end and store for the front-end library: each byte of the input is an act of one of them, or of the
 * driver's user. Wanted: nothing outside the library's memory is touched, every request ends once, nothing is kept.
 */
#include "../unit/front/fake.h"

#include <stdlib.h>

#define NR 16

static const uint8_t *data;
static size_t left;
static uint8_t *memory;
static struct blk_device disk;
static struct net_device nic;
static struct blk_io io[NR];
static struct blk_vec vec[NR];
static struct net_packet packet[NR];
static struct net_frag frag[NR][2];
static bool busy[NR];

static uint8_t byte(void) { return left ? (left--, *data++) : 0; }

static uint32_t number(void)
{
    uint32_t n = byte();

    return n < 200 ? n : (uint32_t)byte() << 24 | (uint32_t)(byte() << 16 | byte() << 8 | byte());
}

static void ended(unsigned int i)
{
    if (!busy[i])
        abort(); /* told twice */
    busy[i] = false;
}

static void on_io(struct blk_io *b) { ended((unsigned int)(b - io)); }
static void on_sent(struct net_packet *p, int error) { (void)error, ended((unsigned int)(p - packet)); }

static void on_receive(void *arg, unsigned int queue, const struct net_received *r)
{
    uint8_t sum = 0;

    (void)arg, (void)queue;
    for (unsigned int i = 0; i < r->frags; i++)
        for (uint32_t k = 0; k < r->frag[i].len; k++)
            sum ^= ((const uint8_t *)r->frag[i].va)[k];
    __asm__ volatile("" ::"r"(sum));
}

static void submit(bool net)
{
    unsigned int i = byte() % NR;
    uint32_t off = number() % 20000, len = number() % 70000;

    if (busy[i])
        return;
    busy[i] = true;
    if (net) {
        frag[i][0] = (struct net_frag){memory + off, len / 2};
        frag[i][1] = (struct net_frag){memory + off + 8192, len - len / 2};
        packet[i] = (struct net_packet){.frag = frag[i], .frags = 2, .csum_blank = len & 1, .done = on_sent};
        packet[i].gso = len & 2 ? NET_GSO_TCPV4 : NET_GSO_NONE;
        packet[i].gso_size = 1448;
        if (net_send(&nic, off, &packet[i]))
            busy[i] = false;
        return;
    }
    vec[i] = (struct blk_vec){memory + off / 512 * 512, len / 512 * 512};
    io[i] = (struct blk_io){.op = (enum blk_op)(byte() % 4), .fua = len & 1, .sector = number(), .sectors = len,
                            .vec = &vec[i], .vecs = 1, .done = on_io};
    if (blk_submit(&disk, off, &io[i]))
        busy[i] = false;
}

static struct ring_shared *some_ring(bool net) { return net ? fake_net_ring(0, byte() & 1) : fake_blk_ring(0); }

/* An answer: to a request that is on the ring, or to none. */
static void answer(bool net)
{
    struct ring_shared *s = some_ring(net);
    uint32_t size = net ? 8 : sizeof(struct blkif_request);
    uint8_t *e;

    if (!s)
        return;
    e = (uint8_t *)(s + 1) + s->rsp_prod % 32 * size;
    for (unsigned int i = 0, n = byte() % 16; i < n; i++)
        e[i] = byte();
    s->rsp_prod++;
}

static void answer_well(void)
{
    struct ring_shared *s = fake_blk_ring(0);
    struct blkif_request r;
    struct blkif_response rsp = {.status = (int16_t)(int8_t)byte()};

    if (!s)
        return;
    memcpy(&r, (uint8_t *)(s + 1) + s->rsp_prod % 32 * sizeof(r), sizeof(r));
    rsp.id = r.id;
    fake_blk_put(0, &rsp);
}

static void scribble(void *page)
{
    uint8_t *p = page;

    for (unsigned int i = 0, n = byte() % 8, at = number() % 4096; p && i < n; i++)
        p[(at + i) % 4096] = byte();
}

static void scribble_store(void)
{
    uint8_t *from = (uint8_t *)fake_store_page->rsp;

    if (byte() & 1)
        fake_store_page->rsp_prod = number();
    else
        for (unsigned int i = 0, n = byte() % 8, at = number() % 1024; i < n; i++)
            from[(at + i) % 1024] = byte();
}

static void set_node(bool net)
{
    static const char *const nodes[] = {"state", "sectors", "sector-size", "feature-persistent", "online", "feature-sg",
                                        "feature-max-indirect-segments", "multi-queue-max-queues", "max-ring-page-order"};
    char path[128];

    os_format(path, sizeof(path), "/local/domain/0/backend/%s/%s", net ? "vif/7/0" : "vbd/7/51712",
              nodes[byte() % (sizeof(nodes) / sizeof(nodes[0]))]);
    fake_set_number(path, number());
}

static void act(bool net)
{
    switch (byte() % 11) {
    case 0:
    case 1: submit(net); break;
    case 2: net ? (void)net_poll(&nic, byte()) : (void)blk_poll(&disk, byte()); break;
    case 3: answer(net); break;
    case 4: net ? answer(net) : answer_well(); break;
    case 5: scribble(some_ring(net)); break;
    case 6: set_node(net); break;
    case 7: store_poll(); break;
    case 8: fake_turn(); break;
    case 9: fake_grants[number() % FAKE_GRANTS].mapped ^= 1; break;
    case 10: if (byte() > 250) scribble_store(); break;
    }
}

static void begin(bool net)
{
    struct blk_config b = BLK_CONFIG_ALL;
    struct net_config n = NET_CONFIG_ALL;
    uint8_t features = byte();

    fake_init();
    fake_quiet = fake_gives_up = true;
    n.receive = on_receive;
    b.persistent_pages = 16;
    if (net) {
        fake_net_init();
        fake_net.sg = features & 1;
        fake_net.csum = features & 2;
        fake_net.gso = features & 4;
        fake_net.hold = true;
        fake_net_offer();
        net_open(&nic, 0, &n);
        net_wait(&nic, os_time() + 1000);
    } else {
        fake_blk_init();
        fake_blk.persistent = features & 1;
        fake_blk.indirect = features & 2 ? 32 : 0;
        fake_blk.flush = features & 4;
        fake_blk.barrier = features & 8;
        fake_blk.discard = features & 16;
        fake_blk.hold = true;
        blk_open(&disk, 51712, &b);
        blk_wait(&disk, os_time() + 1000);
    }
}

/* A page that the back-end keeps mapped is given up for good: no leak. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "detect_leaks=0"; }

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    bool net;

    if (!memory)
        memory = aligned_alloc(4096, 1 << 17);
    data = bytes;
    left = size;
    net = byte() & 1;
    memset(busy, 0, sizeof(busy));
    begin(net);
    while (left)
        act(net);
    for (unsigned int i = 0; i < FAKE_GRANTS; i++)
        fake_grants[i].mapped = 0;
    if (net)
        net_close(&nic);
    else
        blk_close(&disk);
    for (unsigned int i = 0; i < NR; i++)
        if (busy[i])
            abort(); /* never told */
    fake_fini();
    return 0;
}
