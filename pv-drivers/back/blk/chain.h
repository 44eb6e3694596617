/* SPDX-License-Identifier: MIT */
/*
 * The files that an image names in turn. A header that a user has supplied can name any file of the host as its backing
 * file, so each of them must lie below one folder, and be given with its format: else qemu would guess it from what a
 * guest may have written.
 */
#ifndef BLK_CHAIN_H
#define BLK_CHAIN_H

/* `folder` NULL: that of the image itself. 0, or -errno with the reason in `why`. */
int chain_check(const char *format, const char *path, const char *folder, char why[256]);

#endif
