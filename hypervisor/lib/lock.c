/* SPDX-License-Identifier: MIT */
/* Ticket spin locks. A lock's word holds the next free ticket in its upper half and the ticket now served in its lower
 * half; equal halves mean unlocked. A waiter answers other CPUs' requests (cpu_poll_requests()), or a CPU that waits
 * for this one's TLB flush while it holds the lock would never give it up. Debug builds keep, per CPU, the locks held,
 * and panic when one is taken whose rank (unless RANK_NONE) is not above all of them. */
#include <hv/console.h>
#include <hv/lock.h>

#define TICKET_SHIFT 16
#define TICKET_ONE   (1u << TICKET_SHIFT)
#define NO_HOLDER    0xffffu

typedef uint16_t half_t __attribute__((may_alias));

#ifdef HV_DEBUG
#define MAX_HELD 16
static struct { unsigned int n; const spinlock_t *lock[MAX_HELD]; } held[NR_CPUS];

static void rank_check(const spinlock_t *l, bool same_rank_ok)
{
    unsigned int cpu = cpu_id();
    for (unsigned int i = 0; i < held[cpu].n; i++) {
        const spinlock_t *h = held[cpu].lock[i];
        if (h == l)
            panic("lock %p (rank %u) taken twice by CPU %u", (const void *)l, l->rank, cpu);
        if (l->rank == RANK_NONE || h->rank == RANK_NONE || h->rank < l->rank || (same_rank_ok && h->rank == l->rank))
            continue;
        panic("lock rank %u taken on CPU %u while rank %u is held", l->rank, cpu, h->rank);
    }
}

static void held_push(const spinlock_t *l)
{
    unsigned int cpu = cpu_id();
    if (held[cpu].n == MAX_HELD)
        panic("CPU %u holds %u locks", cpu, MAX_HELD);
    held[cpu].lock[held[cpu].n++] = l;
}

static void held_pop(const spinlock_t *l)
{
    unsigned int cpu = cpu_id(), i;
    for (i = held[cpu].n; i-- > 0; )
        if (held[cpu].lock[i] == l) {
            for (held[cpu].n--; i < held[cpu].n; i++)
                held[cpu].lock[i] = held[cpu].lock[i + 1];
            return;
        }
    panic("CPU %u releases lock %p (rank %u), which it does not hold", cpu, (const void *)l, l->rank);
}
#else
static inline void rank_check(const spinlock_t *l __unused, bool same_rank_ok __unused) { }
static inline void held_push(const spinlock_t *l __unused) { }
static inline void held_pop(const spinlock_t *l __unused) { }
#endif

void spin_lock_init(spinlock_t *l, enum lock_rank rank) { *l = (spinlock_t)SPINLOCK_INIT((uint16_t)rank); }

static void acquire(spinlock_t *l)
{
    uint32_t word = __atomic_fetch_add(&l->next_serving, TICKET_ONE, __ATOMIC_ACQUIRE);
    uint16_t mine = (uint16_t)(word >> TICKET_SHIFT);
    /* Pairs with the release store in spin_unlock(). */
    while ((uint16_t)word != mine) {
        cpu_relax();
        cpu_poll_requests();
        word = __atomic_load_n(&l->next_serving, __ATOMIC_ACQUIRE);
    }
    l->holder = (uint16_t)cpu_id();
    held_push(l);
}

void spin_lock(spinlock_t *l)
{
    rank_check(l, false);
    acquire(l);
}

/* Never waits, so it cannot deadlock: no rank check. */
bool spin_trylock(spinlock_t *l)
{
    uint32_t word = __atomic_load_n(&l->next_serving, __ATOMIC_RELAXED);
    if ((uint16_t)word != word >> TICKET_SHIFT ||
        !__atomic_compare_exchange_n(&l->next_serving, &word, word + TICKET_ONE, false, __ATOMIC_ACQUIRE,
                                     __ATOMIC_RELAXED))
        return false;
    l->holder = (uint16_t)cpu_id();
    held_push(l);
    return true;
}

void spin_unlock(spinlock_t *l)
{
    half_t *served = (half_t *)&l->next_serving;    /* the lower half on this little-endian machine */
    held_pop(l);
    l->holder = NO_HOLDER;
    /* A 16-bit store: the count wraps without a carry into the tickets. Only the holder writes this half. */
    __atomic_store_n(served, (uint16_t)(*served + 1), __ATOMIC_RELEASE);
}

void spin_lock_two(spinlock_t *a, spinlock_t *b)
{
    spinlock_t *first = a < b ? a : b, *second = a < b ? b : a;
    spin_lock(first);
    if (first == second)
        return;
    rank_check(second, true);
    acquire(second);
}

void spin_unlock_two(spinlock_t *a, spinlock_t *b)
{
    spin_unlock(a);
    if (a != b)
        spin_unlock(b);
}
