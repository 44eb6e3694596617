/* SPDX-License-Identifier: MIT */
/* Memory for guests that are made at the same time, on a model of a host whose dom0 gives what it is asked for, or not. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "messages.h"

#define xc_physinfo fake_physinfo
#define xc_version fake_version
#define xc_domain_claim_pages fake_claim
#define vl_domain_info fake_info
#define vl_memory_set_target fake_target
#define nanosleep fake_sleep
#include "life/balloon.c"
#include "../run-suite.h"

#define MB_PAGES 256ull
#define DOMAINS 8

/* In memory that the creating processes share. */
static struct host {
    uint64_t total, dom0, target;       /* pages */
    uint64_t claimed[DOMAINS];
    bool stubborn, no_claims;
    char commandline[32];
} *host;
static char folder[32];

static uint64_t all_claimed(void)
{
    uint64_t sum = 0;

    for (int i = 0; i < DOMAINS; i++)
        sum += host->claimed[i];
    return sum;
}

int fake_physinfo(xc_interface *xc, xc_physinfo_t *info)
{
    (void)xc;
    *info = (xc_physinfo_t){ .total_pages = host->total, .free_pages = host->total - host->dom0,
                             .outstanding_pages = all_claimed() };
    return 0;
}

int fake_version(xc_interface *xc, int what, void *line)
{
    (void)xc;
    (void)what;
    strcpy(line, host->commandline);
    return 0;
}

int fake_claim(xc_interface *xc, uint32_t domid, unsigned long pages)
{
    (void)xc;
    errno = host->no_claims ? ENOSYS : ENOMEM;
    if (host->no_claims || pages > host->total - host->dom0 - all_claimed())
        return -1;
    host->claimed[domid] = pages;
    return 0;
}

int fake_info(struct vl *vl, uint32_t domid, xc_domaininfo_t *info)
{
    (void)vl;
    *info = (xc_domaininfo_t){ .domain = (domid_t)domid, .tot_pages = host->dom0 };
    return 0;
}

int fake_target(struct vl *vl, uint32_t domid, uint64_t kb)
{
    (void)vl;
    ck_assert_uint_eq(domid, 0);
    host->target = kb / 4;
    if (!host->stubborn)
        host->dom0 = host->target;
    return 0;
}

int fake_sleep(const struct timespec *time, struct timespec *left)
{
    (void)time;
    (void)left;
    return 0;
}

static void start(void)
{
    host = mmap(NULL, sizeof(*host), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(host, MAP_FAILED);
    *host = (struct host){ .total = 1100 * MB_PAGES, .dom0 = 1000 * MB_PAGES, .target = 1000 * MB_PAGES };
    strcpy(folder, "/tmp/balloon-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    vl_run_lock_folder(folder);
    messages_start();
}

static void end(void)
{
    char file[64];

    snprintf(file, sizeof(file), "%s/memory", folder);
    unlink(file);
    rmdir(folder);
    messages_end();
}

/* A creation of a guest: the time between its two calls is what making a domain takes. */
static int create(uint32_t domid, uint64_t mb, unsigned making_ms)
{
    struct vl vl = { 0 };
    int lock = -1, rc = vl_balloon_make_room(&vl, mb << 10, &lock);

    usleep(making_ms * 1000);
    rc = rc ? rc : vl_balloon_claim(&vl, domid, mb << 10, &lock);
    if (lock >= 0)
        close(lock);
    return rc;
}

/* Each takes what it needs of dom0; none counts what dom0 gave for another. */
START_TEST(two_at_once)
{
    int status;
    pid_t pid = fork();

    if (!pid)
        _exit(create(1, 300, 100) ? 1 : 0);
    usleep(30000);
    ck_assert_int_eq(create(2, 300, 0), 0);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    ck_assert_uint_eq(host->claimed[1], 300 * MB_PAGES);
    ck_assert_uint_eq(host->claimed[2], 300 * MB_PAGES);
    ck_assert_uint_le(host->dom0, 500 * MB_PAGES);
}
END_TEST

/* What is free serves one; the other sees that only when it claims, and has dom0 give the rest. */
START_TEST(free_for_one)
{
    struct vl vl = { 0 };
    int first = -1, second = -1;

    ck_assert_int_eq(vl_balloon_make_room(&vl, 80 << 10, &first), 0);
    ck_assert_int_eq(vl_balloon_make_room(&vl, 80 << 10, &second), 0);
    ck_assert_int_eq(first, -1);
    ck_assert_int_eq(vl_balloon_claim(&vl, 1, 80 << 10, &first), 0);
    messages_expect("the first", NULL);
    ck_assert_int_eq(vl_balloon_claim(&vl, 2, 80 << 10, &second), 0);
    ck_assert_int_eq(second, -1);
    messages_expect("the second", "dom0 gives 64 MiB");
    ck_assert_uint_eq(host->claimed[2], 80 * MB_PAGES);
}
END_TEST

/* Of what is not to be had one line tells, and dom0 keeps what it has. */
START_TEST(not_to_be_had)
{
    ck_assert_int_eq(create(1, 100000000, 0), -ENOMEM);
    messages_expect("more than the host has", "the guest wants 100000000 MiB, the host has 100 MiB free\n");
    ck_assert_uint_eq(host->target, 1000 * MB_PAGES);
    host->no_claims = true;
    ck_assert_int_eq(create(1, 100000000, 0), -ENOMEM);
    messages_expect("without claims", "the guest wants 100000000 MiB, the host has 100 MiB free\n");
    host->no_claims = false;
    host->stubborn = true;
    ck_assert_int_eq(create(1, 300, 0), -ENOMEM);
    messages_expect("a dom0 that does not give", "dom0 did not give the memory");
    ck_assert_uint_eq(host->target, 1000 * MB_PAGES);
    strcpy(host->commandline, "dom0_mem=1000M");
    ck_assert_int_eq(create(1, 300, 0), -ENOMEM);
    messages_expect("a dom0 of fixed size", "t: not enough memory: the guest wants 300 MiB, the host has 100 MiB free\n");
    ck_assert_uint_eq(all_claimed(), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tools: memory for guests");
    TCase *t = tcase_create("balloon");

    tcase_add_checked_fixture(t, start, end);
    tcase_add_test(t, two_at_once);
    tcase_add_test(t, free_for_one);
    tcase_add_test(t, not_to_be_had);
    suite_add_tcase(s, t);
    return run_suite(s);
}
