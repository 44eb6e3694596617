/* SPDX-License-Identifier: MIT */
#include "device/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xen/io/xenbus.h>

#include "base/log.h"
#include "device/attach.h"

#define LOG_DIR "/var/log/xen"

static int start(const char *program, uint32_t domid)
{
    char number[16], log[64];
    int status;
    pid_t pid;

    snprintf(number, sizeof(number), "%u", domid);
    snprintf(log, sizeof(log), LOG_DIR "/%s-%u.log", program, domid);
    pid = fork();
    if (pid < 0)
        return vl_fail_errno("cannot start %s", program);
    if (pid == 0) {
        sigset_t none;

        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        /* Nothing of ours but the three: a daemon would hold a lock for good. */
        close_range(3, ~0u, 0);
        execlp(program, program, "--domain", number, "--daemon", "--log", log, (char *)NULL);
        _exit(errno == ENOENT ? 127 : 126);
    }
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return 0;           /* the caller's own way of burying children has been quicker */
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return vl_fail(-ENOENT, "%s is not installed, or not in PATH", program);
    return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : vl_fail(-EIO, "%s does not start: see %s", program, log);
}

int vl_daemons_start(struct vl *vl, const struct vl_device *devs, size_t n)
{
    bool disks = false, nets = false;
    int rc = 0;

    (void)vl;
    for (size_t i = 0; i < n && !rc; i++) {
        if (!devs[i].process || devs[i].backend_domid)
            continue;
        if (devs[i].class == VL_DEV_VBD && !disks) {
            disks = true;
            rc = start("vellum-blkd", devs[i].domid);
        } else if (devs[i].class == VL_DEV_VIF && !nets) {
            nets = true;
            rc = start("vellum-netd", devs[i].domid);
        }
    }
    return rc;
}

int vl_daemon_error(struct vl *vl, const struct vl_device *dev)
{
    struct vl_arena arena = { 0 };
    char path[VL_PATH_MAX], *why;

    if (vl_backend_state(vl, dev) != XenbusStateClosed)
        return 0;
    vl_backend_path(dev, path);
    why = vl_store_read(vl_store(vl), &arena, "%s/hotplug-error", path);
    vl_fail(-EIO, "%s device %u: its back-end refused it: %s", vl_device_class_name(dev->class), dev->devid,
            why ? why : "it did not say why");
    vl_arena_free(&arena);
    return -EIO;
}
