/* SPDX-License-Identifier: MIT */
/* devd: the daemon of a driver domain, which runs the hotplug scripts of the back-ends it serves. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "device/serve.h"
#include "xl/xl.h"

static int write_pid(const char *path)
{
    FILE *f = fopen(path, "we");

    if (!f)
        return vl_fail_errno("%s", path);
    fprintf(f, "%d\n", (int)getpid());
    return fclose(f) ? vl_fail_errno("%s", path) : 0;
}

int xl_devd(int argc, char **argv)
{
    static const struct option longs[] = { { "pidfile", required_argument, NULL, 'p' }, XL_LONG_END };
    const char *pidfile = NULL;
    bool foreground = false;
    FILE *log;

    for (int opt; (opt = xl_getopt(argc, argv, "Fp:", longs, 0, 0)) != -1;)
        if (opt == 'p')
            pidfile = optarg;
        else
            foreground = true;
    if (!vl_store(&xl_vl))
        return 1;
    if (!foreground) {
        vl_close(&xl_vl);               /* each process has a connection of its own */
        mkdir("/var/log/xen", 0755);
        log = fopen("/var/log/xen/xldevd.log", "ae");
        if (daemon(0, log != NULL))
            return vl_fail_errno("cannot become a daemon"), 1;
        if (log) {
            int null = open("/dev/null", O_RDWR | O_CLOEXEC);

            dup2(null, 0);
            dup2(fileno(log), 1);
            dup2(fileno(log), 2);
        }
        vl_log_timestamps(true);
        vl_log_level(VL_INFO);
    }
    if (pidfile && write_pid(pidfile))
        return 1;
    return vl_devices_serve(&xl_vl) ? 1 : 0;
}
