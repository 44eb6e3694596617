/* SPDX-License-Identifier: MIT */
#ifndef VL_BASE_PLACE_H
#define VL_BASE_PLACE_H

/*
 * Where a file of ours is that programs use: in lib/vellum beside the folder that this program is installed in, or in
 * the build's tools/lib; VELLUM_LIB in the environment names another folder. 0, or -ENOENT with the first place
 * looked at in `path` (PATH_MAX bytes).
 */
int vl_installed(const char *name, char *path);

/*
 * A program of ours: this one when it bears the name, else one beside it, else one in /usr/sbin. 0, or -ENOENT. PATH_MAX
 * bytes in `path`.
 */
int vl_program(const char *name, char *path);

#endif
