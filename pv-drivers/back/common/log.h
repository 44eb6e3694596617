/* SPDX-License-Identifier: MIT */
/* Messages of the back-ends: one line each on standard error, with the program's name and the guest's number. */
#ifndef BACK_LOG_H
#define BACK_LOG_H

#include <stdbool.h>

/* Set what every line starts with: "vellum-blkd[3]". */
void log_name(const char *program, int domid);
extern bool log_verbose;

void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * For what a guest can cause as often as it likes: at most a burst of 10 lines and then one a second; how many were
 * left out is said with the next.
 */
void log_guest(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
