/* SPDX-License-Identifier: MIT */
/* xl console between two real terminals: the user's, on standard input, and the guest's. */
#include <check.h>
#include <pty.h>
#include <sys/wait.h>

#define xl_getopt fake_getopt
#define xl_number fake_number
#define xl_find_domain fake_find
#define xl_vl fake_vl
#include "xl/console.c"
#include "../run-suite.h"

struct vl fake_vl;
static int user, guest, output;         /* the ends that are not xl's */
static pid_t xl;

int fake_getopt(int argc, char **argv, const char *letters, const struct option *longs, int least, int most)
{
    (void)argc;
    (void)argv;
    (void)letters;
    (void)longs;
    return least + most ? -1 : 0;
}

bool fake_number(const char *what, const char *text, long least, long most, long *number)
{
    (void)what;
    (void)text;
    *number = least;
    return least <= most;
}

uint32_t fake_find(const char *text)
{
    (void)text;
    return 1;
}

/* A process that pumps between both. Its standard input is a terminal, or a pipe. */
static void start(bool terminal)
{
    int slave, in, pipes[2], shown[2];

    ck_assert_int_eq(openpty(&guest, &slave, NULL, NULL, NULL), 0);
    make_raw(slave, false);
    if (terminal) {
        ck_assert_int_eq(openpty(&user, &in, NULL, NULL, NULL), 0);
        make_raw(in, false);
    } else {
        ck_assert_int_eq(pipe(pipes), 0);
        in = pipes[0];
        user = pipes[1];
    }
    ck_assert_int_eq(pipe(shown), 0);
    output = shown[0];
    xl = fork();
    if (!xl) {
        dup2(in, 0);
        dup2(shown[1], 1);
        close(user);
        close(guest);
        pump(slave);
        _exit(0);
    }
    close(slave);
    close(in);
    close(shown[1]);
    fcntl(user, F_SETFL, O_NONBLOCK);
    fcntl(guest, F_SETFL, O_NONBLOCK);
    fcntl(output, F_SETFL, O_NONBLOCK);
}

/* Has xl ended within so long? What the user still types goes on meanwhile. */
static bool ends(int ms, char typed)
{
    char block[512];

    memset(block, typed, sizeof(block));
    for (int i = 0; i < ms / 10; i++) {
        if (waitpid(xl, NULL, WNOHANG) == xl)
            return true;
        while (typed && write(user, block, sizeof(block)) > 0)
            ;
        usleep(10000);
    }
    return false;
}

/* All of `len` bytes of text, as fast as xl reads them, and what the guest has read of them meanwhile. */
static size_t paste(size_t len, bool guest_reads, int ms)
{
    size_t done = 0, read_by_guest = 0;

    for (int i = 0; (done < len || (guest_reads && read_by_guest < len)) && i < ms; i++) {
        char block[1000], buf[4096];
        ssize_t n;

        for (size_t k = 0; k < sizeof(block); k++)
            block[k] = (char)('a' + (done + k) % 26);
        n = done < len ? write(user, block, len - done < sizeof(block) ? len - done : sizeof(block)) : 0;
        done += n > 0 ? (size_t)n : 0;
        n = guest_reads ? read(guest, buf, sizeof(buf)) : 0;
        for (ssize_t k = 0; k < n; k++)
            ck_assert_int_eq(buf[k], 'a' + (int)((read_by_guest + (size_t)k) % 26));
        read_by_guest += n > 0 ? (size_t)n : 0;
        if (n <= 0)
            usleep(1000);
    }
    return guest_reads ? read_by_guest : done;
}

static void stop(void)
{
    kill(xl, SIGKILL);
    waitpid(xl, NULL, 0);
}

/* Some is pasted into a guest that does not read; then ^]. */
START_TEST(detaches_from_the_deaf)
{
    start(true);
    ck_assert_uint_eq(paste(200000, false, 5000), 200000);
    ck_assert_int_eq(write(user, "\x1d", 1), 1);
    ck_assert(ends(3000, 0));
}
END_TEST

/* Far more than is kept. */
START_TEST(detaches_from_the_deaf_after_all)
{
    start(true);
    ck_assert_uint_eq(paste(3u << 20, false, 10000), 3u << 20);
    ck_assert_int_eq(write(user, "\x1d", 1), 1);
    ck_assert(ends(3000, 0));
}
END_TEST

/* A guest that reads gets all, in order; what stands behind ^] is not for it. */
START_TEST(nothing_is_lost)
{
    char buf[16];

    start(true);
    ck_assert_uint_eq(paste(300000, true, 20000), 300000);
    ck_assert_int_eq(write(user, "end\x1dxyz", 7), 7);
    ck_assert(ends(3000, 0));
    ck_assert_int_eq(read(guest, buf, sizeof(buf)), 3);
    ck_assert_mem_eq(buf, "end", 3);
}
END_TEST

START_TEST(still_shows)
{
    char buf[16];
    ssize_t n = -1;

    start(true);
    paste(200000, false, 5000);
    ck_assert_int_eq(write(guest, "hello", 5), 5);
    for (int i = 0; i < 300 && n < 0; i++) {
        n = read(output, buf, sizeof(buf));
        usleep(10000);
    }
    ck_assert_int_eq(n, 5);
    stop();
}
END_TEST

/* A pipe may carry the key's code as a byte of a file; and waits for the guest. */
START_TEST(pipes_wait)
{
    start(false);
    paste(2u << 20, false, 3000);
    ck_assert(!ends(2500, 0x1d));
    stop();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("xl: console");
    TCase *t = tcase_create("console");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, detaches_from_the_deaf);
    tcase_add_test(t, detaches_from_the_deaf_after_all);
    tcase_add_test(t, nothing_is_lost);
    tcase_add_test(t, still_shows);
    tcase_add_test(t, pipes_wait);
    suite_add_tcase(s, t);
    return run_suite(s);
}
