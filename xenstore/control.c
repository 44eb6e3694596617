/* SPDX-License-Identifier: MIT */
/*
 * CONTROL: commands of the administrator, with the names, arguments and texts of Debian's xenstore-control. Those about
 * the store are here, those about the process (logs, live update) the host's.
 */
#include "store.h"

#include <errno.h>
#include <stdlib.h>

#define ARGS_MAX 8u

struct command {
    const char *name;
    int (*run)(struct store *st, struct request *rq, const char **argv, unsigned argc, struct buf *out);
    const char *help;
};

static int by_host(struct store *st, struct request *rq, const char **argv, unsigned argc, struct buf *out)
{
    return st->host != NULL && st->host->control != NULL ? st->host->control(st->host_arg, rq, argv, argc, out)
                                                         : -ENOSYS;
}

static int do_check(struct store *st, struct request *rq, const char **argv, unsigned argc, struct buf *out)
{
    (void)rq;
    (void)argv;
    (void)argc;
    if (domain_check(st, out) == 0)
        buf_add(out, "OK", 2);
    return 0;
}

/* ---- quotas ---- */

static bool parse_u32(const char *s, uint32_t *out)
{
    char *end;
    unsigned long v = strtoul(s, &end, 10);

    *out = (uint32_t)v;
    return s[0] >= '0' && s[0] <= '9' && *end == 0 && v < UINT32_MAX;
}

static struct domain *domain_arg(struct store *st, const char *s)
{
    uint32_t domid;

    return parse_u32(s, &domid) && domid < DOMAINS ? st->domain[domid] : NULL;
}

static void journal_quota(struct store *st, unsigned domid, unsigned quota, uint32_t value)
{
    const struct entry e = { .type = ENTRY_QUOTA, .domid = (uint16_t)domid, .b_len = sizeof(value), .num = quota };

    store_entry(st, &e, NULL, &value);
}

static int quota_set(struct store *st, const char **argv, unsigned argc, struct buf *out)
{
    uint32_t value;
    unsigned i = 0;
    struct domain *d = NULL;

    if (argc < 2 || argc > 3 || !parse_u32(argv[1], &value))
        return -EINVAL;
    while (i < QUOTA_COUNT && strcmp(quota_info[i].name, argv[0]))
        i++;
    if (i == QUOTA_COUNT)
        return -EINVAL;
    if (argc == 3) {
        d = domain_arg(st, argv[2]);
        if (d == NULL || d->domid == 0)
            return -ENOENT;
        d->quota[i] = value;
    } else {
        st->quota[i] = value;
    }
    journal_quota(st, d != NULL ? d->domid : 0, i, value);
    buf_add(out, "OK", 2);
    return 0;
}

static void print_domain(const struct domain *d, struct buf *out)
{
    buf_printf(out, "Domain %u:\n%-16s: %8u\n%-16s: %8u\n%-16s: %8u\n%-16s: %8u\n%-16s: %8llu\n", d->domid, "nodes",
               d->nodes, "watches", d->watches, "transactions", d->txns, "outstanding", d->conn ? d->conn->unread : 0,
               "memory", (unsigned long long)d->memory);
}

static void json_domain(const struct store *st, const struct domain *d, struct buf *out)
{
    buf_printf(out,
               "{\"domid\":%u,\"introduced\":%s,\"nodes\":%u,\"watches\":%u,\"transactions\":%u,\"outstanding\":%u,"
               "\"memory\":%llu,\"quota\":{",
               d->domid, d->introduced ? "true" : "false", d->nodes, d->watches, d->txns, d->conn ? d->conn->unread : 0,
               (unsigned long long)d->memory);
    for (unsigned i = 0; i < QUOTA_COUNT; i++)
        buf_printf(out, "%s\"%s\":%u", i ? "," : "", quota_info[i].name, domain_quota(st, d, (enum quota)i));
    buf_printf(out, "}}");
}

static void json_settings(const struct store *st, struct buf *out)
{
    buf_printf(out, "{\"quota\":{");
    for (unsigned i = 0; i < QUOTA_COUNT; i++)
        buf_printf(out, "%s\"%s\":%u", i ? "," : "", quota_info[i].name, st->quota[i]);
    buf_printf(out, "},\"quota-soft\":{\"memory\":%u},\"domains\":[", st->soft_memory);
}

/* The use of the domains from FROM on, as many as fit one reply, behind a line with the next one's number or `-`. */
static void json_domains(const struct store *st, uint32_t from, struct buf *out)
{
    struct buf list = { 0 };
    uint32_t domid;

    for (domid = from; domid < DOMAINS && list.len < XENSTORE_PAYLOAD_MAX - 600; domid++) {
        if (st->domain[domid] == NULL)
            continue;
        buf_printf(&list, list.len ? "," : "");
        json_domain(st, st->domain[domid], &list);
    }
    while (domid < DOMAINS && st->domain[domid] == NULL)
        domid++;
    if (domid < DOMAINS)
        buf_printf(out, "%u\n", domid);
    else
        buf_printf(out, "-\n");
    if (list.len > 0)
        buf_add(out, list.data, list.len);
    buf_free(&list);
}

/* `json`: the settings, up to where the domains begin; `json from DOMID`: domains; `json DOMID`: settings and one. */
static int quota_json(struct store *st, const char **argv, unsigned argc, struct buf *out)
{
    const struct domain *only;
    uint32_t from;

    if (argc == 2 && !strcmp(argv[0], "from")) {
        if (!parse_u32(argv[1], &from))
            return -EINVAL;
        json_domains(st, from, out);
        return 0;
    }
    if (argc > 1)
        return -EINVAL;
    only = argc == 1 ? domain_arg(st, argv[0]) : NULL;
    if (argc == 1 && only == NULL)
        return -ENOENT;
    json_settings(st, out);
    if (only != NULL) {
        json_domain(st, only, out);
        buf_printf(out, "]}");
    }
    return 0;
}

static int do_quota(struct store *st, struct request *rq, const char **argv, unsigned argc, struct buf *out)
{
    const struct domain *d;

    (void)rq;
    if (argc == 1) {
        buf_printf(out, "Quota settings:\n");
        for (unsigned i = 0; i < QUOTA_COUNT; i++)
            buf_printf(out, "%-17s: %8u %s\n", quota_info[i].name, st->quota[i], quota_info[i].help);
        return 0;
    }
    if (!strcmp(argv[1], "set"))
        return quota_set(st, argv + 2, argc - 2, out);
    if (!strcmp(argv[1], "json"))
        return quota_json(st, argv + 2, argc - 2, out);
    d = domain_arg(st, argv[1]);
    if (argc != 2)
        return -EINVAL;
    if (d == NULL)
        return -ENOENT;
    print_domain(d, out);
    return 0;
}

static int do_quota_soft(struct store *st, struct request *rq, const char **argv, unsigned argc, struct buf *out)
{
    uint32_t value;

    (void)rq;
    if (argc == 1) {
        buf_printf(out, "Quota settings:\n%-17s: %8u Total Xenstore memory per domain (warning level)\n", "memory",
                   st->soft_memory);
        return 0;
    }
    if (argc != 4 || strcmp(argv[1], "set") || strcmp(argv[2], "memory") || !parse_u32(argv[3], &value))
        return -EINVAL;
    st->soft_memory = value;
    journal_quota(st, 0, QUOTA_COUNT, value);
    buf_add(out, "OK", 2);
    return 0;
}

/* ---- the table ---- */

static int do_help(struct store *st, struct request *rq, const char **argv, unsigned argc, struct buf *out);

static const struct command commands[] = {
    { "check", do_check, "" },
    { "log", by_host, "on|off" },
    { "live-update", by_host, "[-c <cmdline>] [-F] [-t <timeout>] <file>\n    Default timeout is 60 seconds." },
    { "logfile", by_host, "<file>" },
    { "memreport", by_host, "[<file>]" },
    { "print", by_host, "<string>" },
    { "quota", do_quota, "[set <name> <val> [<domid>]|json [<domid>|from <domid>]|<domid>]" },
    { "quota-soft", do_quota_soft, "[set <name> <val>]" },
    { "help", do_help, "" },
};

static int do_help(struct store *st, struct request *rq, const char **argv, unsigned argc, struct buf *out)
{
    (void)st;
    (void)rq;
    (void)argv;
    (void)argc;
    for (unsigned i = 0; i < ARRAY_SIZE(commands); i++)
        buf_printf(out, "%s\t%s\n", commands[i].name, commands[i].help);
    return 0;
}

int control_request(struct store *st, struct request *rq)
{
    const char *argv[ARGS_MAX];
    unsigned argc = 0;
    struct buf out = { 0 };
    int rc = -EINVAL;

    if (rq->len == 0 || rq->data[rq->len - 1] != 0)
        return -EINVAL;
    for (size_t at = 0; at < rq->len; at += strlen(rq->data + at) + 1) {
        if (argc == ARGS_MAX)
            return -EINVAL;
        argv[argc++] = rq->data + at;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(commands); i++)
        if (!strcmp(commands[i].name, argv[0]))
            rc = commands[i].run(st, rq, argv, argc, &out);
    if (rc == 0) {
        *buf_extend(&out, 1) = 0;
        if (out.len > XENSTORE_PAYLOAD_MAX)
            rc = -E2BIG;
        else
            request_reply(st, rq, out.data, out.len);
    }
    buf_free(&out);
    return rc > 0 ? 0 : rc;
}
