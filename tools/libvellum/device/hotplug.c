/* SPDX-License-Identifier: MIT */
#include "device/hotplug.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/guard.h"

/* The child: Xen's environment, no input, and its words on our stderr. */
static void exec_script(const struct vl_device *dev, const char *script, const char *verb, const char *vifname,
                        const char *gatewaydev)
{
    char path[VL_PATH_MAX + 16];
    sigset_t none;
    int fd = open("/dev/null", O_RDWR);

    if (fd >= 0)
        dup2(fd, 0);
    dup2(2, 1);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setpgid(0, 0);              /* so that a time-out reaches the script's own children */
    setenv("script", script, 1);
    setenv("XENBUS_TYPE", vl_device_class_name(dev->class), 1);
    snprintf(path, sizeof(path), "backend/%s/%u/%u", vl_backend_folder(dev), dev->domid, dev->devid);
    setenv("XENBUS_PATH", path, 1);
    setenv("XENBUS_BASE_PATH", "backend", 1);
    if (vifname) {
        setenv("vif", vifname, 1);
        setenv("netdev", gatewaydev ? gatewaydev : "", 1);
        execl(script, script, verb, "type_if=vif", (char *)NULL);
    } else {
        execl(script, script, verb, (char *)NULL);
    }
    _exit(errno == ENOENT ? 127 : 126);
}

/* Wait for the child at most VL_HOTPLUG_SECONDS; then end it and its children. The wait status, or -1. */
static int wait_script(pid_t pid)
{
    struct timespec now, end;
    sigset_t chld, old;
    int status;

    sigemptyset(&chld);
    sigaddset(&chld, SIGCHLD);
    sigprocmask(SIG_BLOCK, &chld, &old);
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += VL_HOTPLUG_SECONDS;
    for (;;) {
        pid_t got = waitpid(pid, &status, WNOHANG);
        struct timespec left = { 1, 0 };

        if (got == pid)
            break;
        clock_gettime(CLOCK_MONOTONIC, &now);
        if ((got < 0 && errno != EINTR) || now.tv_sec >= end.tv_sec) {
            kill(-pid, SIGKILL);
            kill(pid, SIGKILL);
            while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
            status = -1;
            break;
        }
        sigtimedwait(&chld, NULL, &left);
    }
    sigprocmask(SIG_SETMASK, &old, NULL);
    return status;
}

static int tell(struct vl *vl, const struct vl_device *dev, const char *script, const char *verb, int status)
{
    struct vl_arena arena = { 0 };
    char path[VL_PATH_MAX], *error;

    vl_backend_path(dev, path);
    error = vl_store_read(vl_store(vl), &arena, "%s/hotplug-error", path);
    if (status < 0)
        vl_log(VL_ERROR, "%s %s %u: '%s %s' took longer than %d s and was ended", vl_device_class_name(dev->class), "device", dev->devid, script, verb, VL_HOTPLUG_SECONDS);
    else if (WIFSIGNALED(status))
        vl_log(VL_ERROR, "%s device %u: '%s %s' was killed by signal %d", vl_device_class_name(dev->class), dev->devid,
               script, verb, WTERMSIG(status));
    else if (WEXITSTATUS(status) >= 126 && !error)
        vl_log(VL_ERROR, "%s device %u: cannot run the script '%s': %s", vl_device_class_name(dev->class), dev->devid,
               script, WEXITSTATUS(status) == 127 ? "no such file" : "not an executable");
    else
        vl_log(VL_ERROR, "%s device %u: '%s %s' failed: %s", vl_device_class_name(dev->class), dev->devid, script, verb,
               error ? error : "it did not say why");
    vl_arena_free(&arena);
    return -EIO;
}

int vl_hotplug_run(struct vl *vl, const struct vl_device *dev, const char *script, const char *verb,
                   const char *vifname, const char *gatewaydev, bool quiet)
{
    pid_t pid = fork();
    int status;

    if (pid < 0)
        return vl_fail_errno("cannot start '%s'", script);
    if (pid == 0)
        exec_script(dev, script, verb, vifname, gatewaydev);
    vl_guard_script(pid);
    status = wait_script(pid);
    vl_guard_script(0);
    if (status >= 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    return quiet ? -EIO : tell(vl, dev, script, verb, status);
}
