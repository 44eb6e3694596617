/* SPDX-License-Identifier: MIT */
/*
 * The guest's whole network (nettest, lwIP, the front end) as a process, its back-end a tap device with Linux's TCP/IP
 * behind it: checksums and segments are left to the other side both ways, as between a guest and dom0. In a network
 * namespace of its own; skipped where that or a tap cannot be had. Before that, two such guests and nothing between them.
 */
#include "fake.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SKIP 77

void guest_main(void); /* nettest's main */
extern const char *guest_options;

static int tap;
static unsigned long large_out, large_in, blank_out;

static uint64_t clock_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void sleep_until(uint64_t deadline)
{
    struct pollfd p = {.fd = tap, .events = POLLIN};
    uint64_t now = clock_now();
    struct timespec t = {.tv_nsec = deadline > now && deadline - now < 10000000 ? (long)(deadline - now) : 10000000};

    ppoll(&p, 1, &t, NULL);
}

/* A packet of the guest's to Linux, with what it left to do. */
static void packet_out(void)
{
    uint8_t *ip = fake_net.packet + 14;
    unsigned int header = 14 + (ip[0] & 15) * 4U;
    struct virtio_net_hdr h = {.flags = 0};
    struct iovec v[2] = {{&h, sizeof(h)}, {fake_net.packet, fake_net.len}};

    if (fake_net.flags & NETTXF_csum_blank) {
        h.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
        h.csum_start = (uint16_t)header;
        h.csum_offset = ip[9] == 6 ? 16 : 6;
        blank_out++;
    }
    if (fake_net.gso_size) {
        h.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
        h.gso_size = fake_net.gso_size;
        h.hdr_len = (uint16_t)(header + (fake_net.packet[header + 12] >> 4) * 4);
        large_out++;
    }
    if (writev(tap, v, 2) < 0 && errno != EAGAIN)
        perror("tap");
}

static void packets_in(void)
{
    static uint8_t packet[70000];
    static struct virtio_net_hdr h;
    struct iovec v[2] = {{&h, sizeof(h)}, {packet, sizeof(packet)}};
    ssize_t n;

    while (fake_net.connected && (n = readv(tap, v, 2)) > (ssize_t)sizeof(h)) {
        uint16_t flags = h.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM ? NETRXF_csum_blank | NETRXF_data_validated : 0;

        large_in += h.gso_size != 0;
        fake_net_deliver(0, packet, (uint32_t)n - (uint32_t)sizeof(h), flags, h.gso_size);
    }
}

static void (*net_turn)(void);

static void turn(void)
{
    net_turn();
    packets_in();
}

static int open_tap(bool offload)
{
    struct ifreq r = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};

    if (unshare(CLONE_NEWNET) || (tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC)) < 0)
        return -1;
    strcpy(r.ifr_name, "tap0");
    if (ioctl(tap, TUNSETIFF, &r) || ioctl(tap, TUNSETOFFLOAD, offload ? TUN_F_CSUM | TUN_F_TSO4 : 0))
        return -1;
    return system("PATH=$PATH:/sbin:/usr/sbin; ip link set lo up && ip addr add 10.9.0.1/24 dev tap0 && ip link set tap0 up");
}

static int listen_on(int type, uint16_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    int s = socket(AF_INET, type, 0);

    if (bind(s, (struct sockaddr *)&a, sizeof(a)) || (type == SOCK_STREAM && listen(s, 5)))
        _exit(1);
    return s;
}

static void echo(int s)
{
    static char buf[65536];

    for (ssize_t n; (n = read(s, buf, sizeof(buf))) > 0;)
        for (ssize_t at = 0, k; at < n; at += k)
            if ((k = write(s, buf + at, (size_t)(n - at))) <= 0)
                return;
}

static pid_t child(void)
{
    pid_t pid = fork();

    if (!pid)
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    return pid;
}

/* Linux's side: the echo services. */
static void serve(void)
{
    int tcp = listen_on(SOCK_STREAM, 7), udp = listen_on(SOCK_DGRAM, 7);
    static char buf[65536];

    if (!child())
        for (;;) {
            int s = accept(tcp, NULL, NULL);

            echo(s);
            close(s);
        }
    if (!child())
        for (;;) {
            struct sockaddr_in a;
            socklen_t len = sizeof(a);
            ssize_t n = recvfrom(udp, buf, sizeof(buf), 0, (struct sockaddr *)&a, &len);

            if (n >= 0)
                sendto(udp, buf, (size_t)n, 0, (struct sockaddr *)&a, len);
        }
    close(tcp);
    close(udp);
}

static int run_guest(const char *options, bool offload)
{
    fake_init();
    fake_net_init();
    fake_net.sg = true;
    fake_net.csum = fake_net.gso = offload;
    fake_net.split = true;
    fake_clock = clock_now;
    fake_sleep = sleep_until;
    fake_net.packet_out = packet_out;
    net_turn = fake_peer;
    fake_peer = turn;
    fake_net_offer();
    guest_options = options;
    guest_main();
    fprintf(stderr, "tap: %lu packets, checksums left to Linux %lu, large ones out %lu, in %lu\n", fake_net.packets, blank_out,
            large_out, large_in);
    if (offload ? !large_out || !large_in || !blank_out : large_out + large_in + blank_out != 0) {
        fprintf(stderr, "tap: offload is not what it should be\n");
        return 1;
    }
    return 0;
}

/* Two guests, whose taps are the ends of one socket pair: no Linux makes small packets of large ones between them. */
static int guest_to_guest(void)
{
    int pair[2], room = 8 << 20, status;
    pid_t server, client;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair))
        return 1;
    for (int i = 0; i < 2; i++)
        setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
    server = child();
    if (!server) {
        tap = pair[1];
        _exit(run_guest("serve ip=10.9.0.2", true));
    }
    client = child();
    if (!client) {
        tap = pair[0];
        _exit(run_guest("ip=10.9.0.3 peer=10.9.0.2 mb=32 udp=60 ping=20", true));
    }
    waitpid(client, &status, 0);
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
    close(pair[0]);
    close(pair[1]);
    return status;
}

int main(void)
{
    int failed = guest_to_guest() != 0;

    for (int offload = 1; offload >= 0; offload--) {
        pid_t pid = child();
        int status = 0;

        if (!pid) {
            if (open_tap(offload)) {
                fprintf(stderr, "no network namespace with a tap here: skipped\n");
                _exit(SKIP);
            }
            serve();
            _exit(run_guest("ip=10.9.0.3 peer=10.9.0.1 mb=8 udp=60 ping=20", offload));
        }
        waitpid(pid, &status, 0);
        if (WIFEXITED(status) && WEXITSTATUS(status) == SKIP)
            return SKIP;
        failed |= status != 0;
    }
    return failed;
}
