/* SPDX-License-Identifier: MIT */
/* lib/string.c under other names, so that it can be compared with the C library's functions. */
#include "hv-string.h"

#include "../../hypervisor/lib/string.c"
