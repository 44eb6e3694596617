/* SPDX-License-Identifier: MIT */
/* Output: messages with levels and prefixes, the log ring, guests' console text, and the limit on what guests may cause
 * to be printed. console_lock (RANK_CONSOLE, the last in the order) guards the whole of console/'s state, so anything
 * may log with any other lock held. A panic breaks it (console_force_unlock): from then on output goes without it,
 * since its holder may never come back. A guest's line so far is in its struct domain, under hvc_lock. */
#include <hv/domain.h>
#include "console-internal.h"

#define LINE_MAX      1024          /* a longer message is cut */
#define RING_SIZE     (64u << 10)
#define GUEST_BURST   50            /* messages guests may cause at once ... */
#define GUEST_REFILL  MILLISECS(200) /* ... and one more each so many ns */

spinlock_t console_lock = SPINLOCK_INIT(RANK_CONSOLE);
static bool unlocked;               /* a panic goes on without the lock */
static bool line_open;              /* the last message had no newline: the next one continues it */
static char line[LINE_MAX];

/* Levels below `always` are printed, those below `limited` when the rate allows. LOG_DEBUG is always limited. */
struct threshold { unsigned int always, limited; };
static struct threshold log_threshold = { LOG_INFO + 1, LOG_INFO + 1 };
static struct threshold guest_threshold = { LOG_ERR, LOG_WARN + 1 };

static struct { nsec_t refilled; unsigned int tokens, suppressed; } guest_rate = { .tokens = GUEST_BURST };

void console_lock_get(void)
{
    if (!READ_ONCE(unlocked))
        spin_lock(&console_lock);
}

void console_lock_put(void)
{
    if (!READ_ONCE(unlocked))
        spin_unlock(&console_lock);
}

void console_force_unlock(void) { WRITE_ONCE(unlocked, true); }

/* The log ring, which XEN_SYSCTL_readconsole reads. Positions count all bytes ever written, modulo 2^32, of which the
 * low bits are the place. Always true: ring_end - ring_start <= RING_SIZE, and the bytes between are the ones to be
 * read. */
static char ring[RING_SIZE];
static uint32_t ring_start, ring_end;

/* Locked. To the UART and the ring. */
static void console_write_raw(const char *s, size_t len)
{
    uart_write(s, len);
    while (len--)
        ring[ring_end++ % RING_SIZE] = *s++;
    if (ring_end - ring_start > RING_SIZE)
        ring_start = ring_end - RING_SIZE;
}

size_t console_ring_read(char *buf, size_t len, bool incremental, uint32_t *index, bool clear)
{
    size_t n = 0;
    console_lock_get();
    uint32_t pos = ring_start;
    /* An index within the ring goes on from there; older or impossible ones start at the oldest byte. */
    if (incremental && *index - ring_start <= ring_end - ring_start)
        pos = *index;
    while (n < len && pos != ring_end)
        buf[n++] = ring[pos++ % RING_SIZE];
    *index = pos;
    if (clear)
        ring_start = ring_end;
    console_lock_put();
    return n;
}

/* How many levels are on, from LOG_ERR up, by the name at *s, which ends at '/' or the end. False: no such name. */
static bool parse_level(const char **s, unsigned int *levels)
{
    static const char *const names[] = { "none", "error", "warning", "info", "debug", "all" };
    for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
        size_t len = strlen(names[i]);
        if (strncmp(*s, names[i], len) == 0 && (!(*s)[len] || (*s)[len] == '/')) {
            *levels = min(i, LOG_DEBUG + 1u);
            *s += len;
            return true;
        }
    }
    return false;
}

static void set_threshold(struct threshold *t, const char *what, const char *s)
{
    const char *p = s;
    struct threshold n;
    if (!*s)
        return;
    bool ok = parse_level(&p, &n.always);
    n.limited = n.always;
    if (ok && *p++ == '/')
        ok = parse_level(&p, &n.limited) && !*p;
    if (ok)
        *t = (struct threshold){ n.always, max(n.limited, n.always) };
    else
        log_warn("%s: unknown level '%s' (none, error, warning, info, debug or all)\n", what, s);
}

void log_set_levels(const char *loglvl, const char *guest_loglvl)
{
    set_threshold(&log_threshold, "loglvl", loglvl);
    set_threshold(&guest_threshold, "guest_loglvl", guest_loglvl);
}

static const char *const level_tag[] = { "error: ", "warning: ", "", "debug: " };

/* Always on a line of its own for a guest's, else continuing the open one. */
static void vmessage(const char *tag, const struct domain *d, const char *fmt, va_list ap)
{
    size_t len = 0;
    console_lock_get();
    if (d)
        len = (size_t)hv_snprintf(line, sizeof(line), "%s(VLM) %sd%u: ", line_open ? "\n" : "", tag, d->id);
    else if (!line_open)
        len = (size_t)hv_snprintf(line, sizeof(line), "(VLM) %s", tag);
    len += (size_t)hv_vsnprintf(line + len, sizeof(line) - len, fmt, ap);
    if (len >= sizeof(line)) {
        len = sizeof(line) - 1;
        line[len - 1] = '\n';           /* cut: at least end the line */
    }
    console_write_raw(line, len);
    if (len)
        line_open = line[len - 1] != '\n';
    console_lock_put();
}

void log_msg(enum loglevel level, const char *fmt, ...)
{
    va_list ap;
    if (level >= log_threshold.limited)
        return;
    va_start(ap, fmt);
    vmessage(level_tag[level], NULL, fmt, ap);
    va_end(ap);
    input_raise_ring();
}

void console_printf(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vmessage("", NULL, fmt, ap);
    va_end(ap);
}

/* Whether a message of this level caused by a guest is to be printed now. One token bucket serves all guests. */
static bool log_guest_allowed(enum loglevel level)
{
    unsigned int suppressed = 0;
    if (level < guest_threshold.always && level < LOG_DEBUG)
        return true;
    if (level >= guest_threshold.limited)
        return false;
    console_lock_get();
    nsec_t t = now();
    uint64_t earned = (t - guest_rate.refilled) / GUEST_REFILL;
    if (earned) {
        guest_rate.tokens = (unsigned int)min_t(uint64_t, GUEST_BURST, guest_rate.tokens + earned);
        guest_rate.refilled = t;
    }
    bool ok = guest_rate.tokens > 0;
    if (ok) {
        guest_rate.tokens--;
        suppressed = guest_rate.suppressed;
        guest_rate.suppressed = 0;
    } else {
        guest_rate.suppressed++;
    }
    console_lock_put();
    if (suppressed)
        log_warn("%u messages of guests were suppressed\n", suppressed);
    return ok;
}

void log_guest(enum loglevel level, const struct domain *d, const char *fmt, ...)
{
    va_list ap;
    if (!log_guest_allowed(level))
        return;
    va_start(ap, fmt);
    vmessage(level_tag[level], d, fmt, ap);
    va_end(ap);
    input_raise_ring();
}

/* Guests' lines, with "(dN) " before them and without control characters, as guest_loglvl and the rate limit allow. */
static void flush_line(struct domain *d)
{
    char text[sizeof(d->hvc_line) + 16];
    int n = hv_snprintf(text, sizeof(text), "(d%u) %.*s\n", d->id, (int)d->hvc_len, d->hvc_line);
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
