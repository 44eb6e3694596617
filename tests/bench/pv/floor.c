/* SPDX-License-Identifier: MIT */
/*
 * floor DOMID: what a back-end in a program pays before it does anything of its own, in µs of dom0's for each MiB: 64 KiB
 * read from a tap, written to one, and copied between granted pages (16 of them a call), with no ring, no guest and no waiting.
 * Prints "BENCH floor-NAME bare VALUE".
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
#include <xen/xen.h>
#include <xen/grant_table.h>
#include <xen/gntalloc.h>
#include <xen/gntdev.h>

#define PAGE 4096u
#define PARTS 16u
#define HEAD 54u                            /* Ethernet, IPv4, TCP */
#define SIZE (HEAD + 44 * 1448u)            /* a packet as TCP makes it */
#define ROUNDS 200u
#define BURST 8u

static struct { struct virtio_net_hdr header; uint8_t data[PARTS * PAGE]; } __attribute__((packed, aligned(4096))) frame;

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

static void check(int bad, const char *what)
{
    if (bad) {
        fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
        exit(1);
    }
}

static void tell(const char *name, double us, double bytes)
{
    printf("BENCH floor-%s bare %.1f\n", name, us / bytes * 1048576);
}

static int open_tap(struct ifreq *r)
{
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK), s = socket(AF_INET, SOCK_DGRAM, 0);

    *r = (struct ifreq){ .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_NAPI | IFF_NAPI_FRAGS, .ifr_name = "floor0" };
    check(fd < 0 || ioctl(fd, TUNSETIFF, r), "tap");
    check(ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4), "offload");
    check(ioctl(s, SIOCGIFFLAGS, r), "flags");
    r->ifr_flags |= IFF_UP;
    check(ioctl(s, SIOCSIFFLAGS, r), "up");
    check(ioctl(s, SIOCGIFINDEX, r), "index");
    close(s);
    return fd;
}

/* To a station that is not here: the kernel takes it in, and then drops it. */
static void make_frame(void)
{
    static const uint8_t head[HEAD] = { 2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 8, 8, 0, 0x45, [22] = 64, 6, 0, 0, 10, 9, 9, 1, 10, 9, 9, 2,
                                        0x12, 0x34, 0, 80, [46] = 0x50, 0x10 };

    memcpy(frame.data, head, HEAD);
    *(uint16_t *)(void *)(frame.data + 16) = htons(SIZE - 14);
    frame.header = (struct virtio_net_hdr){ .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
                                            .hdr_len = HEAD, .gso_size = 1448, .csum_start = 34, .csum_offset = 16 };
}

static void taps(void)
{
    struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_halen = 6 };
    struct iovec part[1 + PARTS] = { { &frame, sizeof(frame.header) + HEAD } };
    static uint8_t in[sizeof(frame)] __attribute__((aligned(4096)));
    int s = socket(AF_PACKET, SOCK_RAW, 0), on = 1, n = 1, fd;
    double at, spent = 0, bytes = 0;
    struct ifreq r;

    make_frame();
    fd = open_tap(&r);
    to.sll_ifindex = r.ifr_ifindex;
    while (read(fd, in, sizeof(in)) > 0)
        ;
    for (uint32_t from = HEAD, each = (SIZE - HEAD) / PARTS + 1; from < SIZE; from += each)
        part[n++] = (struct iovec){ frame.data + from, SIZE - from < each ? SIZE - from : each };
    at = now();
    for (unsigned i = 0; i < ROUNDS; i++)
        check(writev(fd, part, n) < 0, "write to the tap");
    tell("tap-write", now() - at, (double)ROUNDS * SIZE);

    check(s < 0 || setsockopt(s, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)), "packet socket");
    for (unsigned i = 0; i < ROUNDS; i += BURST) {
        for (unsigned k = 0; k < BURST; k++)
            check(sendto(s, &frame, sizeof(frame.header) + SIZE, 0, (struct sockaddr *)&to, sizeof(to)) < 0, "send");
        at = now();
        for (ssize_t got; (got = read(fd, in, sizeof(in))) > 0; )
            bytes += (double)got;
        spent += now() - at;
    }
    tell("tap-read", spent, bytes);
}

static void copies(uint16_t domid)
{
    union { struct ioctl_gntalloc_alloc_gref g; char room[sizeof(struct ioctl_gntalloc_alloc_gref) + 2 * PARTS * 4]; } a = {
        .g = { .domid = domid, .flags = GNTALLOC_FLAG_WRITABLE, .count = 2 * PARTS } };
    struct gntdev_grant_copy_segment list[PARTS] = { 0 };
    struct ioctl_gntdev_grant_copy copy = { .count = PARTS, .segments = list };
    int pages = open("/dev/xen/gntalloc", O_RDWR), fd = open("/dev/xen/gntdev", O_RDWR);
    const uint32_t *refs = a.g.gref_ids;
    double at;

    check(pages < 0 || fd < 0 || ioctl(pages, IOCTL_GNTALLOC_ALLOC_GREF, &a), "granted pages");
    for (unsigned i = 0; i < PARTS; i++) {
        list[i].source.foreign.ref = refs[i];
        list[i].dest.foreign.ref = refs[PARTS + i];
        list[i].source.foreign.domid = list[i].dest.foreign.domid = DOMID_SELF;
        list[i].len = PAGE;
        list[i].flags = GNTCOPY_source_gref | GNTCOPY_dest_gref;
    }
    at = now();
    for (unsigned i = 0; i < ROUNDS; i++)
        check(ioctl(fd, IOCTL_GNTDEV_GRANT_COPY, &copy) || list[0].status != GNTST_okay, "copy");
    tell("grant-copy", now() - at, (double)ROUNDS * PARTS * PAGE);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: floor DOMID\n");
        return 2;
    }
    copies((uint16_t)atoi(argv[1]));
    taps();
    return 0;
}
