/* SPDX-License-Identifier: MIT */
/*
 * Requests: one row a type, one handler a row. A handler takes everything from the payload once, checks it all,
 * changes, and replies last; it returns 0 when it has replied, or a negative errno that becomes the ERROR reply, and
 * then nothing was changed. Errors are those that Debian's xenstored gives.
 */
#include <errno.h> /* before xs_wire.h, which lists the errors by it */

#include "store.h"

#include "request.h"

#include <stdio.h>

#define FOR_PRIVILEGED 1u
#define CHANGES        2u
#define ADDS           4u /* for rings: what is journalled though the tree does not change */

static struct path path; /* of the request at hand */

/* ---- replies ---- */

void request_reply(struct store *st, struct request *rq, const void *data, size_t len)
{
    memcpy(conn_message(st, rq->conn, rq->hdr.type, rq->hdr.req_id, rq->hdr.tx_id, len), data, len);
}

int request_ok(struct store *st, struct request *rq)
{
    request_reply(st, rq, "OK", 3);
    return 0;
}

static void reply_error(struct store *st, struct request *rq, int error)
{
    const char *name = xsd_errors[0].errstring;

    for (unsigned i = 0; i < ARRAY_SIZE(xsd_errors); i++)
        if (xsd_errors[i].errnum == error)
            name = xsd_errors[i].errstring;
    rq->hdr.type = XS_ERROR;
    request_reply(st, rq, name, strlen(name) + 1);
}

/* ---- arguments ---- */

/* The string at *AT (terminated within the payload), *AT moved behind it; NULL if there is none. */
static const char *next_string(const struct request *rq, size_t *at, size_t *len)
{
    const char *s = rq->data + *at, *end;

    if (*at >= rq->len)
        return NULL;
    end = memchr(s, 0, rq->len - *at);
    if (end == NULL)
        return NULL;
    *len = (size_t)(end - s);
    *at += *len + 1;
    return s;
}

bool request_number(const struct request *rq, size_t *at, uint64_t max, uint64_t *out)
{
    size_t len;
    const char *s = next_string(rq, at, &len);
    uint64_t v = 0;

    if (s == NULL || len == 0 || len > 19)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (s[i] < '0' || s[i] > '9')
            return false;
        v = v * 10 + (uint64_t)(s[i] - '0');
    }
    *out = v;
    return v <= max;
}

static int parse_path(const struct store *st, struct request *rq, const char *s, size_t len)
{
    uint32_t max = st->quota[QUOTA_PATH_MAX];

    rq->path = &path;
    return path_parse(&path, s, len, rq->conn->domid, max ? max : XENSTORE_ABS_PATH_MAX);
}

int request_only_path(const struct store *st, struct request *rq)
{
    if (rq->len == 0 || rq->data[rq->len - 1] != 0)
        return -EINVAL;
    return parse_path(st, rq, rq->data, rq->len - 1); /* an inner NUL is no path byte */
}

int request_first_path(const struct store *st, struct request *rq, size_t *at)
{
    size_t len;
    const char *s;

    *at = 0;
    s = next_string(rq, at, &len);
    return s == NULL ? -EINVAL : parse_path(st, rq, s, len);
}

/* ---- nodes ---- */

static struct node **root_of(struct store *st, struct request *rq)
{
    return rq->txn != NULL ? &rq->txn->work : &st->root;
}

/*
 * The node of the request's path, on which its sender has right NEED: else -EACCES, or -ENOENT when it does not exist
 * and the sender may NEED what is nearest above. *DEPTH: names that exist.
 */
static int get_node(struct store *st, struct request *rq, unsigned need, struct node **out, unsigned *depth)
{
    struct node *nearest;

    *out = tree_find(*root_of(st, rq), rq->path, depth, &nearest);
    if (!rq->conn->privileged && (conn_access(st, rq->conn, nearest->perms) & need) != need)
        return -EACCES;
    return *out == NULL ? -ENOENT : 0;
}

/* A transaction's request that fails with RC for what its path is has seen that. */
static int refused(struct store *st, struct request *rq, int rc)
{
    int touched = rq->txn != NULL ? txn_touch(st, rq->txn, rq->path, TOUCH_NODE) : 0;

    return touched < 0 ? touched : rc;
}

int request_read_node(struct store *st, struct request *rq, unsigned touch, struct node **out)
{
    int rc = get_node(st, rq, PERM_READ, out, NULL), touched;

    if (rq->txn != NULL) {
        touched = txn_touch(st, rq->txn, rq->path, touch);
        if (touched < 0)
            return touched;
    }
    return rc;
}

static int do_read(struct store *st, struct request *rq)
{
    struct node *n;
    int rc = request_only_path(st, rq);

    if (rc == 0)
        rc = request_read_node(st, rq, TOUCH_NODE, &n);
    if (rc == 0)
        request_reply(st, rq, node_value(n), n->value_len);
    return rc;
}

static int do_get_perms(struct store *st, struct request *rq)
{
    char text[XENSTORE_PAYLOAD_MAX + 8];
    size_t len = 0;
    struct node *n;
    int rc = request_only_path(st, rq);

    if (rc == 0)
        rc = request_read_node(st, rq, TOUCH_NODE, &n);
    if (rc < 0)
        return rc;
    for (uint32_t i = 0; i < n->perms->count; i++) {
        len += (size_t)perm_format(&n->perms->entry[i], text + len) + 1;
        if (len > XENSTORE_PAYLOAD_MAX)
            return -E2BIG;
    }
    request_reply(st, rq, text, len);
    return 0;
}

/* ---- changes ---- */

/* May the sender make or write the node, whose DEPTH first names exist? LEN: the value's bytes. */
static int check_put(struct store *st, struct request *rq, unsigned depth, size_t len)
{
    struct domain *d = rq->conn->domain;
    unsigned made = rq->path->count - depth;
    uint64_t extra = len;

    if (rq->conn->privileged)
        return 0;
    if (domain_over(st, d, QUOTA_NODE_SIZE, len + (rq->path->count ? rq->path->name[rq->path->count - 1].len : 0)))
        return -ENOSPC;
    if (made > 0 && domain_over(st, d, QUOTA_NODES, (uint64_t)d->nodes + made + (rq->txn ? rq->txn->created : 0)))
        return -ENOSPC;
    extra += made * sizeof(struct node) + rq->path->len;
    return domain_over(st, d, QUOTA_MEMORY, d->memory + extra) ? -ENOSPC : 0;
}

/* The path of a change in the sender's transaction, with LEN bytes of arguments. 0 or -ENOSPC. */
static int touch_change(struct store *st, const struct request *rq, unsigned kinds, size_t len)
{
    if (!rq->conn->privileged && txn_room(st, rq->txn, rq->path->len + len) < 0)
        return -ENOSPC;
    return txn_touch(st, rq->txn, rq->path, kinds);
}

static unsigned creator_of(const struct request *rq)
{
    return rq->conn->privileged ? 0 : rq->conn->domid;
}

static int do_write(struct store *st, struct request *rq)
{
    size_t at, len;
    unsigned depth;
    struct node *n;
    int rc = request_first_path(st, rq, &at);

    if (rc < 0)
        return rc;
    len = rq->len - at;
    rc = get_node(st, rq, PERM_WRITE, &n, &depth);
    if (rc < 0 && rc != -ENOENT)
        return refused(st, rq, rc);
    rc = check_put(st, rq, depth, len);
    if (rc == 0 && rq->txn != NULL)
        rc = touch_change(st, rq, TOUCH_NODE, len);
    if (rc < 0)
        return rc;
    mutate_write(st, root_of(st, rq), rq->path, creator_of(rq), rq->data + at, len);
    if (rq->txn != NULL) {
        rq->txn->created += rq->path->count - depth;
        txn_op(st, rq->txn, ENTRY_WRITE, rq->path, creator_of(rq), rq->data + at, len);
    }
    return request_ok(st, rq);
}

static int do_mkdir(struct store *st, struct request *rq)
{
    unsigned depth;
    struct node *n;
    int rc = request_only_path(st, rq);

    if (rc < 0)
        return rc;
    rc = get_node(st, rq, PERM_WRITE, &n, &depth);
    if (rc < 0 && rc != -ENOENT)
        return refused(st, rq, rc);
    rc = check_put(st, rq, depth, 0);
    if (rc == 0 && rq->txn != NULL)
        rc = touch_change(st, rq, TOUCH_NODE, 0);
    if (rc < 0)
        return rc;
    if (n == NULL) {
        mutate_mkdir(st, root_of(st, rq), rq->path, creator_of(rq));
        if (rq->txn != NULL) {
            rq->txn->created += rq->path->count - depth;
            txn_op(st, rq->txn, ENTRY_MKDIR, rq->path, creator_of(rq), NULL, 0);
        }
    }
    return request_ok(st, rq);
}

struct owned_count {
    uint16_t domid;
    uint32_t count;
};

static bool count_owned(struct node *n, void *arg)
{
    struct owned_count *oc = arg;

    oc->count += n->perms->entry[0].domid == oc->domid;
    return node_each_child(n, count_owned, arg);
}

static int do_rm(struct store *st, struct request *rq)
{
    struct owned_count oc = { rq->conn->domid, 0 };
    unsigned depth;
    struct node *n;
    int rc = request_only_path(st, rq);

    if (rc < 0 || rq->path->count == 0)
        return -EINVAL;
    rc = get_node(st, rq, PERM_WRITE, &n, &depth);
    if (rc == -ENOENT && depth + 1u == rq->path->count)
        rc = 0; /* it is gone already */
    if (rc < 0)
        return refused(st, rq, rc);
    if (rq->txn != NULL)
        rc = touch_change(st, rq, TOUCH_NODE | TOUCH_SUBTREE, 0);
    if (rc < 0)
        return rc;
    if (n != NULL) {
        if (rq->txn != NULL && !rq->conn->privileged)
            count_owned(n, &oc);
        mutate_rm(st, root_of(st, rq), rq->path);
        if (rq->txn != NULL) {
            rq->txn->created -= oc.count < rq->txn->created ? oc.count : rq->txn->created;
            txn_op(st, rq->txn, ENTRY_RM, rq->path, 0, NULL, 0);
        }
    }
    return request_ok(st, rq);
}

static int parse_perms(const struct request *rq, size_t at, struct perm *perm, unsigned max)
{
    unsigned count = 0;
    size_t len;

    while (at < rq->len) {
        const char *s = next_string(rq, &at, &len);

        if (s == NULL || count == max || perm_parse(&perm[count], s, len) < 0)
            return -EINVAL;
        count++;
    }
    return count > 0 ? (int)count : -EINVAL;
}

static bool domain_known(const struct store *st, unsigned domid)
{
    if (domid == 0 || (st->domain[domid] != NULL && st->domain[domid]->introduced))
        return true;
    return st->host == NULL || st->host->domain_exists == NULL || st->host->domain_exists(st->host_arg, domid);
}

/*
 * An entry for a domain that is not there would be one for whoever gets its number next, so it is left out: how many are
 * left, or -ENOENT if it is the owner's.
 */
static int known_perms(const struct store *st, struct perm *perm, int count)
{
    int left = 1;

    if (!domain_known(st, perm[0].domid))
        return -ENOENT;
    for (int i = 1; i < count; i++)
        if (domain_known(st, perm[i].domid))
            perm[left++] = perm[i];
    return left;
}

static int set_special_perms(struct store *st, struct request *rq, struct perm *perm, int count)
{
    bool intro = !strcmp(rq->data, "@introduceDomain");
    struct perms **at = intro ? &st->intro_perms : &st->release_perms;
    struct entry e = { .type = ENTRY_SPECIAL_PERMS, .num = intro };

    if (!intro && strcmp(rq->data, "@releaseDomain"))
        return -EINVAL;
    if (!rq->conn->privileged)
        return -EACCES;
    count = known_perms(st, perm, count);
    if (count < 0)
        return count;
    if (*at != NULL)
        perms_put(*at);
    *at = perms_get(perm, (unsigned)count, st->epoch);
    domain_name(st, perm, (unsigned)count);
    e.b_len = (uint16_t)((size_t)count * sizeof(*perm));
    store_entry(st, &e, NULL, perm);
    return request_ok(st, rq);
}

static int do_set_perms(struct store *st, struct request *rq)
{
    struct perm perm[XENSTORE_PAYLOAD_MAX / 3];
    size_t at = 0, len;
    const char *s = next_string(rq, &at, &len);
    struct node *n;
    int count, rc;

    if (s == NULL)
        return -EINVAL;
    count = parse_perms(rq, at, perm, ARRAY_SIZE(perm));
    if (count < 0)
        return count;
    if (s[0] == '@')
        return set_special_perms(st, rq, perm, count);
    rc = parse_path(st, rq, s, len);
    if (rc < 0)
        return rc;
    rc = get_node(st, rq, PERM_OWNER, &n, NULL);
    if (rc == 0 && !rq->conn->privileged && perm[0].domid != n->perms->entry[0].domid)
        rc = -EPERM;
    if (rc < 0)
        return refused(st, rq, rc);
    if (!rq->conn->privileged && domain_over(st, rq->conn->domain, QUOTA_PERMISSIONS, (unsigned)count))
        return -ENOSPC;
    count = known_perms(st, perm, count);
    if (count < 0)
        return count;
    if (rq->txn != NULL)
        rc = touch_change(st, rq, TOUCH_NODE, (size_t)count * sizeof(*perm));
    if (rc < 0)
        return rc;
    mutate_perms(st, root_of(st, rq), rq->path, perm, (unsigned)count);
    if (rq->txn != NULL)
        txn_op(st, rq->txn, ENTRY_PERMS, rq->path, 0, perm, (size_t)count * sizeof(*perm));
    return request_ok(st, rq);
}

/* ---- watches ---- */

static int watch_args(const struct store *st, struct request *rq, const char **token, size_t *token_len)
{
    size_t at = 0, len;
    const char *s = next_string(rq, &at, &len);
    int rc;

    if (s == NULL)
        return -EINVAL;
    *token = next_string(rq, &at, token_len);
    if (*token == NULL || at != rq->len)
        return -EINVAL;
    if (s[0] == '@') {
        rq->path = &path;
        rc = path_parse_special(&path, s, len);
    } else {
        rc = parse_path(st, rq, s, len);
    }
    return rc;
}

static int do_watch(struct store *st, struct request *rq)
{
    const char *token;
    size_t len;
    int rc = watch_args(st, rq, &token, &len);

    if (rc == 0 && !rq->conn->privileged &&
        domain_over(st, rq->conn->domain, QUOTA_MEMORY, rq->conn->domain->memory + watch_cost(rq->path, len)))
        rc = -ENOSPC;
    if (rc == 0)
        rc = watch_add(st, rq->conn, rq->path, token, len);
    if (rc < 0)
        return rc;
    request_ok(st, rq);
    watch_first_event(st, rq->conn, rq->path, token, len);
    return 0;
}

static int do_unwatch(struct store *st, struct request *rq)
{
    const char *token;
    size_t len;
    int rc = watch_args(st, rq, &token, &len);

    if (rc == 0)
        rc = watch_remove(st, rq->conn, rq->path, token, len);
    return rc < 0 ? rc : request_ok(st, rq);
}

static int do_reset_watches(struct store *st, struct request *rq)
{
    const struct entry e = { .type = ENTRY_RESET, .domid = rq->conn->domid };

    watch_remove_all(st, rq->conn);
    txn_drop_all(st, rq->conn);
    if (rq->conn->kind == CONN_RING)
        store_entry(st, &e, NULL, NULL);
    return request_ok(st, rq);
}

/* ---- transactions ---- */

static int do_transaction_start(struct store *st, struct request *rq)
{
    struct conn *c = rq->conn;
    char text[16];
    struct txn *t;

    if (rq->txn != NULL)
        return -EBUSY;
    if (!c->privileged && domain_over(st, c->domain, QUOTA_TRANSACTIONS, c->domain->txns + 1ull))
        return -ENOSPC;
    while (c->next_txn == 0 || txn_find(c, c->next_txn) != NULL)
        c->next_txn++;
    t = txn_start(st, c, c->next_txn++, st->root, st->root);
    request_reply(st, rq, text, (size_t)snprintf(text, sizeof(text), "%u", t->id) + 1);
    return 0;
}

static int do_transaction_end(struct store *st, struct request *rq)
{
    int rc = 0;

    if (rq->txn == NULL)
        return -ENOENT;
    if (rq->len != 2 || rq->data[1] != 0 || (rq->data[0] != 'T' && rq->data[0] != 'F'))
        return -EINVAL;
    if (rq->data[0] == 'T')
        rc = txn_commit(st, rq->txn);
    else
        txn_drop(st, rq->txn);
    return rc < 0 ? rc : request_ok(st, rq);
}

/* ---- dispatch ---- */

static const struct {
    const char *name;
    int (*handle)(struct store *st, struct request *rq);
    unsigned flags;
} table[XS_TYPE_COUNT] = {
    [XS_CONTROL] = { "CONTROL", control_request, FOR_PRIVILEGED | CHANGES },
    [XS_DIRECTORY] = { "DIRECTORY", request_directory, 0 },
    [XS_READ] = { "READ", do_read, 0 },
    [XS_GET_PERMS] = { "GET_PERMS", do_get_perms, 0 },
    [XS_WATCH] = { "WATCH", do_watch, ADDS },
    [XS_UNWATCH] = { "UNWATCH", do_unwatch, 0 },
    [XS_TRANSACTION_START] = { "TRANSACTION_START", do_transaction_start, ADDS },
    [XS_TRANSACTION_END] = { "TRANSACTION_END", do_transaction_end, 0 },
    [XS_INTRODUCE] = { "INTRODUCE", request_introduce, FOR_PRIVILEGED | CHANGES },
    [XS_RELEASE] = { "RELEASE", request_release, FOR_PRIVILEGED | CHANGES },
    [XS_GET_DOMAIN_PATH] = { "GET_DOMAIN_PATH", request_get_domain_path, 0 },
    [XS_WRITE] = { "WRITE", do_write, CHANGES },
    [XS_MKDIR] = { "MKDIR", do_mkdir, CHANGES },
    [XS_RM] = { "RM", do_rm, CHANGES },
    [XS_SET_PERMS] = { "SET_PERMS", do_set_perms, CHANGES },
    [XS_WATCH_EVENT] = { "WATCH_EVENT", NULL, 0 },
    [XS_ERROR] = { "ERROR", NULL, 0 },
    [XS_IS_DOMAIN_INTRODUCED] = { "IS_DOMAIN_INTRODUCED", request_is_introduced, FOR_PRIVILEGED },
    [XS_RESUME] = { "RESUME", request_resume, FOR_PRIVILEGED | CHANGES },
    [XS_SET_TARGET] = { "SET_TARGET", request_set_target, FOR_PRIVILEGED | CHANGES },
    [XS_RESET_WATCHES] = { "RESET_WATCHES", do_reset_watches, 0 },
    [XS_DIRECTORY_PART] = { "DIRECTORY_PART", request_directory_part, 0 },
};

const char *request_type_name(uint32_t type)
{
    return type < XS_TYPE_COUNT && table[type].name ? table[type].name : "**UNKNOWN**";
}

static int dispatch(struct store *st, struct request *rq)
{
    const struct conn *c = rq->conn;
    unsigned flags;

    if (rq->hdr.type >= XS_TYPE_COUNT || table[rq->hdr.type].handle == NULL)
        return -ENOSYS;
    flags = table[rq->hdr.type].flags;
    if ((flags & FOR_PRIVILEGED) && !c->privileged)
        return -EACCES;
    if ((flags & CHANGES) && c->readonly)
        return -EROFS;
    if (st->journal_full && (flags & (c->kind == CONN_RING ? CHANGES | ADDS : CHANGES)) && rq->hdr.type != XS_CONTROL)
        return -ENOSPC;
    if (rq->hdr.tx_id != 0) {
        rq->txn = txn_find(rq->conn, rq->hdr.tx_id);
        if (rq->txn == NULL)
            return -ENOENT;
    }
    return table[rq->hdr.type].handle(st, rq);
}

void store_request(struct store *st, struct conn *c, const struct xsd_sockmsg *hdr, const char *data)
{
    struct request rq = { .conn = c, .hdr = *hdr, .data = data, .len = hdr->len };
    int rc;

    st->stat.requests++;
    st->work++;
    rc = dispatch(st, &rq);
    if (rc < 0)
        reply_error(st, &rq, -rc);
    if (rq.path != NULL) /* a request is dear by its path */
        st->work += rq.path->count / 32;
    txn_relieve(st);
}
