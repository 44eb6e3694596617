/* SPDX-License-Identifier: MIT */
#include "vellumd/guests.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/place.h"
#include "config/config.h"
#include "life/life.h"
#include "life/power.h"

#define LOOK_MS 200

extern char **environ;

/* Run xl and wait for it: true when it has succeeded. */
static bool xl(const char *command, const char *arg, const char *more)
{
    char path[PATH_MAX], *argv[] = { (char *)"xl", (char *)command, (char *)arg, (char *)more, NULL };
    pid_t pid;
    int status, rc;

    vl_program("xl", path);
    rc = posix_spawn(&pid, path, NULL, NULL, argv, environ);
    if (rc) {
        vl_fail(-rc, "cannot run %s: %s", path, strerror(rc));
        return false;
    }
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return false;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Editors' and package managers' leftovers are no configuration files. */
static int is_ours(const struct dirent *e)
{
    size_t n = strlen(e->d_name);

    return e->d_name[0] != '.' && e->d_name[n - 1] != '~' && e->d_name[n - 1] != '#' && !strstr(e->d_name, ".dpkg-");
}

static bool runs(struct vl *vl, const char *name)
{
    struct vl_domain_list list;
    bool found = false;

    if (vl_domains(vl, &list, true))
        return false;
    for (size_t i = 0; i < list.count; i++)
        found |= !strcmp(list.all[i].name, name);
    vl_domains_free(&list);
    return found;
}

/* Call `act` for each file of a folder, in the order of their names. How many it failed for. */
static int each_file(const char *folder, bool (*act)(struct vl *vl, const char *path), struct vl *vl)
{
    struct dirent **files;
    int n = scandir(folder, &files, is_ours, alphasort), failed = 0;
    char path[4096];

    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, files[i]->d_name);
        failed += !act(vl, path);
        free(files[i]);
    }
    if (n >= 0)
        free(files);
    else if (errno != ENOENT)
        failed += vl_fail_errno("%s", folder) != 0;
    return failed;
}

static bool restore(struct vl *vl, const char *path)
{
    (void)vl;
    vl_note("restoring %s", path);
    if (!xl("restore", path, NULL))
        return false;
    return !unlink(path) || vl_fail_errno("%s", path) == 0;
}

static bool create(struct vl *vl, const char *path)
{
    struct vl_config *config = vl_config_load(path, NULL, 0);
    bool there;

    if (!config)
        return false;
    there = runs(vl, config->name);     /* it was restored, or this is not the first start */
    if (there)
        vl_note("%s runs already", config->name);
    else
        vl_note("starting %s", config->name);
    vl_config_free(config);
    return there || xl("create", "-q", path);
}

int guests_start(const struct guests_options *o)
{
    struct vl vl = { 0 };
    int failed;

    if (!vl_xc(&vl) || !vl_store(&vl))
        return 1;
    failed = o->save_folder ? each_file(o->save_folder, restore, &vl) : 0;
    failed += each_file(o->auto_folder, create, &vl);
    vl_close(&vl);
    return failed != 0;
}

/* Is this a guest that runs? What has no name yet is being made. */
static bool alive(const struct vl_domain *dom)
{
    return dom->info.domain && strcmp(dom->name, "(null)") && !(dom->info.flags & (XEN_DOMINF_shutdown | XEN_DOMINF_dying));
}

/* Move a guest away, or keep its state in a file. False: it is to be shut down. */
static bool keep(const struct guests_options *o, const char *name)
{
    char path[4096];

    if (o->migrate_host && xl("migrate", name, o->migrate_host))
        return true;
    if (!o->save_folder || strchr(name, '/'))
        return false;
    snprintf(path, sizeof(path), "%s/%s", o->save_folder, name);
    if (mkdir(o->save_folder, 0700) && errno != EEXIST) {
        vl_fail_errno("%s", o->save_folder);
        return false;
    }
    vl_note("saving %s", name);
    if (xl("save", name, path))
        return true;
    unlink(path);
    vl_warn("%s could not be saved: it is shut down", name);
    return false;
}

/* How many guests still run; with `destroy` they are ended. */
static size_t remaining(struct vl *vl, bool destroy)
{
    struct vl_domain_list list;
    size_t n = 0;

    if (vl_domains(vl, &list, true))
        return 0;
    for (size_t i = 0; i < list.count; i++)
        if (alive(&list.all[i])) {
            n++;
            if (destroy) {
                vl_warn("%s did not shut down in time: it is destroyed", list.all[i].name);
                vl_destroy(vl, list.all[i].info.domain);
            }
        }
    vl_domains_free(&list);
    return n;
}

int guests_stop(const struct guests_options *o)
{
    const struct timespec look = { 0, LOOK_MS * 1000000l };
    unsigned long looks = o->seconds * 1000ul / LOOK_MS;
    struct vl_domain_list list;
    struct vl vl = { 0 };
    size_t late;

    if (!vl_xc(&vl) || !vl_store(&vl) || vl_domains(&vl, &list, true))
        return 1;
    /* The last to come are the first to go. */
    for (size_t i = list.count; i-- > 0;)
        if (alive(&list.all[i]) && !keep(o, list.all[i].name)) {
            vl_note("shutting %s down", list.all[i].name);
            vl_power_request(&vl, list.all[i].info.domain, "poweroff");
        }
    vl_domains_free(&list);
    while (remaining(&vl, false) && looks--)
        nanosleep(&look, NULL);
    late = remaining(&vl, true);
    vl_close(&vl);
    return late != 0;
}
