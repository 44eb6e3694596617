/* SPDX-License-Identifier: MIT */
/*
 * Time: the pvclock of struct vcpu_time_info, read until its version is even and unchanged.
 */
#include "guest.h"

static uint64_t boot, stopped, offset; /* offset: modulo 2^64, it may be negative */

static uint64_t scale(uint64_t delta, uint32_t mul, int8_t shift)
{
    delta = shift < 0 ? delta >> -shift : delta << shift;
    return (uint64_t)((unsigned __int128)delta * mul >> 32);
}

static uint64_t system_time(void)
{
    const struct vcpu_time_info *t = &shared_info->vcpu_info[0].time;
    uint32_t version;
    uint64_t now;

    do {
        version = ACCESS(t->version) & ~1U;
        rmb();
        now = ACCESS(t->system_time) +
              scale(cycles() - ACCESS(t->tsc_timestamp), ACCESS(t->tsc_to_system_mul), ACCESS(t->tsc_shift));
        rmb();
    } while (ACCESS(t->version) != version);
    return now;
}

uint64_t time_now(void) { return system_time() + offset; }

uint64_t time_to_system(uint64_t t) { return t - offset; }

void time_stop(void) { stopped = time_now(); }

void time_start(void) { offset = stopped - system_time(); }

uint64_t time_boot(void) { return boot; }

void time_init(void) { boot = time_now(); }
