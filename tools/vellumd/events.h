/* SPDX-License-Identifier: MIT */
/* The event stream: one JSON object a line (docs/vellumd.md), to every subscriber of the socket. */
#ifndef VELLUMD_EVENTS_H
#define VELLUMD_EVENTS_H

#include "vellumd/domain.h"

/* Tell that `what` happened to a domain; `key` and `value` (may be NULL) say more. */
void event_tell(struct vellumd *d, const struct dom *dom, const char *what, const char *key, const char *value);
/* A line about a domain in `line`, without its newline; for one subscriber. */
void event_line(const struct dom *dom, const char *what, const char *key, const char *value, char *line, size_t room);

#endif
