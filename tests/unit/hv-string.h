/* SPDX-License-Identifier: MIT */
#ifndef HV_STRING_H
#define HV_STRING_H

#define memcpy  our_memcpy
#define memmove our_memmove
#define memset  our_memset
#define memcmp  our_memcmp
#define memchr  our_memchr
#define strlen  our_strlen
#define strnlen our_strnlen
#define strcmp  our_strcmp
#define strncmp our_strncmp
#define strchr  our_strchr

#endif
