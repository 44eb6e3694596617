/* SPDX-License-Identifier: MIT */
/* The host's end of a guest's interface: a tap device that carries checksum and segmentation offload. */
#ifndef NET_TAP_H
#define NET_TAP_H

#include <stdbool.h>

#define TAP_FRAME_MAX 65471u    /* the kernel's limit for a packet that is written in parts; its parts: a page each at most */

/* Make the device, or open it again; it stays until tap_remove(). A descriptor of its first queue, or -errno. */
int tap_open(const char *name);

/* Another queue of a device, or -errno. */
int tap_queue(const char *name);

/* The name that an open device has now: scripts rename interfaces. False: `name` stays as it was. */
bool tap_name(int fd, char name[16]);

/* Let the kernel hand over packets without checksums, and large ones, as far as the guest takes them. */
int tap_offload(int fd, bool checksum, bool gso4, bool gso6);

void tap_remove(const char *name);

#endif
