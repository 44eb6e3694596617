/* SPDX-License-Identifier: MIT */
/* The display on a terminal. */
#include <curses.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "top/top.h"

static const char keys[] = "q quit  n/c/p/m/v/w/d sort by name/CPU time/CPU %/memory/vCPUs/network/disk  r reverse  "
                           "V vCPUs  arrows scroll";

static void put(int y, int attr, const char *text)
{
    if (y >= LINES)
        return;
    attron(attr);
    mvaddnstr(y, 0, text, COLS);
    for (int x = (int)strlen(text); attr && x < COLS; x++)
        addch(' ');
    attroff(attr);
}

static void draw_head(const struct top_options *o, const struct sample *s)
{
    char line[1024];
    unsigned running = 0;

    for (size_t i = 0; i < s->n_domains; i++)
        running += !!(s->domains[i].flags & XEN_DOMINF_running);
    snprintf(line, sizeof(line), "xl top   %zu domains, %u running   memory %" PRIu64 "k, %" PRIu64 "k free   %u CPUs @ %u MHz"
             "   by %s%s", s->n_domains, running, s->total_kb, s->free_kb, s->cpus, s->mhz, top_order_name(o->order),
             o->reversed ? ", reversed" : "");
    put(0, A_NORMAL, line);
    top_header(o, s, line, sizeof(line));
    put(2, A_REVERSE, line);
}

/* Names come from other tools too: what is no printable character would move the cursor. */
static void clean(char *line)
{
    for (; *line; line++)
        if ((unsigned char)*line < ' ' || *line == 127)
            *line = '?';
}

static void draw(const struct top_options *o, const struct sample *s, size_t first)
{
    char line[1024];
    int y = 3;

    erase();
    draw_head(o, s);
    for (size_t i = first; i < s->n_domains && y < LINES - 1; i++) {
        const struct sample_domain *d = &s->domains[i];

        top_row(o, s, d, line, sizeof(line));
        clean(line);
        put(y++, d->flags & XEN_DOMINF_running ? A_BOLD : A_NORMAL, line);
        for (unsigned v = 0; o->vcpus && v < d->n_vcpus && y < LINES - 1; v++) {
            snprintf(line, sizeof(line), "%14s vCPU %u on CPU %u  %" PRIu64 " s%s", "", v, d->vcpus[v].cpu,
                     d->vcpus[v].ns / 1000000000u, d->vcpus[v].online ? "" : "  (offline)");
            put(y++, A_DIM, line);
        }
    }
    put(LINES - 1, A_REVERSE, keys);
    refresh();
}

/* True when the display is to end. */
static bool take_key(int key, struct top_options *o, size_t *first, size_t n)
{
    static const char letters[] = "ncpmvwd";    /* in the order of enum top_order */
    const char *at = key > 0 && key < 256 ? strchr(letters, key) : NULL;

    if (at && *at)
        o->order = (enum top_order)(at - letters);
    switch (key) {
    case 'r': o->reversed = !o->reversed; break;
    case 'V': o->vcpus = !o->vcpus; break;
    case KEY_UP: *first -= *first > 0; break;
    case KEY_DOWN: *first += *first + 1 < n; break;
    case KEY_HOME: *first = 0; break;
    case 'q': case 'Q': case 27: return true;
    }
    return false;
}

int top_screen(struct vl *vl, struct top_options *o)
{
    struct sample now = { 0 }, before = { 0 };
    size_t first = 0;
    int rc = 0;

    if (!initscr())
        return 1;
    cbreak();
    noecho();
    keypad(stdscr, true);
    curs_set(0);
    timeout((int)(o->delay * 1000));
    for (long i = 0; o->iterations < 0 || i < o->iterations; i++) {
        int key;

        rc = sample_take(vl, &now, before.n_domains ? &before : NULL);
        if (rc)
            break;
        sample_free(&before);
        before = now;
        do {
            top_sort(&before, o->order, o->reversed);
            draw(o, &before, first < before.n_domains ? first : 0);
            key = getch();
        } while (key != ERR && !take_key(key, o, &first, before.n_domains));
        if (key != ERR)
            break;
    }
    endwin();
    sample_free(&before);
    return rc ? 1 : 0;
}
