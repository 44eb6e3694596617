/* SPDX-License-Identifier: MIT */
/* libFuzzer: the hypervisor's command line. */
#include <string.h>

#include "../unit/lib-stubs.h"

#include <hv/boot.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
extern char last_log[512];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char cmdline[4096];
    size_t n = min(size, sizeof(cmdline) - 1);

    memcpy(cmdline, data, n);
    cmdline[n] = '\0';
    cmdline_parse(cmdline);
    last_log[0] = '\0';
    cmdline_log_unknown();
    return 0;
}
