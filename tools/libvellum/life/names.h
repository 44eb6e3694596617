/* SPDX-License-Identifier: MIT */
/*
 * Which domain had a name last: symbolic links in /run/vellum/names, so that finding a domain by its name need not
 * read the names of all. A link is only a hint: who follows it asks the store whether the domain still bears the name.
 */
/*
 * Two commands that want one name at once must not both find it free: whoever is to enter a name in the store first takes a
 * lock for it, then looks, and holds it until it has done so.
 */
#ifndef VL_LIFE_NAMES_H
#define VL_LIFE_NAMES_H

#include <stdint.h>

/* Waits; a descriptor to close, or a told -errno. Not to be held while a domain's lock (life/lock.h) is waited for. */
int vl_name_lock(const char *name);

void vl_name_hint_set(const char *name, uint32_t domid);
/* The domain's number, or VL_NOBODY. */
uint32_t vl_name_hint(const char *name);
/* Forget a name, if it is still this domain's. */
void vl_name_hint_drop(const char *name, uint32_t domid);

#endif
