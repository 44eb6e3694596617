/* SPDX-License-Identifier: MIT */
/* libFuzzer: bzimage_payload() and decompress(), of the payload found or of the whole input. */
#include <stdlib.h>

#include "../unit/lib-stubs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ROOM  (64u << 10)
#define ARENA (4u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char arena[ARENA];
    const void *payload = data;
    size_t payload_size = size, said;
    char *out = malloc(ROOM);
    long n;

    if (bzimage_payload(data, size, &payload, &payload_size) == 0 &&
        ((const uint8_t *)payload < data || payload_size > (size_t)(data + size - (const uint8_t *)payload)))
        abort();
    bzimage_unpacked_size(payload, payload_size, &said);
    n = decompress(out, ROOM, payload, payload_size, arena, ARENA);
    if (n > (long)ROOM || (n == -XEN_EOPNOTSUPP && decompress_method(payload, payload_size) && payload_size > 6 &&
                           *(const uint8_t *)payload == 0x1f))
        abort();
    free(out);
    return 0;
}
