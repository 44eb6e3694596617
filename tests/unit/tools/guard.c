/* SPDX-License-Identifier: MIT */
/* What a guardian does when its creator is killed. It executes this very program again, as it would xl: that takes note of how. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <check.h>

#include "base/guard.h"
#include "../run-suite.h"

#define UUID "01020304-0506-0708-090a-0b0c0d0e0f10"

static const uint8_t uuid[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
static char dir[64], path[96], partial[96], note[96];

static void make(const char *name)
{
    close(open(name, O_WRONLY | O_CREAT, 0600));
}

static bool there(const char *name)
{
    struct stat st;

    return !stat(name, &st);
}

static void setup(void)
{
    strcpy(dir, "/tmp/guard-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/file", dir);
    snprintf(partial, sizeof(partial), "%s/file.partial", dir);
    snprintf(note, sizeof(note), "%s/note", dir);
    setenv("GUARD_NOTE", note, 1);
}

static void teardown(void)
{
    unlink(path);
    unlink(partial);
    unlink(note);
    rmdir(dir);
}

/* What was executed when one who has done `deed` has died; "" when nothing was. */
static const char *after(void (*deed)(void))
{
    static char line[128];
    int fd, status, gone[2];
    pid_t child;
    char byte;
    ssize_t n;

    ck_assert_int_eq(pipe(gone), 0);
    child = fork();
    if (!child) {
        deed();
        raise(SIGKILL);
    }
    close(gone[1]);
    ck_assert(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
    /* The guardian lets go of this as soon as it starts, its successor when it ends. */
    while (read(gone[0], &byte, 1) > 0)
        ;
    close(gone[0]);
    for (int tries = 0; tries < 100 && !there(note); tries++)
        usleep(5000);
    fd = open(note, O_RDONLY);
    n = fd < 0 ? 0 : read(fd, line, sizeof(line) - 1);
    line[n > 0 ? n : 0] = 0;
    if (fd >= 0)
        close(fd);
    unlink(note);
    return line;
}

static void not_armed(void) { vl_guard_start(uuid); }
static void armed(void) { vl_guard_start(uuid); vl_guard_arm(); }
static void cancelled(void) { armed(); vl_guard_cancel(); }
static void monitored(void) { armed(); vl_guard_done(true, 5); }
static void unmonitored(void) { armed(); vl_guard_done(false, 5); }
static void without_files(void) { close(0); close(1); close(2); armed(); }

static void numbered(void) { armed(); vl_guard_number(5); }
static void starting(void) { numbered(); vl_guard_starting(false, 5); }
static void starting_monitored(void) { numbered(); vl_guard_starting(true, 5); }
static void does_not_start(void) { starting(); vl_guard_again(); }
static void started(void) { starting_monitored(); vl_guard_done(true, 5); }
static void ending(void) { vl_guard_start_end(7); }
static void ended(void) { ending(); vl_guard_cancel(); }

/* A domain that takes another's place: gone, or running. */
static void attaching(void) { vl_guard_start_device("block-detach", 7, 51728, true); }
static void attached(void) { attaching(); vl_guard_dismiss(); }
static void to_detach(void) { vl_guard_start_device("network-detach", 7, 1, false); }
static void detaching(void) { to_detach(); vl_guard_again(); }

START_TEST(devices)
{
    ck_assert_str_eq(after(attaching), "block-detach --force 7 51728");
    ck_assert_str_eq(after(attached), "");
    ck_assert_str_eq(after(to_detach), "");
    ck_assert_str_eq(after(detaching), "network-detach --force 7 1");
}
END_TEST

static void dismissed(void) { armed(); vl_guard_dismiss(); }
static void guarded_again(void) { dismissed(); vl_guard_start_end(7); }

/* One who lives on has no more than one guardian at a time. */
START_TEST(dismissals)
{
    ck_assert_str_eq(after(dismissed), "");
    ck_assert_str_eq(after(guarded_again), "destroy --remains 7");
    for (int i = 0; i < 1000; i++) {
        ck_assert_int_eq(vl_guard_start(uuid), 0);
        vl_guard_dismiss();
    }
    ck_assert(waitpid(-1, NULL, WNOHANG | __WALL) < 0);
}
END_TEST

START_TEST(restorations)
{
    ck_assert_str_eq(after(numbered), "destroy --remains 5");
    ck_assert_str_eq(after(starting), "monitor -s 5");
    ck_assert_str_eq(after(starting_monitored), "monitor -du 5");
    ck_assert_str_eq(after(does_not_start), "destroy --remains 5");
    ck_assert_str_eq(after(started), "monitor -d 5");
    ck_assert_str_eq(after(ending), "destroy --remains 7");
    ck_assert_str_eq(after(ended), "");
}
END_TEST

START_TEST(creations)
{
    ck_assert_str_eq(after(not_armed), "");
    ck_assert_str_eq(after(armed), "destroy --uuid " UUID);
    ck_assert_str_eq(after(cancelled), "");
    ck_assert_str_eq(after(monitored), "monitor -d 5");
    ck_assert_str_eq(after(unmonitored), "");
    ck_assert_str_eq(after(without_files), "destroy --uuid " UUID);
}
END_TEST

static void not_asked(void) { vl_guard_start_resume(7); }
static void asked(void) { not_asked(); vl_guard_asked(true); }
static void asked_no_more(void) { asked(); vl_guard_asked(false); }
static void renamed(void) { asked(); vl_guard_renamed(); }
static void settled(void) { not_asked(); vl_guard_settle(); }
static void asked_and_settled(void) { asked(); vl_guard_settle(); }
static void given_away(void) { renamed(); vl_guard_cancel(); }
static void given_back(void) { given_away(); vl_guard_again(); }
static void taken(void) { given_away(); vl_guard_finish(); }

START_TEST(suspensions)
{
    ck_assert_str_eq(after(not_asked), "");
    ck_assert_str_eq(after(asked), "resume --after-death 7");
    ck_assert_str_eq(after(asked_no_more), "");
    ck_assert_str_eq(after(renamed), "resume --after-rename 7");
    ck_assert_str_eq(after(settled), "");
    ck_assert_str_eq(after(asked_and_settled), "resume --after-death 7");
    ck_assert_str_eq(after(given_away), "");
    ck_assert_str_eq(after(given_back), "resume --after-rename 7");
    ck_assert_str_eq(after(taken), "destroy --remains 7");
}
END_TEST

static void writing(void) { asked(); make(partial); vl_guard_file(partial, path); }
static void whole(void) { writing(); vl_guard_finish(); }
static void in_place(void) { whole(); rename(partial, path); }
static void not_kept(void) { whole(); vl_guard_again(); }
static void in_the_way(void) { mkdir(path, 0700); whole(); }

/* Either the file is there or the guest goes on, never both or neither. */
START_TEST(files)
{
    ck_assert_str_eq(after(writing), "resume --after-death 7");
    ck_assert(!there(partial) && !there(path));
    ck_assert_str_eq(after(not_kept), "resume --after-death 7");
    ck_assert(!there(partial) && !there(path));
    ck_assert_str_eq(after(whole), "destroy --remains 7");
    ck_assert(!there(partial) && there(path));
    ck_assert_str_eq(after(in_place), "destroy --remains 7");
    ck_assert(!there(partial) && there(path));
    unlink(path);
    ck_assert_str_eq(after(in_the_way), "resume --after-death 7");
    ck_assert(!there(partial));
    rmdir(path);
}
END_TEST

/* In the place of xl: the note is there whole or not at all. */
static int take_note(char **argv)
{
    const char *name = getenv("GUARD_NOTE");
    char line[128], temporary[128];
    int fd, n = snprintf(line, sizeof(line), "%s %s %s%s%s", argv[1], argv[2], argv[3], argv[4] ? " " : "",
                         argv[4] ? argv[4] : "");

    snprintf(temporary, sizeof(temporary), "%s.new", name);
    fd = open(temporary, O_WRONLY | O_CREAT, 0600);
    return write(fd, line, (size_t)n) != n || rename(temporary, name);
}

int main(int argc, char **argv)
{
    bool is_xl = argc >= 4 && getenv("GUARD_NOTE");
    Suite *s = is_xl ? NULL : suite_create("guard");
    TCase *t = is_xl ? NULL : tcase_create("deaths");

    if (is_xl)
        return take_note(argv);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, creations);
    tcase_add_test(t, restorations);
    tcase_add_test(t, suspensions);
    tcase_add_test(t, devices);
    tcase_add_test(t, dismissals);
    tcase_add_test(t, files);
    suite_add_tcase(s, t);
    return run_suite(s);
}
