/* SPDX-License-Identifier: MIT */
/* What a daemon that starts finds of the shells of one that was killed: whole, half made, or with a worker still at it. */
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "messages.h"
#include "vellumd/shellnote.h"
#include "../run-suite.h"

static char base[32];
static struct options options = { .run_folder = base };
static const uint8_t uuid[16] = { 1, 2, 3 }, other[16] = { 1, 2, 4 };
static char text[VL_UUID_TEXT];
static uint32_t undone[4];
static unsigned n_undone;

static void start(void)
{
    strcpy(base, "/tmp/shellnote-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(base));
    vl_uuid_format(uuid, text);
    n_undone = 0;
    messages_start();
}

static void end(void)
{
    char command[64];

    messages_end();
    snprintf(command, sizeof(command), "rm -rf %s", base);
    ck_assert_int_eq(system(command), 0);
}

static void undo(void *arg, uint32_t domid)
{
    (void)arg;
    undone[n_undone++] = domid;
}

static bool stands(const char *name)
{
    char path[100];

    snprintf(path, sizeof(path), "%s/" SHELLS_FOLDER "/%s", base, name);
    return !access(path, F_OK);
}

/* A host with a guest, domain 4, and what may be the shell, domain 5. */
static void clear(const uint8_t of[16])
{
    struct vl_domain all[2] = { { .info = { .domain = 4 } }, { .info = { .domain = 5 } } };
    struct vl_domain_list list = { .all = all, .count = 2 };

    memcpy(all[0].info.handle, other, sizeof(other));
    memcpy(all[1].info.handle, of, 16);
    n_undone = 0;
    shellnotes_clear(&options, &list, undo, NULL);
}

START_TEST(left_alone)
{
    clear(uuid);                /* no folder yet */
    ck_assert_uint_eq(n_undone, 0);
    ck_assert_int_eq(shellnote_write(&options, text), 0);
    clear(uuid);
    ck_assert_uint_eq(n_undone, 1);
    ck_assert_uint_eq(undone[0], 5);
    ck_assert(!stands(text));
    clear(uuid);
    ck_assert_uint_eq(n_undone, 0);
    messages_expect("notes", NULL);
}
END_TEST

START_TEST(has_gone)
{
    ck_assert_int_eq(shellnote_write(&options, text), 0);
    shellnote_drop(&options, uuid);
    clear(uuid);
    ck_assert_uint_eq(n_undone, 0);
    ck_assert_int_eq(shellnote_write(&options, text), 0);
    clear((const uint8_t[16]){ 9 });
    ck_assert_uint_eq(n_undone, 0);
    ck_assert(!stands(text));
}
END_TEST

/* The worker may yet make its shell: its note stays until it has gone, too. */
START_TEST(worker_lives)
{
    int ready[2], status;
    char byte;
    pid_t pid;

    ck_assert_int_eq(shellnote_write(&options, text), 0);
    ck_assert_int_eq(pipe(ready), 0);
    pid = fork();
    if (!pid) {
        pid_t daemon = 0;

        if (shellnote_hold(&options, text, &daemon) || daemon != getppid() || write(ready[1], "", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    close(ready[1]);
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    clear(uuid);
    ck_assert_uint_eq(n_undone, 1);
    ck_assert(stands(text));
    kill(pid, SIGKILL);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    clear(uuid);
    ck_assert_uint_eq(n_undone, 1);
    ck_assert(!stands(text));
}
END_TEST

START_TEST(not_notes)
{
    char command[100];
    pid_t daemon;

    ck_assert_int_ne(shellnote_hold(&options, text, &daemon), 0);
    messages_expect("no note", text);
    ck_assert_int_eq(shellnote_write(&options, text), 0);
    snprintf(command, sizeof(command), "touch %s/" SHELLS_FOLDER "/README", base);
    ck_assert_int_eq(system(command), 0);
    clear(uuid);
    ck_assert_uint_eq(n_undone, 1);
    ck_assert(stands("README"));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("vellumd: notes about shells");
    TCase *t = tcase_create("shellnote");

    tcase_add_checked_fixture(t, start, end);
    tcase_add_test(t, left_alone);
    tcase_add_test(t, has_gone);
    tcase_add_test(t, worker_lives);
    tcase_add_test(t, not_notes);
    suite_add_tcase(s, t);
    return run_suite(s);
}
