/* SPDX-License-Identifier: MIT */
/* What happens to all guests together when the host starts and stops. Both are run by a service of their own. */
#ifndef VELLUMD_GUESTS_H
#define VELLUMD_GUESTS_H

struct guests_options {
    const char *auto_folder;    /* configuration files, started in the order of their names */
    const char *save_folder;    /* NULL: guests are not saved */
    const char *migrate_host;   /* NULL: guests are not migrated */
    unsigned seconds;           /* that guests have to shut down, before they are destroyed */
};

/* Exit codes: 0, or 1 when it did not work out for every guest (each is told). */
int guests_start(const struct guests_options *options);
int guests_stop(const struct guests_options *options);

#endif
