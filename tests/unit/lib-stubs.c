/* SPDX-License-Identifier: MIT */
/*
 * What the sources of lib/, console/ and boot/ need of the rooms around them, for their own unit tests: one CPU, memory from
 * malloc(), and a panic() that a test can expect (EXPECT_PANIC).
 */
#include <stdlib.h>
#include <string.h>

#include "lib-stubs.h"

#include <hv/cpu.h>
#include <hv/mm.h>

struct frame *fake_frame_table;
char *fake_ram;
jmp_buf panic_target;
bool panic_expected;
char panic_text[256];
unsigned long alloc_fail_after = ~0UL;
unsigned int fake_cpu_number;
unsigned int poll_count;
void (*poll_hook)(void);

static struct cpu_info infos[NR_CPUS];
/* At the start of a stack block, as the real ones are. */
static struct __aligned(2 * CPU_EVENTS * sizeof(uint64_t)) { uint64_t ring[CPU_EVENTS]; } events[NR_CPUS];

struct cpu_info *cpu_info(void)
{
    infos[fake_cpu_number].cpu = fake_cpu_number;
    if (!infos[fake_cpu_number].event)
        infos[fake_cpu_number].event = events[fake_cpu_number].ring;
    return &infos[fake_cpu_number];
}

void cpu_poll_requests(void)
{
    poll_count++;
    if (poll_hook)
        poll_hook();
}

void *hv_alloc(size_t size)
{
    if (alloc_fail_after != ~0UL && alloc_fail_after-- == 0) {
        alloc_fail_after = 0;
        return NULL;
    }
    return calloc(1, size);
}

void hv_free(void *p)
{
    free(p);
}

void stub_panic(const char *fmt, va_list ap)
{
    hv_vsnprintf(panic_text, sizeof(panic_text), fmt, ap);
    if (!panic_expected) {
        fprintf(stderr, "unexpected panic: %s\n", panic_text);
        abort();
    }
    longjmp(panic_target, 1);
}
