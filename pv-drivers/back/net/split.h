/* SPDX-License-Identifier: MIT */
/* A TCP packet that is to be segmented, cut into two: for one that is larger than the tap takes at once. */
#ifndef NET_SPLIT_H
#define NET_SPLIT_H

#include <stdint.h>

#include "packet.h"

#define SPLIT_HEADER_MAX 256u

struct split {
    uint32_t first;             /* bytes of the first packet, from its beginning; behind them is the payload of the second */
    uint32_t header;            /* bytes of the second's headers */
    uint8_t head[SPLIT_HEADER_MAX];
};

/*
 * `data`: the packet, of `size` bytes, whose headers become the first one's. `segment`: payload of each segment. 0, or
 * -EINVAL and nothing has changed: it is no TCP packet, has longer headers than SPLIT_HEADER_MAX, or only one segment.
 */
int split_packet(uint8_t *data, uint32_t size, uint16_t segment, struct split *s);

#endif
