/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer: pv_kernel_parse() and pv_kernel_load(). The first byte chooses between a raw file and edits of the sample
 * kernel: three bytes each, an offset and the new value; a length in front cuts the file.
 */
#include <stdlib.h>

#include "../unit/lib-stubs.h"
#include "../unit/sample-kernel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int put(void *arg, uint64_t va, const void *src, size_t filesz, size_t memsz)
{
    const struct pv_kernel *k = arg;
    void *copy = malloc(filesz);        /* touches every byte */

    if (va < k->vstart || memsz > k->vend - va || filesz > memsz)
        abort();
    memcpy(copy, src, filesz);
    free(copy);
    return 0;
}

static void try_file(const uint8_t *file, size_t size)
{
    struct pv_kernel k;
    const char *why = NULL;
    int rc = pv_kernel_parse(file, size, &k, &why);

    if ((rc == 0) != (why == NULL))
        abort();
    if (rc == 0 && pv_kernel_load(&k, put, &k))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct image im;
    uint8_t *copy;

    if (size < 3)
        return 0;
    if (data[0] & 1) {
        try_file(data + 1, size - 1);
        return 0;
    }
    make_kernel(&im);
    im.size -= (data[1] | (size_t)data[2] << 8) % im.size;
    for (size_t i = 3; i + 3 <= size; i += 3)
        im.bytes[(data[i] | (size_t)data[i + 1] << 8) % sizeof(im.bytes)] = data[i + 2];
    copy = malloc(im.size);             /* of the exact size, so that a read beyond it is seen */
    memcpy(copy, im.bytes, im.size);
    try_file(copy, im.size);
    free(copy);
    return 0;
}
