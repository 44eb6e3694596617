/* SPDX-License-Identifier: MIT */
#ifndef VELLUMD_STATUS_H
#define VELLUMD_STATUS_H

#include <stddef.h>

#include "vellumd/vellumd.h"

/* What the daemon has, as one line of JSON. */
void status_line(struct vellumd *d, char *line, size_t room);

#endif
