/* SPDX-License-Identifier: MIT */
/*
 * A host without a hypervisor for any xenstored: preloaded, it answers the few calls that a xenstored makes on
 * libxenevtchn, libxengnttab, libxenforeignmemory and libxenctrl from the files of one folder, $XS_SIM:
 *
 *   ring.DOMID    the domain's ring page (4096 bytes); that it exists means that the domain does
 *   state.DOMID   "shutdown" or "dying", when the domain is not plainly running
 *   evtchn        datagram socket of the daemon: a 4-byte domain id is that domain's kick, 0xffff is VIRQ_DOM_EXC
 *   evtchn.DOMID  datagram socket of the guest (made by whoever plays it): a byte is the daemon's kick
 *
 * The daemons, ours and Debian's, run unchanged: no code of theirs is replaced, only the hypervisor beneath them.
 * Domain 0's ring is ring.0, found as on a real host through /proc/xen/xsd_kva and xsd_port.
 * One thread at a time (all xenstoreds are single-threaded). Local port of domain D is D + 1.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <dirent.h>

#define __XEN_TOOLS__ 1
#include <xenctrl.h>
#include <xenevtchn.h>
#include <xengnttab.h>
#include <xenforeignmemory.h>

#define VIRQ_PORT 60000
#define VIRQ_KICK 0xffffu

static int evtchn_fd = -1;

static const char *sim_path(const char *name, int domid)
{
    static char path[4][108];
    static unsigned turn;
    char *p = path[turn++ % 4];
    const char *dir = getenv("XS_SIM");

    if (domid < 0)
        snprintf(p, sizeof(path[0]), "%s/%s", dir ? dir : "/nonexistent", name);
    else
        snprintf(p, sizeof(path[0]), "%s/%s.%d", dir ? dir : "/nonexistent", name, domid);
    return p;
}

static void sim_address(struct sockaddr_un *sun, const char *path)
{
    memset(sun, 0, sizeof(*sun));
    sun->sun_family = AF_UNIX;
    snprintf(sun->sun_path, sizeof(sun->sun_path), "%s", path);
}

/* ---- event channels ---- */

xenevtchn_handle *xenevtchn_open(struct xentoollog_logger *logger, unsigned int flags)
{
    struct sockaddr_un sun;

    (void)logger;
    evtchn_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | (flags & 1 ? 0 : SOCK_CLOEXEC), 0);
    sim_address(&sun, sim_path("evtchn", -1));
    unlink(sun.sun_path);
    if (evtchn_fd < 0 || bind(evtchn_fd, (struct sockaddr *)&sun, sizeof(sun)) < 0)
        return NULL;
    return (xenevtchn_handle *)&evtchn_fd;
}

xenevtchn_handle *xenevtchn_fdopen(struct xentoollog_logger *logger, int fd, unsigned int flags)
{
    (void)logger;
    (void)flags;
    evtchn_fd = fd;
    return (xenevtchn_handle *)&evtchn_fd;
}

int xenevtchn_close(xenevtchn_handle *xce)
{
    (void)xce;
    close(evtchn_fd);
    return 0;
}

int xenevtchn_fd(xenevtchn_handle *xce)
{
    (void)xce;
    return evtchn_fd;
}

xenevtchn_port_or_error_t xenevtchn_bind_interdomain(xenevtchn_handle *xce, uint32_t domid, evtchn_port_t remote_port)
{
    (void)xce;
    (void)remote_port;
    if (access(sim_path("ring", (int)domid), F_OK) < 0) {
        errno = ESRCH;
        return -1;
    }
    return (xenevtchn_port_or_error_t)domid + 1;
}

xenevtchn_port_or_error_t xenevtchn_bind_virq(xenevtchn_handle *xce, unsigned int virq)
{
    (void)xce;
    (void)virq;
    return VIRQ_PORT;
}

int xenevtchn_unbind(xenevtchn_handle *xce, evtchn_port_t port)
{
    (void)xce;
    (void)port;
    return 0;
}

int xenevtchn_notify(xenevtchn_handle *xce, evtchn_port_t port)
{
    struct sockaddr_un sun;

    (void)xce;
    sim_address(&sun, sim_path("evtchn", (int)port - 1));
    sendto(evtchn_fd, "!", 1, MSG_DONTWAIT, (struct sockaddr *)&sun, sizeof(sun)); /* a full queue is a kick already */
    return 0;
}

xenevtchn_port_or_error_t xenevtchn_pending(xenevtchn_handle *xce)
{
    uint32_t domid;

    (void)xce;
    if (recv(evtchn_fd, &domid, sizeof(domid), MSG_DONTWAIT) != sizeof(domid)) {
        errno = EAGAIN;
        return -1;
    }
    return domid == VIRQ_KICK ? VIRQ_PORT : (xenevtchn_port_or_error_t)domid + 1;
}

int xenevtchn_unmask(xenevtchn_handle *xce, evtchn_port_t port)
{
    (void)xce;
    (void)port;
    return 0;
}

/* ---- ring pages ---- */

static void *map_ring(uint32_t domid)
{
    int fd = open(sim_path("ring", (int)domid), O_RDWR | O_CLOEXEC);
    void *page;

    if (fd < 0)
        return NULL;
    page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    return page == MAP_FAILED ? NULL : page;
}

xengnttab_handle *xengnttab_open(struct xentoollog_logger *logger, unsigned open_flags)
{
    static int handle;

    (void)logger;
    (void)open_flags;
    return (xengnttab_handle *)&handle;
}

int xengnttab_close(xengnttab_handle *xgt)
{
    (void)xgt;
    return 0;
}

int xengnttab_set_max_grants(xengnttab_handle *xgt, uint32_t nr_grants)
{
    (void)xgt;
    (void)nr_grants;
    return 0;
}

void *xengnttab_map_grant_ref(xengnttab_handle *xgt, uint32_t domid, uint32_t ref, int prot)
{
    (void)xgt;
    (void)ref;
    (void)prot;
    return map_ring(domid);
}

int xengnttab_unmap(xengnttab_handle *xgt, void *start_address, uint32_t count)
{
    (void)xgt;
    return munmap(start_address, (size_t)count * 4096);
}

xenforeignmemory_handle *xenforeignmemory_open(struct xentoollog_logger *logger, unsigned open_flags)
{
    static int handle;

    (void)logger;
    (void)open_flags;
    return (xenforeignmemory_handle *)&handle;
}

int xenforeignmemory_close(xenforeignmemory_handle *fmem)
{
    (void)fmem;
    return 0;
}

void *xenforeignmemory_map(xenforeignmemory_handle *fmem, uint32_t dom, int prot, size_t pages, const xen_pfn_t arr[],
                           int err[])
{
    (void)fmem;
    (void)prot;
    (void)arr;
    if (pages != 1)
        return NULL;
    if (err != NULL)
        err[0] = 0;
    return map_ring(dom);
}

int xenforeignmemory_unmap(xenforeignmemory_handle *fmem, void *addr, size_t pages)
{
    (void)fmem;
    return munmap(addr, pages * 4096);
}

void *xc_map_foreign_range(xc_interface *xch, uint32_t dom, int size, int prot, unsigned long mfn)
{
    (void)xch;
    (void)size;
    (void)prot;
    (void)mfn;
    return map_ring(dom);
}

/* ---- domains ---- */

xc_interface *xc_interface_open(xentoollog_logger *logger, xentoollog_logger *dombuild_logger, unsigned open_flags)
{
    static int handle;

    (void)logger;
    (void)dombuild_logger;
    (void)open_flags;
    return (xc_interface *)&handle;
}

int xc_interface_close(xc_interface *xch)
{
    (void)xch;
    return 0;
}

static int domain_state(uint32_t domid, int *dying, int *shutdown)
{
    char state[16] = "";
    int fd;

    if (access(sim_path("ring", (int)domid), F_OK) < 0)
        return 0;
    fd = open(sim_path("state", (int)domid), O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        if (read(fd, state, sizeof(state) - 1) < 0)
            state[0] = 0;
        close(fd);
    }
    *dying = !strncmp(state, "dying", 5);
    *shutdown = !strncmp(state, "shutdown", 8);
    return 1;
}

static int compare_domid(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* The domain ids from FIRST on, in order, at most MAX; the number found. */
static int list_domains(uint32_t first, int max, int *ids)
{
    DIR *dir = opendir(sim_path("", -1));
    struct dirent *entry;
    int count = 0, all[32768];

    while (dir != NULL && (entry = readdir(dir)) != NULL && count < 32768) {
        int domid;

        if (sscanf(entry->d_name, "ring.%d", &domid) == 1 && domid >= (int)first)
            all[count++] = domid;
    }
    if (dir != NULL)
        closedir(dir);
    qsort(all, (size_t)count, sizeof(all[0]), compare_domid);
    if (count > max)
        count = max;
    memcpy(ids, all, (size_t)count * sizeof(all[0]));
    return count;
}

int xc_domain_getinfo(xc_interface *xch, uint32_t first_domid, unsigned int max_doms, xc_dominfo_t *info)
{
    int ids[max_doms], dying, shutdown, count = 0;

    (void)xch;
    memset(info, 0, max_doms * sizeof(*info));
    if (max_doms == 1 && domain_state(first_domid, &dying, &shutdown)) {
        ids[count++] = (int)first_domid;
    } else {
        count = list_domains(first_domid, (int)max_doms, ids);
    }
    for (int i = 0; i < count; i++) {
        domain_state((uint32_t)ids[i], &dying, &shutdown);
        info[i].domid = (uint32_t)ids[i];
        info[i].dying = dying;
        info[i].shutdown = shutdown;
        info[i].running = !dying && !shutdown;
    }
    return count;
}

int xc_domain_getinfolist(xc_interface *xch, uint32_t first_domain, unsigned int max_domains, xc_domaininfo_t *info)
{
    int ids[max_domains], dying, shutdown, count = list_domains(first_domain, (int)max_domains, ids);

    (void)xch;
    memset(info, 0, max_domains * sizeof(*info));
    for (int i = 0; i < count; i++) {
        domain_state((uint32_t)ids[i], &dying, &shutdown);
        info[i].domain = (domid_t)ids[i];
        info[i].flags = (dying ? XEN_DOMINF_dying : 0) | (shutdown ? XEN_DOMINF_shutdown : 0);
    }
    return count;
}

/* ---- the files of /proc/xen, and a limit that only the host's root may raise ---- */

static const char *redirect(const char *path)
{
    if (path != NULL && !strcmp(path, "/proc/xen/xsd_port"))
        return sim_path("port", 0);
    if (path != NULL && (!strcmp(path, "/proc/xen/xsd_kva") || !strcmp(path, "/dev/xen/xsd_kva")))
        return sim_path("ring", 0);
    return path;
}

static int real_open(const char *symbol, const char *path, int flags, mode_t mode)
{
    int (*next)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, symbol);

    return next(redirect(path), flags, mode);
}

static mode_t mode_of(int flags, va_list ap)
{
    return flags & O_CREAT ? (mode_t)va_arg(ap, int) : 0;
}

int open(const char *path, int flags, ...)
{
    va_list ap;
    mode_t mode;

    va_start(ap, flags);
    mode = mode_of(flags, ap);
    va_end(ap);
    return real_open("open", path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list ap;
    mode_t mode;

    va_start(ap, flags);
    mode = mode_of(flags, ap);
    va_end(ap);
    return real_open("open64", path, flags, mode);
}

int setrlimit(__rlimit_resource_t resource, const struct rlimit *limit)
{
    (void)resource;
    (void)limit;
    return 0;
}
