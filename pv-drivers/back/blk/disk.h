/* SPDX-License-Identifier: MIT */
/* Disks as the keeper has them: xenstore's nodes on one side, image and worker on the other. */
#ifndef BLK_DISK_H
#define BLK_DISK_H

#include "common/keeper.h"
#include "image.h"

struct disk_options {
    struct image_options image;
    unsigned queues, order;     /* most that are offered */
    unsigned timeout;           /* seconds that requests wait for a lost server */
    bool no_persistent;
};

extern const struct backend_kind disk_kind;

#endif
