/* SPDX-License-Identifier: MIT */
/* Spin locks that check their use: each thread knows what it holds. */
#include <threads.h>
#include <stdio.h>
#include <stdlib.h>
#include "fake.h"

#define MAX_HELD 16
static __thread spinlock_t *held[MAX_HELD];
static __thread unsigned int nr_held;

static void lock_bug(const char *what, const spinlock_t *l)
{
    fprintf(stderr, "lock %p (rank %d): %s; held:", (const void *)l, l->rank, what);
    for (unsigned int i = 0; i < nr_held; i++)
        fprintf(stderr, " %p (rank %d)", (void *)held[i], held[i]->rank);
    fputc('\n', stderr);
    abort();
}

__weak_sym void spin_lock_init(spinlock_t *l, enum lock_rank rank)
{
    *l = (spinlock_t)SPINLOCK_INIT(0);
    l->rank = rank;
}

static void acquire(spinlock_t *l, bool same_rank_ok)
{
    for (unsigned int i = 0; i < nr_held; i++) {
        if (held[i] == l)
            lock_bug("taken twice", l);
        if (l->rank != RANK_NONE && (held[i]->rank > l->rank || (held[i]->rank == l->rank && !same_rank_ok)))
            lock_bug("wrong rank", l);
    }
    if (nr_held == MAX_HELD)
        lock_bug("too many", l);
    while (__atomic_exchange_n(&l->next_serving, 1, __ATOMIC_ACQUIRE))
        thrd_yield();
    l->holder = (uint16_t)cpu_id();
    held[nr_held++] = l;
}

__weak_sym void spin_lock(spinlock_t *l) { acquire(l, false); }

__weak_sym bool spin_trylock(spinlock_t *l)
{
    if (__atomic_exchange_n(&l->next_serving, 1, __ATOMIC_ACQUIRE))
        return false;
    l->holder = (uint16_t)cpu_id();
    held[nr_held++] = l;
    return true;
}

__weak_sym void spin_unlock(spinlock_t *l)
{
    unsigned int i;

    for (i = 0; i < nr_held && held[i] != l; i++)
        continue;
    if (i == nr_held)
        lock_bug("released but not held", l);
    held[i] = held[--nr_held];
    __atomic_store_n(&l->next_serving, 0, __ATOMIC_RELEASE);
}

__weak_sym bool spin_is_locked(const spinlock_t *l) { return READ_ONCE(l->next_serving) != 0; }

__weak_sym void spin_lock_two(spinlock_t *a, spinlock_t *b)
{
    if (a == b) {
        acquire(a, false);
        return;
    }
    acquire(a < b ? a : b, false);
    acquire(a < b ? b : a, true);
}

__weak_sym void spin_unlock_two(spinlock_t *a, spinlock_t *b)
{
    spin_unlock(a);
    if (a != b)
        spin_unlock(b);
}

unsigned int fake_locks_held(void) { return nr_held; }
