/* SPDX-License-Identifier: MIT */
/* What the files of console/ share. console_lock guards the UART's registers, the log ring, the input ring and the
 * state of the current line; everything below that says "locked" needs it. */
#ifndef CONSOLE_INTERNAL_H
#define CONSOLE_INTERNAL_H

#include <hv/console.h>
#include <hv/cpu.h>
#include <hv/lib.h>
#include <hv/lock.h>
#include <hv/time.h>

extern spinlock_t console_lock;
void console_lock_get(void);
void console_lock_put(void);

/* uart.c */
bool uart_present(void);
void uart_write(const char *s, size_t len); /* locked; a line feed gets its carriage return */

/* input.c */
void input_init(void);
bool input_push(char c);                    /* locked; false: full, the byte is lost */
void input_raise(void);                     /* has the bytes pushed looked at, on this CPU, soon */
void input_raise_ring(void);                /* tells dom0 of new text in the log ring, soon */

#endif
