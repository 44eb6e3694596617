/* SPDX-License-Identifier: MIT */
/* lib/: strings, numbers, formatting, bit maps, heap, range sets and locks, against the C library or a simple model. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "lib-stubs.h"
#include "run-suite.h"

#include <hv/lock.h>

/* --- string.c (see hv-string.c) --- */

void *our_memcpy(void *dst, const void *src, size_t n);
void *our_memmove(void *dst, const void *src, size_t n);
void *our_memset(void *dst, int c, size_t n);
int our_memcmp(const void *a, const void *b, size_t n);
void *our_memchr(const void *s, int c, size_t n);
size_t our_strlen(const char *s);
size_t our_strnlen(const char *s, size_t max);
int our_strcmp(const char *a, const char *b);
int our_strncmp(const char *a, const char *b, size_t n);
char *our_strchr(const char *s, int c);

static int sign(int v)
{
    return (v > 0) - (v < 0);
}

START_TEST(memory_functions)
{
    uint64_t seed = 1;

    for (unsigned int round = 0; round < 4000; round++) {
        uint8_t a[300], b[300];
        size_t n = next_random(&seed) % 200, from = next_random(&seed) % 100, to = next_random(&seed) % 100;

        for (size_t i = 0; i < sizeof(a); i++)
            a[i] = (uint8_t)next_random(&seed);
        memcpy(b, a, sizeof(a));
        ck_assert_ptr_eq(our_memmove(a + to, a + from, n), a + to);
        memmove(b + to, b + from, n);
        ck_assert_mem_eq(a, b, sizeof(a));
        ck_assert_ptr_eq(our_memset(a + to, (int)round, n), a + to);
        memset(b + to, (int)round, n);
        ck_assert_mem_eq(a, b, sizeof(a));
        ck_assert_int_eq(our_memcmp(a, b, sizeof(a)), 0);
        b[from] ^= (uint8_t)(1 + round % 255);
        ck_assert_int_eq(sign(our_memcmp(a, b, sizeof(a))), sign(memcmp(a, b, sizeof(a))));
        ck_assert_ptr_eq(our_memchr(a, a[from], sizeof(a)), memchr(a, a[from], sizeof(a)));
        our_memcpy(b + to, a + from, n);
        ck_assert_mem_eq(b + to, a + from, n);
    }
}
END_TEST

START_TEST(string_functions)
{
    static const char *const s[] = { "", "a", "ab", "abc", "abd", "b", "\xff", "abcabd" };

    for (size_t i = 0; i < ARRAY_SIZE(s); i++) {
        ck_assert_uint_eq(our_strlen(s[i]), strlen(s[i]));
        ck_assert_uint_eq(our_strnlen(s[i], 2), strnlen(s[i], 2));
        ck_assert_ptr_eq(our_strchr(s[i], 'b'), strchr(s[i], 'b'));
        ck_assert_ptr_eq(our_strchr(s[i], 0), strchr(s[i], 0));
        for (size_t j = 0; j < ARRAY_SIZE(s); j++) {
            ck_assert_int_eq(sign(our_strcmp(s[i], s[j])), sign(strcmp(s[i], s[j])));
            for (size_t n = 0; n < 5; n++)
                ck_assert_int_eq(sign(our_strncmp(s[i], s[j], n)), sign(strncmp(s[i], s[j], n)));
        }
    }
}
END_TEST

/* --- parse.c --- */

START_TEST(copy_and_numbers)
{
    char buf[4];
    const char *end;

    ck_assert_uint_eq(hv_strlcpy(buf, "abcdef", sizeof(buf)), 6);
    ck_assert_str_eq(buf, "abc");
    ck_assert_uint_eq(hv_strlcpy(buf, "x", 0), 1);
    ck_assert_str_eq(buf, "abc");
    ck_assert_uint_eq(hv_strtoul("123x", &end, 0), 123);
    ck_assert_str_eq(end, "x");
    ck_assert_uint_eq(hv_strtoul("0x1F", &end, 0), 31);
    ck_assert_uint_eq(hv_strtoul("0x", &end, 0), 0);
    ck_assert_str_eq(end, "x");
    ck_assert_uint_eq(hv_strtoul("017", &end, 0), 15);
    ck_assert_uint_eq(hv_strtoul("ff", &end, 16), 255);
    ck_assert_uint_eq(hv_strtoul("18446744073709551615", &end, 10), ~0UL);
    ck_assert_uint_eq(hv_strtoul("99999999999999999999999", &end, 10), ~0UL);
    ck_assert_uint_eq(*end, 0);
    ck_assert_uint_eq(hv_strtoul("", &end, 0), 0);
    ck_assert_uint_eq(parse_size("3M", &end, 1), 3UL << 20);
    ck_assert_uint_eq(parse_size("3", &end, 1024), 3072);
    ck_assert_uint_eq(parse_size("2b", &end, 1024), 2);
    ck_assert_uint_eq(parse_size("1t,", &end, 1024), 1UL << 40);
    ck_assert_str_eq(end, ",");
    ck_assert_uint_eq(parse_size("99999999999T", &end, 1), ~0UL);
    ck_assert_uint_eq(parse_size("M", &end, 1024), 0);
    ck_assert_str_eq(end, "M");
}
END_TEST

/* --- printf.c --- */

/* Random conversions, ours against the C library's. */
START_TEST(printf_random)
{
    static const char *const lengths[] = { "", "l", "ll", "z" };
    static const char conversions[] = "duxXics";
    uint64_t seed = 2;

    for (unsigned int round = 0; round < 60000; round++) {
        char fmt[48] = "<%", ours[256], libc[256];
        char conv = conversions[next_random(&seed) % (sizeof(conversions) - 1)];
        size_t size = next_random(&seed) % 4 ? sizeof(ours) : next_random(&seed) % 12;
        unsigned long v = (unsigned long)next_random(&seed) << 40 ^ (unsigned long)next_random(&seed) << 16;
        const char *len = "";
        int a, b;

        v >>= next_random(&seed) % 64;
        v = next_random(&seed) % 5 ? v : 0;
        v = next_random(&seed) % 3 ? v : -v;
        for (const char *flag = "-0#"; *flag; flag++)
            if (next_random(&seed) % 4 == 0 && !(*flag != '-' && strchr("cs", conv)))
                sprintf(fmt + strlen(fmt), "%c", *flag);
        if (next_random(&seed) % 2)
            sprintf(fmt + strlen(fmt), "%u", 1 + next_random(&seed) % 30);
        if (next_random(&seed) % 3 == 0 && conv != 'c')
            sprintf(fmt + strlen(fmt), ".%u", next_random(&seed) % 30);
        if (conv != 's' && conv != 'c')
            strcat(fmt, len = lengths[next_random(&seed) % ARRAY_SIZE(lengths)]);
        sprintf(fmt + strlen(fmt), "%c>", conv);
        memset(ours, 'z', sizeof(ours));
        memset(libc, 'z', sizeof(libc));
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        if (conv == 's') {
            a = hv_snprintf(ours, size, fmt, &"abcdefghij"[v % 11]);
            b = snprintf(libc, size, fmt, &"abcdefghij"[v % 11]);
        } else if (conv == 'c') {
            a = hv_snprintf(ours, size, fmt, 'a' + (int)(v % 26));
            b = snprintf(libc, size, fmt, 'a' + (int)(v % 26));
        } else if (*len == 'l' || *len == 'z') {
            a = hv_snprintf(ours, size, fmt, v);
            b = snprintf(libc, size, fmt, v);
        } else {
            a = hv_snprintf(ours, size, fmt, (int)v);
            b = snprintf(libc, size, fmt, (int)v);
        }
#pragma GCC diagnostic pop
        ck_assert_msg(a == b && memcmp(ours, libc, sizeof(ours)) == 0, "%s of %#lx: %.*s, not %.*s", fmt, v,
                      (int)sizeof(ours), ours, (int)sizeof(libc), libc);
    }
}
END_TEST

START_TEST(printf_cases)
{
    const char *volatile no_string = NULL;
    char buf[64];

    hv_snprintf(buf, sizeof(buf), "%p %p", (void *)0x1234abcdUL, (void *)NULL);
    ck_assert_str_eq(buf, "0x1234abcd 0x0");
    hv_snprintf(buf, sizeof(buf), "%*d|%-*d|%.*s", 5, 42, 4, 7, 2, "xyz");
    ck_assert_str_eq(buf, "   42|7   |xy");
    hv_snprintf(buf, sizeof(buf), "%s 100%%", "a");
    ck_assert_str_eq(buf, "a 100%");
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat"
#pragma GCC diagnostic ignored "-Wformat-extra-args"
    hv_snprintf(buf, sizeof(buf), "%s|%q|%", no_string);
#pragma GCC diagnostic pop
    ck_assert_str_eq(buf, "(null)|%q|%");
    ck_assert_int_eq(hv_snprintf(NULL, 0, "%d", 12345), 5);
}
END_TEST

/* --- containers.c and the inline bit functions --- */

START_TEST(bitmaps)
{
    uint64_t seed = 3;
    unsigned long map[5];

    for (unsigned int round = 0; round < 2000; round++) {
        unsigned long size = next_random(&seed) % 310, from = next_random(&seed) % 320, set, clear;

        memset(map, round % 2 ? 0xff : 0, sizeof(map));
        for (unsigned int i = next_random(&seed) % 6; i; i--)
            if (round % 2)
                clear_bit(next_random(&seed) % 320, map);
            else
                set_bit(next_random(&seed) % 320, map);
        for (set = from; set < size && !test_bit(set, map); set++)
            ;
        for (clear = from; clear < size && test_bit(clear, map); clear++)
            ;
        ck_assert_uint_eq(find_next_bit(map, size, from), max(min(set, size), min(from, size)));
        ck_assert_uint_eq(find_next_zero_bit(map, size, from), max(min(clear, size), min(from, size)));
    }
}
END_TEST

/* How many nodes there are from n on; no child is less than its parent. */
static unsigned int walk(const struct heap_node *n, const struct heap_node *nodes, const bool *in)
{
    unsigned int count = 0;
    for (; n; n = n->next) {
        ck_assert(in[n - nodes] && (!n->child || n->child->key >= n->key));
        count += 1 + walk(n->child, nodes, in);
    }
    return count;
}

START_TEST(heap_random)
{
    enum { N = 64 };
    struct heap_node node[N] = { { 0 } };
    bool in[N] = { false };
    struct heap h = { NULL };
    uint64_t seed = 4;

    for (unsigned int round = 0; round < 20000; round++) {
        unsigned int i = next_random(&seed) % N, count = 0;
        uint64_t least = ~0UL;

        if (next_random(&seed) % 4 == 0 && h.root)     /* as timers do: often the first */
            i = (unsigned int)(heap_min(&h) - node);
        if (in[i]) {
            heap_remove(&h, &node[i]);
        } else {
            node[i].key = next_random(&seed) % 50;
            heap_insert(&h, &node[i]);
        }
        in[i] = !in[i];
        for (unsigned int j = 0; j < N; j++)
            if (in[j]) {
                least = min(least, node[j].key);
                count++;
            }
        ck_assert(count ? heap_min(&h)->key == least : heap_min(&h) == NULL);
        ck_assert_uint_eq(walk(h.root, node, in), count);
    }
}
END_TEST

enum { UNIVERSE = 96 };

START_TEST(rangeset_random)
{
    struct rangeset *r = rangeset_new();
    bool model[UNIVERSE] = { false };
    uint64_t seed = 5;

    for (unsigned int round = 0; round < 20000; round++) {
        unsigned long s = next_random(&seed) % UNIVERSE, e = min(s + next_random(&seed) % 12, UNIVERSE - 1UL);
        bool add = next_random(&seed) % 2, all = true, any = false;
        int rc;

        alloc_fail_after = next_random(&seed) % 50 ? ~0UL : 0;
        rc = add ? rangeset_add(r, s, e) : rangeset_remove(r, s, e);
        alloc_fail_after = ~0UL;
        ck_assert(rc == 0 || rc == -XEN_ENOMEM);
        for (unsigned long i = s; i <= e && rc == 0; i++)
            model[i] = add;
        s = next_random(&seed) % UNIVERSE;
        e = min(s + next_random(&seed) % 12, UNIVERSE - 1UL);
        for (unsigned long i = s; i <= e; i++) {
            all &= model[i];
            any |= model[i];
        }
        ck_assert(rangeset_contains(r, s, e) == all);
        ck_assert(rangeset_overlaps(r, s, e) == any);
        for (unsigned long i = 0; i < UNIVERSE; i++)
            ck_assert(rangeset_contains(r, i, i) == model[i]);
    }
    rangeset_free(r);
    rangeset_free(NULL);
}
END_TEST

START_TEST(rangeset_ends)
{
    struct rangeset *r = rangeset_new();

    ck_assert_int_eq(rangeset_add(r, 5, 4), -XEN_EINVAL);
    ck_assert_int_eq(rangeset_add(r, 0, ~0UL), 0);
    ck_assert(rangeset_contains(r, ~0UL, ~0UL));
    ck_assert_int_eq(rangeset_remove(r, ~0UL, ~0UL), 0);
    ck_assert(!rangeset_overlaps(r, ~0UL, ~0UL));
    ck_assert_int_eq(rangeset_add(r, ~0UL, ~0UL), 0);
    ck_assert(rangeset_contains(r, 0, ~0UL));
    ck_assert_int_eq(rangeset_remove(r, 0, 0), 0);
    ck_assert_int_eq(rangeset_remove(r, 10, 10), 0);
    ck_assert(!rangeset_contains(r, 0, 3) && rangeset_contains(r, 1, 9) && !rangeset_contains(r, 9, 11));
    ck_assert(!rangeset_contains(r, 9, 8));
    ck_assert_int_eq(rangeset_remove(r, 0, ~0UL), 0);
    ck_assert(!rangeset_overlaps(r, 0, ~0UL));
    rangeset_free(r);
}
END_TEST

/* --- lock.c --- */

static bool spin_is_locked(const spinlock_t *l) { return (uint16_t)l->next_serving != l->next_serving >> 16; }

static spinlock_t heap_lock = SPINLOCK_INIT(RANK_HEAP), event_lock = SPINLOCK_INIT(RANK_EVENT),
                  event_lock2 = SPINLOCK_INIT(RANK_EVENT), free_lock = SPINLOCK_INIT(RANK_NONE);

START_TEST(lock_ranks)
{
    spin_lock(&event_lock);
    spin_lock(&heap_lock);
    ck_assert(spin_is_locked(&heap_lock));
    ck_assert(!spin_trylock(&heap_lock));
    spin_unlock(&event_lock);               /* any order */
    spin_unlock(&heap_lock);
    ck_assert(!spin_is_locked(&heap_lock));
    ck_assert(spin_trylock(&heap_lock));
    ck_assert(EXPECT_PANIC(spin_lock(&event_lock)));
    ck_assert(strstr(panic_text, "rank"));
    ck_assert(EXPECT_PANIC(spin_lock(&heap_lock)));
    ck_assert(strstr(panic_text, "twice"));
    spin_lock(&free_lock);                  /* RANK_NONE: never wrong */
    fake_cpu_number = 1;                    /* another CPU holds nothing */
    spin_lock(&event_lock);
    ck_assert(EXPECT_PANIC(spin_unlock(&heap_lock)));
    spin_unlock(&event_lock);
    fake_cpu_number = 0;
    spin_unlock(&free_lock);
    spin_unlock(&heap_lock);
    spin_lock_two(&event_lock2, &event_lock);
    ck_assert(spin_is_locked(&event_lock) && spin_is_locked(&event_lock2));
    spin_unlock_two(&event_lock2, &event_lock);
    spin_lock_two(&event_lock, &event_lock);
    spin_unlock_two(&event_lock, &event_lock);
    ck_assert(!spin_is_locked(&event_lock) && !spin_is_locked(&event_lock2));
}
END_TEST

/* The other CPU's unlock, when the waiter polls for the third time. */
static void release_on_third_poll(void)
{
    if (poll_count == 3) {
        fake_cpu_number = 0;
        spin_unlock(&event_lock);
        fake_cpu_number = 1;
    }
}

START_TEST(lock_waits_and_wraps)
{
    spin_lock_init(&event_lock, RANK_EVENT);
    for (unsigned int i = 0; i < 70000; i++) {      /* past the 16-bit tickets' end */
        spin_lock(&event_lock);
        spin_unlock(&event_lock);
    }
    ck_assert(!spin_is_locked(&event_lock));
    spin_lock(&event_lock);
    ck_assert_uint_eq(event_lock.holder, 0);
    fake_cpu_number = 1;
    poll_count = 0;
    poll_hook = release_on_third_poll;
    spin_lock(&event_lock);
    poll_hook = NULL;
    ck_assert_uint_eq(poll_count, 3);
    ck_assert_uint_eq(event_lock.holder, 1);
    spin_unlock(&event_lock);
    fake_cpu_number = 0;
}
END_TEST

int main(void)
{
    Suite *s = suite_create("lib");
    TCase *t = tcase_create("lib");

    tcase_set_timeout(t, 120);
    tcase_add_test(t, memory_functions);
    tcase_add_test(t, string_functions);
    tcase_add_test(t, copy_and_numbers);
    tcase_add_test(t, printf_random);
    tcase_add_test(t, printf_cases);
    tcase_add_test(t, bitmaps);
    tcase_add_test(t, heap_random);
    tcase_add_test(t, rangeset_random);
    tcase_add_test(t, rangeset_ends);
    tcase_add_test(t, lock_ranks);
    tcase_add_test(t, lock_waits_and_wraps);
    suite_add_tcase(s, t);
    return run_suite(s);
}
