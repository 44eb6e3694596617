/* SPDX-License-Identifier: MIT */
/* console/: UART, log ring, console input, debug keys, panic. Lock: console_lock (RANK_CONSOLE) for ring and UART. */
#pragma once
#include <hv/types.h>

enum loglevel { LOG_ERR, LOG_WARN, LOG_INFO, LOG_DEBUG };
void console_init_early(const char *cmdline_console, const char *com1);   /* polled output from here on */
void console_init(void);                    /* ring, receive interrupt; after irq and time */
void log_set_levels(const char *loglvl, const char *guest_loglvl);  /* none|error|warning|info|debug|all, A/B allowed */
/* One message; "(VLM) " and a level tag are put before it. A missing newline continues the line. */
void log_msg(enum loglevel level, const char *fmt, ...) __printf(2, 3);
void log_guest(enum loglevel level, const struct domain *d, const char *fmt, ...) __printf(3, 4); /* rate limited */
#define log_err(...)   log_msg(LOG_ERR, __VA_ARGS__)
#define log_warn(...)  log_msg(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_msg(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_msg(LOG_DEBUG, __VA_ARGS__)
void console_printf(const char *fmt, ...) __printf(1, 2);      /* unconditional: debug keys, panic */
void panic(const char *fmt, ...) __printf(1, 2) __noreturn;
void panic_regs(const struct cpu_user_regs *regs, const char *fmt, ...) __printf(2, 3) __noreturn;  /* our fault */
bool panic_in_progress(void);               /* the NMI handler halts its CPU then */
void console_show_regs(const struct cpu_user_regs *regs);
void console_show_trace(unsigned long pc, unsigned long fp);    /* by frame pointers, on this CPU's stack */
void console_force_unlock(void);            /* panic and #DF paths: output at any price */
#define HV_BUG_ON(c) do { if (unlikely(c)) panic("%s:%d: %s", __FILE__, __LINE__, #c); } while (0)
#ifdef HV_DEBUG
#define HV_ASSERT(c) HV_BUG_ON(!(c))
#else
#define HV_ASSERT(c) ((void)sizeof(c))
#endif

/* CONSOLEIO_write of domain d; dom0's goes out raw, others line by line with "(dN) " when guest_loglvl allows. */
void console_guest_write(struct domain *d, const char *buf, size_t len);
/* CONSOLEIO_read: bytes given. Input goes to dom0 with VIRQ_CONSOLE; ctrl-a three times switches to debug keys. */
size_t console_guest_read(char *buf, size_t len);
/* XEN_SYSCTL_readconsole: from position *index (incremental) of the ring on; *index is advanced. clear empties it. */
size_t console_ring_read(char *buf, size_t len, bool incremental, uint32_t *index, bool clear);

void debugkey_register(char key, const char *desc, void (*fn)(char key));
void debugkey_handle(char key);             /* from the serial line or XEN_SYSCTL_debug_keys */
uint64_t console_uart_iobase(void);         /* I/O port of our UART (0: none), 8 ports kept from dom0 */
