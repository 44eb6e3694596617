/* SPDX-License-Identifier: MIT */
/* Network interfaces on the host: a guest's back-end interface becomes a port of its bridge. */
#include <errno.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "device/builtin.h"

/* The back-end's interface, under the name it has now. */
struct port {
    int sock;
    char name[IFNAMSIZ], bridge[IFNAMSIZ];
    uint32_t domid, devid, backend_domid;
};

static struct ifreq request(const char *name)
{
    struct ifreq r = { 0 };

    snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
    return r;
}

static int set_flags(const struct port *p, bool up)
{
    struct ifreq r = request(p->name);

    if (ioctl(p->sock, SIOCGIFFLAGS, &r))
        return -1;
    if (up)
        r.ifr_flags |= IFF_UP;
    else
        r.ifr_flags &= ~IFF_UP;
    return ioctl(p->sock, SIOCSIFFLAGS, &r);
}

/* The largest address that is no broadcast: so that a bridge, which takes its lowest port's address, never takes it. */
static int set_address(const struct port *p)
{
    struct ifreq r = request(p->name);

    r.ifr_hwaddr.sa_family = ARPHRD_ETHER;
    memset(r.ifr_hwaddr.sa_data, 0xff, 6);
    r.ifr_hwaddr.sa_data[0] = (char)0xfe;
    return ioctl(p->sock, SIOCSIFHWADDR, &r);
}

static int rename_port(struct port *p, const char *name)
{
    struct ifreq r = request(p->name);

    if (if_nametoindex(name))
        return vl_fail(-EEXIST, "vif %u: there is an interface '%s' already", p->devid, name);
    snprintf(r.ifr_newname, sizeof(r.ifr_newname), "%s", name);
    if (ioctl(p->sock, SIOCSIFNAME, &r))
        return vl_fail_errno("vif %u: cannot call the interface %s '%s'", p->devid, p->name, name);
    snprintf(p->name, sizeof(p->name), "%s", name);
    return 0;
}

/* The configured MTU, else the bridge's; the guest is told too. */
static int set_mtu(struct vl *vl, struct port *p, long configured)
{
    struct ifreq r = request(p->bridge);
    char text[16];

    if (configured > 0)
        r.ifr_mtu = (int)configured;
    else if (ioctl(p->sock, SIOCGIFMTU, &r))
        return vl_fail_errno("vif %u: %s", p->devid, p->bridge);
    snprintf(text, sizeof(text), "%d", r.ifr_mtu);
    snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", p->name);
    if (ioctl(p->sock, SIOCSIFMTU, &r))
        vl_warn("vif %u: cannot set the MTU %s: %s", p->devid, text, strerror(errno));
    if (!p->backend_domid)      /* a driver domain may not write what is the guest's */
        vl_store_write(vl_store(vl), text, "/local/domain/%u/device/vif/%u/mtu", p->domid, p->devid);
    return 0;
}

static int add_port(struct port *p)
{
    struct ifreq r = request(p->bridge);

    r.ifr_ifindex = (int)if_nametoindex(p->name);
    if (!r.ifr_ifindex)
        return vl_fail_errno("vif %u: there is no interface %s (is xen-netback loaded?)", p->devid, p->name);
    if (ioctl(p->sock, SIOCBRADDIF, &r) && errno != EBUSY)
        return vl_fail_errno("vif %u: cannot add %s to the bridge %s", p->devid, p->name, p->bridge);
    if (set_flags(p, true))
        return vl_fail_errno("vif %u: cannot start the interface %s", p->devid, p->name);
    return 0;
}

static bool is_bridge(const char *name)
{
    char path[64];

    snprintf(path, sizeof(path), "/sys/class/net/%s/bridge", name);
    return access(path, F_OK) == 0;
}

/* Old files say xenbrN where the bridge is called ethN. */
static int find_bridge(struct port *p, const char *wanted)
{
    snprintf(p->bridge, sizeof(p->bridge), "%s", wanted);
    if (!is_bridge(p->bridge) && !strncmp(wanted, "xenbr", 5)) {
        snprintf(p->bridge, sizeof(p->bridge), "eth%.8s", wanted + 5);
        if (is_bridge(p->bridge))
            return 0;
        snprintf(p->bridge, sizeof(p->bridge), "%s", wanted);
    }
    if (!if_nametoindex(p->bridge))
        return vl_fail(-ENODEV, "vif %u: there is no bridge '%s'", p->devid, wanted);
    if (!is_bridge(p->bridge))
        return vl_fail(-ENODEV, "vif %u: '%s' is not a bridge", p->devid, wanted);
    return 0;
}

static int bring_up(struct vl *vl, struct port *p, const char *bridge, const char *vifname, long mtu)
{
    int rc = find_bridge(p, bridge);

    if (rc)
        return rc;
    set_flags(p, false);
    if (vifname && *vifname) {
        rc = rename_port(p, vifname);
        if (rc)
            return rc;
    }
    if (set_address(p))
        vl_debug("vif %u: cannot set the address of %s: %s", p->devid, p->name, strerror(errno));
    rc = set_mtu(vl, p, mtu);
    return rc ? rc : add_port(p);
}

int vl_bridge_up(struct vl *vl, const struct vl_device *dev)
{
    struct vl_arena arena = { 0 };
    struct port p = { .sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), .domid = dev->domid, .devid = dev->devid,
                      .backend_domid = dev->backend_domid };
    struct vl_store *s = vl_store(vl);
    char path[VL_PATH_MAX], *bridge, *vifname;
    int rc;

    vl_backend_path(dev, path);
    snprintf(p.name, sizeof(p.name), "vif%u.%u", dev->domid, dev->devid);
    bridge = vl_store_read(s, &arena, "%s/bridge", path);
    vifname = vl_store_read(s, &arena, "%s/vifname", path);
    rc = p.sock < 0 ? vl_fail_errno("cannot make a socket")
                    : bring_up(vl, &p, bridge ? bridge : "", vifname, vl_store_read_number(s, 65535, "%s/mtu", path));
    if (rc) {
        vl_store_discard(s);
    } else {
        vl_store_expect(s, "%s", path);
        vl_store_write(s, "connected", "%s/hotplug-status", path);
        rc = vl_store_apply(s);
    }
    if (p.sock >= 0)
        close(p.sock);
    vl_arena_free(&arena);
    return rc;
}

int vl_bridge_down(struct vl *vl, const struct vl_device *dev)
{
    (void)vl;
    (void)dev;
    return 0;                   /* netback removes the interface, and with it the bridge's port */
}
