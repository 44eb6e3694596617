/* SPDX-License-Identifier: MIT */
/*
 * hello: one line with this domain's name, number and uptime, then power off. With the word `stay` on its command line
 * it stays instead: each line typed on its console comes back as "NAME: LINE", until the line `quit` or the toolstack
 * ends it. It blocks between events.
 */
#include "guest.h"

#include <front/console.h>
#include <front/store.h>

static char name[256];

/* Answers the line; false when it was the last. */
static bool answer(const char *line)
{
    if (!strcmp(line, "quit"))
        return false;
    print("%s: %s\n", name, line);
    return true;
}

static bool answer_input(void)
{
    static char line[256];
    static unsigned int len;

    for (int c; (c = console_getc()) >= 0;) {
        if (c != '\n' && c != '\r') {
            if (len < sizeof(line) - 1)
                line[len++] = (char)c;
            continue;
        }
        line[len] = 0;
        if (len && !answer(line))
            return false;
        len = 0;
    }
    return true;
}

static bool something(void *arg) { return (void)arg, store_pending() || console_pending(); }

static void stay(void)
{
    control_init();
    for (;;) {
        store_poll();
        if (!answer_input())
            return;
        os_wait(something, NULL, ~0UL);
    }
}

static void say(void *arg)
{
    (void)arg;
    print("vCPU %u is up\n", cpu_id());
}

/* With the word `smp`: every vCPU says a line. */
static void say_all(void)
{
    smp_start();
    for (unsigned int i = 1; i < smp_cpus; i++)
        smp_run(i, say, NULL);
    for (unsigned int i = 1; i < smp_cpus; i++)
        smp_wait(i);
    print("%u vCPUs\n", smp_cpus);
}

void main(void)
{
    char domid[16];
    uint64_t us, ready = (time_ready - time_boot()) / 1000;

    if (store_read(0, "name", NULL, name, sizeof(name)) < 0)
        format(name, sizeof(name), "?");
    if (store_read(0, "domid", NULL, domid, sizeof(domid)) < 0)
        format(domid, sizeof(domid), "?");
    us = (time_now() - time_boot()) / 1000;
    print("hello from %s, domain %s, up %lu.%03lu ms, of which %lu.%03lu to start; %lu of %lu pages free\n", name, domid,
          us / 1000, us % 1000, ready / 1000, ready % 1000, pages_free_count(), nr_pages);
    if (option_word("smp"))
        say_all();
    if (option_word("stay"))
        stay();
}
