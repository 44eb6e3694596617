/* SPDX-License-Identifier: MIT */
/* A running domain as `--json` listings show it: docs/json.md, version 1. */
#ifndef VL_JSON_LISTING_H
#define VL_JSON_LISTING_H

#include "json/json.h"
#include "life/life.h"

/* One domain as a map: identity, state, memory, vCPUs, devices with their back-ends. `key` is NULL in an array. */
void vl_json_listing_domain(struct vl_json *json, const char *key, struct vl *vl, const struct vl_domain *domain);

#endif
