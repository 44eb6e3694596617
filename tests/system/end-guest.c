/* SPDX-License-Identifier: MIT */
/* end-guest DOMID REASON: shuts a domain down for a reason: poweroff, reboot, crash, watchdog. As if it had ended by itself. */
#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <xenctrl.h>

int main(int argc, char **argv)
{
    static const struct { const char *name; int reason; } reasons[] = {
        { "poweroff", SHUTDOWN_poweroff }, { "reboot", SHUTDOWN_reboot }, { "crash", SHUTDOWN_crash },
        { "watchdog", SHUTDOWN_watchdog },
    };
    xc_interface *xc = xc_interface_open(NULL, NULL, 0);

    for (size_t i = 0; argc == 3 && i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (!strcmp(reasons[i].name, argv[2])) {
            if (!xc || xc_domain_shutdown(xc, (uint32_t)strtoul(argv[1], NULL, 10), reasons[i].reason))
                err(1, "domain %s", argv[1]);
            return 0;
        }
    errx(2, "usage: end-guest DOMID poweroff|reboot|crash|watchdog");
}
