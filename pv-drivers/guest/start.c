/* SPDX-License-Identifier: MIT */
/*
 * The whole boot as one page to read, the command line, and the way out.
 */
#include "hypercall.h"

#include <front/console.h>
#include <front/store.h>

extern char shared_info_page[PAGE_SIZE];

struct start_info *start_info;
struct shared_info *const shared_info = (struct shared_info *)shared_info_page;

void map_shared_info(void)
{
    long rc = HC(update_va_mapping, shared_info_page, start_info->shared_info | PTE_KERNEL, UVMF_INVLPG);

    if (rc)
        __builtin_trap();
}

/* The pages that the builder made for console and xenstore. */
void shared_pages_init(void)
{
    if (start_info->console.domU.mfn)
        console_init(mfn_va(start_info->console.domU.mfn), start_info->console.domU.evtchn);
    if (start_info->store_mfn)
        store_init(mfn_va(start_info->store_mfn), start_info->store_evtchn);
}

void guest_start(struct start_info *si);
void guest_start(struct start_info *si)
{
    start_info = si;
    map_shared_info();
    traps_init();
    memory_init();
    event_init();
    time_init();
    suspend_init();
    events_on();
    shared_pages_init();
    main();
    poweroff();
}

/* What follows NAME= on the command line, or NULL. */
static const char *option_find(const char *name)
{
    const char *start = (const char *)start_info->cmd_line, *end = start + sizeof(start_info->cmd_line);
    size_t len = strlen(name);

    for (const char *p = start; p + len + 1 < end && *p; p++)
        if ((p == start || p[-1] == ' ') && !strncmp(p, name, len) && p[len] == '=')
            return p + len + 1;
    return NULL;
}

unsigned long option(const char *name, unsigned long otherwise)
{
    const char *p = option_find(name), *end = (const char *)start_info->cmd_line + sizeof(start_info->cmd_line);
    unsigned long v = 0;

    if (!p)
        return otherwise;
    for (; p < end && *p >= '0' && *p <= '9'; p++)
        v = v * 10 + (unsigned long)(*p - '0');
    return v;
}

bool option_text(const char *name, char *buf, size_t size)
{
    const char *p = option_find(name), *end = (const char *)start_info->cmd_line + sizeof(start_info->cmd_line);
    size_t n = 0;

    if (!p)
        return false;
    for (; p < end && *p && *p != ' '; p++) {
        if (n + 1 >= size)
            return false;
        buf[n++] = *p;
    }
    buf[n] = 0;
    return true;
}

bool option_word(const char *word)
{
    const char *start = (const char *)start_info->cmd_line, *end = start + sizeof(start_info->cmd_line);
    size_t len = strlen(word);

    for (const char *p = start; p + len < end && *p; p++)
        if ((p == start || p[-1] == ' ') && !strncmp(p, word, len) && (!p[len] || p[len] == ' '))
            return true;
    return false;
}

void shutdown(unsigned int reason)
{
    struct sched_shutdown arg = {.reason = reason};

    console_flush();
    for (;;)
        sched_op(SCHEDOP_shutdown, &arg);
}

void poweroff(void) { shutdown(SHUTDOWN_poweroff); }
