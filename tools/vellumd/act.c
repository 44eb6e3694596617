/* SPDX-License-Identifier: MIT */
#include "vellumd/act.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/guard.h"
#include "base/log.h"
#include "base/place.h"
#include "life/handover.h"
#include "life/monitor.h"
#include "life/power.h"
#include "vellumd/conlog.h"
#include "vellumd/domain.h"

#define LOG_FOLDER "/var/log/xen"

/* What we and the scripts say goes to the guest's log, where a monitor process would write it too. */
static void open_log(struct vl *vl, const struct options *options, uint32_t domid)
{
    struct vl_arena arena = { 0 };
    char *name = vl_store(vl) ? vl_store_read(vl->store, &arena, "/local/domain/%u/name", domid) : NULL;
    struct conlog log;

    if (name && !strchr(name, '/') &&
        !conlog_open(&log, LOG_FOLDER, vl_printf(&arena, "xl-%s", name), options->log_limit, options->log_keep)) {
        conlog_write(&log, "", 0);      /* a guest that restarts again and again does not fill the disk */
        if (log.fd >= 0) {
            dup2(log.fd, 1);
            dup2(log.fd, 2);
        }
        conlog_close(&log);
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
    char program[PATH_MAX];
    unsigned reason;
    int rc = lock(options, domid);

    if (rc < 0)
        return rc == -EBUSY ? 0 : 1;
    open_log(&vl, options, domid);
    if (vl_log_get_level() < VL_INFO)
        vl_log_level(VL_INFO);
    if (vl_domain_info(&vl, domid, &info) || !(info.flags & XEN_DOMINF_shutdown))
        return 0;               /* somebody else was faster */
    reason = vl_shutdown_reason(&info);
    vl_info("Domain %u has shut down, reason code %u 0x%x", domid, reason, reason);
    vl_program("xl", program);
    vl_guard_program(program);
    rc = vl_monitor_act(&vl, &domid, reason);
    /* A daemon that has been killed meanwhile finds the note when it is started again. */
    if (rc > 0 && !vl_domain_info(&vl, domid, &info))
        domain_note(options, domid, info.handle);
    if (rc > 0 && !vl_handover(-1, domid))
        vl_warn("vellumd does not answer: nobody looks after domain %u until it is started again", domid);
    vl_close(&vl);
    return rc < 0 ? 1 : 0;
}
