/* SPDX-License-Identifier: MIT */
/* Names and UUIDs of running domains. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "life/life.h"
#include "life/names.h"
#include "life/userdata.h"

static int name_is_free(struct vl *vl, uint32_t domid, const char *name)
{
    struct vl_domain_list list;
    int rc = vl_domains(vl, &list, true);

    for (size_t i = 0; i < list.count && !rc; i++)
        if (list.all[i].info.domain != domid && !strcmp(list.all[i].name, name))
            rc = vl_fail(-EEXIST, "a domain with the name '%s' exists already (id %u)", name, list.all[i].info.domain);
    vl_domains_free(&list);
    return rc;
}

/* Enter the name in the store, if no other domain has it. */
static int enter_name(struct vl *vl, uint32_t domid, const char *name)
{
    struct vl_arena arena = { 0 };
    int lock = vl_name_lock(name), rc = lock < 0 ? lock : name_is_free(vl, domid, name);
    char *vm;

    if (!rc) {
        vm = vl_store_read(vl->store, &arena, "/local/domain/%u/vm", domid);
        vl_store_expect(vl->store, "/local/domain/%u", domid);
        vl_store_write(vl->store, name, "/local/domain/%u/name", domid);
        if (vm && !strncmp(vm, "/vm/", 4))
            vl_store_write(vl->store, name, "%s/name", vm);
        rc = vl_store_apply(vl->store);
    }
    if (lock >= 0)
        close(lock);
    vl_arena_free(&arena);
    return rc;
}

int vl_domain_rename(struct vl *vl, uint32_t domid, const char *name)
{
    struct vl_place place = { "new name", 0, 0 };
    struct vl_config *c;
    xc_domaininfo_t info;
    int rc = vl_name_check(&place, name);

    if (!rc)
        rc = vl_domain_info(vl, domid, &info);
    if (!rc)
        rc = vl_store(vl) ? enter_name(vl, domid, name) : -EIO;
    c = rc ? NULL : vl_userdata_load(domid, info.handle);
    if (c) {
        c->name = vl_strdup(&c->arena, name);
        rc = vl_userdata_save(domid, c);
    }
    vl_config_free(c);
    return rc;
}

int vl_domain_preserve(struct vl *vl, uint32_t domid, const char *name, const uint8_t uuid[16])
{
    static const char *const copied[] = { "uuid", "image/ostype", "image/kernel", "image/ramdisk", "image/cmdline",
                                          "start_time" };
    struct vl_arena arena = { 0 };
    struct vl_store *s = vl_store(vl);
    char text[VL_UUID_TEXT], *vm;
    struct vl_config *c;
    xc_domaininfo_t info;
    int rc = s ? vl_domain_info(vl, domid, &info) : -EIO;

    if (rc)
        return rc;
    vl_uuid_format(uuid, text);
    vm = vl_store_read(s, &arena, "/local/domain/%u/vm", domid);
    vl_store_expect(s, "/local/domain/%u", domid);
    vl_store_mkdir(s, "/vm/%s", text);
    vl_store_perms(s, 0, domid, "/vm/%s", text);
    for (size_t i = 0; vm && i < sizeof(copied) / sizeof(copied[0]); i++) {
        char *v = i ? vl_store_read(s, &arena, "%s/%s", vm, copied[i]) : text;

        if (v)
            vl_store_write(s, v, "/vm/%s/%s", text, copied[i]);
    }
    vl_store_write(s, name, "/vm/%s/name", text);
    vl_store_write(s, name, "/local/domain/%u/name", domid);
    vl_store_write(s, vl_printf(&arena, "/vm/%s", text), "/local/domain/%u/vm", domid);
    if (vm && !strncmp(vm, "/vm/", 4))
        vl_store_rm(s, "%s", vm);
    rc = vl_store_apply(s);
    if (!rc && xc_domain_sethandle(vl->xc, domid, (uint8_t *)uuid))
        rc = vl_fail_errno("cannot change the UUID of domain %u", domid);
    c = rc ? NULL : vl_userdata_load(domid, info.handle);
    vl_userdata_remove(domid);
    if (c) {
        c->name = vl_strdup(&c->arena, name);
        memcpy(c->uuid, uuid, 16);
        rc = vl_userdata_save(domid, c);
    }
    vl_config_free(c);
    vl_arena_free(&arena);
    return rc;
}
