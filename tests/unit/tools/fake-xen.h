/* SPDX-License-Identifier: MIT */
/*
 * A hypervisor's memory for tests of what saves and restores guests: frames with owners in a memory file, mapped as
 * privcmd maps them, pinned tables that may not be mapped writable, registers kept as they were set.
 */
#ifndef TESTS_UNIT_TOOLS_FAKE_XEN_H
#define TESTS_UNIT_TOOLS_FAKE_XEN_H

#include "base/vl.h"

#define FAKE_FRAMES 16384u
#define FAKE_DOMAINS 3u         /* 1 and 2 are guests */
#define FAKE_VCPUS 4u

struct fake_domain {
    uint64_t shared_info_mfn, pages;
    unsigned vcpus;
    vcpu_guest_context_x86_64_t context[FAKE_VCPUS];
    uint8_t xsave[64];
    uint32_t tsc_khz;
    unsigned policies;
};

extern struct fake_domain fake_domain[FAKE_DOMAINS];
extern uint8_t fake_owner[FAKE_FRAMES], fake_pinned[FAKE_FRAMES];
extern long fake_mappings;      /* pages mapped now */
extern uint64_t fake_pages_left;        /* that populating may still give */

void fake_start(void);
void fake_end(void);
/* Take all frames of a domain. */
void fake_destroy(uint32_t domid);
/* A frame's bytes; a fresh frame for a domain. */
void *fake_frame(uint64_t mfn);
uint64_t fake_take(uint32_t domid);

#endif
