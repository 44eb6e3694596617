/* SPDX-License-Identifier: MIT */
#include "iface.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/daemon.h"
#include "common/log.h"
#include "tap.h"
#include "wire.h"

struct own {
    char name[16];              /* the tap's */
    int tap[NET_QUEUES_MAX];    /* the first is there from the start */
    unsigned n_taps;
    int state;                  /* file */
    char state_path[192];
    bool script_ran;
    struct net_rules rules;
};

static const struct iface_options *options(struct device *d)
{
    return d->keeper->options;
}

static struct store *store_of(struct device *d)
{
    return &d->keeper->store;
}

/* ---- the script, where no toolstack runs it ---- */

static int run_script(struct device *d, const char *verb)
{
    struct own *o = d->own;
    char path[STORE_PATH];
    int status;
    pid_t pid;

    if (!options(d)->script)
        return 0;
    pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0) {
        snprintf(path, sizeof(path), "backend/%s/%u/%u", d->keeper->kind->type, d->keeper->domid, d->id);
        setenv("script", options(d)->script, 1);
        setenv("XENBUS_TYPE", "vif", 1);
        setenv("XENBUS_PATH", path, 1);
        setenv("XENBUS_BASE_PATH", "backend", 1);
        setenv("vif", o->name, 1);
        execl(options(d)->script, options(d)->script, verb, "type_if=vif", (char *)NULL);
        _exit(127);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -EIO;
}

static int iface_open(struct device *d, char why[256])
{
    struct own *o = calloc(1, sizeof(*o));
    char *name;

    if (!o)
        return -ENOMEM;
    free(d->own);
    d->own = o;
    name = store_read(store_of(d), d->back, "vifname");
    /* A script gives it this name later; a predecessor's interface has it already. */
    if (name && *name && strlen(name) < sizeof(o->name) && if_nametoindex(name))
        snprintf(o->name, sizeof(o->name), "%s", name);
    else
        snprintf(o->name, sizeof(o->name), "vif%u.%u", d->keeper->domid, d->id);
    free(name);
    snprintf(o->state_path, sizeof(o->state_path), "%s/net-%u-%u", d->keeper->state_dir, d->keeper->domid, d->id);
    o->state = daemon_state_file(o->state_path, sizeof(struct net_state));
    if (o->state < 0) {
        snprintf(why, 256, "%.150s: %s", o->state_path, strerror(-o->state));
        return o->state;
    }
    o->tap[0] = tap_open(o->name);
    if (o->tap[0] < 0) {
        snprintf(why, 256, "cannot make the tap device %s: %s%s", o->name, strerror(-o->tap[0]),
                 o->tap[0] == -ENOENT || o->tap[0] == -ENODEV ? " (is the kernel's module tun loaded?)" : "");
        close(o->state);
        return o->tap[0];
    }
    o->n_taps = 1;
    return 0;
}

/* ---- rules ---- */

static bool front_flag(struct device *d, const char *name)
{
    return store_number(store_of(d), d->front, name, 0, 0, 1) == 1;
}

static bool parse_mac(const char *text, uint8_t mac[6])
{
    return text && sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4], &mac[5]) == 6;
}

/* Addresses between blanks or commas; a prefix length behind one is left out. */
static void parse_addresses(char *text, struct net_rules *r)
{
    char *save, *word;

    for (word = text ? strtok_r(text, " ,", &save) : NULL; word; word = strtok_r(NULL, " ,", &save)) {
        word[strcspn(word, "/")] = 0;
        if (r->n_ip4 < NET_ADDRESSES_MAX && inet_pton(AF_INET, word, r->ip4[r->n_ip4]) == 1)
            r->n_ip4++;
        else if (r->n_ip6 < NET_ADDRESSES_MAX && inet_pton(AF_INET6, word, r->ip6[r->n_ip6]) == 1)
            r->n_ip6++;
    }
}

/* `rate`: bytes,µs as Linux's back-end has it. `antispoof`: none, mac or ip (which includes mac). */
static void read_rules(struct device *d, struct net_rules *r)
{
    struct store *s = store_of(d);
    char *mac = store_read(s, d->back, "mac"), *rate = store_read(s, d->back, "rate"), *ip = store_read(s, d->back, "ip");
    char *node = store_read(s, d->back, "antispoof");
    const char *check = node ? node : options(d)->check;
    unsigned long long bytes, usecs;

    *r = (struct net_rules){ .m = { NET_RULES, d->id } };
    if (check && (!strcmp(check, "mac") || !strcmp(check, "ip")))
        r->check_mac = parse_mac(mac, r->mac);
    parse_addresses(ip, r);
    r->check_ip = check && !strcmp(check, "ip") && (r->n_ip4 || r->n_ip6);
    if (rate && sscanf(rate, "%llu,%llu", &bytes, &usecs) == 2 && bytes && usecs && bytes < 1ull << 40 && usecs < 1ull << 32) {
        r->rate = bytes * 1000000 / usecs;
        r->burst = bytes;
    }
    r->multicast_control = front_flag(d, "request-multicast-control");
    free(mac);
    free(rate);
    free(ip);
    free(node);
}

static int send_rules(struct device *d)
{
    struct own *o = d->own;
    struct reply reply;

    read_rules(d, &o->rules);
    return keeper_call(d->keeper, &o->rules, sizeof(o->rules), NULL, 0, &reply);
}

static int iface_give(struct device *d, char why[256])
{
    struct own *o = d->own;
    struct message m = { NET_ATTACH, d->id };
    struct reply reply;
    int rc = keeper_call(d->keeper, &m, sizeof(m), &o->state, 1, &reply);

    if (!rc)
        rc = send_rules(d);
    if (rc)
        snprintf(why, 256, "the worker does not take it: %s", strerror(-rc));
    return rc;
}

/* ---- nodes ---- */

static int iface_publish(struct store *s, struct device *d)
{
    const struct iface_options *o = options(d);

    store_write(s, d->back, "feature-sg", "1");
    store_write(s, d->back, "feature-gso-tcpv4", "%d", !o->no_offload);
    store_write(s, d->back, "feature-gso-tcpv6", "%d", !o->no_offload);
    store_write(s, d->back, "feature-ipv6-csum-offload", "%d", !o->no_offload);
    store_write(s, d->back, "feature-rx-copy", "1");
    store_write(s, d->back, "feature-rx-flip", "0");
    store_write(s, d->back, "feature-multicast-control", "1");
    store_write(s, d->back, "feature-dynamic-multicast-control", "1");
    store_write(s, d->back, "feature-ctrl-ring", "1");
    store_write(s, d->back, "feature-split-event-channels", "1");
    store_write(s, d->back, "multi-queue-max-queues", "%u", o->queues);
    return 0;
}

static int iface_publish_connected(struct store *s, struct device *d)
{
    (void)s;
    (void)d;
    return 0;
}

/* As with Linux's back-end, the interface is of no use before the script has put it where it belongs. */
static bool iface_ready(struct device *d)
{
    struct own *o = d->own;
    char *status;
    bool ready;

    if (options(d)->script && !o->script_ran) {
        if (run_script(d, "online"))
            log_error("device %u: '%s online' failed", d->id, options(d)->script);
        o->script_ran = true;
    }
    status = store_read(store_of(d), d->back, "hotplug-status");
    ready = status && !strcmp(status, "connected");
    free(status);
    return ready || (options(d)->script && o->script_ran);
}

static int64_t port(struct device *d, const char *dir, const char *name)
{
    return store_number(store_of(d), dir, name, -ENOENT, 1, (1u << 17) - 1);
}

static int read_queue(struct device *d, const char *dir, struct net_connect *c, unsigned i, char why[256])
{
    struct store *s = store_of(d);
    int64_t tx = store_number(s, dir, "tx-ring-ref", -ENOENT, 0, UINT32_MAX);
    int64_t rx = store_number(s, dir, "rx-ring-ref", -ENOENT, 0, UINT32_MAX);
    int64_t tx_port = port(d, dir, "event-channel-tx"), rx_port = port(d, dir, "event-channel-rx");

    if (tx_port == -ENOENT && rx_port == -ENOENT)
        tx_port = rx_port = port(d, dir, "event-channel");
    else
        c->split = 1;
    if (tx < 0 || rx < 0 || tx_port < 0 || rx_port < 0) {
        snprintf(why, 256, "%.180s has no whole pair of rings and event channels", dir);
        return -EINVAL;
    }
    c->tx_ref[i] = (uint32_t)tx;
    c->rx_ref[i] = (uint32_t)rx;
    c->tx_port[i] = (uint32_t)tx_port;
    c->rx_port[i] = (uint32_t)rx_port;
    return 0;
}

/* Both of its nodes or none. */
static int read_ctrl(struct device *d, struct net_connect *c, char why[256])
{
    int64_t ref = store_number(store_of(d), d->front, "ctrl-ring-ref", -ENOENT, 0, UINT32_MAX);
    int64_t at = port(d, d->front, "event-channel-ctrl");

    if (ref == -ENOENT && at == -ENOENT)
        return 0;
    if (ref < 0 || at < 0) {
        snprintf(why, 256, "the front-end has no whole control ring");
        return -EINVAL;
    }
    c->ctrl = 1;
    c->ctrl_ref = (uint32_t)ref;
    c->ctrl_port = (uint32_t)at;
    return 0;
}

static int read_front(struct device *d, struct net_connect *c, char why[256])
{
    int64_t queues = store_number(store_of(d), d->front, "multi-queue-num-queues", 1, 1, options(d)->queues);
    int rc = 0;

    if (queues < 0 || !front_flag(d, "request-rx-copy")) {
        snprintf(why, 256, queues < 0 ? "the front-end wants a number of queues that was not offered"
                 : "the front-end does not want its packets copied (request-rx-copy)");
        return -EINVAL;
    }
    c->queues = (uint8_t)queues;
    c->scatter = front_flag(d, "feature-sg");
    c->gso4 = c->scatter && front_flag(d, "feature-gso-tcpv4");
    c->gso6 = c->scatter && front_flag(d, "feature-gso-tcpv6");
    for (unsigned i = 0; i < c->queues && !rc; i++) {
        char dir[STORE_PATH + 16];

        snprintf(dir, sizeof(dir), "%s/queue-%u", d->front, i);
        rc = read_queue(d, c->queues > 1 ? dir : d->front, c, i, why);
    }
    return rc ? rc : read_ctrl(d, c, why);
}

static void close_queues(struct own *o)
{
    while (o->n_taps > 1)
        close(o->tap[--o->n_taps]);
}

static int open_queues(struct own *o, unsigned n)
{
    tap_name(o->tap[0], o->name);
    while (o->n_taps < n) {
        int fd = tap_queue(o->name);

        if (fd < 0)
            return fd;
        o->tap[o->n_taps++] = fd;
    }
    return 0;
}

static int iface_connect(struct device *d, bool again, char why[256])
{
    struct net_connect c = { .m = { NET_CONNECT, d->id }, .again = again };
    struct own *o = d->own;
    struct reply reply;
    int rc = read_front(d, &c, why);

    if (rc)
        return rc;
    close_queues(o);
    rc = open_queues(o, c.queues);
    if (!rc)
        rc = send_rules(d);     /* the front-end's wishes are among them */
    if (!rc)
        rc = tap_offload(o->tap[0], !front_flag(d, "feature-no-csum-offload") && !options(d)->no_offload,
                         c.gso4 && !options(d)->no_offload, c.gso6 && !options(d)->no_offload);
    if (!rc)
        rc = keeper_call(d->keeper, &c, sizeof(c), o->tap, c.queues, &reply);
    if (rc && rc != -EPIPE)
        snprintf(why, 256, "its rings, event channels or tap queues cannot be had: %s", strerror(-rc));
    return rc;
}

static void iface_disconnect(struct device *d)
{
    struct message m = { NET_DISCONNECT, d->id };
    struct reply reply;

    keeper_call(d->keeper, &m, sizeof(m), NULL, 0, &reply);
    close_queues(d->own);
}

static void iface_close(struct device *d)
{
    struct message m = { NET_DETACH, d->id };
    struct own *o = d->own;
    struct reply reply;

    if (d->given)
        keeper_call(d->keeper, &m, sizeof(m), NULL, 0, &reply);
    if (o->script_ran)
        run_script(d, "offline");
    close_queues(o);
    tap_name(o->tap[0], o->name);
    close(o->tap[0]);
    tap_remove(o->name);
    close(o->state);
    unlink(o->state_path);
}

/* What is written anew counts at once: rate, addresses, the wish for multicast control. */
static void iface_changed(struct device *d)
{
    struct own *o = d->own;
    struct net_rules now;

    read_rules(d, &now);
    if (memcmp(&now, &o->rules, sizeof(now)))
        send_rules(d);
}

static void iface_message(struct device *d, const struct message *m, size_t size)
{
    (void)d;
    (void)m;
    (void)size;
}

const struct backend_kind iface_kind = {
    .program = "vellum-netd", .type = "vnif", .open = iface_open, .give = iface_give, .publish = iface_publish,
    .ready = iface_ready, .connect = iface_connect, .publish_connected = iface_publish_connected,
    .disconnect = iface_disconnect, .close = iface_close, .changed = iface_changed, .message = iface_message,
};
