/* SPDX-License-Identifier: MIT */
/*
 * Work done in a child process, for the sake of its end: then all its mappings of a guest's frames go at once, with its
 * page tables, while taking them away one by one takes a PV dom0 longer than making them. The parent waits for that
 * end, so no mapping is left when it goes on. A parent that dies takes its child with it.
 */
#ifndef VL_BASE_CHILD_H
#define VL_BASE_CHILD_H

/*
 * Returns what `work` returns, or a told -errno when there is no child, or it was killed; `what` is that process, for a
 * message. The parent's handles to the hypervisor cannot be used in a child: it opens its own. The parent sees nothing
 * of what the child writes but in memory that both share.
 */
int vl_child_run(const char *what, int (*work)(void *ctx), void *ctx);

#endif
