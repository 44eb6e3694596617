/* SPDX-License-Identifier: MIT */
/*
 * Simulated guests of a xenstored that runs on tests/peer/xenstore-simhost.so: the guest's side of a ring, one thread,
 * never blocking. Used by the crash test and by the benchmark.
 */
#ifndef TESTS_XENSTORE_SIM_H
#define TESTS_XENSTORE_SIM_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <xen/io/xs_wire.h>

struct sim_ring {
    unsigned domid;
    struct xenstore_domain_interface *page;
    char in[8192]; /* received, not yet taken */
    size_t in_len;
};

static int sim_socket = -1; /* all guests kick from this one */

static inline void sim_path(char *out, size_t size, const char *name)
{
    const char *dir = getenv("XS_SIM");

    snprintf(out, size, "%s/%s", dir ? dir : ".", name);
}

/* Makes the domain exist: its ring page, empty. START: where the ring's indices begin. */
static inline void sim_create(struct sim_ring *r, unsigned domid, uint32_t start)
{
    char name[32], path[108];
    int fd;

    snprintf(name, sizeof(name), "ring.%u", domid);
    sim_path(path, sizeof(path), name);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, 4096) < 0) {
        perror(path);
        exit(1);
    }
    r->domid = domid;
    r->in_len = 0;
    r->page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    memset(r->page, 0, 4096);
    r->page->req_cons = r->page->req_prod = r->page->rsp_cons = r->page->rsp_prod = start;
    if (sim_socket < 0)
        sim_socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

static inline void sim_destroy(struct sim_ring *r)
{
    char name[32], path[108];

    snprintf(name, sizeof(name), "ring.%u", r->domid);
    sim_path(path, sizeof(path), name);
    unlink(path);
    munmap(r->page, 4096);
}

/* False when the daemon's queue of kicks is full: to be tried again, for an event channel loses none. */
static inline bool sim_kick(uint32_t who)
{
    struct sockaddr_un sun = { .sun_family = AF_UNIX };
    char path[108];

    sim_path(path, sizeof(path), "evtchn");
    snprintf(sun.sun_path, sizeof(sun.sun_path), "%.100s", path);
    return sendto(sim_socket, &who, sizeof(who), MSG_DONTWAIT, (struct sockaddr *)&sun, sizeof(sun)) >= 0 ||
           errno != EAGAIN;
}

/* Puts up to LEN bytes into the request ring; the number that fitted. */
static inline size_t sim_put(struct sim_ring *r, const char *data, size_t len)
{
    uint32_t prod = r->page->req_prod,
             space = XENSTORE_RING_SIZE - (prod - __atomic_load_n(&r->page->req_cons, __ATOMIC_ACQUIRE));

    if (len > space)
        len = space;
    for (size_t i = 0; i < len; i++)
        r->page->req[MASK_XENSTORE_IDX(prod + i)] = data[i];
    __atomic_store_n(&r->page->req_prod, prod + (uint32_t)len, __ATOMIC_RELEASE);
    return len;
}

/* Takes one whole message if there is one: its payload (terminated) in DATA, of at least 4097 bytes. */
static inline bool sim_get(struct sim_ring *r, struct xsd_sockmsg *hdr, char *data)
{
    uint32_t cons = r->page->rsp_cons, have = __atomic_load_n(&r->page->rsp_prod, __ATOMIC_ACQUIRE) - cons;

    if (have > sizeof(r->in) - r->in_len)
        have = (uint32_t)(sizeof(r->in) - r->in_len);
    for (uint32_t i = 0; i < have; i++)
        r->in[r->in_len++] = r->page->rsp[MASK_XENSTORE_IDX(cons + i)];
    __atomic_store_n(&r->page->rsp_cons, cons + have, __ATOMIC_RELEASE);
    if (r->in_len < sizeof(*hdr))
        return false;
    memcpy(hdr, r->in, sizeof(*hdr));
    if (hdr->len > XENSTORE_PAYLOAD_MAX) {
        fprintf(stderr, "domain %u: a reply of %u bytes\n", r->domid, hdr->len);
        exit(1);
    }
    if (r->in_len < sizeof(*hdr) + hdr->len)
        return false;
    memcpy(data, r->in + sizeof(*hdr), hdr->len);
    data[hdr->len] = 0;
    r->in_len -= sizeof(*hdr) + hdr->len;
    memmove(r->in, r->in + sizeof(*hdr) + hdr->len, r->in_len);
    return true;
}

#endif
