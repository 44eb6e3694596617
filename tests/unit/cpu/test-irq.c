/* SPDX-License-Identifier: MIT */
/*
 * Interrupt dispatch and PIRQs (hypervisor/cpu/irq.c, pirq.c) on made-up interrupt controllers: 24 lines and any number
 * of MSIs, whose hardware state (masked, CPU, vector) is kept here and believed by the "device".
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include "fake.h"
#include <hv/event.h>
#include <xen/physdev.h>

#include "private.h"
#include "../run-suite.h"

#define CPUS   4u
#define GSIS   24u
#define PIRQS  64u
#define NR_VECTORS (VECTOR_LAST_DYNAMIC - VECTOR_FIRST_DYNAMIC + 1u - 2u)

/* --- hardware ----------------------------------------------------------------------------------------------------- */
struct line { struct irq irq; bool masked, asserted; unsigned int cpu; uint8_t vector; };
static struct line gsi[GSIS];
static unsigned int live_msis, eois;
static bool irr[NR_CPUS][256];
static unsigned int events[4][PIRQS];

static struct line *to_line(struct irq *irq) { return container_of(irq, struct line, irq); }
static void hw_mask(struct irq *irq) { to_line(irq)->masked = irq->masked; }
static void hw_route(struct irq *irq)
{
    to_line(irq)->cpu = irq->cpu;
    to_line(irq)->vector = irq->vector;
    to_line(irq)->masked = irq->masked;
}
static const struct irq_chip gsi_chip = { hw_mask, hw_route },
    msi_chip = { hw_mask, hw_route };

unsigned int irq_gsi_count(void) { return GSIS; }
struct irq *irq_of_gsi(unsigned int n) { return n < GSIS ? &gsi[n].irq : NULL; }
bool irq_is_msi(const struct irq *irq) { return irq->chip == &msi_chip; }
bool irq_move_may_lose(const struct irq *irq) { return irq_is_msi(irq) && (irq->number & 1); }

int msi_map(const struct pirq_msi *msi, struct irq **out)
{
    if (msi->nvec > 1)
        return -XEN_EOPNOTSUPP;
    struct line *l = calloc(1, sizeof(*l));

    irq_init(&l->irq, &msi_chip, (unsigned int)msi->entry_nr);
    l->masked = true;
    spin_lock(&l->irq.lock);
    int rc = irq_route(&l->irq, cpu_id());
    spin_unlock(&l->irq.lock);
    if (rc) {
        free(l);
        return rc;
    }
    live_msis++;
    *out = &l->irq;
    return 0;
}

void msi_unmap(struct irq *irq)
{
    ck_assert_uint_eq(irq->nr_guests, 0);
    spin_lock(&irq->lock);
    irq_unroute(irq);
    spin_unlock(&irq->lock);
    live_msis--;
    free(to_line(irq));
}

void apic_eoi(void) { eois++; }
uint32_t apic_errors(void) { return 0; }
bool apic_irr_test(uint8_t vector) { return irr[cpu_id()][vector]; }
void timer_interrupt(void) { }

void pirq_event_send(struct domain *d, int pirq)
{
    ck_assert_uint_eq(fake_locks_held(), 0);
    ck_assert(pirq >= 0 && pirq < (int)PIRQS);
    events[d->id][pirq]++;
}

/* The device asks for attention: at once, or when it is unmasked. */
static bool raise_irq(struct line *l)
{
    unsigned int me = cpu_id(), before = eois;

    if (l->irq.level)
        l->asserted = true;
    if (l->masked || !l->vector)
        return false;
    fake_cpu_set(l->cpu);
    irq_handle(l->vector);
    ck_assert_uint_eq(eois, before + 1);
    ck_assert_uint_eq(fake_locks_held(), 0);
    fake_cpu_set(me);
    return true;
}

/* A line that is still asserted when it is unmasked interrupts again. */
static void settle(void)
{
    for (unsigned int i = 0; i < GSIS; i++)
        for (unsigned int n = 0; gsi[i].asserted && !gsi[i].masked && n < 2; n++)
            raise_irq(&gsi[i]);
}

/* --- domains ------------------------------------------------------------------------------------------------------ */
static struct domain *dom[3];
static unsigned long objects_at_start;

static void setup(void)
{
    fake_reset(CPUS);
    memset(gsi, 0, sizeof(gsi));
    memset(events, 0, sizeof(events));
    memset(irr, 0, sizeof(irr));
    live_msis = eois = 0;
    for (unsigned int i = 0; i < GSIS; i++) {
        irq_init(&gsi[i].irq, &gsi_chip, i);
        gsi[i].irq.level = gsi[i].irq.active_low = i >= 16;
        gsi[i].masked = true;
    }
    for (unsigned int c = 0; c < CPUS; c++)
        ck_assert_int_eq(irq_init_cpu(c), 0);
    for (unsigned int i = 0; i < 3; i++) {
        dom[i] = fake_domain_new((domid_t)i, i == 0, 2);
        dom[i]->vcpu[0]->cpu = i % CPUS;
    }
    objects_at_start = fake_live_objects;
    for (unsigned int i = 0; i < 3; i++)
        ck_assert_int_eq(pirq_domain_init(dom[i], PIRQS), 0);
    fake_run(dom[0]->vcpu[0]);
}

static int map(unsigned int d, int g)
{
    int pirq = g;

    return pirq_map_gsi(dom[d], g, &pirq);
}

static void teardown(void)
{
    for (unsigned int i = 0; i < 3; i++) {
        pirq_domain_destroy(dom[i]);
        pirq_domain_destroy(dom[i]);    /* twice does no harm */
        ck_assert_ptr_null(dom[i]->pirq);
        ck_assert_int_eq(map(i, 1), -XEN_EINVAL);
    }
    fake_quiesce();
    ck_assert_uint_eq(fake_live_objects, objects_at_start);
    ck_assert_uint_eq(live_msis, 0);
    for (unsigned int i = 0; i < GSIS; i++)
        ck_assert(gsi[i].masked && gsi[i].irq.nr_guests == 0);
}

static int bind(unsigned int d, int pirq, bool share) { return pirq_bind(dom[d]->vcpu[0], pirq, share); }

static int map_msi(unsigned int d, int entry)
{
    struct pirq_msi m = { 0, 0, 8, entry, 0x1000, 1 };
    int pirq = -1, rc = pirq_map_msi(dom[d], &m, &pirq);

    return rc ? rc : pirq;
}

/* --- tests -------------------------------------------------------------------------------------------------------- */
START_TEST(test_map)
{
    int p = -1;

    ck_assert_int_eq(map(0, (int)GSIS), -XEN_EINVAL);
    ck_assert_int_eq(pirq_map_gsi(dom[0], -1, &p), -XEN_EINVAL);
    ck_assert_int_eq(pirq_map_gsi(dom[0], 5, &p), 0);
    ck_assert_int_eq(p, 5);             /* its own number is preferred */
    ck_assert_int_eq(map(0, 5), 0);     /* again: no change */
    p = 6;
    ck_assert_int_eq(pirq_map_gsi(dom[0], 5, &p), -XEN_EBUSY);
    p = 5;
    ck_assert_int_eq(pirq_map_gsi(dom[0], 6, &p), -XEN_EBUSY);
    p = (int)PIRQS;
    ck_assert_int_eq(pirq_map_gsi(dom[0], 6, &p), -XEN_EINVAL);
    ck_assert(pirq_is_mapped(dom[0], 5) && !pirq_is_mapped(dom[0], 6) && !pirq_is_mapped(dom[0], -3));
    ck_assert_int_eq(pirq_unmap(dom[0], 6), -XEN_EINVAL);
    ck_assert_int_eq(pirq_unmap(dom[0], 5), 0);
    ck_assert_int_eq(pirq_unmap(dom[0], 5), -XEN_EINVAL);
    ck_assert_int_eq(pirq_unmap(dom[0], 1 << 30), -XEN_EINVAL);
    ck_assert_int_eq(bind(0, 5, false), -XEN_EINVAL);
    ck_assert_int_eq(pirq_eoi(dom[0], 5), -XEN_EINVAL);
    ck_assert_int_eq(pirq_status(dom[0], (int)PIRQS), -XEN_EINVAL);
    ck_assert_int_eq(pirq_status(dom[0], 5), 0);
    fake_run(dom[1]->vcpu[0]);          /* the caller needs the right to the line, whoever it is for */
    ck_assert_int_eq(map(1, 5), -XEN_EPERM);
    ck_assert_int_eq(map(0, 5), -XEN_EPERM);
}
END_TEST

START_TEST(test_setup_gsi)
{
    ck_assert_int_eq(pirq_setup_gsi(GSIS, true, true), -XEN_EINVAL);
    ck_assert_int_eq(pirq_setup_gsi(9, true, false), 0);
    ck_assert(gsi[9].irq.level && !gsi[9].irq.active_low);
    ck_assert_int_eq(pirq_setup_gsi(9, false, false), -XEN_EEXIST);
    ck_assert(gsi[9].irq.level);
    ck_assert_int_eq(map(0, 16), 0);
    ck_assert_int_eq(bind(0, 16, false), 0);
    ck_assert_int_eq(pirq_setup_gsi(16, false, false), -XEN_EEXIST);    /* not under a guest's feet */
}
END_TEST

START_TEST(test_level)
{
    ck_assert_int_eq(map(0, 17), 0);
    ck_assert_int_eq(pirq_status(dom[0], 17), XENIRQSTAT_needs_eoi);
    ck_assert(!raise_irq(&gsi[17]));
    gsi[17].asserted = false;
    ck_assert_int_eq(bind(0, 17, false), 0);
    ck_assert_int_eq(bind(0, 17, false), -XEN_EEXIST);
    ck_assert(!gsi[17].masked);
    raise_irq(&gsi[17]);
    ck_assert(gsi[17].masked && events[0][17] == 1);
    ck_assert_int_eq(pirq_eoi(dom[0], 17), 0);          /* without having silenced the device */
    settle();
    ck_assert(gsi[17].masked && events[0][17] == 2);
    gsi[17].asserted = false;
    ck_assert_int_eq(pirq_eoi(dom[0], 17), 0);
    ck_assert_int_eq(pirq_eoi(dom[0], 17), 0);          /* one too many */
    ck_assert(!gsi[17].masked && events[0][17] == 2);
    raise_irq(&gsi[17]);
    pirq_unbind(dom[0], 17);            /* in flight */
    ck_assert(gsi[17].masked && gsi[17].irq.in_flight == 0 && gsi[17].irq.vector == 0);
    ck_assert_int_eq(bind(0, 17, false), 0);
    settle();
    ck_assert_uint_eq(events[0][17], 4);
}
END_TEST

START_TEST(test_edge)
{
    ck_assert_int_eq(map(0, 4), 0);
    ck_assert_int_eq(bind(0, 4, false), 0);
    ck_assert_int_eq(pirq_status(dom[0], 4), 0);
    for (unsigned int i = 1; i <= 3; i++) {
        ck_assert(raise_irq(&gsi[4]));
        ck_assert_uint_eq(events[0][4], i);
    }
    ck_assert_int_eq(pirq_unmap(dom[0], 4), 0);         /* bound: unbinds */
    ck_assert(gsi[4].masked && !raise_irq(&gsi[4]));
    pirq_unbind(dom[0], 4);             /* as the event channel's close does later */
}
END_TEST

START_TEST(test_shared)
{
    for (unsigned int d = 0; d < 3; d++)
        ck_assert_int_eq(map(d, 20), 0);
    ck_assert_int_eq(bind(0, 20, true), 0);
    ck_assert_int_eq(bind(1, 20, false), -XEN_EBUSY);
    ck_assert_int_eq(bind(1, 20, true), 0);
    ck_assert_int_eq(pirq_status(dom[1], 20), XENIRQSTAT_needs_eoi | XENIRQSTAT_shared);
    raise_irq(&gsi[20]);
    ck_assert(events[0][20] == 1 && events[1][20] == 1 && events[2][20] == 0);
    gsi[20].asserted = false;
    pirq_eoi(dom[0], 20);
    pirq_eoi(dom[0], 20);
    ck_assert(gsi[20].masked);
    ck_assert_int_eq(bind(2, 20, true), 0);             /* joins late: has nothing to end */
    ck_assert(gsi[20].masked);
    pirq_eoi(dom[1], 20);
    ck_assert(!gsi[20].masked);
    raise_irq(&gsi[20]);
    gsi[20].asserted = false;
    pirq_eoi(dom[0], 20);
    pirq_unbind(dom[1], 20);            /* dies with the interrupt in flight */
    pirq_eoi(dom[2], 20);
    ck_assert(!gsi[20].masked);
    raise_irq(&gsi[20]);
    pirq_eoi(dom[0], 20);
    ck_assert(gsi[20].masked);
    gsi[20].asserted = false;
    fake_time_advance(MILLISECS(60));   /* domain 2 does not answer: domain 0 does not suffer */
    ck_assert(!gsi[20].masked);
    ck_assert_int_eq(map(0, 3), 0);
    ck_assert_int_eq(map(1, 3), 0);
    ck_assert_int_eq(bind(0, 3, true), 0);
    ck_assert_int_eq(bind(1, 3, true), -XEN_EBUSY);     /* edge-triggered lines are not shared */
}
END_TEST

static unsigned int own_calls;
static void own(void *arg)
{
    own_calls++;
    to_line(arg)->asserted = false;
}

START_TEST(test_own)
{
    ck_assert_int_eq(irq_request_gsi(99, own, NULL), -XEN_EINVAL);
    ck_assert_int_eq(irq_request_gsi(4, own, &gsi[4].irq), 0);
    ck_assert_int_eq(irq_request_gsi(4, own, &gsi[4].irq), -XEN_EBUSY);
    ck_assert_int_eq(irq_request_gsi(18, own, &gsi[18].irq), 0);
    own_calls = 0;
    raise_irq(&gsi[4]);
    raise_irq(&gsi[18]);
    ck_assert_uint_eq(own_calls, 2);
    ck_assert(!gsi[18].masked);
    ck_assert_int_eq(map(0, 4), 0);
    ck_assert_int_eq(bind(0, 4, true), -XEN_EBUSY);
    ck_assert_int_eq(pirq_setup_gsi(4, true, true), -XEN_EEXIST);
    gsi[4].irq.handler = gsi[18].irq.handler = NULL;
    irq_unroute(&gsi[4].irq);
    irq_unroute(&gsi[18].irq);
}
END_TEST

START_TEST(test_msi)
{
    struct pirq_msi many = { 0, 0, 8, 0, 0, 4 };
    int p = map_msi(0, 0), q = map_msi(0, 2), r = -1;

    ck_assert(p >= (int)GSIS && q >= (int)GSIS && p != q);
    ck_assert_int_eq(pirq_map_msi(dom[0], &many, &r), -XEN_EOPNOTSUPP);
    r = p;
    many.nvec = 1;
    ck_assert_int_eq(pirq_map_msi(dom[0], &many, &r), -XEN_EBUSY);
    ck_assert_uint_eq(live_msis, 2);
    ck_assert_int_eq(bind(0, p, false), 0);
    ck_assert_int_eq(pirq_status(dom[0], p), 0);
    ck_assert_int_eq(pirq_unmap(dom[0], p), 0);
    ck_assert_uint_eq(live_msis, 1);
}
END_TEST

START_TEST(test_get_free)
{
    unsigned int n = 0;
    int p;

    ck_assert_int_eq(pirq_get_free(dom[0], 77, &p), -XEN_EINVAL);
    while (pirq_get_free(dom[0], MAP_PIRQ_TYPE_MSI, &p) == 0) {
        ck_assert(p >= 16 && p < (int)PIRQS);
        n++;
    }
    ck_assert_uint_eq(n, PIRQS - 16);   /* 0-15 stay for the ISA lines */
    ck_assert_int_eq(map_msi(0, 0), -XEN_ENOSPC);
    ck_assert_uint_eq(live_msis, 0);
    struct pirq_msi m = { 0, 0, 8, 0, 0x1000, 1 };
    p = 40;
    ck_assert_int_eq(pirq_map_msi(dom[0], &m, &p), 0);  /* a reserved number, by name */
    ck_assert_int_eq(pirq_unmap(dom[0], 41), 0);        /* gives a reservation back */
    ck_assert_int_eq(map_msi(0, 0), 41);
}
END_TEST

START_TEST(test_eoi_map)
{
    unsigned long bits[8] = { 0 };

    ck_assert_int_eq(map(0, 19), 0);
    ck_assert_int_eq(map(0, 2), 0);
    ck_assert_int_eq(bind(0, 19, false), 0);
    ck_assert_int_eq(bind(0, 2, false), 0);
    pirq_set_eoi_map(dom[0], bits);
    ck_assert_uint_eq(bits[0], 1ul << 19);
    pirq_unbind(dom[0], 19);
    ck_assert_uint_eq(bits[0], 0);
    ck_assert_int_eq(bind(0, 19, false), 0);
    ck_assert_uint_eq(bits[0], 1ul << 19);
    pirq_set_eoi_map(dom[0], NULL);
    pirq_unbind(dom[0], 19);
    ck_assert_uint_eq(bits[0], 1ul << 19);
}
END_TEST

/* Moving: a request that the old CPU has not taken yet still arrives, and its vector is free after it. */
START_TEST(test_move)
{
    struct line *l = &gsi[1];

    ck_assert_int_eq(map(0, 1), 0);
    ck_assert_int_eq(bind(0, 1, false), 0);
    uint8_t old = l->vector;
    ck_assert_uint_eq(l->cpu, 0);
    pirq_set_affinity(dom[0], 1, 0);
    ck_assert_uint_eq(l->vector, old);
    irr[0][old] = true;
    pirq_set_affinity(dom[0], 1, 2);
    ck_assert_uint_eq(l->cpu, 2);
    irr[0][old] = false;
    fake_cpu_set(0);
    irq_handle(old);
    ck_assert_uint_eq(events[0][1], 1);
    irq_handle(old);                    /* now unknown there */
    ck_assert_uint_eq(events[0][1], 1);
    raise_irq(l);
    ck_assert_uint_eq(events[0][1], 2);
    pirq_set_affinity(dom[0], 1, 33);   /* not online: stays */
    ck_assert_uint_eq(l->cpu, 2);
    raise_irq(l);
    ck_assert_uint_eq(events[0][1], 3);
    int p = map_msi(0, 1);              /* odd: its device cannot mask */
    ck_assert_int_eq(bind(0, p, false), 0);
    pirq_set_affinity(dom[0], p, 3);
    ck_assert_uint_eq(events[0][p], 1); /* to be on the safe side */
}
END_TEST

START_TEST(test_vectors_exhausted)
{
    struct line *l = calloc(NR_VECTORS * CPUS + 1, sizeof(*l));

    for (unsigned int i = 0; i <= NR_VECTORS * CPUS; i++) {
        irq_init(&l[i].irq, &gsi_chip, i);
        int rc = irq_route(&l[i].irq, 1);
        ck_assert_int_eq(rc, i < NR_VECTORS * CPUS ? 0 : -XEN_ENOSPC);
        if (rc)
            break;
        ck_assert(l[i].vector != VECTOR_LEGACY_SYSCALL && l[i].vector != VECTOR_HYPERCALL);
        ck_assert(i >= NR_VECTORS || l[i].cpu == 1);
    }
    ck_assert_int_eq(map(0, 1), 0);
    ck_assert_int_eq(bind(0, 1, false), -XEN_ENOSPC);
    ck_assert_uint_eq(gsi[1].irq.nr_guests, 0);
    ck_assert_int_eq(map_msi(0, 0), -XEN_ENOSPC);
    for (unsigned int i = 0; i < NR_VECTORS * CPUS; i++)
        irq_unroute(&l[i].irq);
    ck_assert_int_eq(bind(0, 1, false), 0);
    free(l);
}
END_TEST

/* A failed allocation is an error and changes nothing. */
START_TEST(test_no_memory)
{
    unsigned long objects = fake_live_objects;
    struct domain fresh = { .id = 9 };

    fake_alloc_fail(1);
    ck_assert_int_eq(pirq_domain_init(&fresh, 8), -XEN_ENOMEM);
    ck_assert_ptr_null(fresh.pirq);
    ck_assert_uint_eq(fake_live_objects, objects);
    fake_alloc_fail(0);
    ck_assert_int_eq(map(1, 16), 0);
}
END_TEST

/* Anything in any order, then the invariants of pirq.c's opening comment. */
static void check_lines(const bool (*bound)[PIRQS])
{
    for (unsigned int g = 0; g < GSIS; g++) {
        struct irq *irq = &gsi[g].irq;
        unsigned int n = 0, owing = 0;

        for (unsigned int d = 0; d < 3; d++)
            n += bound[d][g];
        for (unsigned int i = 0; i < irq->nr_guests; i++)
            owing += irq->guest[i].in_flight;
        ck_assert_uint_eq(irq->nr_guests, n);
        ck_assert_uint_eq(irq->in_flight, owing);
        ck_assert(irq->masked == gsi[g].masked && irq->masked == (n == 0 || owing > 0));
        ck_assert((irq->vector != 0) == (n != 0));
    }
}

START_TEST(test_random)
{
    static bool bound[3][PIRQS];
    unsigned int seed = 7;

    memset(bound, 0, sizeof(bound));
    for (unsigned int i = 0; i < 60000; i++) {
        unsigned int d = (unsigned int)rand_r(&seed) % 3;
        int p = (int)((unsigned int)rand_r(&seed) % GSIS);

        fake_cpu_set((unsigned int)rand_r(&seed) % CPUS);
        fake_run(dom[0]->vcpu[0]);
        dom[d]->vcpu[0]->cpu = cpu_id();
        switch (rand_r(&seed) % 9) {
        case 0: map(d, p); break;
        case 1: if (pirq_unmap(dom[d], p) == 0) bound[d][p] = false; break;
        case 2: case 3: if (bind(d, p, rand_r(&seed) & 1) == 0) bound[d][p] = true; break;
        case 4: if (rand_r(&seed) % 4 == 0) { pirq_unbind(dom[d], p); bound[d][p] = false; } break;
        case 5: case 6: gsi[p].asserted = false; pirq_eoi(dom[d], p); break;
        case 7: pirq_set_affinity(dom[d], p, (unsigned int)rand_r(&seed) % CPUS); break;
        default: raise_irq(&gsi[p]); gsi[p].asserted = rand_r(&seed) % 3 == 0;
        }
        settle();
        if (i % 500 == 0)
            fake_time_advance(MILLISECS(100));
        check_lines(bound);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { test_map, test_setup_gsi, test_level, test_edge, test_shared, test_own, test_msi,
        test_get_free, test_eoi_map, test_move, test_vectors_exhausted, test_no_memory, test_random };
    Suite *s = suite_create("irq");
    TCase *t = tcase_create("interrupts");

    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, setup, teardown);
    suite_add_tcase(s, t);
    for (unsigned int i = 0; i < ARRAY_SIZE(tests); i++)
        tcase_add_test(t, tests[i]);
    return run_suite(s);
}
