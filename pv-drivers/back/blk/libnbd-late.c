/* SPDX-License-Identifier: MIT */
#include "libnbd-late.h"

#include <dlfcn.h>
#include <stddef.h>

#include "common/log.h"

struct libnbd libnbd;

bool libnbd_load(void)
{
    static const struct { const char *name; size_t offset; } functions[] = {
#define X(name) { #name, offsetof(struct libnbd, name) },
        LIBNBD_FUNCTIONS(X)
#undef X
    };
    void *library = dlopen("libnbd.so.0", RTLD_NOW | RTLD_LOCAL);

    for (size_t i = 0; library && i < sizeof(functions) / sizeof(functions[0]); i++) {
        void *f = dlsym(library, functions[i].name);

        if (!f)
            library = NULL;
        *(void **)((char *)&libnbd + functions[i].offset) = f;
    }
    if (!library)
        log_error("libnbd cannot be loaded: %s", dlerror());
    return library;
}
