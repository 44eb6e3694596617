/* SPDX-License-Identifier: MIT */
/* The front end's fake machine as our back-ends see it, so that both run in one process: a grant is looked up in its table. */
#ifndef TEST_PAIR_H
#define TEST_PAIR_H

#include "common/peer.h"

extern struct peer pair_peer;

#endif
