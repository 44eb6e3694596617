/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer: what comes to vellumd from outside. The first byte chooses: requests of the socket, one a line; or a
 * guest that writes anything into its console's page between our steps.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vellumd/proto.h"
#include "vellumd/replay.h"
#include "vellumd/ring.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void requests(const uint8_t *data, size_t size)
{
    while (size) {
        const uint8_t *end = memchr(data, '\n', size);
        size_t len = end ? (size_t)(end - data) : size;
        char *line = malloc(len + !len);
        struct request r;
        const char *why = NULL;

        memcpy(line, data, len);
        if (proto_parse(line, len, &r, &why) ? !why : r.domid >= 0x7ff0)
            abort();
        free(line);
        len += end != NULL;
        data += len;
        size -= len;
    }
}

/* Three bytes a step: where in the page's last bytes (the indices), and what; then we take and give. */
static void console(const uint8_t *data, size_t size)
{
    static struct xencons_interface page;
    static char buf[sizeof(page.out) + 1];
    const size_t indices = sizeof(page.in) + sizeof(page.out);
    struct replay replay = { 0 };
    struct ring ring;
    uint64_t at = 0;
    size_t n, len;

    memset(&page, 0, sizeof(page));
    ring_attach(&ring, &page);
    for (; size >= 3; data += 3, size -= 3) {
        ((uint8_t *)&page)[indices + data[0] % (sizeof(page) - indices)] = data[1];
        n = ring_take(&ring, buf, data[2] & 1 ? sizeof(buf) : 7);
        if (n > sizeof(page.out) || ring.page->out_cons != ring.out_cons)
            abort();
        replay_add(&replay, buf, n);
        while (replay_piece(&replay, &at, &len))
            at += len;
        if (at != replay.end || ring_room(&ring) > sizeof(page.in) || ring_give(&ring, buf, data[2]) > data[2])
            abort();
    }
    replay_free(&replay);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size && data[0] & 1)
        console(data + 1, size - 1);
    else if (size)
        requests(data + 1, size - 1);
    return 0;
}
