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

#define PAGE 4096u              /* of tmpfs */
#define HOLES_MAX 65536u        /* what is looked for */
#define BYTES_MAX (64ull << 30) /* what is accounted for: 2 MiB of bits */

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

static bool is_hole(const struct mapping *m, uint64_t page)
{
    return m->hole[page / 64] >> page % 64 & 1;
}

/* By whole words: a guest may discard its whole disk as often as it likes. */
static void mark(struct mapping *m, uint64_t first, uint64_t end, bool hole)
{
    while (first < end) {
        uint64_t room = 64 - first % 64, n = end - first < room ? end - first : room;
        uint64_t *word = &m->hole[first / 64], bits = ~0ull >> (64 - n) << first % 64;
        uint64_t changed = bits & (hole ? ~*word : *word);
        uint64_t count = (uint64_t)__builtin_popcountll(changed);

        *word ^= changed;
        m->holes = hole ? m->holes + count : m->holes - count;
        first += n;
    }
}

/* False: there are too many, or nothing can be said about them. */
static bool find_holes(struct mapping *m, int fd)
{
    off_t end, at = 0;

    for (unsigned n = 0; n < HOLES_MAX; n++) {
        at = lseek(fd, at, SEEK_HOLE);
        if (at < 0 || (uint64_t)at >= m->bytes)
            return at >= 0;
        end = lseek(fd, at, SEEK_DATA);
        if (end < 0 && errno != ENXIO)
            return false;
        if (end < 0 || (uint64_t)end > m->bytes)
            end = (off_t)m->bytes;
        mark(m, (uint64_t)at / PAGE, (uint64_t)end / PAGE, true);
        if ((uint64_t)end == m->bytes)
            return true;
        at = end;
    }
    return false;
}

struct mapping mapping_open(int fd, uint64_t bytes, bool readonly)
{
    struct mapping m = { NULL, bytes - bytes % PAGE, NULL, 0 };
    bool may = armed && m.bytes && m.bytes <= BYTES_MAX;
    void *at = may ? mmap(NULL, m.bytes, readonly ? PROT_READ : PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;

    if (at == MAP_FAILED)
        return m;
    m.at = at;
    m.hole = calloc((m.bytes / PAGE + 63) / 64, sizeof(*m.hole));
    if (!m.hole || !find_holes(&m, fd))
        mapping_close(&m);
    return m;
}

void mapping_close(struct mapping *m)
{
    if (m->at)
        munmap(m->at, m->bytes);
    free(m->hole);
    m->at = NULL;
    m->hole = NULL;
}

/* Is all of it in the file's first bytes, as they were mapped? */
static bool within(const struct mapping *m, uint64_t at, uint64_t bytes)
{
    return m->at && at <= m->bytes && bytes <= m->bytes - at;
}

/* Parts of pages stay, as zeroes. */
void mapping_punched(struct mapping *m, uint64_t at, uint64_t bytes)
{
    if (within(m, at, bytes))
        mark(m, (at + PAGE - 1) / PAGE, (at + bytes) / PAGE, true);
}

void mapping_filled(struct mapping *m, uint64_t at, uint64_t bytes)
{
    if (m->holes && within(m, at, bytes))
        mark(m, at / PAGE, (at + bytes + PAGE - 1) / PAGE, false);
}

static bool meets_hole(const struct mapping *m, uint64_t at, uint64_t bytes)
{
    for (uint64_t page = at / PAGE; m->holes && page * PAGE < at + bytes; page++)
        if (is_hole(m, page))
            return true;
    return false;
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

    if (!within(m, at, bytes) || meets_hole(m, at, bytes))
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
