/* SPDX-License-Identifier: MIT */
/* What the code under test tells, as a string to look into. */
#ifndef TESTS_UNIT_TOOLS_MESSAGES_H
#define TESTS_UNIT_TOOLS_MESSAGES_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

static char *messages_text;
static size_t messages_len;
static FILE *messages_stream;

static inline void messages_start(void)
{
    messages_stream = open_memstream(&messages_text, &messages_len);
    vl_log_stream(messages_stream);
    vl_log_name("t");
}

static inline void messages_end(void)
{
    vl_log_stream(NULL);
    fclose(messages_stream);
    free(messages_text);
    messages_text = NULL;
}

static inline void messages_clear(void)
{
    messages_end();
    messages_start();
}

/* `what` was told; nothing at all when `what` is NULL. */
static inline void messages_expect(const char *of, const char *what)
{
    fflush(messages_stream);
    if (what)
        ck_assert_msg(strstr(messages_text, what) != NULL, "%s: wanted '%s', got '%s'", of, what, messages_text);
    else
        ck_assert_msg(!*messages_text, "%s: wanted no message, got '%s'", of, messages_text);
    messages_clear();
}

#endif
