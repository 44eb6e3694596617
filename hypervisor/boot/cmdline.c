/* SPDX-License-Identifier: MIT */
/* The hypervisor's command line: words by white space, each `name`, `no-name` or `name=value`, looked up in one table.
 * What is not understood is logged when the console works. A bad value changes nothing; the last one counts. */
#include <hv/boot.h>
#include <hv/console.h>
#include <hv/lib.h>

#define MAX_UNKNOWN 16

struct boot_options boot_options = {
    .smap = true, .smep = true, .x2apic = true, .xsave = true,
    .gnttab_max_frames = 64, .gnttab_max_maptrack_frames = 1024,
};
char hv_cmdline[2048];

enum kind { STRING, BOOL, UINT, MEM };
struct option { const char *name; enum kind kind; void *where; size_t size; };

#define OPT(kind, name) { #name, kind, &boot_options.name, sizeof(boot_options.name) }
static const struct option options[] = {
    OPT(STRING, console), OPT(STRING, com1), OPT(STRING, loglvl), OPT(STRING, guest_loglvl), OPT(STRING, sched),
    OPT(MEM, dom0_mem), OPT(UINT, dom0_max_vcpus), OPT(BOOL, dom0_vcpus_pin), OPT(UINT, maxcpus),
    OPT(BOOL, noreboot), OPT(BOOL, smap), OPT(BOOL, smep), OPT(BOOL, x2apic), OPT(BOOL, xsave),
    OPT(UINT, gnttab_max_frames), OPT(UINT, gnttab_max_maptrack_frames),
};

static struct unknown { const char *at; int len; const char *why; } unknown[MAX_UNKNOWN];    /* words not taken */
static unsigned int nr_unknown;

static bool parse_bool(const char *v, bool *out)
{
    static const char *const words[] = { "0", "1", "off", "on", "false", "true", "no", "yes", "disable", "enable" };
    for (unsigned int i = 0; i < ARRAY_SIZE(words); i++) {
        if (strcmp(v, words[i]) == 0) {
            *out = i & 1;
            return true;
        }
    }
    return false;
}

static bool parse_uint(const char *v, unsigned int *out)
{
    const char *end;
    unsigned long n = hv_strtoul(v, &end, 0);
    if (end == v || *end || n > UINT32_MAX)
        return false;
    *out = (unsigned int)n;
    return true;
}

/* SIZE, min:SIZE and max:SIZE with commas between; KiB without a suffix; -SIZE: all memory but that much. */
static bool parse_mem(const char *v, struct mem_option *out)
{
    struct mem_option m = { .set = true };
    do {
        uint64_t *where = strncmp(v, "min:", 4) == 0 ? &m.min : strncmp(v, "max:", 4) == 0 ? &m.max : &m.size;
        v += where == &m.size ? 0 : 4;
        bool minus = *v == '-';
        const char *digits = v + minus;
        uint64_t n = parse_size(digits, &v, 1024);
        if (v == digits || n > INT64_MAX)
            return false;
        *where = minus ? -n : n;
    } while (*v++ == ',');
    if (v[-1])
        return false;
    *out = m;
    return true;
}

/* value NULL: the bare word; `on` is false for no-NAME. */
static bool set_option(const struct option *o, const char *value, bool on)
{
    if (o->kind == BOOL && !value) {
        *(bool *)o->where = on;
        return true;
    }
    if (!value || !on)
        return false;
    switch (o->kind) {
    case STRING: return hv_strlcpy(o->where, value, o->size) < o->size;
    case BOOL:   return parse_bool(value, o->where);
    case UINT:   return parse_uint(value, o->where);
    default:     return parse_mem(value, o->where);
    }
}

static const struct option *find_option(const char *name)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(options); i++)
        if (strcmp(options[i].name, name) == 0)
            return &options[i];
    return NULL;
}

/* One word, cut off behind. NULL: understood, else what is wrong. */
static const char *parse_word(char *word)
{
    char *value = strchr(word, '=');
    if (value)
        *value++ = '\0';
    const struct option *o = find_option(word);
    bool on = o || strncmp(word, "no-", 3) != 0;
    if (!on)
        o = find_option(word + 3);
    return !o ? "unknown option" : set_option(o, value, on) ? NULL : "bad value in";
}

/* How many characters from p on are white space, or are none. */
static size_t span(const char *p, bool space)
{
    size_t n = 0;
    while (p[n] && (p[n] == ' ' || p[n] == '\t' || p[n] == '\n' || p[n] == '\r') == space)
        n++;
    return n;
}

void cmdline_parse(const char *cmdline)
{
    const char *p = hv_cmdline, *why;
    char word[256];
    size_t len;
    hv_strlcpy(hv_cmdline, cmdline, sizeof(hv_cmdline));
    nr_unknown = 0;
    for (; *(p += span(p, true)); p += len) {
        len = span(p, false);
        hv_strlcpy(word, p, min(len + 1, sizeof(word)));
        why = len < sizeof(word) ? parse_word(word) : "bad value in";
        if (why && nr_unknown++ < MAX_UNKNOWN)
            unknown[nr_unknown - 1] = (struct unknown){ p, (int)len, why };
    }
}

void cmdline_log_unknown(void)
{
    for (unsigned int i = 0; i < min(nr_unknown, (unsigned int)MAX_UNKNOWN); i++)
        log_warn("command line: %s '%.*s' is ignored\n", unknown[i].why, unknown[i].len, unknown[i].at);
    if (nr_unknown > MAX_UNKNOWN)
        log_warn("command line: %u more words are ignored\n", nr_unknown - MAX_UNKNOWN);
}
