/* SPDX-License-Identifier: MIT */
/*
 * CONSOLEIO_write. Dom0's text goes to the serial line as it is. Text of other guests is printed by whole lines, with
 * "(dN) " before them, control characters left out, and only as guest_loglvl and the rate limit allow. A guest's line so far
 * is in its struct domain, under hvc_lock (any rank below RANK_CONSOLE).
 */
#include "console-internal.h"

#include <hv/domain.h>
#include <hv/lib.h>

/* d->hvc_lock is held. */
static void flush_line(struct domain *d)
{
    char text[sizeof(d->hvc_line) + 16];
    int n;

    n = hv_snprintf(text, sizeof(text), "(d%u) %.*s\n", d->id, (int)d->hvc_len, d->hvc_line);
    d->hvc_len = 0;
    if (!log_guest_allowed(LOG_WARN))
        return;
    console_lock_get();
    console_write_raw(text, (size_t)n);
    console_lock_put();
    input_raise_ring();
}

void console_guest_write(struct domain *d, const char *buf, size_t len)
{
    if (d == dom0) {
        console_lock_get();
        uart_write(buf, len);
        console_lock_put();
        return;
    }
    spin_lock(&d->hvc_lock);
    for (size_t i = 0; i < len; i++) {
        char c = buf[i];

        if (c == '\n') {
            flush_line(d);
        } else if (c == '\t' || ((unsigned char)c >= ' ' && c != 0x7f)) {
            if (d->hvc_len == sizeof(d->hvc_line))
                flush_line(d);
            d->hvc_line[d->hvc_len++] = c;
        }
    }
    spin_unlock(&d->hvc_lock);
}
