/* SPDX-License-Identifier: MIT */
/* The daemon's side of the xenstore page: a flat list of nodes, watches, transactions that apply at once. */
#include "fake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOME   "/local/domain/7/"
#define NODES  256
#define WATCHES 32

struct xenstore_domain_interface *fake_store_page;
unsigned int fake_conflicts;

static struct node {
    char *path, *value;
} nodes[NODES];
static struct watch {
    char *path, *given, *token;
} watches[WATCHES];
static char in[8192], out[65536];
static size_t in_len, out_prod, out_cons;
static uint32_t next_tx;

static void full(char *to, size_t size, const char *path)
{
    snprintf(to, size, "%s%s", path[0] == '/' ? "" : HOME, path);
}

static struct node *find(const char *path)
{
    for (unsigned int i = 0; i < NODES; i++)
        if (nodes[i].path && !strcmp(nodes[i].path, path))
            return &nodes[i];
    return NULL;
}

/* As much of what waits as the page has room for. */
static void flush(void)
{
    while (out_cons != out_prod && fake_store_page->rsp_prod - fake_store_page->rsp_cons < XENSTORE_RING_SIZE)
        fake_store_page->rsp[MASK_XENSTORE_IDX(fake_store_page->rsp_prod++)] = out[out_cons++ % sizeof(out)];
}

static void reply(uint32_t type, const struct xsd_sockmsg *to, const void *data, size_t len)
{
    struct xsd_sockmsg m = {.type = type, .req_id = to->req_id, .tx_id = to->tx_id, .len = (uint32_t)len};
    const char *parts[] = {(const char *)&m, data};
    size_t lens[] = {sizeof(m), len};

    for (int p = 0; p < 2; p++)
        for (size_t i = 0; i < lens[p]; i++)
            out[out_prod++ % sizeof(out)] = parts[p][i];
    flush();
}

static void fire(const char *path)
{
    for (unsigned int i = 0; i < WATCHES; i++) {
        struct xsd_sockmsg none = {0};
        size_t n;
        char text[512];

        if (!watches[i].path)
            continue;
        n = strlen(watches[i].path);
        if (strncmp(path, watches[i].path, n) || (path[n] && path[n] != '/'))
            continue;
        n = (size_t)snprintf(text, sizeof(text), "%s%s%c%s", watches[i].given, path + n, 0, watches[i].token) + 1;
        reply(XS_WATCH_EVENT, &none, text, n);
    }
}

void fake_set(const char *path, const char *value)
{
    char p[256];
    struct node *n;

    full(p, sizeof(p), path);
    n = find(p);
    for (unsigned int i = 0; !n && i < NODES; i++)
        if (!nodes[i].path) {
            n = &nodes[i];
            n->path = strdup(p);
        }
    free(n->value);
    n->value = strdup(value);
    fire(p);
}

void fake_set_number(const char *path, uint64_t value)
{
    char text[24];

    snprintf(text, sizeof(text), "%lu", (unsigned long)value);
    fake_set(path, text);
}

const char *fake_get(const char *path)
{
    char p[256];
    struct node *n;

    full(p, sizeof(p), path);
    n = find(p);
    return n ? n->value : NULL;
}

uint64_t fake_get_number(const char *path)
{
    const char *v = fake_get(path);

    return v ? strtoul(v, NULL, 10) : 0;
}

void fake_remove(const char *path)
{
    char p[256];
    size_t len;

    full(p, sizeof(p), path);
    len = strlen(p);
    for (unsigned int i = 0; i < NODES; i++)
        if (nodes[i].path && !strncmp(nodes[i].path, p, len) && (!nodes[i].path[len] || nodes[i].path[len] == '/')) {
            free(nodes[i].path);
            free(nodes[i].value);
            nodes[i] = (struct node){0};
        }
    fire(p);
}

static void list(const struct xsd_sockmsg *m, const char *path)
{
    char p[256], out[1024];
    size_t len, n = 0;

    full(p, sizeof(p), path);
    len = strlen(p);
    for (unsigned int i = 0; i < NODES; i++) {
        const char *child;
        size_t k;
        bool seen = false;

        if (!nodes[i].path || strncmp(nodes[i].path, p, len) || nodes[i].path[len] != '/')
            continue;
        child = nodes[i].path + len + 1;
        k = strcspn(child, "/");
        for (size_t at = 0; at < n; at += strlen(out + at) + 1)
            seen |= strlen(out + at) == k && !strncmp(out + at, child, k);
        if (!seen)
            n += (size_t)snprintf(out + n, sizeof(out) - n, "%.*s", (int)k, child) + 1;
    }
    if (n)
        reply(XS_DIRECTORY, m, out, n);
    else
        reply(XS_ERROR, m, "ENOENT", 7);
}

static void set_watch(const struct xsd_sockmsg *m, const char *path, const char *token)
{
    char p[256];
    struct xsd_sockmsg none = {0};

    full(p, sizeof(p), path);
    for (unsigned int i = 0; i < WATCHES; i++) {
        bool same = watches[i].path && !strcmp(watches[i].token, token);

        if (m->type == XS_UNWATCH ? !same : watches[i].path != NULL)
            continue;
        free(watches[i].path);
        free(watches[i].given);
        free(watches[i].token);
        watches[i] = (struct watch){0};
        if (m->type == XS_WATCH)
            watches[i] = (struct watch){strdup(p), strdup(path), strdup(token)};
        break;
    }
    reply(m->type, m, "OK", 3);
    if (m->type == XS_WATCH) {
        char text[512];
        size_t n = (size_t)snprintf(text, sizeof(text), "%s%c%s", path, 0, token) + 1;

        reply(XS_WATCH_EVENT, &none, text, n);
    }
}

static void handle(const struct xsd_sockmsg *m, char *body)
{
    char value[4097] = "", tx[16];
    size_t path_len;

    body[m->len] = 0;
    path_len = strlen(body) + 1;
    if (path_len <= m->len)
        memcpy(value, body + path_len, m->len - path_len);
    switch (m->type) {
    case XS_READ:
        if (fake_get(body))
            reply(XS_READ, m, fake_get(body), strlen(fake_get(body)));
        else
            reply(XS_ERROR, m, "ENOENT", 7);
        break;
    case XS_WRITE:
        fake_set(body, value);
        reply(XS_WRITE, m, "OK", 3);
        break;
    case XS_RM:
        fake_remove(body);
        reply(XS_RM, m, "OK", 3);
        break;
    case XS_DIRECTORY: list(m, body); break;
    case XS_WATCH:
    case XS_UNWATCH: set_watch(m, body, value); break;
    case XS_TRANSACTION_START:
        snprintf(tx, sizeof(tx), "%u", ++next_tx);
        reply(m->type, m, tx, strlen(tx) + 1);
        break;
    case XS_TRANSACTION_END:
        if (fake_conflicts) {
            fake_conflicts--;
            reply(XS_ERROR, m, "EAGAIN", 7);
        } else {
            reply(m->type, m, "OK", 3);
        }
        break;
    default: reply(XS_ERROR, m, "ENOSYS", 7);
    }
}

void fake_store_turn(void)
{
    struct xsd_sockmsg m;

    flush();
    while (fake_store_page->req_prod != fake_store_page->req_cons && in_len < sizeof(in) - 1)
        in[in_len++] = fake_store_page->req[MASK_XENSTORE_IDX(fake_store_page->req_cons++)];
    while (in_len >= sizeof(m)) {
        char body[4097];

        memcpy(&m, in, sizeof(m));
        if (m.len > 4096)
            abort(); /* the library sent nonsense */
        if (in_len < sizeof(m) + m.len)
            return;
        memcpy(body, in + sizeof(m), m.len);
        in_len -= sizeof(m) + m.len;
        memmove(in, in + sizeof(m) + m.len, in_len);
        handle(&m, body);
    }
}

void fake_set_in(const char *dir, const char *node, uint64_t value)
{
    char path[128];

    snprintf(path, sizeof(path), "%s%s", dir, node);
    fake_set_number(path, value);
}

uint64_t fake_queue_number(const char *dir, unsigned int queue, const char *node)
{
    char path[128];

    snprintf(path, sizeof(path), "%smulti-queue-num-queues", dir);
    if (fake_get(path))
        snprintf(path, sizeof(path), "%squeue-%u/%s", dir, queue, node);
    else
        snprintf(path, sizeof(path), "%s%s", dir, node);
    return fake_get_number(path);
}

void fake_store_reset(void)
{
    for (unsigned int i = 0; i < NODES; i++) {
        free(nodes[i].path);
        free(nodes[i].value);
        nodes[i] = (struct node){0};
    }
    for (unsigned int i = 0; i < WATCHES; i++) {
        free(watches[i].path);
        free(watches[i].given);
        free(watches[i].token);
        watches[i] = (struct watch){0};
    }
    in_len = out_prod = out_cons = 0;
    fake_conflicts = 0;
}
