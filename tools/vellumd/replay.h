/* SPDX-License-Identifier: MIT */
/* The last output of a console, for who attaches later. It grows with what there is, up to REPLAY_MAX. */
#ifndef VELLUMD_REPLAY_H
#define VELLUMD_REPLAY_H

#include <stddef.h>
#include <stdint.h>

#define REPLAY_MAX (32u << 10)

struct replay {
    char *data;
    size_t room;                /* a power of two, or 0 */
    uint64_t end;               /* bytes ever added */
};

void replay_add(struct replay *replay, const char *from, size_t len);
void replay_free(struct replay *replay);

/* Where the kept output starts. */
uint64_t replay_start(const struct replay *replay);

/* The bytes from position `at` on that lie in one piece; *len is 0 at the end. `at` before the start is moved to it. */
const char *replay_piece(const struct replay *replay, uint64_t *at, size_t *len);

#endif
