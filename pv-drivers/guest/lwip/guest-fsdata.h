/* SPDX-License-Identifier: MIT */
/*
 * lwIP's server would have files built in here; all of ours are on the disk.
 */
#define FS_ROOT NULL
