/* SPDX-License-Identifier: MIT */
#include "vellumd/act.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "life/handover.h"
#include "life/monitor.h"
#include "life/power.h"
#include "vellumd/domain.h"

#define LOG_FOLDER "/var/log/xen"

/* What we and the scripts say goes to the guest's log, where a monitor process would write it too. */
static void open_log(struct vl *vl, uint32_t domid)
{
    struct vl_arena arena = { 0 };
    char *name = vl_store(vl) ? vl_store_read(vl->store, &arena, "/local/domain/%u/name", domid) : NULL;
    char path[400];
    int fd;

    mkdir(LOG_FOLDER, 0755);
    if (name && !strchr(name, '/')) {
        snprintf(path, sizeof(path), LOG_FOLDER "/xl-%s.log", name);
        fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        if (fd >= 0) {
            dup2(fd, 1);
            dup2(fd, 2);
            close(fd);
        }
    }
    vl_arena_free(&arena);
}

/* Only one worker acts on a domain, also across a restart of the daemon. */
static int lock(const struct options *options, uint32_t domid)
{
    char path[300];
    int fd;

    domain_note_path(options, domid, path);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB)) {
        close(fd);
        return -EBUSY;
    }
    return fd < 0 ? -errno : fd;
}

int act_run(const struct options *options, uint32_t domid)
{
    struct vl vl = { 0 };
    xc_domaininfo_t info;
    unsigned reason;
    int rc = lock(options, domid);

    if (rc < 0)
        return rc == -EBUSY ? 0 : 1;
    open_log(&vl, domid);
    if (vl_log_get_level() < VL_INFO)
        vl_log_level(VL_INFO);
    if (vl_domain_info(&vl, domid, &info) || !(info.flags & XEN_DOMINF_shutdown))
        return 0;               /* somebody else was faster */
    reason = vl_shutdown_reason(&info);
    vl_info("Domain %u has shut down, reason code %u 0x%x", domid, reason, reason);
    rc = vl_monitor_act(&vl, &domid, reason);
    if (rc > 0 && !vl_handover(-1, domid))
        vl_warn("nobody looks after domain %u: vellumd does not answer", domid);
    vl_close(&vl);
    return rc < 0 ? 1 : 0;
}
