/* SPDX-License-Identifier: MIT */
/* Calls of Xen's libraries that succeed and do nothing. */
#ifndef TESTS_UNIT_TOOLS_SUCCESS_H
#define TESTS_UNIT_TOOLS_SUCCESS_H

#include <stdint.h>

/* A function of a library's handle and a number: of a domain, a port. */
#define FAKE_SUCCESS(name, handle_type) \
    int name(handle_type handle, uint32_t number) \
    { \
        (void)handle; \
        (void)number; \
        return 0; \
    }

#endif
