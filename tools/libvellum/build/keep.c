/* SPDX-License-Identifier: MIT */
#include "build/keep.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/late.h"
#include "base/log.h"
#include "base/place.h"
#include "build/cache.h"
#include "build/image.h"
#include "build/packed.h"

#define IOPRIO_WHO_PROCESS 1
#define IOPRIO_IDLE (3 << 13)
#define STACK_SIZE (64 << 10)

static int no_more(struct vl_sink *sink)
{
    (void)sink;
    return -EFBIG;
}

static int keep(const struct vl_image *image)
{
    size_t size = image->expanded_size, bits = size / VL_SINK_PAGE / 8 + 1;
    struct vl_sink sink = { .size = size, .ready = size, .extend = no_more };
    long n;
    int rc;

    sink.base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (sink.base == MAP_FAILED)
        return vl_fail_errno("%s: no memory for the expanded kernel", image->name);
    sink.skipped = vl_xmalloc(bits);
    memset(sink.skipped, 0, bits);
    n = vl_image_expand(image, &sink);
    rc = n < 0 ? (int)n : vl_image_keep(image, &sink, (size_t)n);
    if (n >= 0 && rc)
        vl_fail(rc, "%s: cannot keep the expanded kernel in %s: %s", image->name, vl_cache_folder(), strerror(-rc));
    free(sink.skipped);
    vl_late_unmap(sink.base, size);
    return rc ? rc : 1;
}

int vl_keep_kernel(const char *path)
{
    struct vl_image image;
    int lock, rc = vl_image_open(&image, path);

    if (rc)
        return rc;
    lock = image.method == VL_METHOD_NONE ? -1 : vl_cache_lock();
    if (lock >= 0) {            /* whoever had the lock may have kept this one */
        vl_image_close(&image);
        rc = vl_image_open(&image, path);
        if (rc) {
            close(lock);
            return rc;
        }
    }
    if (image.cached && !vl_packed_intact(image.cached))
        rc = vl_image_drop_cached(&image);
    if (!rc && vl_image_wants_keeping(&image))
        rc = lock >= 0 ? keep(&image) : vl_fail(-EACCES, "%s: this folder must be root's alone", vl_cache_folder());
    vl_image_close(&image);
    if (lock >= 0)
        close(lock);
    vl_late_unmap_now();
    return rc;
}

void vl_give_way(void)
{
    struct sched_param none = { 0 };

    setpriority(PRIO_PROCESS, 0, 19);
    sched_setscheduler(0, SCHED_IDLE, &none);
    syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_IDLE);
}

/* What the new process needs: its memory is its maker's until it has become xl, so nothing on the stack will do. */
static char program[PATH_MAX], kernel[PATH_MAX];

static int start(void *unused)
{
    char *argv[] = { (char *)"xl", (char *)"kernel-cache", (char *)"--background", kernel, NULL };
    int null;

    (void)unused;
    close_range(3, ~0u, 0);     /* whoever waits for the end of what it gave xl, or of xl, must not wait for us */
    vl_give_way();
    setsid();
    null = open("/dev/null", O_RDWR);
    for (int fd = 0; fd <= 2 && null >= 0; fd++)
        dup2(null, fd);
    if (null > 2)
        close(null);
    execv(program, argv);
    _exit(127);
}

void vl_keep_kernel_later(const char *path)
{
    char *stack;

    if (!realpath(path, kernel) || vl_program("xl", program))
        return;
    stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    /* No SIGCHLD: whoever started us must not be asked to wait for it, nor we. */
    if (stack == MAP_FAILED || clone(start, stack + STACK_SIZE, CLONE_VM, NULL) < 0)
        vl_debug("no process to keep %s: %s", kernel, strerror(errno));
}
