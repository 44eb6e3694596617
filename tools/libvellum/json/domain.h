/* SPDX-License-Identifier: MIT */
/*
 * A domain's configuration as libxl writes it in JSON: for `xl list --long`, for dry runs, and for the file that is
 * kept of every running domain, so that Debian's xl and ours can each take over the other's domains.
 */
#ifndef VL_JSON_DOMAIN_H
#define VL_JSON_DOMAIN_H

#include <stddef.h>

#include "config/config.h"
#include "json/json.h"

enum vl_json_form {
    VL_JSON_CHECKED,            /* a dry run: only what the configuration says */
    VL_JSON_KEPT,               /* a running domain's: with the defaults filled in */
    VL_JSON_LONG,               /* the same with the scheduler's parameters in `live` */
    VL_JSON_SAVED,              /* for a stream: as VL_JSON_LONG, but the domain's id only when `live` has it */
};

/* What the running domain has, for VL_JSON_LONG and VL_JSON_SAVED. */
struct vl_json_live {
    const char *scheduler;      /* "credit2", or NULL */
    int weight, cap;
    unsigned long long target_kb;
    bool has_domid;             /* VL_JSON_SAVED: the id is part of what is saved */
    unsigned domid;
};

/* The configuration as a value. CPU lists must be plain numbers (vl_affinity_plain). */
void vl_json_config(struct vl_json *json, const char *key, const struct vl_config *config, enum vl_json_form form,
                    const struct vl_json_live *live);

/* The same shape for a domain that has no kept configuration, such as dom0. Sizes are in KiB. */
void vl_json_foreign(struct vl_json *json, const char *key, const char *name, unsigned long long max_kb,
                     unsigned long long now_kb, const struct vl_json_live *live);

/* Back from a kept file's text; unknown members are passed over. NULL, told with `name`, when it is no such text. */
struct vl_config *vl_json_config_read(const char *name, const char *text, size_t len);

#endif
