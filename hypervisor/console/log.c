/* SPDX-License-Identifier: MIT */
/*
 * Messages: levels, prefixes, and the limit on what guests may cause to be printed. console_lock (RANK_CONSOLE, the last
 * in the order) guards the whole of console/'s state, so anything may log with any other lock held.
 *
 * A message is formatted in one static buffer under the lock; a longer one is cut. The lock can be broken by a panic
 * (console_force_unlock()): from then on output goes without it, since its holder may never come back.
 */
#include "console-internal.h"

#include <hv/cpu.h>
#include <hv/domain.h>
#include <hv/lib.h>
#include <hv/time.h>

#define LINE_MAX      1024
#define GUEST_BURST   50            /* messages guests may cause at once ... */
#define GUEST_REFILL  MILLISECS(200) /* ... and one more each so many ns */

spinlock_t console_lock = SPINLOCK_INIT(RANK_CONSOLE);
static bool unlocked;               /* a panic goes on without the lock */
static bool line_open;              /* the last message had no newline: the next one continues it */
static char line[LINE_MAX];

/* Levels below `always` are printed, those below `limited` when the rate allows. */
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

void console_force_unlock(void)
{
    WRITE_ONCE(unlocked, true);
}

void console_write_raw(const char *s, size_t len)
{
    uart_write(s, len);
    ring_write(s, len);
}

/* --- levels ------------------------------------------------------------------------------------------------------- */

/* How many levels are on, from LOG_ERR up; stops at '/' or the end. False: no such name. */
static bool parse_level(const char *s, size_t len, unsigned int *levels)
{
    static const char *const names[] = { "none", "error", "warning", "info", "debug", "all" };

    for (unsigned int i = 0; i < ARRAY_SIZE(names); i++)
        if (strlen(names[i]) == len && strncmp(s, names[i], len) == 0) {
            *levels = min(i, LOG_DEBUG + 1u);
            return true;
        }
    return false;
}

static void set_threshold(struct threshold *t, const char *what, const char *s)
{
    struct threshold n;
    const char *slash = strchr(s, '/');
    bool ok;

    if (!*s)
        return;
    ok = parse_level(s, slash ? (size_t)(slash - s) : strlen(s), &n.always);
    n.limited = n.always;
    if (ok && slash)
        ok = parse_level(slash + 1, strlen(slash + 1), &n.limited);
    if (!ok) {
        log_warn("%s: unknown level '%s' (none, error, warning, info, debug or all)\n", what, s);
        return;
    }
    n.limited = max(n.limited, n.always);
    *t = n;
}

void log_set_levels(const char *loglvl, const char *guest_loglvl)
{
    set_threshold(&log_threshold, "loglvl", loglvl);
    set_threshold(&guest_threshold, "guest_loglvl", guest_loglvl);
}

/* --- output --------------------------------------------------------------------------------------------------------- */

static const char *level_tag(enum loglevel level)
{
    switch (level) {
    case LOG_ERR: return "error: ";
    case LOG_WARN: return "warning: ";
    case LOG_DEBUG: return "debug: ";
    default: return "";
    }
}

/* Locked. Appends to line[] and writes it; `used` bytes of it are there. */
static void emit(size_t used, const char *fmt, va_list ap)
{
    int n = hv_vsnprintf(line + used, sizeof(line) - used, fmt, ap);
    size_t len = min(used + (size_t)n, sizeof(line) - 1);

    if (used + (size_t)n > len)
        line[len - 1] = '\n';           /* cut: at least end the line */
    if (len == 0)
        return;
    console_write_raw(line, len);
    line_open = line[len - 1] != '\n';
}

static void vmessage(enum loglevel level, const char *fmt, va_list ap)
{
    size_t used = 0;

    console_lock_get();
    if (!line_open)
        used = (size_t)hv_snprintf(line, sizeof(line), "(VLM) %s", level_tag(level));
    emit(used, fmt, ap);
    console_lock_put();
    input_raise_ring();
}

void log_msg(enum loglevel level, const char *fmt, ...)
{
    va_list ap;

    if (level >= log_threshold.limited)
        return;
    va_start(ap, fmt);
    vmessage(level, fmt, ap);
    va_end(ap);
}

void console_printf(const char *fmt, ...)
{
    va_list ap;
    size_t used;

    va_start(ap, fmt);
    console_lock_get();
    used = line_open ? 0 : (size_t)hv_snprintf(line, sizeof(line), "(VLM) ");
    emit(used, fmt, ap);
    console_lock_put();
    va_end(ap);
}

/* Locked. A token bucket over all guests: one that floods the log cannot be told apart from many that do. */
static bool guest_rate_ok(void)
{
    nsec_t t = now();
    uint64_t earned = (t - guest_rate.refilled) / GUEST_REFILL;

    if (earned) {
        guest_rate.tokens = (unsigned int)min_t(uint64_t, GUEST_BURST, guest_rate.tokens + earned);
        guest_rate.refilled = t;
    }
    if (guest_rate.tokens == 0) {
        guest_rate.suppressed++;
        return false;
    }
    guest_rate.tokens--;
    return true;
}

/* Whether a message of this level caused by a guest is to be printed now; tells about those that were not. */
bool log_guest_allowed(enum loglevel level)
{
    unsigned int suppressed = 0;
    bool ok;

    if (level < guest_threshold.always)
        return true;
    if (level >= guest_threshold.limited)
        return false;
    console_lock_get();
    ok = guest_rate_ok();
    if (ok) {
        suppressed = guest_rate.suppressed;
        guest_rate.suppressed = 0;
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
    console_lock_get();
    emit((size_t)hv_snprintf(line, sizeof(line), "%s(VLM) %sd%u: ", line_open ? "\n" : "", level_tag(level), d->id),
         fmt, ap);
    console_lock_put();
    va_end(ap);
    input_raise_ring();
}
