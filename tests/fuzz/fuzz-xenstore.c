/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer on what a socket or a guest sends: the input is cut into messages as the daemon cuts a stream (a byte
 * before each chooses the sender: a privileged socket, a read-only one, two guests), and after it the store must be
 * sound.
 */
#include <errno.h>

#include "store.h"

#include <stdlib.h>

static struct store st;

static void check(bool ok)
{
    if (!ok)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct conn conn[4];
    struct buf out = { 0 };

    store_init(&st);
    st.journaling = true;
    memset(conn, 0, sizeof(conn));
    for (unsigned i = 0; i < 4; i++) {
        conn_init(&st, &conn[i], i < 2 ? CONN_SOCKET : CONN_RING, i < 2 ? 0 : i - 1);
        if (i >= 2)
            conn[i].domain->conn = &conn[i];
    }
    conn[1].readonly = true;
    while (size >= 1 + 12) {
        struct conn *c = &conn[data[0] & 3];
        struct xsd_sockmsg hdr;
        char payload[XENSTORE_PAYLOAD_MAX];

        hdr.type = data[1] % 26; /* short fields: headers are 4 bytes of input, not 16 */
        hdr.tx_id = data[2];
        hdr.req_id = 0;
        hdr.len = (uint32_t)(data[3] | data[4] << 8) % (XENSTORE_PAYLOAD_MAX + 1);
        data += 5;
        size -= 5;
        if (hdr.len > size)
            hdr.len = (uint32_t)size;
        memcpy(payload, data, hdr.len);
        data += hdr.len;
        size -= hdr.len;
        store_request(&st, c, &hdr, payload);
        check(conn_unsent(c) >= sizeof(hdr)); /* everything is answered */
        st.jr.len = 0;
        for (unsigned i = 0; i < 4; i++)
            conn_sent(&conn[i], conn_unsent(&conn[i]));
    }
    check(domain_check(&st, &out) == 0);
    buf_free(&out);
    st.fresh = NULL;
    for (unsigned i = 0; i < 4; i++)
        conn[i].in_fresh = false;
    store_fini(&st);
    check(node_stats.nodes == 0 && node_stats.bytes == 0 && perms_lists() == 0);
    return 0;
}
