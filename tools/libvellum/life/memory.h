/* SPDX-License-Identifier: MIT */
/* How much memory a running domain is to have, and how much it may have. */
#ifndef VL_LIFE_MEMORY_H
#define VL_LIFE_MEMORY_H

#include "json/domain.h"
#include "life/life.h"

/* "512", "512m", "2g", "1t", "65536k", "4096b" in KiB; a bare number is MiB. -EINVAL, told. */
int vl_memory_parse(const char *text, uint64_t *kb);

/* Ask a domain to shrink or grow to `kb`; at most its static maximum. */
int vl_memory_set_target(struct vl *vl, uint32_t domid, uint64_t kb);

/* The most it can be given; not less than its target. */
int vl_memory_set_max(struct vl *vl, uint32_t domid, uint64_t kb);

/* Bring a kept configuration up to date with what became of the domain: memory and vCPUs as the store has them. */
void vl_config_refresh(struct vl *vl, uint32_t domid, struct vl_config *config);

/* What `xl list --long` says beside the configuration. */
void vl_live_read(struct vl *vl, const xc_domaininfo_t *info, struct vl_json_live *live);

#endif
