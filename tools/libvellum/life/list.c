/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "life/handover.h"
#include "life/life.h"
#include "life/names.h"

#define BATCH 256

static int read_names(struct vl *vl, struct vl_domain_list *list)
{
    struct vl_store *store = vl_store(vl);
    char **paths = vl_alloc(&list->arena, list->count * sizeof(*paths));
    char **names = vl_alloc(&list->arena, list->count * sizeof(*names));
    size_t kept = 0;
    int rc;

    if (!store)
        return -EIO;
    for (size_t i = 0; i < list->count; i++)
        paths[i] = vl_printf(&list->arena, "/local/domain/%u/name", list->all[i].info.domain);
    rc = vl_store_read_many(store, &list->arena, paths, list->count, names);
    if (rc)
        return vl_fail(rc, "cannot read the domains' names: %s", strerror(-rc));
    /* Shells are not yet guests: whoever asks for names does not mean them. */
    for (size_t i = 0; i < list->count; i++)
        if (!vl_shell_name(names[i])) {
            list->all[kept] = list->all[i];
            list->all[kept++].name = names[i] ? names[i] : vl_strdup(&list->arena, "(null)");
        }
    list->count = kept;
    return 0;
}

int vl_domains(struct vl *vl, struct vl_domain_list *list, bool names)
{
    xc_interface *xc = vl_xc(vl);
    xc_domaininfo_t *batch;
    uint32_t next = 0;
    int n;

    *list = (struct vl_domain_list){ 0 };
    if (!xc)
        return -EIO;
    batch = vl_xmalloc(BATCH * sizeof(*batch));
    do {
        n = xc_domain_getinfolist(xc, next, BATCH, batch);
        for (int i = 0; i < n; i++)
            VL_PUSH(&list->arena, list->all, list->count, ((struct vl_domain){ .info = batch[i] }));
        if (n > 0)
            next = batch[n - 1].domain + 1u;
    } while (n == BATCH);
    free(batch);
    if (n < 0)
        return vl_fail_errno("cannot list the domains");
    return names ? read_names(vl, list) : 0;
}

void vl_domains_free(struct vl_domain_list *list)
{
    vl_arena_free(&list->arena);
    list->all = NULL;
    list->count = 0;
}

int vl_domain_info(struct vl *vl, uint32_t domid, xc_domaininfo_t *info)
{
    if (!vl_xc(vl))
        return -EIO;
    if (xc_domain_getinfolist(vl->xc, domid, 1, info) != 1 || info->domain != domid)
        return -ESRCH;
    return 0;
}

static bool all_digits(const char *s)
{
    if (!*s)
        return false;
    for (; *s; s++)
        if (!isdigit((unsigned char)*s))
            return false;
    return true;
}

/* By the hint, when the domain that it names is there and bears the name. */
static bool find_hinted(struct vl *vl, const char *name, uint32_t *domid)
{
    struct vl_arena arena = { 0 };
    uint32_t hint = vl_name_hint(name);
    xc_domaininfo_t info;
    bool found = false;
    char *its;

    if (hint != VL_NOBODY && vl_store(vl) && !vl_domain_info(vl, hint, &info)) {
        its = vl_store_read(vl->store, &arena, "/local/domain/%u/name", hint);
        found = its && !strcmp(its, name);
        *domid = hint;
    }
    vl_arena_free(&arena);
    return found;
}

int vl_domain_find(struct vl *vl, const char *text, uint32_t *domid)
{
    struct vl_domain_list list;
    xc_domaininfo_t info;
    int rc;

    if (all_digits(text) && strlen(text) <= 5) {
        *domid = (uint32_t)strtoul(text, NULL, 10);
        rc = *domid < DOMID_FIRST_RESERVED ? vl_domain_info(vl, *domid, &info) : -ESRCH;
        if (rc != -ESRCH)
            return rc;
    }
    if (find_hinted(vl, text, domid))
        return 0;
    rc = vl_domains(vl, &list, true);
    if (!rc) {
        rc = -ESRCH;
        for (size_t i = 0; i < list.count && rc; i++)
            if (!strcmp(list.all[i].name, text)) {
                *domid = list.all[i].info.domain;
                vl_name_hint_set(text, *domid);
                rc = 0;
            }
        if (rc)
            vl_log(VL_ERROR, "there is no domain '%s'", text);
    }
    vl_domains_free(&list);
    return rc;
}
