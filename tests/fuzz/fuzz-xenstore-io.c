/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer on the bytes that sockets and rings carry and on the indices that guests write: the whole daemon with its
 * journal, but for the hypervisor's libraries (hyp.c), in whose place two pages of memory are the guests' rings. After
 * each input the store must be sound, and a client that behaves must get its answer.
 */
#include "server.h"

#include "../unit/xenstore-nohyp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define GUESTS  NOHYP_GUESTS
#define SOCKETS 2u

static void check(bool ok)
{
    if (!ok)
        abort();
}

/* ---- one input ---- */

struct input {
    const uint8_t *data;
    size_t size;
};

static unsigned byte(struct input *in)
{
    if (in->size == 0)
        return 0;
    in->size--;
    return *in->data++;
}

static uint32_t word(struct input *in)
{
    uint32_t v = byte(in);

    v |= byte(in) << 8;
    return v & 0x8000 ? v << 17 | byte(in) : v; /* small ones, and some anywhere */
}

/* A message whose header mostly makes sense, or raw bytes of the input. */
static size_t make_message(struct input *in, char *out, size_t room)
{
    struct xsd_sockmsg hdr = { byte(in) % 26, byte(in), byte(in) % 4, word(in) };
    size_t len = hdr.len <= XENSTORE_PAYLOAD_MAX ? hdr.len : XENSTORE_PAYLOAD_MAX;

    if (len > in->size)
        len = in->size;
    if (hdr.len > 0 && hdr.len <= XENSTORE_PAYLOAD_MAX)
        hdr.len = (uint32_t)len;
    if (len > room - sizeof(hdr))
        len = room - sizeof(hdr);
    memcpy(out, &hdr, sizeof(hdr));
    memcpy(out + sizeof(hdr), in->data, len);
    in->data += len;
    in->size -= len;
    return sizeof(hdr) + len;
}

static void put(struct xenstore_domain_interface *page, const char *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        page->req[MASK_XENSTORE_IDX(page->req_prod + i)] = data[i];
    page->req_prod += (uint32_t)len;
}

static void guest_step(struct input *in, unsigned guest)
{
    struct xenstore_domain_interface *page = &nohyp_page[guest];
    const struct domain *d = server.st.domain[guest];
    char message[XENSTORE_RING_SIZE];

    switch (byte(in) % 8) {
    case 0: page->req_prod = word(in); break;
    case 1: page->rsp_cons = word(in); break;
    case 2: page->req_cons = word(in); break;
    case 3: page->rsp_prod = word(in); break;
    case 4: page->connection = XENSTORE_RECONNECT; break;
    case 5: page->rsp_cons = page->rsp_prod; break;
    default: put(page, message, make_message(in, message, sizeof(message))); break;
    }
    if (d != NULL && d->conn != NULL)
        ring_queue(&server, (struct ring *)d->conn);
}

static void socket_step(struct input *in, int fd)
{
    char message[4200], replies[65536];
    size_t len = make_message(in, message, sizeof(message)), cut = byte(in) & 1 ? len : len / 2;

    if (send(fd, message, cut, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
        server_turn(&server, false);
    if (cut < len)
        send(fd, message + cut, len - cut, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (byte(in) & 1)
        while (recv(fd, replies, sizeof(replies), MSG_DONTWAIT) > 0)
            ;
}

static int connect_pair(bool readonly)
{
    int fd[2];

    check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd) == 0);
    socket_adopt(&server, fd[0], readonly);
    return fd[1];
}

static void introduce(unsigned guest)
{
    memset(&nohyp_page[guest], 0, sizeof(nohyp_page[guest]));
    check(domain_introduce(&server.st, guest, 1, 1) == 0);
    server_commit(&server, NULL);
}

/* Who behaves is served, whatever the others did. */
static void well_behaved(void)
{
    static const char path[] = "/tool";
    struct xsd_sockmsg hdr = { XS_READ, 1, 0, sizeof(path) };
    char message[sizeof(hdr) + sizeof(path)];
    int fd = connect_pair(false);

    memcpy(message, &hdr, sizeof(hdr));
    memcpy(message + sizeof(hdr), path, sizeof(path));
    check(write(fd, message, sizeof(message)) == sizeof(message));
    for (unsigned i = 0; i < 1000; i++) {
        server_turn(&server, false);
        if (recv(fd, &hdr, sizeof(hdr), MSG_DONTWAIT) == sizeof(hdr)) {
            close(fd);
            server_turn(&server, false);
            return;
        }
    }
    abort();
}

/* ---- one daemon for all inputs, which leaves each with the store that the first had ---- */

static uint32_t first_quota[QUOTA_COUNT];

static void make_tool(void)
{
    static struct path p;

    check(path_parse(&p, "/tool", 5, 0, XENSTORE_ABS_PATH_MAX) == 0);
    mutate_mkdir(&server.st, &server.st.root, &p, 0);
    server_commit(&server, NULL);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static struct store_host host;

    (void)argc;
    (void)argv;
    make_run_dir();
    atexit(remove_run_dir);
    log_to_syslog = true; /* where nobody listens */
    start_daemon(); /* for which nothing comes from waiting for its client: that is this process */
    host = *server.st.host;
    host.control = NULL; /* no log files, no live update */
    server.st.host = &host;
    memcpy(first_quota, server.st.quota, sizeof(first_quota));
    return 0;
}

static void remove_nodes(void)
{
    static const struct perm root_perm = { 0, PERM_NONE };
    static struct path p;
    struct node **list = node_list(server.st.root);
    uint32_t count = node_children(server.st.root);
    char name[XENSTORE_ABS_PATH_MAX];

    for (uint32_t i = 0; i < count; i++) {
        int len = snprintf(name, sizeof(name), "/%.*s", (int)node_name_len(list[i]), node_name(list[i]));

        check(path_parse(&p, name, (size_t)len, 0, XENSTORE_ABS_PATH_MAX) == 0);
        mutate_rm(&server.st, &server.st.root, &p);
    }
    free(list);
    check(path_parse(&p, "/", 1, 0, XENSTORE_ABS_PATH_MAX) == 0);
    mutate_perms(&server.st, &server.st.root, &p, &root_perm, 1);
    mutate_write(&server.st, &server.st.root, &p, 0, "", 0);
    server_commit(&server, NULL);
}

static void clean_up(void)
{
    for (unsigned i = 1; i <= GUESTS; i++)
        if (server.st.domain[i] != NULL)
            domain_release(&server.st, server.st.domain[i]);
    server_commit(&server, NULL);
    for (unsigned i = 0; i < 1000 && server.st.conns != NULL; i++)
        server_turn(&server, false);
    check(server.st.conns == NULL && server.st.watch_count == 0 && server.st.txn_count == 0);
    remove_nodes();
    for (unsigned i = 0; i < 1000 && server.snapshot != NULL; i++) /* it holds roots of before */
        server_turn(&server, false);
    check(server.snapshot == NULL && node_stats.nodes == 1);
    memcpy(server.st.quota, first_quota, sizeof(first_quota));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = { data, size };
    struct buf out = { 0 };
    int fd[SOCKETS];

    make_tool();
    for (unsigned i = 0; i < SOCKETS; i++)
        fd[i] = connect_pair(i == 1);
    for (unsigned i = 1; i <= GUESTS; i++)
        introduce(i);
    while (in.size > 0) {
        unsigned who = byte(&in) % (GUESTS + SOCKETS);

        if (who < GUESTS)
            guest_step(&in, who + 1);
        else
            socket_step(&in, fd[who - GUESTS]);
        server_turn(&server, false);
    }
    well_behaved();
    check(domain_check(&server.st, &out) == 0);
    buf_free(&out);
    for (unsigned i = 0; i < SOCKETS; i++)
        close(fd[i]);
    clean_up();
    return 0;
}
