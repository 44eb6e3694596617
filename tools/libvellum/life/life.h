/* SPDX-License-Identifier: MIT */
/*
 * The life of domains: made, found, told to stop, ended. Functions return 0 or -errno after one told line.
 */
#ifndef VL_LIFE_LIFE_H
#define VL_LIFE_LIFE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/vl.h"
#include "config/config.h"

/* A domain as listings show it. */
struct vl_domain {
    xc_domaininfo_t info;
    char *name;                 /* in the list's arena; "(null)" when it has none yet */
};

struct vl_domain_list {
    struct vl_arena arena;
    struct vl_domain *all;
    size_t count;
};

/* All domains in order of their ids; with `names` their names too, and without the shells that vellumd keeps ready. */
int vl_domains(struct vl *vl, struct vl_domain_list *list, bool names);
void vl_domains_free(struct vl_domain_list *list);

/* The domain that `text` names, or whose id it is. -ESRCH, told, when there is none. */
int vl_domain_find(struct vl *vl, const char *text, uint32_t *domid);

/* One domain's state; -ESRCH (not told) when it is not there. */
int vl_domain_info(struct vl *vl, uint32_t domid, xc_domaininfo_t *info);

/*
 * Make a domain: paused, with all its devices. On failure everything is undone.
 */
int vl_create(struct vl *vl, const struct vl_config *config, uint32_t *domid);

struct vl_build_params;
struct vl_build_result;

/* What puts memory and registers into a new domain in the builder's place: a saved state. */
struct vl_filler {
    uint8_t handle[16];         /* the UUID until it is finished */
    uint32_t domid;             /* wanted; 0: any */
    void *ctx;
    int (*fill)(void *ctx, uint32_t domid, const struct vl_build_params *params, struct vl_build_result *built);
};

/* As vl_create; another domain may have the configuration's UUID, for which this one is to take over. */
int vl_create_filled(struct vl *vl, const struct vl_config *config, const struct vl_filler *filler, uint32_t *domid);

/* Give a running domain another name, unique and valid. */
int vl_domain_rename(struct vl *vl, uint32_t domid, const char *name);

/* Give a domain that stays for inspection another name and UUID, so that a new one can take its place. */
int vl_domain_preserve(struct vl *vl, uint32_t domid, const char *name, const uint8_t uuid[16]);

/* End a domain at once, with its devices and its nodes in the store. -ESRCH (told): another command has done so, or is. */
int vl_destroy(struct vl *vl, uint32_t domid);
/* Undo the making of a domain that failed, maybe because somebody else has destroyed it: then what was added since goes. */
void vl_destroy_unmade(struct vl *vl, uint32_t domid);

#endif
