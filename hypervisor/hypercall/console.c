/* SPDX-License-Identifier: MIT */
/*
 * console_io: the emergency console. Writing is for every domain (the console room limits what guests write), reading
 * for the privileged one.
 */
#include <hv/console.h>
#include <hv/cpu.h>
#include <hv/domain.h>
#include <hv/hypercall.h>
#include <hv/mm.h>

#define CHUNK 256

static long console_write(unsigned long buf, unsigned int count)
{
    char chunk[CHUNK];

    while (count) {
        unsigned int n = min(count, (unsigned int)CHUNK);

        if (copy_from_guest(chunk, (void *)buf, n))
            return -XEN_EFAULT;
        console_guest_write(current->domain, chunk, n);
        buf += n;
        count -= n;
        if (count && hypercall_preempt_check())
            return hypercall_continue(__HYPERVISOR_console_io, 3, (unsigned long)CONSOLEIO_write, (unsigned long)count,
                                      buf);
    }
    return 0;
}

/* Returns the bytes read. Input that cannot be written to the guest is lost, so the buffer is tried first. */
static long console_read(unsigned long buf, unsigned int count)
{
    char chunk[CHUNK];
    size_t n, done = 0;

    if (!current->domain->privileged)
        return -XEN_EPERM;
    while (done < count) {
        n = min((size_t)(count - done), (size_t)CHUNK);
        if (clear_guest((void *)(buf + done), n))
            return done ? (long)done : -XEN_EFAULT;
        n = console_guest_read(chunk, n);
        if (!n)
            break;
        if (copy_to_guest((void *)(buf + done), chunk, n))
            return -XEN_EFAULT;
        done += n;
    }
    return (long)done;
}

HYPERCALL(console_io)
{
    unsigned int count = (unsigned int)a2;

    if (count > INT32_MAX)
        return -XEN_EINVAL;
    switch ((unsigned int)a1) {
    case CONSOLEIO_write:
        return console_write(a3, count);
    case CONSOLEIO_read:
        return console_read(a3, count);
    default:
        return -XEN_ENOSYS;
    }
}
