/* SPDX-License-Identifier: MIT */
/*
 * What lwIP wants to know of compiler and kernel.
 */
#ifndef GUEST_LWIP_CC_H
#define GUEST_LWIP_CC_H

#include <guest/guest.h>

#include <limits.h>
#include <sys/types.h> /* ssize_t, which lwIP would otherwise define where limits.h, as clang's, has no SSIZE_MAX */
#ifndef SSIZE_MAX
#define SSIZE_MAX LONG_MAX
#endif

#define LWIP_NO_INTTYPES_H 1
#define LWIP_NO_CTYPE_H    1
#define LWIP_NO_UNISTD_H   1
#define X8_F               "x"
#define U16_F              "u"
#define S16_F              "d"
#define X16_F              "x"
#define U32_F              "u"
#define S32_F              "d"
#define X32_F              "x"
#define SZT_F              "lu"

#define LWIP_PLATFORM_DIAG(x)                                                                                          \
    do {                                                                                                               \
        print x;                                                                                                       \
    } while (0)
#define LWIP_PLATFORM_ASSERT(x) panic("lwIP: %s", x)
#define LWIP_RAND()             ((u32_t)netstack_random())

uint64_t netstack_random(void);

#endif
