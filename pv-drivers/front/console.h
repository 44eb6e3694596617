/* SPDX-License-Identifier: MIT */
/*
 * The PV console over the domain's shared page: <xen/io/console.h>.
 */
#ifndef FRONT_CONSOLE_H
#define FRONT_CONSOLE_H

#include "os.h"

/* Takes over the page and port that the domain was built with, again after every resume. */
int console_init(void *page, uint32_t port);
/* Writes all, a newline as CR LF; waits a bounded time for a back-end that reads slowly, then drops. False without a
 * console. */
bool console_write(const char *text, size_t len);
/* Waits, a bounded time, until the back-end has taken all output. */
void console_flush(void);
/* The next character typed, or -1 when there is none. */
int console_getc(void);
bool console_pending(void);

#endif
