/* SPDX-License-Identifier: MIT */
#include "vellumd/shells.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "json/domain.h"
#include "life/handover.h"
#include "life/life.h"
#include "life/shell.h"
#include "life/userdata.h"
#include "vellumd/domain.h"
#include "vellumd/shellnote.h"
#include "vellumd/work.h"

#define SHAPES_MAX 8
#define QUIET_MS 100            /* after the last request: then shells are made */
#define SPARE_MB 64             /* what the host keeps free */
#define CONFIG_MAX (64u << 10)

/* Newest first. */
struct shape {
    TAILQ_ENTRY(shape) link;
    uint64_t shape;
    char *config;               /* as JSON */
    uint64_t memory_kb;
    unsigned making;
    bool broken;                /* a worker failed: not tried again until a guest of this shape has been made */
};

struct shell {
    TAILQ_ENTRY(shell) link;
    uint32_t domid;
    uint8_t uuid[16];
    uint64_t shape, memory_kb;
    bool given;
};

/* A shell under way. */
struct making {
    uint64_t shape;
    uint8_t uuid[16];
};

static struct shape *find_shape(struct vellumd *d, uint64_t shape)
{
    struct shape *s;

    TAILQ_FOREACH(s, &d->shapes, link)
        if (s->shape == shape)
            return s;
    return NULL;
}

static struct shell *find_shell(struct vellumd *d, uint32_t domid)
{
    struct shell *s;

    TAILQ_FOREACH(s, &d->shells, link)
        if (s->domid == domid)
            return s;
    return NULL;
}

bool shells_has(struct vellumd *d, uint32_t domid)
{
    return find_shell(d, domid) != NULL;
}

unsigned shells_ready(struct vellumd *d)
{
    struct shell *s;
    unsigned n = 0;

    TAILQ_FOREACH(s, &d->shells, link)
        n += !s->given;
    return n;
}

static void soon(struct vellumd *d)
{
    const struct timeval quiet = { 0, QUIET_MS * 1000 };

    event_add(d->shell_timer, &quiet);
}

static void destroy_by_worker(struct vellumd *d, uint32_t domid)
{
    char id[16];
    char *argv[] = { (char *)"xl", (char *)"destroy", id, NULL };

    snprintf(id, sizeof(id), "%u", domid);
    work_add(d, argv, NULL, NULL, NULL);
}

/* A worker has been killed with its shell half made. */
static void destroy_half(struct vellumd *d, const uint8_t uuid[16])
{
    char text[VL_UUID_TEXT];
    char *argv[] = { (char *)"xl", (char *)"destroy", (char *)"--uuid", text, NULL };

    vl_uuid_format(uuid, text);
    work_add(d, argv, NULL, NULL, NULL);
}

static void forget_shell(struct vellumd *d, struct shell *s)
{
    shellnote_drop(&d->options, s->uuid);
    TAILQ_REMOVE(&d->shells, s, link);
    free(s);
}

static void forget_shape(struct vellumd *d, struct shape *s)
{
    TAILQ_REMOVE(&d->shapes, s, link);
    free(s->config);
    free(s);
}

/* Memory that shells have or will have, and how many there are of one shape. */
static uint64_t taken_kb(struct vellumd *d, const struct shape *shape, unsigned *of_shape)
{
    struct shell *shell;
    struct shape *s;
    uint64_t kb = 0;

    *of_shape = shape->making;
    TAILQ_FOREACH(s, &d->shapes, link)
        kb += s->making * s->memory_kb;
    TAILQ_FOREACH(shell, &d->shells, link)
        if (!shell->given) {
            kb += shell->memory_kb;
            *of_shape += shell->shape == shape->shape;
        }
    return kb;
}

static bool wanted(struct vellumd *d, const struct shape *s)
{
    xc_physinfo_t host;
    unsigned have;
    uint64_t kb = taken_kb(d, s, &have);

    if (s->broken || have >= d->options.shells || kb + s->memory_kb > d->options.shell_mb * 1024ull)
        return false;
    return !xc_physinfo(d->vl.xc, &host) &&
           host.free_pages * 4 > host.outstanding_pages * 4 + s->memory_kb * 2 + SPARE_MB * 1024ull;
}

static void made(struct vellumd *d, void *arg, int status, const char *output)
{
    struct making *m = arg;
    struct shape *shape = find_shape(d, m->shape);
    struct shell *s;
    unsigned domid;

    if (shape)
        shape->making--;
    if (status || sscanf(output, "%u", &domid) != 1) {
        if (shape)
            shape->broken = true;
        if (WIFSIGNALED(status))
            destroy_half(d, m->uuid);
        shellnote_drop(&d->options, m->uuid);
    } else if (!shape) {        /* forgotten meanwhile */
        destroy_by_worker(d, domid);
        shellnote_drop(&d->options, m->uuid);
    } else {
        s = vl_xmalloc(sizeof(*s));
        *s = (struct shell){ .domid = domid, .shape = shape->shape, .memory_kb = shape->memory_kb };
        memcpy(s->uuid, m->uuid, sizeof(s->uuid));
        TAILQ_INSERT_TAIL(&d->shells, s, link);
        domains_sync(d);
        soon(d);
    }
    free(m);
}

static void make(struct vellumd *d, struct shape *s)
{
    char uuid[VL_UUID_TEXT];
    char *argv[] = { (char *)"vellumd", (char *)"--make-shell", uuid, (char *)"--run-folder", (char *)d->options.run_folder,
                     NULL };
    struct making *m = vl_xmalloc(sizeof(*m));

    m->shape = s->shape;
    vl_uuid_random(m->uuid);
    vl_uuid_format(m->uuid, uuid);
    if (shellnote_write(&d->options, uuid)) {
        s->broken = true;
        free(m);
        return;
    }
    s->making++;
    work_add(d, argv, s->config, made, m);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct vellumd *d = arg;
    struct shape *s;

    (void)fd;
    (void)what;
    TAILQ_FOREACH(s, &d->shapes, link)
        if (!s->making && wanted(d, s)) {
            make(d, s);
            return;             /* one at a time: the next when this one is ready */
        }
}

uint32_t shells_give(struct vellumd *d, uint64_t shape)
{
    struct shape *of = find_shape(d, shape);
    struct shell *s;

    if (!of)
        return VL_NOBODY;
    TAILQ_REMOVE(&d->shapes, of, link);
    TAILQ_INSERT_HEAD(&d->shapes, of, link);
    TAILQ_FOREACH(s, &d->shells, link)
        if (!s->given && s->shape == shape) {
            s->given = true;
            soon(d);
            return s->domid;
        }
    soon(d);
    return VL_NOBODY;
}

void shells_taken(struct vellumd *d, uint32_t domid)
{
    struct shell *s = find_shell(d, domid);
    struct dom *dom = domain_find(d, domid);

    if (s && s->given)
        forget_shell(d, s);
    if (dom && dom->shell && !find_shell(d, domid)) {
        dom->shell = false;
        dom->look_consoles = true;
        d->start_looks = 0;
    }
}

void shells_abandoned(struct vellumd *d, uint32_t domid)
{
    struct shell *s = find_shell(d, domid);

    if (!s)
        return;
    forget_shell(d, s);
    destroy_by_worker(d, domid);
}

void shells_gone(struct vellumd *d, uint32_t domid)
{
    struct shell *s = find_shell(d, domid);

    if (s)
        forget_shell(d, s);
}

void shells_learn(struct vellumd *d, uint64_t shape, uint32_t domid)
{
    struct shape *s = find_shape(d, shape);
    struct vl_config *config;
    struct vl_json *json;
    xc_domaininfo_t info;
    unsigned n = 0;

    if (s) {
        s->broken = false;
        soon(d);
        return;
    }
    if (!d->options.shells || vl_domain_info(&d->vl, domid, &info))
        return;
    config = vl_userdata_load(domid, info.handle);
    if (!config)
        return;
    json = vl_json_new(false);
    vl_json_config(json, NULL, config, VL_JSON_KEPT, NULL);
    s = vl_xmalloc(sizeof(*s));
    *s = (struct shape){ .shape = shape, .config = strdup(vl_json_text(json, NULL)), .memory_kb = config->memory_kb };
    vl_json_free(json);
    vl_config_free(config);
    TAILQ_INSERT_HEAD(&d->shapes, s, link);
    TAILQ_FOREACH(s, &d->shapes, link)
        if (++n > SHAPES_MAX && !s->making) {
            forget_shape(d, s);
            break;
        }
    soon(d);
}

int shells_make(const struct options *options, const char *uuid)
{
    char *text = vl_xmalloc(CONFIG_MAX);
    size_t len = fread(text, 1, CONFIG_MAX, stdin);
    struct vl_config *config = len < CONFIG_MAX ? vl_json_config_read("shell", text, len) : NULL;
    struct vl vl = { 0 };
    uint32_t domid;
    pid_t daemon;
    int rc = config && vl_uuid_parse(uuid, config->uuid) ? shellnote_hold(options, uuid, &daemon) : -EINVAL;

    if (!rc)
        rc = vl_shell_make(&vl, config, &domid);
    if (!rc && getppid() != daemon) {
        vl_destroy_unmade(&vl, domid);
        rc = vl_fail(-ECANCELED, "the daemon that wanted a shell has gone");
    }
    if (!rc) {
        printf("%u\n", domid);
        fflush(stdout);
    } else if (config) {
        shellnote_drop(options, config->uuid);
    }
    vl_config_free(config);
    vl_close(&vl);
    free(text);
    return rc ? 1 : 0;
}

/* One that is noted down and has another name has become a guest. */
static void undo(void *arg, uint32_t domid)
{
    struct vellumd *d = arg;
    struct vl_arena arena = { 0 };
    char *name = vl_store_read(vl_store(&d->vl), &arena, "/local/domain/%u/name", domid);

    if (!name || vl_shell_name(name))
        vl_destroy_unmade(&d->vl, domid);
    vl_arena_free(&arena);
}

int shells_start(struct vellumd *d)
{
    struct vl_domain_list list;
    struct vl_arena arena = { 0 };

    TAILQ_INIT(&d->shells);
    TAILQ_INIT(&d->shapes);
    d->shell_timer = evtimer_new(d->base, on_timer, d);
    if (!d->shell_timer)
        return vl_fail(-ENOMEM, "out of memory");
    if (vl_domains(&d->vl, &list, false))
        return -EIO;
    for (size_t i = 0; i < list.count; i++)
        if (vl_shell_name(vl_store_read(vl_store(&d->vl), &arena, "/local/domain/%u/name", list.all[i].info.domain)))
            vl_destroy_unmade(&d->vl, list.all[i].info.domain);
    shellnotes_clear(&d->options, &list, undo, d);
    vl_arena_free(&arena);
    vl_domains_free(&list);
    return 0;
}

void shells_stop(struct vellumd *d)
{
    struct shell *s;

    while ((s = TAILQ_FIRST(&d->shells))) {
        if (!s->given)
            vl_destroy(&d->vl, s->domid);
        forget_shell(d, s);
    }
    while (!TAILQ_EMPTY(&d->shapes))
        forget_shape(d, TAILQ_FIRST(&d->shapes));
    event_free(d->shell_timer);
}
