/* SPDX-License-Identifier: MIT */
#include "mapping.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static bool armed;
static sigjmp_buf escape;
static const struct mapping *volatile copying;     /* what `escape` is for; NULL outside of a copy */

static void on_bus_error(int number, siginfo_t *info, void *context)
{
    const struct mapping *m = copying;

    (void)number;
    (void)context;
    /* Where the same instruction would fault again, there is no way on. */
    if (!m || (uintptr_t)info->si_addr - (uintptr_t)m->at >= m->bytes)
        abort();
    siglongjmp(escape, 1);
}

int mapping_init(void)
{
    /* Not blocked in the handler, which is left by a jump: to put the mask back would be a system call for each copy. */
    struct sigaction action = { .sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO | SA_NODEFER };

    if (sigaction(SIGBUS, &action, NULL))
        return -errno;
    armed = true;
    return 0;
}

struct mapping mapping_open(int fd, uint64_t bytes, bool readonly)
{
    struct mapping m = { NULL, bytes };
    off_t hole = bytes ? lseek(fd, 0, SEEK_HOLE) : -1;
    void *at;

    if (!armed || hole < 0 || (uint64_t)hole < bytes)
        return m;
    at = mmap(NULL, bytes, readonly ? PROT_READ : PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at != MAP_FAILED)
        m.at = at;
    return m;
}

void mapping_close(struct mapping *m)
{
    if (m->at)
        munmap(m->at, m->bytes);
    m->at = NULL;
}

/* The list is the caller's own: nobody changes it meanwhile. */
static void copy_list(uint8_t *file, const struct iovec *iov, unsigned n, bool to_file)
{
    for (unsigned i = 0; i < n; file += iov[i++].iov_len)
        if (to_file)
            memcpy(file, iov[i].iov_base, iov[i].iov_len);
        else
            memcpy(iov[i].iov_base, file, iov[i].iov_len);
}

static bool copy(const struct mapping *m, uint64_t at, uint64_t bytes, const struct iovec *iov, unsigned n, bool to_file)
{
    bool whole;

    if (!m->at || at > m->bytes || bytes > m->bytes - at)
        return false;
    whole = !sigsetjmp(escape, 0);
    if (whole) {
        copying = m;
        atomic_signal_fence(memory_order_seq_cst);
        copy_list(m->at + at, iov, n, to_file);
        atomic_signal_fence(memory_order_seq_cst);
    }
    copying = NULL;
    return whole;
}

bool mapping_read(const struct mapping *m, uint64_t at, uint64_t bytes, const struct iovec *iov, unsigned n)
{
    return copy(m, at, bytes, iov, n, false);
}

bool mapping_write(const struct mapping *m, uint64_t at, uint64_t bytes, const struct iovec *iov, unsigned n)
{
    return copy(m, at, bytes, iov, n, true);
}
