/* SPDX-License-Identifier: MIT */
/*
 * Messages of the tools. An error is told once, where it is found, as one line with the values that made it wrong;
 * callers above only pass the code on.
 */
#ifndef VL_BASE_LOG_H
#define VL_BASE_LOG_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

enum vl_level { VL_ERROR, VL_WARN, VL_NOTE, VL_INFO, VL_DEBUG };

/* The name in front of each line ("xl"), the highest level that is shown (VL_NOTE until set), and where lines go
 * (stderr until set). Not thread-safe: set them before the first thread starts. */
void vl_log_name(const char *name);
void vl_log_level(enum vl_level level);
enum vl_level vl_log_get_level(void);
void vl_log_stream(FILE *stream);
/* Put the time in front of each line. */
void vl_log_timestamps(bool on);
/* Something without a newline at its end is on standard error; the next message, or vl_log_end_line, ends it first. */
void vl_log_open_line(void);
void vl_log_end_line(void);

void vl_log(enum vl_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Tell an error and hand back `rc`, so that a check is one line: return vl_fail(-EINVAL, "…"). */
int vl_fail(int rc, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* As vl_fail with the text of errno's meaning appended; returns -errno (-EIO when errno is 0). */
int vl_fail_errno(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* With VL_DEBUG, tells what took how long: the time since the last call, and since the first one. */
void vl_log_phase(const char *what);

#define vl_warn(...) vl_log(VL_WARN, __VA_ARGS__)
#define vl_note(...) vl_log(VL_NOTE, __VA_ARGS__)
#define vl_info(...) vl_log(VL_INFO, __VA_ARGS__)
#define vl_debug(...) vl_log(VL_DEBUG, __VA_ARGS__)

#endif
