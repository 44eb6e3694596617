/* SPDX-License-Identifier: MIT */
#ifndef FAKE_MEMORY_H
#define FAKE_MEMORY_H

#define FAKE_MEMORY (1UL << 32)

char *fake_memory_init(void);       /* sets fake_ram; see fake-memory.c */

#endif
