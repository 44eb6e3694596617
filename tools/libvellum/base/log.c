/* SPDX-License-Identifier: MIT */
#include "base/log.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_ROOM 4096

static const char *log_name = "vellum";
static enum vl_level log_level = VL_NOTE;
static FILE *log_stream;
static bool log_timestamps, log_line_open;

void vl_log_name(const char *name)
{
    log_name = name;
}

void vl_log_level(enum vl_level level)
{
    log_level = level;
}

enum vl_level vl_log_get_level(void)
{
    return log_level;
}

void vl_log_stream(FILE *stream)
{
    log_stream = stream;
}

void vl_log_timestamps(bool on)
{
    log_timestamps = on;
}

void vl_log_open_line(void)
{
    log_line_open = true;
}

void vl_log_end_line(void)
{
    if (log_line_open)
        fputc('\n', stderr);
    log_line_open = false;
}

/* "2026-01-31 12:34:56 [1234] " in local time, with our process, or nothing. */
static int stamp(char *to, size_t room)
{
    time_t now = time(NULL);
    struct tm tm;
    size_t n;

    *to = 0;
    if (!log_timestamps)
        return 0;
    n = strftime(to, room, "%F %T ", localtime_r(&now, &tm));
    return (int)n + snprintf(to + n, room - n, "[%d] ", (int)getpid());
}

/* Append the text; what a name or a file holds neither breaks the line nor commands the terminal. The new length. */
static int append(char *line, int n, const char *text)
{
    for (; *text && n < LINE_ROOM - 5; text++)
        if ((unsigned char)*text >= ' ' && *text != 127)
            line[n++] = *text;
        else
            n += sprintf(line + n, "\\x%02x", (unsigned char)*text);
    return n;
}

/* One write a line: lines of two processes on one terminal or file stay whole. */
static void emit(enum vl_level level, const char *fmt, va_list ap, const char *tail)
{
    static const char *const word[] = { "", "warning: ", "note: ", "", "debug: " };
    char line[LINE_ROOM], text[LINE_ROOM];
    int n;

    if (level > log_level)
        return;
    vl_log_end_line();
    n = stamp(line, sizeof(line));
    n += snprintf(line + n, sizeof(line) - (size_t)n, "%s: %s", log_name, word[level]);
    vsnprintf(text, sizeof(text), fmt, ap);
    n = append(line, n, text);
    if (tail)
        n = append(line, append(line, n, ": "), tail);
    line[n++] = '\n';
    fwrite(line, 1, n, log_stream ? log_stream : stderr);
    fflush(log_stream ? log_stream : stderr);
}

void vl_log(enum vl_level level, const char *fmt, ...)
{
    int saved = errno;
    va_list ap;

    va_start(ap, fmt);
    emit(level, fmt, ap, NULL);
    va_end(ap);
    errno = saved;
}

int vl_fail(int rc, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    emit(VL_ERROR, fmt, ap, NULL);
    va_end(ap);
    return rc;
}

int vl_fail_errno(const char *fmt, ...)
{
    int saved = errno ? errno : EIO;
    va_list ap;

    va_start(ap, fmt);
    emit(VL_ERROR, fmt, ap, strerror(saved));
    va_end(ap);
    errno = saved;
    return -saved;
}

void vl_log_phase(const char *what)
{
    static struct timespec first, last;
    struct timespec now;

    if (log_level < VL_DEBUG)
        return;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (!first.tv_sec)
        first = last = now;
    vl_debug("%-28s %8.3f ms, %8.3f ms in all", what,
             (double)(now.tv_sec - last.tv_sec) * 1e3 + (double)(now.tv_nsec - last.tv_nsec) / 1e6,
             (double)(now.tv_sec - first.tv_sec) * 1e3 + (double)(now.tv_nsec - first.tv_nsec) / 1e6);
    last = now;
}
