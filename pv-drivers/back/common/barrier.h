/* SPDX-License-Identifier: MIT */
/* The barriers that xen/io/ring.h wants; x86 keeps loads and stores in order but for a load after a store. */
#ifndef BACK_BARRIER_H
#define BACK_BARRIER_H

#define xen_mb() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define xen_rmb() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define xen_wmb() __atomic_thread_fence(__ATOMIC_RELEASE)

#endif
