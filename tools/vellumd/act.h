/* SPDX-License-Identifier: MIT */
#ifndef VELLUMD_ACT_H
#define VELLUMD_ACT_H

#include "vellumd/vellumd.h"

/* The worker: carry out what a stopped domain's configuration says about its end. An exit code. */
int act_run(const struct options *options, uint32_t domid);

#endif
