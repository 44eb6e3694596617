/* SPDX-License-Identifier: MIT */
/* libFuzzer: multiboot_parse() of a structure at a low place or at the very end of the memory it may look at. */
#include <string.h>

#include "../unit/fake-memory.h"
#include "../unit/lib-stubs.h"

#include <hv/boot.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static noinline void parse(uint32_t magic, paddr_t info)
{
    (void)EXPECT_PANIC(multiboot_parse(magic, info));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char *ram;
    paddr_t at;

    if (!ram)
        ram = fake_memory_init();
    if (size < 2 || size > 4096)
        return 0;
    at = data[0] & 1 ? 0x10000 : FAKE_MEMORY - (size - 1);
    memcpy(ram + at, data + 1, size - 1);
    parse(data[0] & 2 ? 0x2badb002 : 0x36d76289, at);
    for (unsigned int i = 0; i + 1 < boot_info.nr_e820; i++)
        if (boot_info.e820[i].addr + boot_info.e820[i].size > boot_info.e820[i + 1].addr)
            __builtin_trap();
    memset(ram + at, 0, size - 1);
    return 0;
}
