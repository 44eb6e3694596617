/* SPDX-License-Identifier: MIT */
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define FLAGS (IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE)

/*
 * With IFF_NAPI_FRAGS a packet's parts are put where the kernel carves memory for such parts off larger pieces, instead of
 * each into a page that is allocated for it alone, which costs more than the copy. One that the kernel refuses goes without.
 */
#define FRAGMENTS (IFF_NAPI | IFF_NAPI_FRAGS)

int tap_queue(const char *name)
{
    struct ifreq r = { .ifr_flags = (short)(FLAGS | FRAGMENTS) };
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC), rc;

    if (fd < 0)
        return -errno;
    snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
    rc = ioctl(fd, TUNSETIFF, &r) ? -errno : 0;
    if (rc == -EINVAL || rc == -EPERM) {
        r.ifr_flags = (short)FLAGS;
        rc = ioctl(fd, TUNSETIFF, &r) ? -errno : 0;
    }
    if (!rc)
        return fd;
    close(fd);
    return rc;
}

bool tap_name(int fd, char name[16])
{
    struct ifreq r = { 0 };

    if (ioctl(fd, TUNGETIFF, &r))
        return false;
    snprintf(name, 16, "%.15s", r.ifr_name);
    return true;
}

/* The address that Xen's own interfaces have here: no bridge takes it for its own. */
static void set_address(const char *name)
{
    static const uint8_t address[6] = { 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff };
    struct ifreq r = { .ifr_hwaddr.sa_family = ARPHRD_ETHER };
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return;
    snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
    memcpy(r.ifr_hwaddr.sa_data, address, sizeof(address));
    ioctl(fd, SIOCSIFHWADDR, &r);
    close(fd);
}

int tap_open(const char *name)
{
    bool there = if_nametoindex(name) != 0;
    int fd = tap_queue(name), rc;

    if (fd < 0)
        return fd;
    if (ioctl(fd, TUNSETPERSIST, 1)) {
        rc = -errno;
        close(fd);
        return rc;
    }
    if (!there)
        set_address(name);
    return fd;
}

int tap_offload(int fd, bool checksum, bool gso4, bool gso6)
{
    unsigned long flags = checksum ? TUN_F_CSUM : 0;

    if (checksum && gso4)
        flags |= TUN_F_TSO4 | TUN_F_TSO_ECN;
    if (checksum && gso6)
        flags |= TUN_F_TSO6 | TUN_F_TSO_ECN;
    return ioctl(fd, TUNSETOFFLOAD, flags) ? -errno : 0;
}

void tap_remove(const char *name)
{
    int fd = tap_queue(name);

    if (fd < 0)
        return;
    ioctl(fd, TUNSETPERSIST, 0);
    close(fd);
}
