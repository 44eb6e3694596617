/* SPDX-License-Identifier: MIT */
/* save, restore, suspend, resume, dump-core. */
#include "xl/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/guard.h"
#include "json/domain.h"
#include "life/affinity.h"
#include "life/handover.h"
#include "life/monitor.h"
#include "life/userdata.h"
#include "xl/xl.h"

#define ZSTD_LEVEL 1            /* when no other is asked for: the network's speed, not the smallest result */

/* --- shared ------------------------------------------------------------------------------------------ */

void xl_progress(void *progress, unsigned round, uint64_t done, uint64_t all)
{
    struct xl_progress *p = progress;
    unsigned percent = all ? (unsigned)(done * 100 / all) : 100;

    if ((p->shown && percent == p->percent && round == p->round) || !(xl_progress_cr || isatty(2)))
        return;
    p->shown = true;
    p->percent = percent;
    p->round = round;
    if (round)
        fprintf(stderr, "\r%s: round %u, %3u%%", p->what, round + 1, percent);
    else
        fprintf(stderr, "\r%s: %3u%%", p->what, percent);
    vl_log_open_line();
}

/* A configuration as the text that goes into a stream. */
static char *as_json(const struct vl_config *config, const struct vl_json_live *live, size_t *len)
{
    struct vl_json *json = vl_json_new(true);
    const char *text;
    char *copy;

    vl_json_config(json, NULL, config, VL_JSON_SAVED, live);
    text = vl_json_text(json, len);
    copy = vl_xmalloc(*len + 1);
    memcpy(copy, text, *len);
    copy[*len] = 0;
    vl_json_free(json);
    return copy;
}

/* May it be saved or migrated, by what it was created with? */
static bool may_leave(uint32_t domid)
{
    xc_domaininfo_t info;
    struct vl_config *c = vl_domain_info(&xl_vl, domid, &info) ? NULL : vl_userdata_load(domid, info.handle);
    bool may = !c || !c->nomigrate;

    vl_config_free(c);
    if (!may)
        vl_fail(-EPERM, "domain %u is not to be saved or migrated ('nomigrate' in its configuration)", domid);
    return may;
}

char *xl_state_config(uint32_t domid, const char *path, bool keep_domid, size_t *len)
{
    struct vl_json_live live = { .has_domid = keep_domid, .domid = domid };
    struct vl_config *config;
    xc_domaininfo_t info;
    char *json = NULL;

    if (!may_leave(domid))
        return NULL;
    if (!path)
        return vl_state_config(&xl_vl, domid, keep_domid, len);
    config = vl_config_load(path, NULL, 0);
    if (config && !vl_affinity_plain(&xl_vl, config) && !vl_domain_info(&xl_vl, domid, &info)) {
        memcpy(config->uuid, info.handle, sizeof(config->uuid));        /* it stays the domain that it is */
        json = as_json(config, &live, len);
    }
    vl_config_free(config);
    return json;
}

int xl_head_write(struct vl_out *out, const char *json, size_t len)
{
    fprintf(stderr, "Saving to %s new xl format (info 0x%x/0x%x/%zu)\n", out->name,
            VL_HEAD_JSON | VL_HEAD_STREAM_V2, 0u, len + 1 + sizeof(uint32_t));
    return vl_head_write(out, json, len);
}

static int read_config(struct xl_incoming *d, const char *source, const struct vl_head *head, const char *file)
{
    if (head->json)
        fprintf(stderr, " Savefile contains xl domain config in JSON format\n");
    if (!file && !head->json)
        return vl_fail(-EINVAL, "%s holds no configuration: name a file with it", source);
    fprintf(stderr, "Parsing config from %s\n", file ? file : "<saved>");
    d->config = file ? vl_config_load(file, NULL, 0) : vl_json_config_read("<saved>", head->json, head->json_len);
    if (!d->config)
        return -EINVAL;
    return vl_affinity_plain(&xl_vl, d->config);
}

static int rename_incoming(struct xl_incoming *d)
{
    struct vl_place place = { "<saved>", 0, 0 };

    d->final_name = d->config->name;
    d->config->name = vl_printf(&d->config->arena, "%s--incoming", d->final_name);
    return vl_name_check(&place, d->config->name);
}

int xl_incoming(struct xl_incoming *d, struct vl_in *in, const char *file, bool incoming)
{
    struct vl_head head;
    int rc = vl_head_read(in, &head);

    *d = (struct xl_incoming){ 0 };
    if (rc)
        return rc;
    fprintf(stderr, "Loading new save file %s (new xl fmt info 0x%x/0x%x/%u)\n", in->name, head.mandatory,
            head.optional, head.optional_len);
    rc = read_config(d, in->name, &head, file);
    free(head.json);
    if (!rc && incoming)
        rc = rename_incoming(d);
    if (rc || !vl_xc(&xl_vl) || !vl_store(&xl_vl))
        return rc ? rc : -EIO;
    vl_uuid_random(d->token);
    rc = vl_guard_start(d->token);
    if (rc)
        return rc;
    d->domid = d->config->wanted_domid;
    rc = vl_restore(&xl_vl, in, d->config, d->token, &d->domid);
    if (rc)
        vl_guard_cancel();
    return rc;
}

int xl_incoming_start(struct xl_incoming *d, bool paused, bool monitor)
{
    int rc = vl_restore_finish(&xl_vl, d->domid, d->config, d->final_name);

    /* Looked after first, then started: whenever we die it is gone, or it runs and somebody looks after it. */
    if (!rc)
        monitor &= !vl_handover(-1, d->domid);
    if (!rc && !paused) {
        vl_guard_starting(monitor, d->domid);
        if (xc_domain_unpause(vl_xc(&xl_vl), d->domid)) {
            rc = vl_fail_errno("cannot start domain %u", d->domid);
            vl_guard_again();
        }
    }
    if (rc)
        xl_incoming_drop(d);
    else
        vl_guard_done(monitor, d->domid);
    return rc;
}

void xl_incoming_drop(struct xl_incoming *d)
{
    vl_destroy(&xl_vl, d->domid);
    vl_guard_cancel();
}

void xl_incoming_free(struct xl_incoming *d)
{
    vl_config_free(d->config);
}

/* --- save -------------------------------------------------------------------------------------------- */

struct save_options {
    bool go_on, paused, keep_domid;
    int level;
    const char *file, *config;
};

/*
 * A file appears whole or not at all: it has no name while it is written, or, where the file system cannot do that,
 * another one. Devices, pipes and such are written to.
 */
struct result {
    int fd;
    char *path;
    char *partial, *folder;     /* NULL: no file */
    bool unnamed, named;        /* `partial` is not there; is there, and ours */
    bool last;                  /* the guest goes when it is whole */
};

static int open_result(struct result *r, const char *file, bool last)
{
    char *path = realpath(file, NULL);      /* what a symbolic link is to is replaced, not the link */
    const char *slash;
    struct stat st;

    *r = (struct result){ .path = path ? path : strdup(file), .last = last };
    if (!r->path)
        abort();
    if (!stat(r->path, &st) && !S_ISREG(st.st_mode)) {
        r->fd = open(r->path, O_WRONLY | O_CLOEXEC);
        return r->fd < 0 ? vl_fail_errno("%s", file) : 0;
    }
    slash = strrchr(r->path, '/');
    r->folder = slash ? strndup(r->path, (size_t)(slash - r->path) + 1) : strdup(".");
    if (!r->folder || asprintf(&r->partial, "%s.partial", r->path) < 0)
        abort();
    r->fd = open(r->folder, O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600);
    r->unnamed = r->fd >= 0;
    if (r->fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) {
        r->fd = open(r->partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        r->named = r->fd >= 0;
    }
    return r->fd < 0 ? vl_fail_errno("%s", file) : 0;
}

/* A name cannot be given in place of another's, so it goes by way of one more. */
static int name_result(struct result *r)
{
    char self[32];

    snprintf(self, sizeof(self), "/proc/self/fd/%d", r->fd);
    unlink(r->partial);
    vl_guard_file(r->partial, r->path);
    if (linkat(AT_FDCWD, self, AT_FDCWD, r->partial, AT_SYMLINK_FOLLOW))
        return vl_fail_errno("cannot give %s its name", r->path);
    r->named = true;
    return 0;
}

static int sync_folder(const struct result *r)
{
    int folder = open(r->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;

    if (folder < 0 || fsync(folder))
        rc = vl_fail_errno("cannot write %s", r->folder);
    if (folder >= 0)
        close(folder);
    return rc;
}

/* From the rename on the file is the domain, if it is to go: never both, whenever we die. */
static int keep_result(struct result *r)
{
    int rc;

    if (r->last)
        vl_guard_finish();
    if (rename(r->partial, r->path)) {
        rc = vl_fail_errno("cannot rename %s to %s", r->partial, r->path);
    } else {
        r->named = false;
        rc = sync_folder(r);
        if (rc && r->last)
            unlink(r->path);    /* the guest runs on: there must not be a second one of it */
    }
    if (rc)
        vl_guard_again();
    return rc;
}

static int close_result(struct result *r, int rc)
{
    /* Pipes and such cannot be synced. */
    if (r->fd >= 0 && !rc && fdatasync(r->fd) && errno != EINVAL && errno != EROFS)
        rc = vl_fail_errno("cannot write %s", r->path);
    if (!rc && r->unnamed)
        rc = name_result(r);
    if (r->fd >= 0 && close(r->fd) && !rc)
        rc = vl_fail_errno("cannot write %s", r->path);
    if (!rc && r->named)
        rc = keep_result(r);
    if (r->named)
        unlink(r->partial);
    free(r->path);
    free(r->partial);
    free(r->folder);
    return rc;
}

int xl_state_end(uint32_t domid)
{
    int rc = vl_destroy(&xl_vl, domid);
    xc_domaininfo_t info;

    return rc && !vl_domain_info(&xl_vl, domid, &info) && !(info.flags & XEN_DOMINF_dying) ? rc : 0;
}

static int write_state(uint32_t domid, int fd, const struct save_options *o, const char *json, size_t len,
                       bool *suspended)
{
    struct xl_progress progress = { .what = "Saving" };
    struct vl_save_options options = { .progress = xl_progress, .progress_ctx = &progress };
    struct vl_out out;
    int rc = vl_out_open(&out, fd, o->file, o->level);

    if (!rc)
        rc = xl_head_write(&out, json, len);
    if (!rc)
        rc = vl_state_write(&xl_vl, domid, &out, &options, suspended);
    vl_log_end_line();
    vl_out_close(&out);
    return rc;
}

static int save(uint32_t domid, const struct save_options *o)
{
    bool suspended = false;
    struct result result;
    char *json;
    size_t len = 0;
    int lock, rc = vl_state_check(&xl_vl, domid);

    if (!rc)
        rc = vl_state_lock(domid, 0, &lock);
    if (rc)
        return rc;
    json = xl_state_config(domid, o->config, o->keep_domid, &len);
    if (!json)
        return -EINVAL;
    rc = open_result(&result, o->file, !o->go_on && !o->paused);
    if (!rc)
        rc = vl_guard_start_resume(domid);
    if (!rc && result.named)
        vl_guard_file(result.partial, result.path);
    if (!rc)
        rc = write_state(domid, result.fd, o, json, len, &suspended);
    free(json);
    rc = close_result(&result, rc);
    if (rc && suspended) {
        fprintf(stderr, "Failed to save domain, resuming domain\n");
        vl_resume(&xl_vl, domid);
    } else if (!rc && (o->go_on || o->paused)) {
        if (o->paused && xc_domain_pause(vl_xc(&xl_vl), domid))
            rc = vl_fail_errno("cannot pause domain %u", domid);
        if (!rc)
            rc = vl_resume(&xl_vl, domid);
    } else if (!rc) {
        vl_guard_finish();      /* what was written is the domain from here on */
        rc = xl_state_end(domid);
    }
    if (rc)
        vl_guard_settle();      /* it may suspend yet: the guardian waits for that */
    else
        vl_guard_cancel();
    close(lock);
    return rc;
}

static int zstd_level(const char *text)
{
    char *end;
    long level = text ? strtol(text, &end, 10) : ZSTD_LEVEL;

    if (text && (*end || end == text || level < 1 || level > 19)) {
        vl_fail(-EINVAL, "--zstd takes a level from 1 to 19, not '%s'", text);
        exit(2);
    }
    return (int)level;
}

int xl_save(int argc, char **argv)
{
    static const struct option longs[] = {
        { "zstd", optional_argument, NULL, 'z' }, { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 },
    };
    struct save_options o = { 0 };

    for (int opt; (opt = xl_getopt(argc, argv, "cpD", longs, 2, 3)) != -1;) {
        o.go_on |= opt == 'c';
        o.paused |= opt == 'p';
        o.keep_domid |= opt == 'D';
        if (opt == 'z')
            o.level = zstd_level(optarg);
    }
    o.file = argv[optind + 1];
    o.config = argv[optind + 2];
    return save(xl_find_domain(argv[optind]), &o) ? 1 : 0;
}

/* --- restore ----------------------------------------------------------------------------------------- */

int xl_restore(int argc, char **argv)
{
    static const struct option longs[] = {
        { "vncviewer", no_argument, NULL, 'V' }, { "vncviewer-autopass", no_argument, NULL, 'A' },
        { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 },
    };
    bool paused = false, monitor = true;
    const char *file, *config = NULL;
    struct xl_incoming d;
    struct vl_in in;
    int fd, rc;

    for (int opt; (opt = xl_getopt(argc, argv, "pedVA", longs, 1, 2)) != -1;) {
        paused |= opt == 'p';
        monitor &= opt != 'e';
        if (opt == 'd')
            vl_log_level(VL_DEBUG);
    }
    if (argc - optind == 2)
        config = argv[optind++];
    file = argv[optind];
    fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return vl_fail_errno("cannot open %s", file), 1;
    vl_in_open(&in, fd, file);
    rc = xl_incoming(&d, &in, config, false);
    if (!rc)
        rc = xl_incoming_start(&d, paused, monitor);
    xl_incoming_free(&d);
    vl_in_close(&in);
    close(fd);
    return rc ? 1 : 0;
}

/* --- suspend, resume, dump-core ------------------------------------------------------------------------ */

int xl_suspend(int argc, char **argv)
{
    uint32_t domid;
    int lock;

    xl_getopt(argc, argv, "", NULL, 1, 1);
    domid = xl_find_domain(argv[optind]);
    return vl_state_check(&xl_vl, domid) || vl_state_lock(domid, 0, &lock) || vl_suspend(&xl_vl, domid) ? 1 : 0;
}

/* NAME--migratedaway was NAME. */
static void rename_back(uint32_t domid)
{
    struct vl_arena arena = { 0 };
    char *name = vl_store(&xl_vl) ? vl_store_read(xl_vl.store, &arena, "/local/domain/%u/name", domid) : NULL, *away = name;

    while (away && *away && strcmp(away, XL_AWAY))
        away++;
    if (away && *away) {
        *away = 0;
        vl_domain_rename(&xl_vl, domid, name);
    }
    vl_arena_free(&arena);
}

/* A guardian is as mortal as whom it has outlived, so it gets one, too. */
static void guard_resumption(uint32_t domid, bool renamed)
{
    if (vl_guard_start_resume(domid))
        return;
    if (renamed)
        vl_guard_renamed();
    vl_guard_asked(true);
}

int xl_resume(int argc, char **argv)
{
    /* Not for people: what a guardian runs when a save or a migration has died. */
    static const struct option longs[] = { { "after-death", no_argument, NULL, 's' }, { "after-rename", no_argument, NULL, 'n' }, XL_LONG_END };
    bool guardian = false, renamed = false;
    uint32_t domid;
    int lock, rc;

    for (int opt; (opt = xl_getopt(argc, argv, "", longs, 1, 1)) != -1;) {
        guardian = true;
        renamed |= opt == 'n';
    }
    domid = xl_find_domain(argv[optind]);
    if (guardian)
        guard_resumption(domid, renamed);
    /* Who was killed lets its files go one after the other, and another command may have taken the lock by now. */
    if (vl_state_lock(domid, guardian ? -1 : 0, &lock))
        return 1;
    if (renamed)
        rename_back(domid);     /* if not, it runs by the other name: told */
    rc = guardian ? vl_suspend_undo(&xl_vl, domid) : vl_resume(&xl_vl, domid);
    vl_guard_cancel();
    return rc ? 1 : 0;
}

int xl_dump_core(int argc, char **argv)
{
    uint32_t domid;
    int lock, rc;

    xl_getopt(argc, argv, "", NULL, 2, 2);
    domid = xl_find_domain(argv[optind]);
    rc = vl_state_lock(domid, 0, &lock);
    return rc || vl_dump_core(&xl_vl, domid, argv[optind + 1]) ? 1 : 0;
}
